#pragma once
// A file that is being written, on its way to the store: bytes at any offset, in any order. It is
// there after a crash with what sync() covered; never evicted; found by Cache::abandoned_writes()
// once nobody has it open.
//
// Owned by whoever writes, and gone before its Cache; safe from any thread. What fails leaves the
// file as a failed pwrite(2) does.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/mutex.h"
#include "base/result.h"
#include "cache/budget.h"
#include "cache/file.h"
#include "cache/write_files.h"

namespace weir::cache {

class WriteFile {
  public:
    static Result<std::unique_ptr<WriteFile>> create(const WriteFiles& files, Budget& budget,
                                                     WriteInfo info);
    static Result<std::unique_ptr<WriteFile>> adopt(const WriteFiles& files, Budget& budget,
                                                    const std::string& id);
    // What was not uploaded, or removed, can be found again.
    ~WriteFile();
    WriteFile(const WriteFile&) = delete;
    WriteFile& operator=(const WriteFile&) = delete;

    const std::string& id() const { return id_; }
    WriteInfo info() const EXCLUDES(mutex_);
    // Another key after a rename, other metadata. Durable with the next sync().
    Result<void> set_info(WriteInfo info) EXCLUDES(mutex_);
    // All of it is elsewhere too: nobody finds it any more if this process dies, until set_info().
    Result<void> set_expendable() EXCLUDES(mutex_);

    Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const;
    // no_space if the budget is used up by what cannot be evicted, or the disk is full.
    Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) EXCLUDES(mutex_);
    Result<void> resize(std::uint64_t size_bytes) EXCLUDES(mutex_);
    // What was written before, and what it says of itself, is durable.
    Result<void> sync() EXCLUDES(mutex_);
    Result<std::uint64_t> size_bytes() const;
    // For splice and passthrough. What is written through it is counted by the next write_at() or
    // resize(), or when somebody counts the folder.
    int descriptor() const { return file_.descriptor(); }

    // It was uploaded, or is not wanted. Nobody writes any more.
    Result<void> remove() EXCLUDES(mutex_);
    // It has become something else, under another name.
    void forget() EXCLUDES(mutex_);

  private:
    WriteFile(const WriteFiles& files, Budget& budget, std::string id, File file, WriteInfo info,
              std::uint64_t counted_bytes)
        : files_(&files),
          budget_(&budget),
          id_(std::move(id)),
          file_(std::move(file)),
          info_(std::move(info)),
          counted_bytes_(counted_bytes) {}
    // The budget knows what the file takes now; `reserved` was reserved to make it more.
    Result<void> recount(std::uint64_t reserved) REQUIRES(mutex_);

    const WriteFiles* files_;
    Budget* budget_;
    const std::string id_;
    File file_;
    mutable Mutex mutex_;
    WriteInfo info_ GUARDED_BY(mutex_);
    std::uint64_t counted_bytes_ GUARDED_BY(mutex_);
    bool info_durable_ GUARDED_BY(mutex_) = false;
};

}  // namespace weir::cache
