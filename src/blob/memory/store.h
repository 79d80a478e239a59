#pragma once
// The blob store for tests: in memory, and strict. A byte written twice, a write after seal, a seal
// behind what was written, and a read of bytes that were never written or that no sync covered are
// bugs of the caller's (CHECK).

#include <atomic>
#include <map>
#include <memory>

#include "base/mutex.h"
#include "blob/store.h"

namespace weir::blob::memory {

struct Blob;

class Store final : public blob::Store {
  public:
    explicit Store(std::uint32_t writer = 1) : writer_(writer) {}

    Result<std::unique_ptr<Writer>> create(const CreateHint& hint) override;
    Result<std::shared_ptr<const Reader>> open(BlobId id) override;
    std::shared_ptr<const Reader> try_open(BlobId id) override;
    Result<void> remove(BlobId id) override;
    Result<void> punch(BlobId id, std::uint64_t offset, std::uint64_t length) override;
    Result<void> trim(BlobId id) override;
    Result<void> list(BlobId from, const std::function<bool(const BlobInfo&)>& visit) override;
    std::uint64_t next_sequence() const override { return next_sequence_.load(); }
    Result<Space> space() const override;
    Result<void> room_for(std::uint64_t) override { return {}; }

    std::size_t count() const;

  private:
    friend class MemoryWriter;

    const std::uint32_t writer_;
    std::atomic<std::uint64_t> next_sequence_ = 0;
    mutable Mutex mutex_;
    std::map<BlobId, std::shared_ptr<Blob>> blobs_ GUARDED_BY(mutex_);
};

}  // namespace weir::blob::memory
