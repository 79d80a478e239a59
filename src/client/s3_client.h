#pragma once
// An S3 client of one endpoint, for Weir and for any other store: blocking calls, each on the
// thread that makes it, over a bounded pool of kept connections. transfer.h moves large objects
// over it in parallel.
//
// What is tried again, with full-jitter backoff, a budget shared by all calls and Retry-After:
// broken connections, timeouts, 429, 500, 502, 503, 504, and requests whose body did not arrive as
// it was sent. No other 4xx. A get_object goes on where it stopped, pinned to the ETag that it
// began with.
//
// A write whose reply was lost may have happened. It is sent again; where the second try is then
// refused because of what the first one did (412, 404 of a rename's source or of an upload), the
// object is looked at: if it holds what was sent (CRC64NVME, or ETag), the call succeeded. Nobody
// can tell this from somebody else who wrote the same bytes in between, and nobody needs to.
// A create_upload may leave an upload behind that nobody knows of; bucket rules abort such.
//
// Owned by whoever wires the program; everything passed in outlives it. Safe from any thread. The
// process must ignore SIGPIPE: sendfile(2) to a store that went away raises it.
// Failure: an Error whose code is what the server's S3 code means (base/error.h; an unknown one
// goes by HTTP status) and whose message holds S3 code, HTTP status and request id: "NoSuchKey: The
// specified key does not exist. (GET s3://bucket/key, HTTP 404, request id ...)". Of the client's
// own: unavailable (no connection, or it broke), timeout, cancelled (an Interrupt, stop()), corrupt
// (bytes that do not match their checksum), conflict (the object changed while it was read),
// slow_down (no connection or buffer became free in time).

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/result.h"
#include "client/credentials.h"
#include "client/endpoint.h"
#include "client/journal.h"
#include "client/requests.h"
#include "client/source.h"
#include "io/buffer_pool.h"
#include "net/interrupt.h"

namespace weir::client {

// How one call is made.
struct Call {
    const net::Interrupt* interrupt = nullptr;  // ends it early
    // All tries together, waits included; nullopt: ClientLimits::call_timeout_ms without progress.
    std::optional<std::chrono::milliseconds> timeout = {};

    bool interrupted() const { return interrupt != nullptr && interrupt->interrupted(); }
};

// Bytes of a GET as they come, in order, from the thread that called; `offset` counts from the
// object's start. An error ends the call with that error.
using PieceSink = std::function<Result<void>(std::uint64_t offset, std::span<const std::byte>)>;

// Memory that a GET is received into straight.
struct Destination {
    std::span<std::byte> memory;
    // Grows as bytes come, for whoever watches; may be null.
    std::atomic<std::uint64_t>* received = nullptr;
};

struct ClientStats {
    std::uint64_t requests = 0;     // sent, retries included
    std::uint64_t retries = 0;      // of those
    std::uint64_t connections = 0;  // made
    std::uint64_t bytes_in = 0;     // of bodies
    std::uint64_t bytes_out = 0;
    std::size_t connections_open = 0;
};

class S3Client {
  public:
    struct Environs {
        CredentialChain& credentials;
        // For GETs into a PieceSink and for reading files: one buffer a call.
        io::BufferPool& buffers;
        const ClientLimits& limits;
        const Clock& clock;
        Log& log;
    };
    // invalid_argument where the endpoint's ca_file holds no certificates.
    static Result<std::unique_ptr<S3Client>> make(Endpoint endpoint, const Environs& environs);
    ~S3Client();
    S3Client(const S3Client&) = delete;
    S3Client& operator=(const S3Client&) = delete;

    const Endpoint& endpoint() const;
    const ClientLimits& limits() const;
    io::BufferPool& buffers();
    ClientStats stats() const;
    // Interrupted by stop().
    const net::Interrupt& stopped() const;
    // Ends all calls, and all that come later, with cancelled.
    void stop();
    // Closes connections that rested longer than ClientLimits::connection_idle_ms; for its owner,
    // now and then.
    void trim();

    Result<ListBucketsReply> list_buckets(const Call& call = {});
    Result<void> create_bucket(const CreateBucketRequest& request, const Call& call = {});
    Result<HeadBucketReply> head_bucket(const HeadBucketRequest& request, const Call& call = {});

    Result<ObjectInfo> head_object(const HeadObjectRequest& request, const Call& call = {});
    // entity_too_large where more would come than the memory holds; nothing was received then.
    Result<GetObjectReply> get_object(const GetObjectRequest& request,
                                      const Destination& destination, const Call& call = {});
    Result<GetObjectReply> get_object(const GetObjectRequest& request, const PieceSink& sink,
                                      const Call& call = {});
    Result<ListObjectsReply> list_objects(const ListObjectsRequest& request, const Call& call = {});
    Result<ListVersionsReply> list_versions(const ListVersionsRequest& request,
                                            const Call& call = {});

    // At most put_bytes_max.
    Result<PutObjectReply> put_object(const PutObjectRequest& request, const Source& source,
                                      const Call& call = {});
    Result<CopyObjectReply> copy_object(const CopyObjectRequest& request, const Call& call = {});
    Result<void> rename_object(const RenameObjectRequest& request, const Call& call = {});
    Result<DeleteObjectReply> delete_object(const DeleteObjectRequest& request,
                                            const Call& call = {});
    Result<DeleteObjectsReply> delete_objects(const DeleteObjectsRequest& request,
                                              const Call& call = {});

    Result<CreateUploadReply> create_upload(const CreateUploadRequest& request,
                                            const Call& call = {});
    Result<UploadedPart> upload_part(const UploadPartRequest& request, const Source& source,
                                     const Call& call = {});
    Result<UploadedPart> upload_part_copy(const UploadPartCopyRequest& request,
                                          const Call& call = {});
    Result<CompleteUploadReply> complete_upload(const CompleteUploadRequest& request,
                                                const Call& call = {});
    Result<void> abort_upload(const AbortUploadRequest& request, const Call& call = {});
    Result<ListPartsReply> list_parts(const ListPartsRequest& request, const Call& call = {});
    Result<ListUploadsReply> list_uploads(const ListUploadsRequest& request, const Call& call = {});

    // Weir's journal, line by line until the stream ends; why it ended. It is not tried again: that
    // is for who knows how far he came. not_implemented of a server that has none, journal_gone
    // where what follows the place is no longer kept.
    Error follow_journal(const JournalRequest& request, const JournalSink& sink,
                         const Call& call = {});

  private:
    struct State;
    explicit S3Client(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace weir::client
