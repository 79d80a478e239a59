#pragma once
// One parallel download: its ranges, who fetches them, and second requests for those that straggle.
// Private to client.
//
// Belongs to its call; step() is run by several threads.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "client/transfer.h"
#include "net/interrupt.h"

namespace weir::client {

class Download {
  public:
    // `span` is within the object; `interrupt` ends everything.
    Download(S3Client& client, const DownloadRequest& request, const ObjectInfo& object,
             ByteSpan span, Sink& sink, const TransferOptions& options,
             const net::Interrupt& interrupt, const Call& call);

    // Fetches one range, or helps one that straggles; false once there is nothing left to begin.
    Result<bool> step();

    std::size_t ranges() const { return crcs_.size(); }
    // Of all bytes, once all steps are done.
    std::uint64_t crc64nvme() const;
    unsigned hedged() const;

  private:
    using Clock = std::chrono::steady_clock;

    // A range that is being fetched, by one thread or by two. The one that owns it writes; what the
    // other has is not looked at before it has got further.
    struct Range {
        Range(std::size_t index_in, ByteSpan span_in, const net::Interrupt& parent)
            : index(index_in), span(span_in), first(&parent), second(&parent) {}

        const std::size_t index;
        const ByteSpan span;
        const Clock::time_point began = Clock::now();
        net::Interrupt first, second;            // of the two requests
        std::span<std::byte> memory;             // of the sink, if it gave some
        std::atomic<std::uint64_t> received{0};  // written to the sink, or to its memory
        std::uint64_t crc = 0;                   // of those; of whoever owns it
        // Of Download::mutex_.
        bool helped = false;      // a second request is there, or was
        bool first_gone = false;  // the first one has let go
        bool done = false;
        std::optional<Error> first_error = {};
    };
    using RangePointer = std::shared_ptr<Range>;

    struct Job {
        RangePointer range;
        bool second = false;
    };

    std::optional<Job> take();
    RangePointer straggler() REQUIRES(mutex_);
    std::chrono::milliseconds patience() REQUIRES(mutex_);
    GetObjectRequest get_request(const Range& range, std::uint64_t from) const;
    Result<void> fetch(const RangePointer& range);
    Result<void> fetch_into_memory(Range& range);
    Result<void> fetch_by_pieces(Range& range);
    Result<void> fetch_again(const RangePointer& range);
    Result<bool> take_over(Range& range);
    Result<void> deliver(Range& range, std::uint64_t offset, std::span<const std::byte> piece);
    Result<void> finish(Range& range);
    void progress(std::uint64_t bytes) const {
        if (options_.on_progress) options_.on_progress(bytes);
    }

    S3Client& client_;
    const DownloadRequest& request_;
    const ObjectInfo& object_;
    const ByteSpan span_;
    Sink& sink_;
    const TransferOptions& options_;
    const net::Interrupt& interrupt_;
    const Call& call_;
    const std::uint64_t part_bytes_;
    std::vector<std::uint64_t> crcs_;  // of the ranges; each written by who finishes it

    mutable Mutex mutex_;
    ConditionVariable changed_;
    std::size_t next_ GUARDED_BY(mutex_) = 0;
    std::vector<RangePointer> active_ GUARDED_BY(mutex_);
    std::vector<Clock::duration> durations_ GUARDED_BY(mutex_);  // of the last ranges that finished
    std::size_t oldest_duration_ GUARDED_BY(mutex_) = 0;
    std::uint64_t hedged_bytes_ GUARDED_BY(mutex_) = 0;
    unsigned hedged_ GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::client
