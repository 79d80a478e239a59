#include "kv/rocksdb/current.h"

#include <fmt/format.h>

#include <array>

namespace weir::kv::rocksdb {
namespace {

// A thread that is inside already may not wait for who waits until it leaves.
thread_local std::size_t uses_of_thread = 0;

// Opening writes what the log holds into tables.
constexpr std::uint64_t probe_spare_bytes = 4 * MiB;

}  // namespace

Result<void> Current::open() {
    TRY(std::unique_ptr<Database> opened, Database::open(options_, limits_, log_));
    MutexLock lock(mutex_);
    database_ = std::move(opened);
    return {};
}

Result<Current::Use> Current::enter(bool wait) {
    MutexLock lock(mutex_);
    while (opening_ && uses_of_thread == 0) {
        if (!wait) return fail(Code::would_block);
        changed_.wait(mutex_);
    }
    // Only for who is inside of another engine's.
    if (database_ == nullptr) return fail(Code::unavailable, "The database is being opened.");
    ++inside_;
    ++uses_of_thread;
    return Use(*this, *database_);
}

void Current::leave() {
    --uses_of_thread;
    MutexLock lock(mutex_);
    if (--inside_ == 0 && opening_) changed_.notify_all();
}

Database& Current::own() {
    MutexLock lock(mutex_);
    return *database_;
}

// Whether opening may succeed, so that nobody is kept from reading for nothing.
Result<void> Current::probe() {
    const std::string path = options_.path + "/probe";
    if (Result<void> old = disk_.remove(path); !old && old.error().code() != Code::not_found)
        return old;
    const std::uint64_t log_bytes = own().memtable_bytes();
    TRY(const std::unique_ptr<io::File> file, disk_.create(path));
    Result<void> done = file->reserve(log_bytes + probe_spare_bytes);
    constexpr std::array<std::byte, 4096> bytes{};
    if (done) done = file->write_at(0, bytes);
    if (done) done = file->sync();
    if (done) done = io::sync_directory(disk_, options_.path);
    const Result<void> removed = disk_.remove(path);
    return done ? removed : done;
}

Result<void> Current::reopen() {
    TRY_VOID(probe());
    // Before the other is closed, since that one can be read: whatever fails, one of them stays.
    TRY(std::unique_ptr<Database> to_read, Database::open_to_read(options_, limits_, log_));
    std::unique_ptr<Database> old;
    {
        MutexLock lock(mutex_);
        opening_ = true;
        while (inside_ > 0) changed_.wait(mutex_);
        old = std::move(database_);
    }
    old.reset();
    Result<std::unique_ptr<Database>> opened = Database::open(options_, limits_, log_);
    {
        MutexLock lock(mutex_);
        database_ = opened ? *std::move(opened) : std::move(to_read);
        opening_ = false;
    }
    changed_.notify_all();
    if (!opened) return fail(std::move(opened).error());
    return {};
}

}  // namespace weir::kv::rocksdb
