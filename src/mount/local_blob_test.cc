#include "mount/local_blob.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace weir::mount {
namespace {

constexpr std::string_view table =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout\n"
    "   0: 0100007F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1\n"
    "   1: 0100007F:2329 00000000:0000 01 00000000:00000000 00:00000000 00000000  1001        0 2\n"
    "   2: 00000000:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 3\n"
    "   3: 0100007F:232A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4\n"
    "   4: 00000000:232A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     7        0 "
    "5\n";

TEST(LocalBlob, TheListenersOwnerIsFound) {
    EXPECT_EQ(listener_of(table, 9000), uid_t{1000});
    EXPECT_FALSE(listener_of(table, 9001)) << "a connection, nobody who listens";
    EXPECT_FALSE(listener_of(table, 9002)) << "two users";
    EXPECT_FALSE(listener_of(table, 1));
    EXPECT_FALSE(listener_of("", 9000));
}

TEST(LocalBlob, OnlyTheVeryFileIsOpened) {
    const std::string path = testing::TempDir() + "weir-local-blob-" + std::to_string(::getpid());
    std::ofstream(path) << "bytes";
    struct stat found{};
    ASSERT_EQ(::stat(path.c_str(), &found), 0);
    std::string boot;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
    const client::LocalBlob blob{
        .boot_id = boot, .device = found.st_dev, .inode = found.st_ino, .path = path};
    const auto opens = [](const client::LocalBlob& about, std::uint64_t bytes, uid_t owner) {
        const int file = open_local_blob(about, bytes, owner);
        if (file >= 0) ::close(file);
        return file >= 0;
    };
    EXPECT_TRUE(opens(blob, 5, ::geteuid()));
    EXPECT_FALSE(opens(blob, 6, ::geteuid()));
    EXPECT_FALSE(opens(blob, 5, ::geteuid() + 1)) << "another user's file";
    client::LocalBlob other = blob;
    other.boot_id.pop_back();
    EXPECT_FALSE(opens(other, 5, ::geteuid())) << "another kernel";
    other = blob;
    ++other.inode;
    EXPECT_FALSE(opens(other, 5, ::geteuid()));
    other = blob;
    ++other.device;
    EXPECT_FALSE(opens(other, 5, ::geteuid()));
    std::filesystem::create_symlink(path, path + ".link");
    other = blob;
    other.path += ".link";
    EXPECT_FALSE(opens(other, 5, ::geteuid())) << "a link";
    std::filesystem::remove(path + ".link");
    std::filesystem::remove(path);
}

TEST(LocalBlob, HostsOfTheLoopback) {
    for (const char* host : {"localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"})
        EXPECT_TRUE(on_loopback(host)) << host;
    for (const char* host : {"", "weir.example", "128.0.0.1", "10.0.0.1"})
        EXPECT_FALSE(on_loopback(host)) << host;
}

}  // namespace
}  // namespace weir::mount
