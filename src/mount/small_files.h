#pragma once
// Small files as they were fetched: in memory, from where a thread that gives way to all others
// takes them into the cache. Who reads a folder of small files does not wait until each of them has
// two files on the disk.
//
// Owned by Mount; safe from any thread. What could not be taken into the cache before the end, or
// for want of room there, is fetched again another time.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "cache/cache.h"
#include "net/interrupt.h"

namespace weir::mount {

// One, which its readers share.
class SmallFile {
  public:
    // Fills all of it; the CRC64NVME that the store gives for it, if it does.
    using Fetch = std::function<Result<std::optional<std::uint64_t>>(std::span<std::byte> out)>;

    // `held_bytes` has its bytes until it ends.
    SmallFile(cache::ObjectIdentity identity,
              std::shared_ptr<std::atomic<std::uint64_t>> held_bytes);
    ~SmallFile();
    SmallFile(const SmallFile&) = delete;
    SmallFile& operator=(const SmallFile&) = delete;

    const cache::ObjectIdentity& identity() const { return identity_; }
    bool present() const { return present_.load(); }
    // True for the one caller who fetched it; others wait for him, and try if he fails. cancelled.
    Result<bool> fetch(const Fetch& fetch, const net::Interrupt* interrupt) EXCLUDES(mutex_);

    // Of what is present().
    std::span<const std::byte> bytes() const { return bytes_; }
    std::optional<std::uint64_t> crc64nvme() const { return crc64nvme_; }

  private:
    const cache::ObjectIdentity identity_;
    const std::shared_ptr<std::atomic<std::uint64_t>> held_bytes_;
    Mutex mutex_;
    ConditionVariable changed_;
    bool fetching_ GUARDED_BY(mutex_) = false;
    // Written by who fetches, read by others once it is present.
    std::vector<std::byte> bytes_;
    std::optional<std::uint64_t> crc64nvme_;
    std::atomic<bool> present_ = false;
};

class SmallFiles {
  public:
    SmallFiles(cache::Cache& cache, const MountLimits& limits, Log& log);
    ~SmallFiles() { stop(); }
    SmallFiles(const SmallFiles&) = delete;
    SmallFiles& operator=(const SmallFiles&) = delete;

    // One to fetch, or that was fetched; null if that is the cache's: it is large, it has an entry,
    // or there is no room here.
    std::shared_ptr<SmallFile> of(const cache::ObjectIdentity& identity) EXCLUDES(mutex_);
    // It is present, and goes into the cache.
    void keep(std::shared_ptr<SmallFile> file) EXCLUDES(mutex_);
    // What waits is taken into the cache for so long at most.
    void stop() EXCLUDES(mutex_);

  private:
    using Clock = std::chrono::steady_clock;

    void run() EXCLUDES(mutex_);
    std::shared_ptr<SmallFile> next() EXCLUDES(mutex_);
    Result<void> store(const SmallFile& file);

    cache::Cache& cache_;
    const MountLimits& limits_;
    Log& log_;
    const std::shared_ptr<std::atomic<std::uint64_t>> held_bytes_ =
        std::make_shared<std::atomic<std::uint64_t>>(0);
    Mutex mutex_;
    ConditionVariable changed_;
    // By the id of their entry; those that nobody holds go at `sweep_at_`.
    std::unordered_map<std::string, std::weak_ptr<SmallFile>> known_ GUARDED_BY(mutex_);
    std::size_t sweep_at_ GUARDED_BY(mutex_) = 1024;
    std::deque<std::shared_ptr<SmallFile>> queue_ GUARDED_BY(mutex_);
    bool stopping_ GUARDED_BY(mutex_) = false;
    Clock::time_point end_ GUARDED_BY(mutex_) = {};
    std::thread thread_;
};

}  // namespace weir::mount
