#include "mount/small_files.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "cache/claim.h"
#include "cache/identity.h"
#include "mount/polite.h"

namespace weir::mount {
namespace {

constexpr std::chrono::milliseconds wait_slice{100};  // so long an interrupt goes unnoticed

// Its bytes, and what it takes to know them.
std::uint64_t held_bytes_of(const cache::ObjectIdentity& identity) {
    return identity.size_bytes + KiB;
}

}  // namespace

SmallFile::SmallFile(cache::ObjectIdentity identity,
                     std::shared_ptr<std::atomic<std::uint64_t>> held_bytes)
    : identity_(std::move(identity)), held_bytes_(std::move(held_bytes)) {
    held_bytes_->fetch_add(held_bytes_of(identity_));
}

SmallFile::~SmallFile() { held_bytes_->fetch_sub(held_bytes_of(identity_)); }

Result<bool> SmallFile::fetch(const Fetch& fetch, const net::Interrupt* interrupt) {
    {
        const MutexLock lock(mutex_);
        while (fetching_ && !present()) {
            if (interrupt != nullptr && interrupt->interrupted()) return fail(Code::cancelled);
            changed_.wait_for(mutex_, wait_slice);
        }
        if (present()) return false;
        fetching_ = true;
    }
    bytes_.resize(static_cast<std::size_t>(identity_.size_bytes));
    const Result<std::optional<std::uint64_t>> crc64nvme = fetch(bytes_);
    if (crc64nvme) {
        crc64nvme_ = *crc64nvme;
        present_.store(true);
    }
    {
        const MutexLock lock(mutex_);
        fetching_ = false;
    }
    changed_.notify_all();
    if (!crc64nvme) return fail(crc64nvme.error());
    return true;
}

SmallFiles::SmallFiles(cache::Cache& cache, const MountLimits& limits, Log& log)
    : cache_(cache), limits_(limits), log_(log), thread_([this] { run(); }) {}

void SmallFiles::stop() {
    {
        const MutexLock lock(mutex_);
        if (!std::exchange(stopping_, true))
            end_ = Clock::now() + std::chrono::milliseconds(limits_.held_files_drain_ms);
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

std::shared_ptr<SmallFile> SmallFiles::of(const cache::ObjectIdentity& identity) {
    if (identity.size_bytes > limits_.held_file_bytes_max) return nullptr;
    const std::string id = cache::entry_id(identity);
    {
        const MutexLock lock(mutex_);
        const auto found = known_.find(id);
        if (found != known_.end())
            if (auto file = found->second.lock(); file && file->identity() == identity) return file;
    }
    if (cache_.has(id)) return nullptr;
    const MutexLock lock(mutex_);
    if (stopping_ || held_bytes_->load() + held_bytes_of(identity) > limits_.held_files_bytes_max)
        return nullptr;
    std::weak_ptr<SmallFile>& known = known_[id];
    if (auto other = known.lock()) return other->identity() == identity ? other : nullptr;
    auto file = std::make_shared<SmallFile>(identity, held_bytes_);
    known = file;
    if (known_.size() >= sweep_at_) {
        std::erase_if(known_, [](const auto& each) { return each.second.expired(); });
        sweep_at_ = std::max<std::size_t>(1024, known_.size() * 2);
    }
    return file;
}

void SmallFiles::keep(std::shared_ptr<SmallFile> file) {
    CHECK(file->present());
    {
        const MutexLock lock(mutex_);
        if (stopping_) return;
        queue_.push_back(std::move(file));
    }
    changed_.notify_all();
}

std::shared_ptr<SmallFile> SmallFiles::next() {
    const MutexLock lock(mutex_);
    while (queue_.empty() && !stopping_) changed_.wait(mutex_);
    if (queue_.empty() || (stopping_ && Clock::now() >= end_)) return nullptr;
    std::shared_ptr<SmallFile> file = std::move(queue_.front());
    queue_.pop_front();
    return file;
}

void SmallFiles::run() {
    give_way();
    while (const std::shared_ptr<SmallFile> file = next()) {
        const Result<void> stored = store(*file);
        if (!stored)
            log_.log(stored.error().code() == Code::no_space ? spdlog::level::debug
                                                             : spdlog::level::warn,
                     "{} is not kept in the cache: {}", file->identity().describe(),
                     stored.error().describe());
    }
}

Result<void> SmallFiles::store(const SmallFile& file) {
    TRY(const std::shared_ptr<cache::Entry> entry, cache_.entry(file.identity(), file.crc64nvme()));
    std::uint64_t at = 0;
    while (true) {
        // None: another process has it, or fetches it.
        TRY(std::optional<cache::Claim> claim, entry->claim({at, file.bytes().size() - at}));
        if (!claim) return {};
        const cache::ByteRange range = claim->range();
        TRY_VOID(claim->fill(file.bytes().subspan(static_cast<std::size_t>(range.offset),
                                                  static_cast<std::size_t>(range.length))));
        at = range.offset + range.length;
    }
}

}  // namespace weir::mount
