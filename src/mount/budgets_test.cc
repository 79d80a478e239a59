#include "mount/budgets.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/limits.h"

namespace weir::mount {
namespace {

class BudgetsTest : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "weir_budgets_XXXXXX").string();
        root_ = ::mkdtemp(pattern.data());
    }
    void TearDown() override { std::filesystem::remove_all(root_); }
    void write(const std::string& path, const std::string& text) {
        std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
        std::ofstream(root_ + path) << text;
    }
    std::string root_;
};

TEST_F(BudgetsTest, TheLeastOfTheGroupsAboveCounts) {
    write("/proc/self/cgroup", "0::/a/b\n");
    write("/sys/fs/cgroup/a/b/memory.max", "max\n");
    write("/sys/fs/cgroup/a/memory.max", "104857600\n");
    EXPECT_EQ(memory_bound_bytes(root_), 100 * MiB);
    write("/sys/fs/cgroup/a/b/memory.max", "52428800\n");
    EXPECT_EQ(memory_bound_bytes(root_), 50 * MiB);
}

TEST_F(BudgetsTest, TheRootGroupOfAContainerCounts) {
    write("/proc/self/cgroup", "0::/\n");
    write("/sys/fs/cgroup/memory.max", "104857600\n");
    EXPECT_EQ(memory_bound_bytes(root_), 100 * MiB);
}

TEST_F(BudgetsTest, VersionOneCounts) {
    write("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:hugetlb,memory:/x\n");
    write("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "104857600\n");
    EXPECT_EQ(memory_bound_bytes(root_), 100 * MiB);
}

TEST_F(BudgetsTest, WithoutGroupsTheMachineIsTheBound) {
    EXPECT_GT(memory_bound_bytes(root_), 100 * MiB);
    EXPECT_LT(memory_bound_bytes(root_), 1000 * TiB);
}

TEST_F(BudgetsTest, DefaultsAreWithinTheirBounds) {
    EXPECT_EQ(default_memory_bytes(64 * GiB), mount_memory_bytes);
    EXPECT_EQ(default_memory_bytes(400 * MiB), 100 * MiB);
    EXPECT_EQ(default_memory_bytes(1 * MiB), mount_memory_bytes_min);
    EXPECT_GE(default_cache_bytes(root_, 1 * GiB).value(), mount_cache_bytes_min);
    EXPECT_LE(default_cache_bytes("/dev/shm", 8 * GiB).value(), 2 * GiB);
    EXPECT_FALSE(default_cache_bytes(root_ + "/none", 1 * GiB));
    EXPECT_GT(resident_bytes(), 1 * MiB);
}

TEST_F(BudgetsTest, LimitsFollowTheMemory) {
    const MountLimits all, least = limits_within(mount_memory_bytes_min);
    EXPECT_EQ(limits_within(mount_memory_bytes * 4).nodes_max, all.nodes_max);
    EXPECT_EQ(limits_within(mount_memory_bytes).held_files_bytes_max, all.held_files_bytes_max);
    EXPECT_EQ(least.nodes_max, all.nodes_max / 6);
    EXPECT_LT(least.held_files_bytes_max, 6 * MiB);
    EXPECT_EQ(least.worker_threads_max, 10U);
    EXPECT_EQ(least.background_max, 5U);
}

}  // namespace
}  // namespace weir::mount
