#include "io/posix_disk.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

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

}  // namespace
}  // namespace weir::io
