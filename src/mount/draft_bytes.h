#pragma once
// The bytes of a file that is being written: what was written lies in a file of the cache, what was
// not is still that of the version it began from (the base), and what lies past that is zeros.
//
//     0          base_valid_bytes          size
//     |  base, but for what is local  |  file  |
//
// Local ranges within the base are whole pages, so that after a crash the file's own holes tell
// which bytes are the base's.
//
// Owned by a Draft, which keeps writers, readers and resizes apart as it says; safe from any thread
// within that. Failure: the base's reader's, the cache's (no_space).

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "cache/write_file.h"
#include "mount/dirty_ranges.h"

namespace weir::mount {

// All of `out`, from a version that does not change.
using ReadBase = std::function<Result<void>(std::uint64_t offset, std::span<std::byte> out)>;

class DraftBytes {
  public:
    // `file` is empty, or one that a crash left behind.
    static Result<std::unique_ptr<DraftBytes>> make(std::unique_ptr<cache::WriteFile> file,
                                                    std::uint64_t size_bytes,
                                                    std::uint64_t base_valid_bytes, ReadBase base);

    std::uint64_t size_bytes() const EXCLUDES(mutex_);
    std::uint64_t base_valid_bytes() const EXCLUDES(mutex_);
    bool dirty() const EXCLUDES(mutex_);
    // All of it, any of it.
    bool dirty_all(Span span) const EXCLUDES(mutex_);
    bool dirty_any(Span span) const EXCLUDES(mutex_);
    std::vector<Span> dirty_spans() const EXCLUDES(mutex_);
    std::size_t pieces() const EXCLUDES(mutex_);

    // As pread(2) and pwrite(2).
    Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) const EXCLUDES(mutex_);
    Result<void> write(std::uint64_t offset, std::span<const std::byte> bytes)
        EXCLUDES(mutex_, filling_);
    // Nobody reads or writes meanwhile.
    Result<void> resize(std::uint64_t size_bytes) EXCLUDES(mutex_);

    // The base's bytes of the span come into the file, where they are missing.
    Result<void> fill(Span span) EXCLUDES(mutex_, filling_);
    // What was written counts as the base's, which is this now. `base` reads the new one.
    void rebase(ReadBase base) EXCLUDES(mutex_);
    // The base is the same, and read otherwise from now on.
    void reread(ReadBase base) EXCLUDES(mutex_);
    // So many pieces are kept apart; past that a span counts as written as a whole.
    void join(Span span) EXCLUDES(mutex_);
    // Is every byte in the file?
    bool whole() const EXCLUDES(mutex_);

    cache::WriteFile& file() { return *file_; }
    // Nothing else is called any more.
    std::unique_ptr<cache::WriteFile> take() { return std::move(file_); }

  private:
    DraftBytes(std::unique_ptr<cache::WriteFile> file, std::uint64_t size_bytes,
               std::uint64_t base_valid_bytes, ReadBase base);

    Result<void> adopt_data();
    // Those that the file may have holes for.
    Span blocks_of(Span span) const REQUIRES(mutex_);
    // What of the base a write of the span needs first: its first and last block.
    std::vector<Span> edges(Span span) const REQUIRES(mutex_);
    bool needs_filling(Span span) const EXCLUDES(mutex_);
    Result<void> fetch(const std::vector<Span>& spans) REQUIRES(filling_);
    void wrote(Span span) EXCLUDES(mutex_);

    std::unique_ptr<cache::WriteFile> file_;
    const std::uint64_t hole_bytes_;
    Mutex filling_;  // held while the base is read for the file, so that nobody writes there
    mutable Mutex mutex_;
    ReadBase base_ GUARDED_BY(mutex_);
    DirtyRanges local_ GUARDED_BY(mutex_);  // within the base
    DirtyRanges dirty_ GUARDED_BY(mutex_);  // not in the store yet
    std::uint64_t size_bytes_ GUARDED_BY(mutex_);
    std::uint64_t base_valid_bytes_ GUARDED_BY(mutex_);
};

}  // namespace weir::mount
