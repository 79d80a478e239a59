// A real mount of a real store, and how it ends. Needs root and /dev/fuse.

#include "mount/session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <thread>

#include "base/check.h"
#include "cache/cache.h"
#include "mount/mount.h"
#include "mount/store_rig.h"
#include "net/interrupt.h"

namespace weir::mount {
namespace {

class Sessions : public ::testing::Test {
  protected:
    Sessions() {
        limits.drain_timeout_ms = 300;
        std::string name = (std::filesystem::temp_directory_path() / "weir-mount-XXXXXX").string();
        CHECK(::mkdtemp(name.data()) != nullptr);
        base = name;
    }
    ~Sessions() override {
        if (served.valid()) end();
        mount.reset();
        cache.reset();
        std::filesystem::remove_all(base);
    }
    void SetUp() override {
        if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0)
            GTEST_SKIP() << "only root may mount, and with /dev/fuse";
    }

    void start(MountOptions options) {
        if (options.source.empty()) options.source = options.bucket;
        auto opened =
            cache::Cache::open({.path = (base / "cache").string(), .cache_bytes = 256 * MiB},
                               store.clock(), store.log());
        ASSERT_TRUE(opened) << opened.error().describe();
        cache = *std::move(opened);
        std::filesystem::create_directories(options.folder);
        auto made = Mount::start(std::move(options), {.client = store.client(),
                                                      .cache = *cache,
                                                      .limits = limits,
                                                      .clock = store.clock(),
                                                      .log = store.log(),
                                                      .ending = ending});
        ASSERT_TRUE(made) << made.error().describe();
        mount = *std::move(made);
        served = std::async(std::launch::async, [this] { return mount->wait(); });
        const auto following = [&] { return mount->status().journal.state; };
        ASSERT_TRUE(eventually([&] { return following() == FollowState::following; }));
    }
    void end() {
        mount->stop();
        const Result<void> ended = served.get();
        EXPECT_TRUE(ended) << ended.error().describe();
    }
    static std::string mounts() {
        std::ifstream file("/proc/self/mountinfo");
        return {std::istreambuf_iterator<char>(file), {}};
    }
    static std::string read(const std::filesystem::path& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    StoreRig& store = StoreRig::shared();
    MountLimits limits;
    std::filesystem::path base;
    std::unique_ptr<cache::Cache> cache;
    net::Interrupt ending;
    std::unique_ptr<Mount> mount;
    std::future<Result<void>> served;
};

TEST_F(Sessions, EndWhileAFileIsOpen) {
    const std::string bucket = store.new_bucket();
    store.put(bucket, "a", "hello");
    const std::filesystem::path folder = base / "mnt";
    start({.bucket = bucket, .folder = folder.string()});
    const int file = ::open((folder / "a").c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(file, 0);
    end();  // it would hang
    EXPECT_FALSE(mounts().contains(folder.string()));
    ::close(file);
}

TEST_F(Sessions, MountWhereAFolderHasASpace) {
    const std::string bucket = store.new_bucket();
    const std::filesystem::path folder = base / "with a space";
    start({.bucket = bucket, .folder = folder.string()});
    EXPECT_TRUE(mounts().contains("with\\040a\\040space"));
    end();
    EXPECT_FALSE(mounts().contains("with\\040a\\040space"));
}

TEST_F(Sessions, LeaveWhatOthersMountedThere) {
    const std::string bucket = store.new_bucket();
    store.put(bucket, "a", "hello");
    const std::filesystem::path folder = base / "mnt";
    start({.bucket = bucket, .folder = folder.string()});
    const int file = ::open((folder / "a").c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(file, 0);
    ASSERT_EQ(::umount2(folder.c_str(), MNT_DETACH), 0);
    ASSERT_EQ(::mount("other", folder.c_str(), "tmpfs", 0, nullptr), 0);
    end();
    mount.reset();
    EXPECT_TRUE(mounts().contains(folder.string()));
    ::close(file);
    ::umount2(folder.c_str(), MNT_DETACH);
}

TEST_F(Sessions, ShowAPrefixOfAnyCharacters) {
    const std::string bucket = store.new_bucket(), prefix = R"(a,ro\b)";
    store.put(bucket, prefix + "/c", "hello");
    const std::filesystem::path folder = base / "mnt";
    start({.source = bucket + R"(:a,ro\b/)",
           .bucket = bucket,
           .prefix = prefix,
           .folder = folder.string()});
    EXPECT_EQ(read(folder / "c"), "hello");
    std::ofstream(folder / "d") << "it is not read-only";
    EXPECT_EQ(store.get(bucket, prefix + "/d"), "it is not read-only");
    EXPECT_TRUE(mounts().contains(bucket + R"(:a,ro\134b/)")) << mounts();
}

TEST_F(Sessions, KeepTheFolderThatSomebodyIsIn) {
    const std::string bucket = store.new_bucket();
    store.put(bucket, "a/b", "hello");
    const std::filesystem::path folder = base / "mnt";
    start({.bucket = bucket, .folder = folder.string()});
    const int inside = ::open((folder / "a").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(inside, 0);
    ASSERT_TRUE(std::filesystem::exists(folder / "a/b"));
    const auto path_of_it = [&] {
        return std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", inside)).string();
    };
    ASSERT_EQ(path_of_it(), (folder / "a").string());
    // All that is in it goes, and for a moment the folder with it.
    ASSERT_TRUE(store.client().delete_object({.bucket = bucket, .key = "a/b"}));
    store.put(bucket, "a/c", "hello");
    EXPECT_TRUE(eventually([&] { return ::faccessat(inside, "b", F_OK, 0) != 0; }));
    for (int i = 0; i < 30; ++i) {
        ASSERT_EQ(path_of_it(), (folder / "a").string());
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(std::filesystem::exists(folder / "a/c"));
    // And when it is gone whoever asks for it hears so.
    ASSERT_TRUE(store.client().delete_object({.bucket = bucket, .key = "a/c"}));
    EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(folder / "a"); }));
    ::close(inside);
}

}  // namespace
}  // namespace weir::mount
