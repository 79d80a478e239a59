#pragma once
// For the tests of this folder: an ObjectStore with its engines, in memory or embedded in a
// temporary folder, a clock that is turned by hand, and short forms of what tests do often.
//
// One thread, except where a method of the store itself is called.

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "blob/memory/store.h"
#include "kv/memory/engine.h"
#include "store/object_store.h"
#include "store/reclaimer.h"

namespace weir::store {

// Of WEIR_TEST_SEED, or a new one; printed, so that a failure can be replayed.
std::uint64_t test_seed();

// `size` bytes that differ with the seed.
std::string content(std::uint64_t seed, std::size_t size);
std::string md5_hex(std::string_view bytes);

// Fails a test with the error's sentence.
template <typename T>
T must(Result<T> result) {
    if (!result) {
        ADD_FAILURE() << result.error().describe();
        throw std::runtime_error(result.error().describe());
    }
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}
template <typename T>
std::optional<Code> code_of(const Result<T>& result) {
    if (result) return std::nullopt;
    return result.error().code();
}

Result<void> commit_and_wait(ObjectStore& store, const Bucket& bucket,
                             ObjectStore::PreparedPut& prepared);
// As the server puts what is all in memory: prepared and committed without waiting, and where that
// does not end it, by put() or by looking what became of it.
Result<meta::ObjectRecord> put_prepared(ObjectStore& store, const Bucket& bucket,
                                        const PutRequest& request, StoredBody body);

class Rig {
  public:
    enum class Kind { memory, embedded };
    static constexpr UnixNanos day_nanos = 24 * 3600 * nanos_per_second;

    explicit Rig(Kind kind = Kind::memory, kv::memory::Options options = {});
    ~Rig();

    ObjectStore& store() { return *store_; }
    kv::Engine& kv() { return *kv_; }
    kv::memory::Engine& memory_kv();  // Kind::memory only
    blob::Store& blobs() { return *blobs_; }
    ManualClock& clock() { return clock_; }
    std::uint32_t writer() const { return writer_; }
    Context context();

    // The server dies and another starts: what was only in memory is forgotten.
    void restart();
    // Until then the store works on this engine, which passes on to kv() what it likes.
    void interpose(kv::Engine& engine);

    Bucket bucket(const std::string& name = "weights",
                  meta::Versioning versioning = meta::VERSIONING_UNSET);

    Result<meta::ObjectRecord> put(const Bucket& bucket, const std::string& key,
                                   const std::string& bytes, Precondition precondition = {});
    Result<std::string> get(const Bucket& bucket, const std::string& key,
                            const std::optional<meta::VersionName>& version = std::nullopt);
    Result<std::string> body(const Bucket& bucket, const std::string& key,
                             const meta::ObjectRecord& record);
    Result<std::string> body(const Bucket& bucket, const std::string& key,
                             const meta::ObjectRecord& record, std::uint64_t offset,
                             std::uint64_t length);
    Result<KeyChange::Removed> remove(
        const Bucket& bucket, const std::string& key,
        const std::optional<meta::VersionName>& version = std::nullopt);
    Result<CopyResult> copy(const Bucket& from, const std::string& source, const Bucket& to,
                            const std::string& key);

    Result<std::string> create_upload(const Bucket& bucket, const std::string& key,
                                      const std::string& algorithm = "",
                                      meta::ChecksumType type = meta::CHECKSUM_TYPE_FULL_OBJECT);
    Result<meta::PartRecord> put_part(const Bucket& bucket, const PartId& part,
                                      const std::string& bytes, const std::string& algorithm = "");
    // With all parts that are stored, or those named.
    Result<meta::ObjectRecord> complete(const Bucket& bucket, const std::string& key,
                                        const std::string& upload_id,
                                        const std::vector<std::uint32_t>& parts = {});

    // A pass of the reclaimer for which every delay is over.
    Result<void> reclaim();
    std::vector<blob::BlobInfo> all_blobs();
    // As the disk might. Kind::embedded only.
    void flip_bit(blob::BlobId blob, std::uint64_t offset);
    std::vector<kv::Row> rows(kv::PartitionId partition, char kind);
    // Rows that an emptied bucket may not have.
    std::vector<std::string> rows_left(kv::PartitionId partition);
    // Every version that is listed can be read, with the bytes its ETag or CRC tells.
    void expect_all_readable(const Bucket& bucket);

  private:
    const Kind kind_;
    std::string folder_;
    Limits limits_;
    std::shared_ptr<Log> log_;
    ManualClock clock_{1'700'000'000 * nanos_per_second};
    struct Embedded;
    std::unique_ptr<Embedded> embedded_;
    std::unique_ptr<kv::Engine> kv_;
    kv::Engine* interposed_ = nullptr;
    std::unique_ptr<blob::Store> blobs_;
    std::uint32_t writer_ = 0;
    std::unique_ptr<ObjectStore> store_;
};

// Runs on memory and on the embedded engines.
class StoreTest : public ::testing::TestWithParam<Rig::Kind> {
  protected:
    Rig rig{GetParam()};
};
std::string kind_name(const ::testing::TestParamInfo<Rig::Kind>& info);

}  // namespace weir::store
