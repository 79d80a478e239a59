#include "blob/memory/store.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace weir::blob::memory {
namespace {

class MemoryStoreDeathTest : public ::testing::Test {
  protected:
    MemoryStoreDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

    void read(std::uint64_t offset, std::size_t length) {
        std::string out(length, '?');
        ASSERT_TRUE(store_.open(writer_->id())
                        .value()
                        ->read_at(offset, std::as_writable_bytes(std::span(out))));
    }

    Store store_;
    const std::unique_ptr<Writer> writer_ = *store_.create({});
};

TEST_F(MemoryStoreDeathTest, WritesNoByteTwice) {
    ASSERT_TRUE(writer_->write_at(10, as_bytes("0123456789")));
    ASSERT_TRUE(writer_->write_at(20, as_bytes("after")));
    ASSERT_TRUE(writer_->write_at(5, as_bytes("front")));
    EXPECT_DEATH(static_cast<void>(writer_->write_at(19, as_bytes("x"))), "CHECK|memory/store");
    EXPECT_DEATH(static_cast<void>(writer_->write_at(0, as_bytes("012345"))), "CHECK|memory/store");
}

TEST_F(MemoryStoreDeathTest, TakesNothingAfterTheSeal) {
    ASSERT_TRUE(writer_->write_at(0, as_bytes("whole")));
    ASSERT_TRUE(writer_->seal(5));
    EXPECT_DEATH(static_cast<void>(writer_->write_at(5, as_bytes("x"))), "CHECK|memory/store");
    EXPECT_DEATH(static_cast<void>(writer_->seal(5)), "CHECK|memory/store");
}

TEST_F(MemoryStoreDeathTest, SealsNoMoreThanWasWritten) {
    ASSERT_TRUE(writer_->write_at(0, as_bytes("whole")));
    EXPECT_DEATH(static_cast<void>(writer_->seal(6)), "CHECK|memory/store");
}

TEST_F(MemoryStoreDeathTest, ReadsNothingThatIsNotDurable) {
    ASSERT_TRUE(writer_->write_at(0, as_bytes("synced")));
    ASSERT_TRUE(writer_->sync());
    ASSERT_TRUE(writer_->write_at(6, as_bytes("not yet")));
    read(0, 6);
    EXPECT_DEATH(read(0, 7), "CHECK|memory/store");
}

TEST_F(MemoryStoreDeathTest, ReadsNothingThatWasNeverWritten) {
    ASSERT_TRUE(writer_->write_at(10, as_bytes("tail")));
    ASSERT_TRUE(writer_->sync());
    read(10, 4);
    EXPECT_DEATH(read(9, 5), "CHECK|memory/store");
}

}  // namespace
}  // namespace weir::blob::memory
