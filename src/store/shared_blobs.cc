#include "store/shared_blobs.h"

#include <algorithm>
#include <atomic>
#include <shared_mutex>

namespace weir::store {
// Parts may still be arriving when their upload ends: from then on their writes fail, so that
// nothing is written behind the end of what was sealed.
class SharedBlobs::EndableWriter final : public blob::Writer {
  public:
    explicit EndableWriter(std::unique_ptr<blob::Writer> writer) : writer_(std::move(writer)) {}

    blob::BlobId id() const override { return writer_->id(); }
    Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
        const std::shared_lock lock(mutex_);
        if (ended_) return fail(Code::no_such_upload);
        return writer_->write_at(offset, bytes);
    }
    Result<void> sync() override {
        const std::shared_lock lock(mutex_);
        if (ended_) return fail(Code::no_such_upload);
        Result<void> synced = writer_->sync();
        if (!synced) sync_failed_ = true;
        return synced;
    }
    // What was synced before is durable; no later sync can prove anything.
    bool sync_failed() const { return sync_failed_.load(); }
    Result<void> seal(std::uint64_t size_bytes) override {
        end();
        return writer_->seal(size_bytes);
    }
    bool discard() override {
        end();
        return writer_->discard();
    }

  private:
    void end() {
        const std::unique_lock lock(mutex_);
        ended_ = true;
    }

    const std::unique_ptr<blob::Writer> writer_;
    std::shared_mutex mutex_;
    bool ended_ = false;
    std::atomic<bool> sync_failed_ = false;
};

namespace {

// A stride below this makes files of scraps; such parts are better off alone (or inline).
constexpr std::uint64_t stride_bytes_min = 1 * MiB;

bool sets_stride(std::uint32_t part_number, std::uint64_t size_bytes) {
    return size_bytes >= stride_bytes_min && (part_number == 1 || size_bytes % MiB == 0);
}

}  // namespace

Result<std::optional<Slot>> SharedBlobs::take(const std::string& upload_id,
                                              std::uint32_t part_number, std::uint64_t size_bytes,
                                              blob::Store& blobs) {
    MutexLock lock(mutex_);
    auto found = uploads_.find(upload_id);
    const bool begins_upload = found == uploads_.end();
    if (begins_upload) {
        if (!sets_stride(part_number, size_bytes)) return std::nullopt;
        if (uploads_.size() >= uploads_max) make_room();
        found = uploads_.emplace(upload_id, Upload{}).first;
    }
    found->second.used = ++uses_;
    std::vector<Shared>& shared = found->second.blobs;
    const bool restart = part_number == 1 && sets_stride(1, size_bytes) && !shared.empty() &&
                         shared.size() < 2 && shared.back().stride_bytes != size_bytes;
    if (shared.empty() || restart) {
        // Under the lock: two first parts must not make two blobs, and a file is created once an
        // upload.
        const std::uint64_t bound = in_flight_.begin();
        Result<std::unique_ptr<blob::Writer>> writer = blobs.create({.size_bytes = std::nullopt});
        if (!writer) {
            in_flight_.end(bound);
            if (shared.empty()) uploads_.erase(found);
            return fail(std::move(writer).error());
        }
        shared.push_back({.stride_bytes = size_bytes,
                          .writer = std::make_shared<EndableWriter>(*std::move(writer)),
                          .in_flight_bound = bound,
                          .taken = {},
                          .has_parts = false});
    }
    Shared& blob = shared.back();
    if (blob.writer->sync_failed()) return std::nullopt;
    if (size_bytes == 0 || size_bytes > blob.stride_bytes || !blob.taken.insert(part_number).second)
        return std::nullopt;
    return Slot{.writer = blob.writer,
                .offset = (part_number - 1) * blob.stride_bytes,
                .length_max = size_bytes,
                .begins_upload = begins_upload};
}

void SharedBlobs::commits(const std::string& upload_id, std::string_view blob) {
    MutexLock lock(mutex_);
    const auto found = uploads_.find(upload_id);
    if (found == uploads_.end()) return;
    for (Shared& shared : found->second.blobs)
        if (shared.writer->id().encode() == blob) shared.has_parts = true;
}

std::set<std::string> SharedBlobs::with_parts(const std::string& upload_id) const {
    std::set<std::string> blobs;
    MutexLock lock(mutex_);
    const auto found = uploads_.find(upload_id);
    if (found == uploads_.end()) return blobs;
    for (const Shared& shared : found->second.blobs)
        if (shared.has_parts) blobs.insert(shared.writer->id().encode());
    return blobs;
}

// Nobody refers to the blob, or what does stays as it is. While a part is on its way into it the
// fate is open, so its bound stays: the orphan check of the next start will look.
void SharedBlobs::forget(Shared& blob) {
    const bool unused = blob.writer.use_count() == 1;  // grows under our lock only
    if (!unused) return;
    if (!blob.has_parts)
        discard(blob);
    else
        in_flight_.end(blob.in_flight_bound);
}

void SharedBlobs::discard(Shared& blob) {
    if (blob.writer->discard())
        in_flight_.end(blob.in_flight_bound);
    else
        in_flight_.leave({.blob = blob.writer->id(), .bound = blob.in_flight_bound});
}

void SharedBlobs::make_room() {
    const auto idle =
        std::ranges::min_element(uploads_, {}, [](const auto& entry) { return entry.second.used; });
    for (Shared& blob : idle->second.blobs) forget(blob);
    uploads_.erase(idle);
}

void SharedBlobs::end(const std::string& upload_id, const std::map<std::string, Fate>& fates,
                      Log& log) {
    std::vector<Shared> blobs;
    {
        MutexLock lock(mutex_);
        const auto found = uploads_.find(upload_id);
        if (found == uploads_.end()) return;
        blobs = std::move(found->second.blobs);
        uploads_.erase(found);
    }
    for (Shared& blob : blobs) {
        const auto fate = fates.find(blob.writer->id().encode());
        if (fate == fates.end()) {
            discard(blob);
            continue;
        }
        if (fate->second.end_bytes) {
            // What the object refers to was synced part by part: if this fails, only the space
            // behind it stays taken.
            if (Result<void> sealed = blob.writer->seal(*fate->second.end_bytes); !sealed)
                log.warn("blob {}: could not be cut to {} bytes: {}", blob.writer->id().text(),
                         *fate->second.end_bytes, sealed.error().describe());
        }
        in_flight_.end(blob.in_flight_bound);
    }
}

}  // namespace weir::store
