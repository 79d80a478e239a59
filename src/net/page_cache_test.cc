#include "net/page_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace weir::net {
namespace {

constexpr std::uint64_t file_bytes = 1'000'000, quarter = 250'000;

// A file that is on the disk and nowhere else.
class PageCache : public ::testing::Test {
  protected:
    PageCache() {
        std::string path = (std::filesystem::temp_directory_path() / "weir_cache_XXXXXX").string();
        file_ = ::mkstemp(path.data());
        ::unlink(path.c_str());
        const std::string bytes(file_bytes, 'x');
        EXPECT_EQ(::pwrite(file_, bytes.data(), bytes.size(), 0),
                  static_cast<ssize_t>(bytes.size()));
        ::fsync(file_);
        ::posix_fadvise(file_, 0, 0, POSIX_FADV_RANDOM);  // no reading ahead
        drop(0, 0);
    }
    ~PageCache() override { ::close(file_); }

    void SetUp() override {
        if (is_resident_by_pages(file_, 0, file_bytes))
            GTEST_SKIP() << "the file system of the temporary folder is memory";
    }
    void drop(std::uint64_t offset, std::uint64_t length) const {
        ::posix_fadvise(file_, static_cast<off_t>(offset), static_cast<off_t>(length),
                        POSIX_FADV_DONTNEED);
    }
    void read(std::uint64_t offset, std::uint64_t length) const {
        std::string bytes(length, '?');
        ASSERT_EQ(::pread(file_, bytes.data(), length, static_cast<off_t>(offset)),
                  static_cast<ssize_t>(length));
    }
    // Both ways to ask.
    void expect(bool resident, std::uint64_t offset, std::uint64_t length) const {
        EXPECT_EQ(is_resident_by_pages(file_, offset, length), resident)
            << offset << " + " << length;
        EXPECT_EQ(is_resident(file_, offset, length), resident) << offset << " + " << length;
    }

    int file_ = -1;
};

TEST_F(PageCache, HasWhatWasReadAndNothingElse) {
    expect(false, 0, file_bytes);
    read(0, quarter);
    expect(true, 0, quarter);
    expect(true, 4'000, 5'000);
    expect(false, 0, 2 * quarter);
    expect(false, 2 * quarter, quarter);
    read(0, file_bytes);
    expect(true, 0, file_bytes);
    expect(true, file_bytes - 1, 1);
}

TEST_F(PageCache, IsNotTakenInByItsEnds) {
    read(0, file_bytes);
    drop(quarter / 4096 * 4096, 64 * 4096);
    expect(false, 0, file_bytes);
    expect(true, 3 * quarter, quarter);
}

}  // namespace
}  // namespace weir::net
