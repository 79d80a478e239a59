// How the uploads of several files share the threads there are.

#include "mount/part_uploader.h"

#include <gtest/gtest.h>

#include <future>

#include "mount/draft_rig.h"

namespace weir::mount {
namespace {

constexpr std::chrono::seconds patience{60};  // only a test that fails waits so long

// A pool of one thread, which waits until it is let go.
class PartUploads : public DraftRig {
  protected:
    PartUploads() {
        limits.file_parallelism = 1;
        EXPECT_TRUE(pool.submit([held = gate.get_future().share()] { held.wait(); }));
    }
    void let_go() {
        if (!std::exchange(gone, true)) gate.set_value();
    }
    ~PartUploads() override { let_go(); }

    std::promise<void> gate;
    bool gone = false;
    io::BlockingPool pool{1, 64};
    DraftGround one = ground_of(store.client(), store.transfers(), pool);
};

TEST_F(PartUploads, ACommitDoesNotWaitForAThreadThatOthersHave) {
    Draft file(one, {.key = "a"});
    const std::string all = noise(2 * part_bytes);
    write(file, 0, all);
    std::future<Result<ObjectVersion>> done =
        std::async(std::launch::async, [&] { return file.commit(); });
    EXPECT_EQ(done.wait_for(patience), std::future_status::ready);
    let_go();
    EXPECT_TRUE(done.get());
    EXPECT_TRUE(store.get(bucket, "a") == all);
}

TEST_F(PartUploads, FilesTakeTurns) {
    Draft first(one, {.key = "first"}), second(one, {.key = "second"});
    write(first, 0, noise(4 * part_bytes));
    write(second, 0, noise(4 * part_bytes));
    std::promise<std::pair<std::uint64_t, std::uint64_t>> sent;
    ASSERT_TRUE(pool.submit([&] { sent.set_value({first.parts_sent(), second.parts_sent()}); }));
    let_go();
    EXPECT_EQ(sent.get_future().get(), std::pair(std::uint64_t{1}, std::uint64_t{1}));
    commit(first);
    commit(second);
    EXPECT_EQ(first.parts_sent(), 4U);
    EXPECT_EQ(second.parts_sent(), 4U);
}

}  // namespace
}  // namespace weir::mount
