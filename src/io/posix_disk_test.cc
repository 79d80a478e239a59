#include "io/posix_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/bytes.h"

namespace weir::io {
namespace {

class PosixDiskTest : public ::testing::Test {
  protected:
    PosixDiskTest() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "weir_disk_XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~PosixDiskTest() override { std::filesystem::remove_all(folder_); }

    PosixDisk disk_;
    std::string folder_;
};

TEST_F(PosixDiskTest, KeepsWhatItMakesToItsOwner) {
    const std::string path = folder_ + "/secret";
    ASSERT_TRUE(disk_.replace_file(path, "s3cr3t"));
    ASSERT_TRUE(disk_.make_directory(path + "s"));
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0600u);
    ASSERT_EQ(::stat((path + "s").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0700u);
}

TEST_F(PosixDiskTest, NamesTheProcessThatHoldsTheLock) {
    const std::string path = folder_ + "/lock";
    const std::unique_ptr<Lock> lock = *disk_.lock(path);
    const Result<std::unique_ptr<Lock>> other = disk_.lock(path);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().message(),
              path + " is locked by process " + std::to_string(::getpid()));
}

TEST_F(PosixDiskTest, GivesDescriptorsForSendfile) {
    const std::unique_ptr<File> file = *disk_.create(folder_ + "/file");
    ASSERT_TRUE(file->write_at(0, as_bytes("bytes")));
    char out[5];
    ASSERT_EQ(::pread(file->descriptor(), out, sizeof out, 0), 5);
    EXPECT_EQ(std::string_view(out, sizeof out), "bytes");
}

// How many pages of the file the kernel keeps.
std::size_t cached_pages(int descriptor, std::size_t file_bytes) {
    void* const mapped = ::mmap(nullptr, file_bytes, PROT_READ, MAP_SHARED, descriptor, 0);
    EXPECT_NE(mapped, MAP_FAILED);
    std::vector<unsigned char> pages((file_bytes + 4095) / 4096);
    EXPECT_EQ(::mincore(mapped, file_bytes, pages.data()), 0);
    ::munmap(mapped, file_bytes);
    return static_cast<std::size_t>(
        std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; }));
}

TEST_F(PosixDiskTest, KeepsNothingInThePageCacheOfWhatItWritesDirectly) {
    alignas(File::direct_alignment_bytes) static std::byte memory[1'000'000];
    const std::string path = folder_ + "/file";
    const std::unique_ptr<File> file = *disk_.create(path);
    const int direct = ::open(path.c_str(), O_WRONLY | O_DIRECT);
    if (direct < 0) GTEST_SKIP() << "the file system of " << folder_ << " knows no O_DIRECT";
    ::close(direct);
    ASSERT_TRUE(file->write_direct_at(0, memory));
    EXPECT_LE(cached_pages(file->descriptor(), sizeof memory), 1u) << "the last is no whole block";
    ASSERT_TRUE(file->write_at(0, memory));
    EXPECT_GT(cached_pages(file->descriptor(), sizeof memory), 200u);
}

}  // namespace
}  // namespace weir::io
