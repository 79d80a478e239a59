#pragma once
// The blobs that the parts of open uploads share, so that a completed model is one contiguous file.
// A part takes the slot (part_number - 1) * stride; a slot is taken once and never again, whatever
// became of the part, so what was acknowledged is never written over. Only the process that created
// a blob knows of it: other gateways, and this one after a restart, give their parts blobs of their
// own.
//
// Safe from any thread. At most `uploads_max` uploads are known; the one that was idle longest
// makes room, and its later parts get blobs of their own.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"
#include "base/result.h"
#include "store/body_writer.h"

namespace weir::store {

class SharedBlobs {
  public:
    static constexpr std::size_t uploads_max = 1024;

    explicit SharedBlobs(InFlight& in_flight) : in_flight_(in_flight) {}

    // The slot for a part, or nullopt if it fits none: its size must be the stride's or less. The
    // stride comes from part 1, or from the first part that is a whole number of MiB.
    Result<std::optional<Slot>> take(const std::string& upload_id, std::uint32_t part_number,
                                     std::uint64_t size_bytes, blob::Store& blobs);

    // A part in the blob is about to be committed: from now on the blob is not ours to discard,
    // whatever becomes of the commit.
    void commits(const std::string& upload_id, std::string_view blob);

    // Those of the upload's blobs (ids as in extents) for which commits() was called.
    std::set<std::string> with_parts(const std::string& upload_id) const;

    // The upload has ended. What `fates` does not name never held a part and is discarded. The
    // others go by way of the reclaimer or, if the object refers to them, end after the last byte
    // that any part committed.
    struct Fate {
        std::optional<std::uint64_t> end_bytes;
    };
    void end(const std::string& upload_id, const std::map<std::string, Fate>& fates, Log& log);

    std::size_t size() const {
        MutexLock lock(mutex_);
        return uploads_.size();
    }

  private:
    class EndableWriter;
    struct Shared {
        std::uint64_t stride_bytes = 0;
        std::shared_ptr<EndableWriter> writer;
        std::uint64_t in_flight_bound = 0;
        std::set<std::uint32_t> taken;
        bool has_parts = false;  // committed, or may be
    };
    struct Upload {
        std::vector<Shared> blobs;  // the last is the one that slots are taken from
        std::uint64_t used = 0;     // when, on our own count
    };

    void make_room() REQUIRES(mutex_);
    void forget(Shared& blob);
    void discard(Shared& blob);

    InFlight& in_flight_;
    mutable Mutex mutex_;
    std::unordered_map<std::string, Upload> uploads_ GUARDED_BY(mutex_);
    std::uint64_t uses_ GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::store
