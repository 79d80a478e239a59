#pragma once
// What every blob::Store must do, run on each of them. RADOS objects must be able to pass it
// unchanged.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

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

TEST_P(StoreContract, TrimsWhatAWriterThatIsGoneReserved) {
    std::unique_ptr<Writer> writer = *store_->create({.size_bytes = 8'000'000});
    const BlobId id = writer->id();
    ASSERT_TRUE(writer->write_at(0, as_bytes("short")));
    ASSERT_TRUE(writer->sync());
    writer.reset();
    ASSERT_TRUE(store_->trim(id));
    ASSERT_TRUE(store_->list(id, [](const BlobInfo& info) {
        EXPECT_EQ(info.size_bytes, 5u);
        EXPECT_LT(info.allocated_bytes, 1'000'000u);
        return true;
    }));
    EXPECT_EQ(read(id, 0, 5), "short");
    EXPECT_EQ(store_->trim(BlobId{.writer = 99}).error().code(), Code::not_found);
}

TEST_P(StoreContract, KeepsAnEmptyBlobAndOneShorterThanItsHint) {
    EXPECT_EQ(store_->open(write("")).value()->size_bytes(), 0u);
    const std::unique_ptr<Writer> writer = *store_->create({.size_bytes = 8'000'000});
    ASSERT_TRUE(writer->write_at(0, as_bytes("short")));
    ASSERT_TRUE(writer->seal(5));
    EXPECT_EQ(store_->open(writer->id()).value()->size_bytes(), 5u);
    EXPECT_EQ(read(writer->id(), 0, 5), "short");
    ASSERT_TRUE(store_->list(writer->id(), [](const BlobInfo& info) {
        EXPECT_EQ(info.size_bytes, 5u);
        EXPECT_LT(info.allocated_bytes, 1'000'000u);
        return true;
    }));
}

// The last part of an upload may come first; each is readable once it is synced.
TEST_P(StoreContract, ReadsPartsBeforeTheSealInAnyOrder) {
    const std::unique_ptr<Writer> writer = *store_->create({.size_bytes = std::nullopt});
    const std::string last = random_bytes(1'000), first = random_bytes(100'000);
    ASSERT_TRUE(writer->write_at(first.size(), as_bytes(last)));
    ASSERT_TRUE(writer->sync());
    const std::shared_ptr<const Reader> reader = *store_->open(writer->id());
    EXPECT_EQ(read(writer->id(), first.size(), last.size()), last);
    ASSERT_TRUE(writer->write_at(0, as_bytes(first)));
    ASSERT_TRUE(writer->seal(first.size() + last.size()));
    EXPECT_EQ(read(writer->id(), 0, first.size() + last.size()), first + last);
    EXPECT_EQ(reader->size_bytes(), first.size() + last.size());
}

TEST_P(StoreContract, StopsListingWhenToldTo) {
    for (int i = 0; i < 3; ++i) write("x");
    int seen = 0;
    ASSERT_TRUE(store_->list({}, [&](const BlobInfo&) { return ++seen < 2; }));
    EXPECT_EQ(seen, 2);
}

TEST_P(StoreContract, DiscardsWhatWasOpenAlready) {
    const std::unique_ptr<Writer> writer = *store_->create({.size_bytes = std::nullopt});
    ASSERT_TRUE(writer->write_at(0, as_bytes("part")));
    ASSERT_TRUE(writer->sync());
    ASSERT_TRUE(store_->open(writer->id()));
    EXPECT_NE(store_->try_open(writer->id()), nullptr);
    writer->discard();
    EXPECT_EQ(store_->try_open(writer->id()), nullptr);
    EXPECT_EQ(store_->open(writer->id()).error().code(), Code::not_found);
}

TEST_P(StoreContract, MakesReadsAndRemovesBlobsSideBySide) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < 25; ++round) {
                const std::string bytes = random_bytes(10'000);
                const BlobId id = write(bytes);
                EXPECT_EQ(read(id, 0, bytes.size()), bytes);
                if (round % 2 == 0) EXPECT_TRUE(store_->remove(id));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(list().size(), 48u);
    EXPECT_EQ(store_->next_sequence(), 100u);
}

}  // namespace weir::blob
