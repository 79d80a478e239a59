#include "mount/commit_queue.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <future>

#include "base/check.h"

namespace weir::mount {
namespace {

// While it lives no thread can be made: its stack would be larger than memory.
class NoThreads {
  public:
    NoThreads() {
        CHECK(::pthread_getattr_default_np(&before_) == 0);
        pthread_attr_t none;
        CHECK(::pthread_attr_init(&none) == 0);
        CHECK(::pthread_attr_setstacksize(&none, std::size_t{1} << 48) == 0);
        CHECK(::pthread_setattr_default_np(&none) == 0);
        ::pthread_attr_destroy(&none);
    }
    ~NoThreads() {
        CHECK(::pthread_setattr_default_np(&before_) == 0);
        ::pthread_attr_destroy(&before_);
    }
    NoThreads(const NoThreads&) = delete;
    NoThreads& operator=(const NoThreads&) = delete;

  private:
    pthread_attr_t before_{};
};

class CommitQueues : public ::testing::Test {
  protected:
    void committed(NodeId node) {
        const MutexLock lock(mutex);
        nodes.push_back(node);
        if (nodes.size() == wanted) all.set_value();
    }

    Mutex mutex;
    std::size_t wanted = 0;
    std::vector<NodeId> nodes;
    std::promise<void> all;
    CommitQueue queue{{.threads_max = 2,
                       .waiting_max = 8,
                       .quiet = std::chrono::hours(1),
                       .delay_max = std::chrono::hours(1)},
                      [this](NodeId node) { committed(node); }};
};

TEST_F(CommitQueues, WithoutAThreadNothingWaits) {
    wanted = 1;
    {
        const NoThreads none;
        EXPECT_FALSE(queue.add(1));
    }
    EXPECT_TRUE(queue.add(2));
    queue.hurry();
    all.get_future().wait();
    EXPECT_EQ(nodes, std::vector<NodeId>{2});
}

TEST_F(CommitQueues, OneThreadDoesWhatSeveralCannot) {
    wanted = 3;
    EXPECT_TRUE(queue.add(1));
    {
        const NoThreads none;
        EXPECT_TRUE(queue.add(2));
        EXPECT_TRUE(queue.add(3));
    }
    queue.hurry();
    all.get_future().wait();
    EXPECT_EQ(nodes, (std::vector<NodeId>{1, 2, 3}));
}

}  // namespace
}  // namespace weir::mount
