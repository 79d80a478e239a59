#pragma once
// What is known to be damaged. Whoever finds that a blob is not what was written (scrub, fsck,
// reads that are verified) adds it; from then on every read of it fails with Code::corrupt, also
// after a restart: a row each in the system partition. Two servers over one engine learn of each
// other's findings at their next start.
//
// Owned by ObjectStore; safe from any thread. While nothing is damaged, contains() is one load.

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "store/context.h"

namespace weir::store {

class Damage {
  public:
    explicit Damage(const Context& context) : context_(context) {}

    // What earlier starts found.
    Result<void> load();
    // For a server that starts: blobs that are no longer there.
    void forget_gone();

    // `blob` as in extents.
    bool contains(std::string_view blob) const;
    // Logs it. Stays known even if the row cannot be written, until the end of this start.
    void add(std::string_view blob, std::string_view what);
    // Something else than a blob, named: logged and counted. Reads verify it each time.
    void note(std::string_view where, std::string_view what);
    // A request met damage that it tells of itself: counted.
    void count() { ++met_; }
    // The blob is gone.
    void forget(std::string_view blob);
    // All of it was read again.
    void is_whole(std::string_view blob);

    std::vector<std::string> blobs() const;
    std::size_t size() const { return known_count_.load(); }
    // How often something damaged was met in this start.
    std::uint64_t met() const { return met_.load(); }

  private:
    const Context& context_;
    std::atomic<std::size_t> known_count_ = 0;
    std::atomic<std::uint64_t> met_ = 0;
    mutable Mutex mutex_;
    std::set<std::string, std::less<>> known_ GUARDED_BY(mutex_);
};

}  // namespace weir::store
