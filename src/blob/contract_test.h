#pragma once
// What every blob::Store must do, run on each of them. RADOS objects must be able to pass it
// unchanged.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>

#include "base/bytes.h"
#include "base/random.h"
#include "blob/store.h"

namespace weir::blob {

struct StoreFactory {
    std::string name;
    std::function<std::unique_ptr<Store>()> make;
};

class StoreContract : public ::testing::TestWithParam<StoreFactory> {
  protected:
    void SetUp() override { store_ = GetParam().make(); }

    std::string read(BlobId id, std::uint64_t offset, std::size_t length) {
        const Result<std::shared_ptr<const Reader>> reader = store_->open(id);
        EXPECT_TRUE(reader);
        std::string out(length, '\0');
        EXPECT_TRUE((*reader)->read_at(offset, std::as_writable_bytes(std::span(out))));
        return out;
    }
    BlobId write(const std::string& bytes) {
        Result<std::unique_ptr<Writer>> writer = store_->create({.size_bytes = bytes.size()});
        EXPECT_TRUE(writer);
        EXPECT_TRUE((*writer)->write_at(0, as_bytes(bytes)));
        EXPECT_TRUE((*writer)->seal(bytes.size()));
        return (*writer)->id();
    }
    std::vector<BlobId> list(BlobId from = {}) {
        std::vector<BlobId> ids;
        EXPECT_TRUE(store_->list(from, [&](const BlobInfo& info) {
            ids.push_back(info.id);
            return true;
        }));
        return ids;
    }

    std::unique_ptr<Store> store_;
};

TEST_P(StoreContract, GivesBackWhatWasWritten) {
    const std::string bytes = random_bytes(3'000'001);
    const BlobId id = write(bytes);
    EXPECT_EQ(read(id, 0, bytes.size()), bytes);
    EXPECT_EQ(read(id, 1'000'000, 77), bytes.substr(1'000'000, 77));
    EXPECT_EQ(store_->open(id).value()->size_bytes(), bytes.size());
    std::byte past;
    EXPECT_FALSE(store_->open(id).value()->read_at(bytes.size(), {&past, 1}));
}

TEST_P(StoreContract, TakesRangesFromManyThreadsAndCutsAtTheSeal) {
    constexpr std::size_t parts = 8, part_bytes = 300'000;
    const std::string bytes = random_bytes(parts * part_bytes);
    const std::unique_ptr<Writer> writer = *store_->create({.size_bytes = std::nullopt});
    std::vector<std::thread> threads;
    for (std::size_t part = 0; part < parts; ++part) {
        threads.emplace_back([&, part] {
            ASSERT_TRUE(writer->write_at(part * part_bytes, as_bytes(std::string_view(bytes).substr(
                                                                part * part_bytes, part_bytes))));
            ASSERT_TRUE(writer->sync());
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(read(writer->id(), 0, bytes.size()), bytes);
    ASSERT_TRUE(writer->seal(bytes.size() - part_bytes));
    EXPECT_EQ(store_->open(writer->id()).value()->size_bytes(), bytes.size() - part_bytes);
}

TEST_P(StoreContract, ForgetsWhatWasRemovedOrDiscardedButNotForOpenReaders) {
    const BlobId id = write("hello");
    const std::shared_ptr<const Reader> reader = *store_->open(id);
    ASSERT_TRUE(store_->remove(id));
    ASSERT_TRUE(store_->remove(id));
    EXPECT_EQ(store_->open(id).error().code(), Code::not_found);
    EXPECT_EQ(store_->try_open(id), nullptr);
    std::string out(5, '\0');
    EXPECT_TRUE(reader->read_at(0, std::as_writable_bytes(std::span(out))));
    EXPECT_EQ(out, "hello");
    const std::unique_ptr<Writer> writer = *store_->create({.size_bytes = std::nullopt});
    ASSERT_TRUE(writer->write_at(0, as_bytes("x")));
    writer->discard();
    EXPECT_TRUE(list().empty());
}

TEST_P(StoreContract, ListsInTheOrderOfIds) {
    std::vector<BlobId> ids;
    EXPECT_EQ(store_->next_sequence(), 0u);
    for (int i = 0; i < 20; ++i) ids.push_back(write(std::to_string(i)));
    EXPECT_EQ(store_->next_sequence(), 20u);
    EXPECT_EQ(list(), ids);
    EXPECT_EQ(list(ids[7]), std::vector<BlobId>(ids.begin() + 7, ids.end()));
}

TEST_P(StoreContract, PunchesHolesThatReadAsZeros) {
    const std::string bytes = random_bytes(64 * 1024);
    const BlobId id = write(bytes);
    ASSERT_TRUE(store_->punch(id, 4096, 8192));
    EXPECT_EQ(read(id, 4096, 8192), std::string(8192, '\0'));
    EXPECT_EQ(read(id, 0, 4096), bytes.substr(0, 4096));
    EXPECT_EQ(store_->open(id).value()->size_bytes(), bytes.size());
    EXPECT_EQ(store_->punch(BlobId{.writer = 99}, 0, 1).error().code(), Code::not_found);
}

}  // namespace weir::blob
