#pragma once
// The file that the processes of one cache folder meet at: how many bytes are used, as a counter
// that is mapped, and their locks, as bytes of it. The counter is a sum that any process may have
// died in the middle of; whoever opens the folder alone, and whoever evicts, counts anew.
//
// Owned by a Cache; safe from any thread. Fails where the folder cannot be written.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cache/file.h"

namespace weir::cache {

// Held until it is destroyed, or its process dies. Excludes threads as well as processes.
class IndexLock {
  public:
    IndexLock(Descriptor fd) : fd_(std::move(fd)) {}

  private:
    Descriptor fd_;
};

class Index {
  public:
    static Result<Index> open(const Folder& root);
    Index(Index&& other) noexcept;
    Index& operator=(Index&&) = delete;
    ~Index();

    // Whether nobody else has the folder open, nor can open it before join(). Who is alone says
    // what is used.
    bool alone() const { return alone_; }
    void set_used(std::uint64_t bytes);
    Result<void> join();

    std::uint64_t used_bytes() const;
    // What is used then.
    std::uint64_t add(std::uint64_t bytes);
    void subtract(std::uint64_t bytes);
    // The counter was `counter` when a count began that found `found`.
    std::uint64_t counter() const;
    void correct(std::uint64_t counter, std::uint64_t found);

    // How often something was let go that could not be evicted before.
    std::uint64_t releases() const;
    void count_release();

    // One at a time. Evicting is locked before a name, a name before what lies under it.
    Result<IndexLock> lock_evicting() const;
    // For making, opening and removing what is called `id`, or begins as it does; hexadecimal.
    Result<IndexLock> lock_name(std::string_view id) const;

  private:
    struct Counters;

    Index(const Folder& root, File file, Counters* counters, bool alone)
        : root_(&root), file_(std::move(file)), counters_(counters), alone_(alone) {}
    Result<IndexLock> lock(std::uint64_t byte) const;

    const Folder* root_;
    File file_;
    Counters* counters_;
    bool alone_;
};

}  // namespace weir::cache
