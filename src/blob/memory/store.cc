#include "blob/memory/store.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"

namespace weir::blob::memory {

// Bytes that one write_at wrote.
struct Run {
    std::vector<std::byte> bytes;
    bool synced = false;

    std::uint64_t end(std::uint64_t at) const { return at + bytes.size(); }
};

struct Blob {
    Mutex mutex;
    std::map<std::uint64_t, Run> runs GUARDED_BY(mutex);  // by offset, never overlapping
    std::uint64_t end_bytes GUARDED_BY(mutex) = 0;
    bool sealed GUARDED_BY(mutex) = false;

    void sync() REQUIRES(mutex) {
        for (auto& [at, run] : runs) run.synced = true;
    }
    BlobInfo info(BlobId id) REQUIRES(mutex) {
        BlobInfo told{.id = id, .size_bytes = end_bytes, .allocated_bytes = 0};
        for (const auto& [at, run] : runs) told.allocated_bytes += run.bytes.size();
        return told;
    }
};

class MemoryWriter final : public Writer {
  public:
    MemoryWriter(Store& store, BlobId id, std::shared_ptr<Blob> blob)
        : store_(store), id_(id), blob_(std::move(blob)) {}

    BlobId id() const override { return id_; }

    Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
        if (bytes.empty()) return {};
        MutexLock lock(blob_->mutex);
        CHECK(!blob_->sealed);
        const auto next = blob_->runs.lower_bound(offset);
        CHECK(next == blob_->runs.end() || offset + bytes.size() <= next->first);
        if (next != blob_->runs.begin()) {
            const auto before = std::prev(next);
            CHECK(before->second.end(before->first) <= offset);
        }
        blob_->runs.emplace(offset, Run{.bytes = {bytes.begin(), bytes.end()}});
        blob_->end_bytes = std::max(blob_->end_bytes, offset + bytes.size());
        return {};
    }

    Result<void> sync() override {
        MutexLock lock(blob_->mutex);
        blob_->sync();
        return {};
    }

    Result<void> seal(std::uint64_t size_bytes) override {
        MutexLock lock(blob_->mutex);
        CHECK(!blob_->sealed);
        CHECK(size_bytes <= blob_->end_bytes);
        blob_->sync();
        blob_->sealed = true;
        blob_->end_bytes = size_bytes;
        return {};
    }

    bool discard() override { return store_.remove(id_).has_value(); }

  private:
    Store& store_;
    BlobId id_;
    std::shared_ptr<Blob> blob_;
};

namespace {

class MemoryReader final : public Reader {
  public:
    explicit MemoryReader(std::shared_ptr<Blob> blob) : blob_(std::move(blob)) {}

    std::uint64_t size_bytes() const override {
        MutexLock lock(blob_->mutex);
        return blob_->end_bytes;
    }
    std::optional<FileRange> file_range(std::uint64_t, std::uint64_t) const override {
        return std::nullopt;
    }

    Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        MutexLock lock(blob_->mutex);
        if (offset + out.size() > blob_->end_bytes)
            return fail(Code::corrupt, "the blob ends before");
        std::uint64_t covered = 0;
        for (const auto& [at, run] : blob_->runs) {
            const std::uint64_t begin = std::max(at, offset);
            const std::uint64_t end = std::min(run.end(at), offset + out.size());
            if (begin >= end) continue;
            CHECK(run.synced);
            std::memcpy(out.data() + (begin - offset), run.bytes.data() + (begin - at),
                        end - begin);
            covered += end - begin;
        }
        CHECK(covered == out.size());
        return {};
    }

  private:
    std::shared_ptr<Blob> blob_;
};

}  // namespace

Result<std::unique_ptr<Writer>> Store::create(const CreateHint&) {
    const BlobId id{.volume = 0, .region = 0, .writer = writer_, .sequence = next_sequence_++};
    auto blob = std::make_shared<Blob>();
    MutexLock lock(mutex_);
    blobs_.emplace(id, blob);
    return std::make_unique<MemoryWriter>(*this, id, std::move(blob));
}

Result<std::shared_ptr<const Reader>> Store::open(BlobId id) {
    MutexLock lock(mutex_);
    const auto found = blobs_.find(id);
    if (found == blobs_.end()) return fail(Code::not_found, "blob " + id.text() + " is not there");
    return std::make_shared<MemoryReader>(found->second);
}

std::shared_ptr<const Reader> Store::try_open(BlobId id) { return open(id).value_or(nullptr); }

Result<void> Store::remove(BlobId id) {
    MutexLock lock(mutex_);
    blobs_.erase(id);
    return {};
}

Result<void> Store::trim(BlobId id) {
    MutexLock lock(mutex_);
    if (!blobs_.contains(id)) return fail(Code::not_found, "blob " + id.text() + " is not there");
    return {};
}

Result<void> Store::punch(BlobId id, std::uint64_t offset, std::uint64_t length) {
    MutexLock lock(mutex_);
    const auto found = blobs_.find(id);
    if (found == blobs_.end()) return fail(Code::not_found, "blob " + id.text() + " is not there");
    MutexLock blob_lock(found->second->mutex);
    for (auto& [at, run] : found->second->runs) {
        const std::uint64_t begin = std::max(at, offset);
        const std::uint64_t end = std::min(run.end(at), offset + length);
        if (begin >= end) continue;
        std::fill(run.bytes.begin() + static_cast<std::ptrdiff_t>(begin - at),
                  run.bytes.begin() + static_cast<std::ptrdiff_t>(end - at), std::byte(0));
    }
    return {};
}

Result<void> Store::list(BlobId from, const std::function<bool(const BlobInfo&)>& visit) {
    std::vector<BlobInfo> blobs;
    {
        MutexLock lock(mutex_);
        for (auto blob = blobs_.lower_bound(from); blob != blobs_.end(); ++blob) {
            MutexLock blob_lock(blob->second->mutex);
            blobs.push_back(blob->second->info(blob->first));
        }
    }
    for (const BlobInfo& blob : blobs)
        if (!visit(blob)) break;
    return {};
}

Result<Space> Store::space() const {
    return Space{.total_bytes = 1ULL << 40, .free_bytes = 1ULL << 40};
}

std::size_t Store::count() const {
    MutexLock lock(mutex_);
    return blobs_.size();
}

}  // namespace weir::blob::memory
