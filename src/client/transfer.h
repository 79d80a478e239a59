#pragma once
// Large objects in parallel, over one S3Client: one version downloaded by ranges into a Sink, files
// and streams uploaded in parts.
//
// A call works on the thread that makes it and on as many threads of the pool as are free, up to
// `parallelism`; with none free it still gets on. Owned by whoever wires the program; safe from any
// thread. Failure: the error of the first request that failed for good; the others are ended, and
// nothing touches sink, source or memory once the call has returned.
//
// A range that breaks goes on where it stopped. Once there is nothing else to do, a thread may ask
// a second time for what is left of a range that straggles: one that has been at it four times as
// long as the median of the finished ones, and at least hedge_after_ms. The second request wins
// with its first buffer full: then the first is ended. Second requests take at most hedge_percent
// of the object's bytes, or one part where that is more.
//
// The checksum of a download: where the server tells a full-object CRC64NVME, those of the ranges
// are combined and compared, and corrupt is what comes of a difference.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "client/requests.h"
#include "client/s3_client.h"
#include "client/source.h"
#include "io/blocking_pool.h"

namespace weir::client {

// Where a download goes. Called from several threads, for ranges that do not overlap; within a
// range in order. A byte may be given a second time, the same as before.
class Sink {
  public:
    virtual ~Sink() = default;
    // Memory for these bytes of the object, which they are received into straight, or an empty
    // span. It stays valid until the download returns.
    virtual std::span<std::byte> memory(std::uint64_t offset, std::uint64_t length);
    // The bytes are there: `bytes` lies in what memory() gave, if it gave some.
    virtual Result<void> write(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
};

// Into memory, which begins with the first byte that is asked for.
class MemorySink final : public Sink {
  public:
    MemorySink(std::span<std::byte> memory, std::uint64_t offset)
        : memory_(memory), offset_(offset) {}
    std::span<std::byte> memory(std::uint64_t offset, std::uint64_t length) override;
    Result<void> write(std::uint64_t, std::span<const std::byte>) override { return {}; }

  private:
    const std::span<std::byte> memory_;
    const std::uint64_t offset_;
};

// By pwrite: byte 0 of the object at byte 0 of the file.
class FileSink final : public Sink {
  public:
    explicit FileSink(int descriptor) : descriptor_(descriptor) {}
    Result<void> write(std::uint64_t offset, std::span<const std::byte> bytes) override;

  private:
    const int descriptor_;
};

struct TransferOptions {
    std::size_t parallelism = 0;   // 0: ClientLimits::transfer_parallelism
    std::uint64_t part_bytes = 0;  // of ranges and of parts; 0: ClientLimits::transfer_part_bytes
    bool hedge = true;
    // Bytes that moved since the last call, from any of the threads.
    std::function<void(std::uint64_t bytes)> on_progress = {};
};

struct DownloadRequest {
    std::string bucket = {};
    std::string key = {};
    std::string version_id = {};
    std::string if_match = {};
    // What head_object said of it, if somebody asked already: the download is pinned to that ETag
    // and asks no HEAD.
    std::optional<ObjectInfo> object = {};
    std::optional<ByteSpan> range = {};  // nullopt: all of it
};
struct DownloadReply {
    ObjectInfo object = {};
    std::uint64_t bytes = 0;
    bool verified = false;  // by a checksum of all its bytes
    unsigned hedged = 0;    // second requests
};

struct UploadRequest {
    std::string bucket = {};
    std::string key = {};
    ObjectHeaders headers = {};
    WriteConditions conditions = {};
    // Go on with an upload of this key that broke off earlier: parts whose size and checksum are
    // those of the file are not sent again; a failure leaves the upload for the next time. Else a
    // failure aborts it. Not for streams.
    bool resume = false;
};
struct UploadReply {
    std::string etag = {};
    std::string version_id = {};
    std::uint64_t bytes = 0;
    unsigned parts = 0;          // 0: one PutObject
    unsigned parts_resumed = 0;  // that were there
};

// The next bytes of a stream, in order; 0 at its end.
using ReadStream = std::function<Result<std::size_t>(std::span<std::byte>)>;

class Transfers {
  public:
    Transfers(S3Client& client, io::BlockingPool& pool) : client_(client), pool_(pool) {}

    Result<DownloadReply> download(const DownloadRequest& request, Sink& sink,
                                   const TransferOptions& options = {}, const Call& call = {});
    // Parts grow beyond the option where ten thousand of that size were too few.
    Result<UploadReply> upload(const UploadRequest& request, const FileSource& file,
                               const TransferOptions& options = {}, const Call& call = {});
    // Takes buffers for as many parts as are sent at a time, and no more memory. `read` is called
    // from one thread at a time.
    Result<UploadReply> upload_stream(const UploadRequest& request, const ReadStream& read,
                                      const TransferOptions& options = {}, const Call& call = {});
    // By the server, without moving bytes through here: CopyObject, or UploadPartCopy where the
    // source is larger than put_bytes_max.
    Result<UploadReply> copy(const CopyObjectRequest& request, const TransferOptions& options = {},
                             const Call& call = {});

  private:
    S3Client& client_;
    io::BlockingPool& pool_;
};

}  // namespace weir::client
