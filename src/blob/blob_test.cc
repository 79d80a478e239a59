#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "blob/contract_test.h"
#include "blob/local/store.h"
#include "blob/memory/store.h"
#include "io/posix_disk.h"

namespace weir::blob {
namespace {

// A local store that takes its folder with it.
class TemporaryStore final : public Store {
  public:
    explicit TemporaryStore(std::size_t open_max = 4) : log_(null_log()) {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "weir_blob_XXXXXX").string();
        root_ = ::mkdtemp(pattern.data());
        Result<std::unique_ptr<local::Store>> store = local::Store::open(
            {.root = root_ + "/blobs", .writer = 7, .open_max = open_max}, disk_, *log_);
        EXPECT_TRUE(store);
        store_ = *std::move(store);
    }
    ~TemporaryStore() override { std::filesystem::remove_all(root_); }

    Result<std::unique_ptr<Writer>> create(const CreateHint& hint) override {
        return store_->create(hint);
    }
    Result<std::shared_ptr<const Reader>> open(BlobId id) override { return store_->open(id); }
    std::shared_ptr<const Reader> try_open(BlobId id) override { return store_->try_open(id); }
    Result<void> remove(BlobId id) override { return store_->remove(id); }
    Result<void> punch(BlobId id, std::uint64_t offset, std::uint64_t length) override {
        return store_->punch(id, offset, length);
    }
    Result<void> trim(BlobId id) override { return store_->trim(id); }
    Result<void> list(BlobId from, const std::function<bool(const BlobInfo&)>& visit) override {
        return store_->list(from, visit);
    }
    std::uint64_t next_sequence() const override { return store_->next_sequence(); }
    Result<Space> space() const override { return store_->space(); }
    Result<void> room_for(std::uint64_t bytes) override { return store_->room_for(bytes); }
    local::Store& store() { return *store_; }

  private:
    io::PosixDisk disk_;
    std::shared_ptr<Log> log_;
    std::string root_;
    std::unique_ptr<local::Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract,
                         ::testing::Values(StoreFactory{
                             "memory", [] { return std::make_unique<memory::Store>(); }}));
INSTANTIATE_TEST_SUITE_P(Local, StoreContract,
                         ::testing::Values(StoreFactory{
                             "local", [] { return std::make_unique<TemporaryStore>(); }}));

TEST(BlobId, RoundTripsAsBytesAndText) {
    const BlobId id{.volume = 1, .region = 2, .writer = 3, .sequence = 4};
    EXPECT_EQ(BlobId::decode(id.encode()), id);
    EXPECT_EQ(BlobId::parse(id.text()), id);
    EXPECT_EQ(id.text(), "00010002000000030000000000000004");
    EXPECT_FALSE(BlobId::parse("xyz"));
    EXPECT_FALSE(BlobId::decode("short"));
}

TEST(LocalStore, KeepsNoMoreBlobsOpenThanItMay) {
    TemporaryStore store(4);
    std::vector<BlobId> ids;
    for (int i = 0; i < 10; ++i) {
        const std::unique_ptr<Writer> writer = *store.create({.size_bytes = 1});
        ASSERT_TRUE(writer->write_at(0, as_bytes("x")));
        ASSERT_TRUE(writer->seal(1));
        ids.push_back(writer->id());
        ASSERT_TRUE(store.open(writer->id()));
    }
    EXPECT_EQ(store.store().open_count(), 4u);
    EXPECT_EQ(store.try_open(ids[0]), nullptr);
    EXPECT_NE(store.try_open(ids[9]), nullptr);
    const std::optional<FileRange> range = store.try_open(ids[9])->file_range(0, 1);
    ASSERT_TRUE(range);
    char byte = 0;
    EXPECT_EQ(::pread(*range->descriptor, &byte, 1, 0), 1);
    EXPECT_EQ(byte, 'x');
}

TEST(LocalStore, RefusesToEatTheReserve) {
    io::PosixDisk disk;
    const std::shared_ptr<Log> log = null_log();
    const std::string root =
        (std::filesystem::temp_directory_path() / "weir_blob_reserve").string();
    const auto store =
        local::Store::open({.root = root, .writer = 1, .reserve_bytes = 1ULL << 60}, disk, *log);
    ASSERT_TRUE(store);
    EXPECT_EQ((*store)->create({}).error().code(), Code::no_space);
    std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace weir::blob
