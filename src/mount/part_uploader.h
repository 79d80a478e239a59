#pragma once
// One multipart upload of a file that is still being written: parts go in the background as they
// become whole, and again when they were rewritten after that; what did not change since the
// version that the file began from is taken by the store itself, by UploadPartCopy.
//
// A failure in the background is not told: send(), which brings up what is missing, tries again and
// says what is wrong. A part that changes while it is sent counts as not sent.
//
// Owned by a Draft; safe from any thread, but for send() and complete(), of which one at a time may
// run, and nobody writes to the file meanwhile. Memory: one buffer of the client's pool a part that
// is being sent. The destructor stops, and leaves in the store what is there; take_away() does not.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "client/s3_client.h"
#include "io/blocking_pool.h"
#include "mount/part_plan.h"
#include "net/interrupt.h"

namespace weir::mount {

// A part as it is to be in the end.
struct Piece {
    Slot slot = {};
    bool from_base = false;  // the store has these bytes, at the same offset of the base
};

class PartUploader {
  public:
    struct Target {
        std::string bucket = {};
        std::string key = {};
        // Asked once, when the upload is made, from any thread; not after stop().
        std::function<Result<client::ObjectHeaders>(const client::Call&)> headers = {};
    };
    // The version that unchanged parts come from.
    struct Base {
        std::string key = {};
        std::string etag = {};
        std::string version_id = {};
    };
    // Brings bytes of the base into the file, where they are not there yet.
    using Fill = std::function<Result<void>(Span)>;
    struct Completed {
        std::string etag = {};
        std::string version_id = {};
        std::uint64_t bytes = 0;
        std::optional<std::uint64_t> crc64nvme = {};  // of the whole; unknown with copied parts
    };

    // `descriptor` is the file's, open as long as this lives.
    PartUploader(client::S3Client& client, io::BlockingPool& pool, std::size_t parallelism,
                 Target target, int descriptor);
    ~PartUploader();
    PartUploader(const PartUploader&) = delete;
    PartUploader& operator=(const PartUploader&) = delete;

    const std::string& key() const { return target_.key; }
    // That the upload was made with.
    client::ObjectHeaders headers() const EXCLUDES(creating_);

    // The part is whole. Sent in the background, once: if it changes after that, send() sends it.
    void offer(const Slot& slot) EXCLUDES(mutex_);
    void changed(unsigned part_number) EXCLUDES(mutex_);
    // This part and all behind it.
    void changed_from(unsigned part_number) EXCLUDES(mutex_);

    // All pieces are there as they are now when it returns. `call` is how each request is made.
    Result<void> send(const std::vector<Piece>& pieces, const std::optional<Base>& base,
                      const Fill& fill, const client::Call& call) EXCLUDES(mutex_);
    // After send() of the same pieces. Once it has succeeded the object is there, and no request is
    // made for the same pieces again; others are refused with no_such_upload, as the store does.
    Result<Completed> complete(const std::vector<Piece>& pieces,
                               const client::WriteConditions& conditions, const client::Call& call)
        EXCLUDES(mutex_);
    std::optional<Completed> completed() const EXCLUDES(mutex_);
    // Ends what goes in the background; nothing reads the file any more when it returns. Does not
    // wait for threads that others have.
    void stop() EXCLUDES(mutex_);
    // Ends it, and takes the upload from the store; where it was completed, the object, if that is
    // `unwanted`. In the background, best effort, for upload_abort_timeout_ms: rules of the bucket
    // abort what is left behind.
    static void take_away(std::shared_ptr<PartUploader> uploader, bool unwanted);

    // How many times a part was sent, and the bytes of those that are there, for tests and status.
    std::uint64_t parts_sent() const EXCLUDES(mutex_);
    std::uint64_t bytes_sent() const EXCLUDES(mutex_);

  private:
    struct Sent {
        std::uint64_t changes = 0;  // of Part::changes, when it was begun
        Span span = {};
        client::UploadedPart part = {};
    };
    struct Part {
        std::uint64_t changes = 0;
        bool under_way = false;  // queued or being sent
        std::optional<Sent> sent = {};
    };
    // What the running send() was called with.
    struct Sending {
        const std::optional<Base>& base;
        const Fill& fill;
        const client::Call& call;
        std::optional<Error> error = {};
    };

    struct Door;

    bool current(const Piece& piece) REQUIRES(mutex_);
    void start_workers() REQUIRES(mutex_);
    // False if the pool takes no more.
    bool ask_for_turn() REQUIRES(mutex_);
    // One part, on a thread of the pool; then it is others' turn.
    void take_turn() EXCLUDES(mutex_);
    // After stop().
    void abort(const client::Call& call) EXCLUDES(creating_);
    void remove(const Completed& object, const client::Call& call);
    // Until the queue is empty.
    void drain() REQUIRES(mutex_);
    void send_next() REQUIRES(mutex_);
    Result<client::UploadedPart> send_one(const Piece& piece, const Sending* sending);
    Result<client::UploadedPart> copy_one(const Piece& piece, const Base& base,
                                          const std::string& id, const client::Call& call);
    Result<std::string> upload_id(const client::Call& call) EXCLUDES(creating_);
    // All of these pieces, and their checksum.
    client::CompleteUploadRequest request_of(const std::vector<Piece>& pieces,
                                             std::optional<std::uint64_t>& crc) REQUIRES(mutex_);

    client::S3Client& client_;
    io::BlockingPool& pool_;
    const std::size_t parallelism_;
    const Target target_;
    const int descriptor_;
    net::Interrupt stop_;  // of what goes in the background
    const std::shared_ptr<Door> door_;

    mutable Mutex creating_;
    std::string upload_id_ GUARDED_BY(creating_);
    client::ObjectHeaders headers_ GUARDED_BY(creating_);

    mutable Mutex mutex_;
    ConditionVariable idle_;
    std::map<unsigned, Part> parts_ GUARDED_BY(mutex_);
    std::deque<Piece> queue_ GUARDED_BY(mutex_);
    std::size_t workers_ GUARDED_BY(mutex_) = 0;  // of the pool, and turns that it comes to later
    std::size_t in_flight_ GUARDED_BY(mutex_) = 0;
    std::uint64_t sent_ GUARDED_BY(mutex_) = 0;
    bool resting_ GUARDED_BY(mutex_) = false;  // the background failed; send() will tell why
    Sending* sending_ GUARDED_BY(mutex_) = nullptr;
    std::vector<Span> asked_ GUARDED_BY(mutex_);  // pieces that complete() may have made the object
    std::optional<Completed> completed_ GUARDED_BY(mutex_) = {};
};

}  // namespace weir::mount
