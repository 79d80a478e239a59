// What every io::Disk must do, run on the real one and on the fake.

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "io/disk.h"
#include "io/fake_disk.h"
#include "io/posix_disk.h"

namespace weir::io {
namespace {

// A disk and an empty folder on it, which goes when this goes.
struct DiskUnderTest {
    virtual ~DiskUnderTest() = default;
    virtual Disk& disk() = 0;
    virtual const std::string& folder() const = 0;
};

struct DiskFactory {
    std::string name;
    std::function<std::unique_ptr<DiskUnderTest>()> make;
};

class DiskContract : public ::testing::TestWithParam<DiskFactory> {
  protected:
    Disk& disk() { return under_test_->disk(); }
    std::string path(const std::string& name) const { return under_test_->folder() + "/" + name; }
    std::string read(const File& file, std::uint64_t offset, std::size_t length) {
        std::string out(length, '?');
        EXPECT_TRUE(file.read_at(offset, std::as_writable_bytes(std::span(out))));
        return out;
    }

    std::unique_ptr<DiskUnderTest> under_test_ = GetParam().make();
};

TEST_P(DiskContract, ReadsWhatWasWrittenAndZerosBetween) {
    const std::unique_ptr<File> file = *disk().create(path("file"));
    ASSERT_TRUE(file->write_at(0, as_bytes("begin")));
    ASSERT_TRUE(file->write_at(10'000, as_bytes("end")));
    ASSERT_TRUE(file->sync());
    EXPECT_EQ(*file->size_bytes(), 10'003u);
    EXPECT_EQ(read(*file, 0, 7), std::string("begin\0\0", 7));
    EXPECT_EQ(read(**disk().open_to_read(path("file")), 9'999, 4), std::string("\0end", 4));
    std::string out(4, '?');
    EXPECT_EQ(file->read_at(10'000, std::as_writable_bytes(std::span(out))).error().code(),
              Code::corrupt);
}

TEST_P(DiskContract, CreatesOnlyWhatIsNotThere) {
    ASSERT_TRUE(disk().create(path("file")));
    EXPECT_EQ(disk().create(path("file")).error().code(), Code::io_error);
    EXPECT_EQ(disk().create(path("none/file")).error().code(), Code::not_found);
}

TEST_P(DiskContract, SaysNotFound) {
    EXPECT_EQ(disk().open_to_read(path("none")).error().code(), Code::not_found);
    EXPECT_EQ(disk().open_to_write(path("none")).error().code(), Code::not_found);
    EXPECT_EQ(disk().open_directory(path("none")).error().code(), Code::not_found);
    EXPECT_EQ(disk().remove(path("none")).error().code(), Code::not_found);
    EXPECT_EQ(disk().rename(path("none"), path("other")).error().code(), Code::not_found);
    EXPECT_EQ(disk().stat(path("none")).error().code(), Code::not_found);
    EXPECT_EQ(disk().list(path("none")).error().code(), Code::not_found);
}

// Whatever lies aligned or not, in memory and in the file, among what is written in the usual way.
TEST_P(DiskContract, WritesDirectlyFromAndToAnywhere) {
    constexpr std::size_t file_bytes = 4 << 20, longest = 3 * File::direct_bytes_min;
    const std::uint64_t seed = random_u64();
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    alignas(File::direct_alignment_bytes) static std::byte memory[2 * longest];
    std::ranges::generate(memory, [&] { return static_cast<std::byte>(random()); });
    const std::unique_ptr<File> file = *disk().create(path("file"));
    std::string expected;
    for (int i = 0; i < 100; ++i) {
        // Half of them as bodies lie: the same in memory as in the file, often whole blocks.
        std::size_t offset = random() % file_bytes, length = random() % longest;
        if (random() % 3 == 0) offset = offset / 4096 * 4096;
        if (random() % 3 == 0) length = length / 4096 * 4096;
        const std::size_t from = random() % 2 == 0 ? offset % 4096 : random() % longest;
        const std::span<const std::byte> bytes = std::span(memory).subspan(from, length);
        if (offset + length > expected.size() && length > 0) expected.resize(offset + length);
        std::ranges::copy(as_text(bytes), expected.begin() + static_cast<std::ptrdiff_t>(offset));
        ASSERT_TRUE(random() % 4 == 0 ? file->write_at(offset, bytes)
                                      : file->write_direct_at(offset, bytes));
        ASSERT_EQ(*file->size_bytes(), expected.size());
        if (i % 10 == 0) {
            ASSERT_EQ(read(*file, 0, expected.size()), expected);
        }
    }
    ASSERT_TRUE(file->sync());
    EXPECT_EQ(read(*file, 0, expected.size()), expected);
}

TEST_P(DiskContract, TruncatesBothWays) {
    const std::unique_ptr<File> file = *disk().create(path("file"));
    ASSERT_TRUE(file->write_at(0, as_bytes("0123456789")));
    ASSERT_TRUE(file->truncate(4));
    EXPECT_EQ(*file->size_bytes(), 4u);
    ASSERT_TRUE(file->truncate(6));
    EXPECT_EQ(read(*file, 0, 6), std::string("0123\0\0", 6));
}

TEST_P(DiskContract, ReservesWithoutGrowingAndGivesBackOnTruncate) {
    const std::unique_ptr<File> file = *disk().create(path("file"));
    ASSERT_TRUE(file->reserve(1'000'000));
    ASSERT_TRUE(file->write_at(0, as_bytes("x")));
    ASSERT_TRUE(file->sync());
    EXPECT_EQ(disk().stat(path("file"))->size_bytes, 1u);
    const std::uint64_t reserved = disk().stat(path("file"))->allocated_bytes;
    ASSERT_TRUE(file->truncate(1));
    ASSERT_TRUE(file->sync());
    if (reserved < 1'000'000) GTEST_SKIP() << "this file system reserves nothing";
    EXPECT_LT(disk().stat(path("file"))->allocated_bytes, 100'000u);
}

TEST_P(DiskContract, PunchesHoles) {
    const std::unique_ptr<File> file = *disk().create(path("file"));
    const std::string bytes(40'000, 'x');
    ASSERT_TRUE(file->write_at(0, as_bytes(bytes)));
    ASSERT_TRUE(file->sync());
    const std::uint64_t before = disk().stat(path("file"))->allocated_bytes;
    ASSERT_TRUE(file->punch(4'096, 32'768));
    EXPECT_EQ(*file->size_bytes(), 40'000u);
    EXPECT_EQ(read(*file, 4'095, 32'770), "x" + std::string(32'768, '\0') + "x");
    EXPECT_LE(disk().stat(path("file"))->allocated_bytes, before - 32'768);
}

TEST_P(DiskContract, RemovesANameButNotForWhoHasItOpen) {
    const std::unique_ptr<File> file = *disk().create(path("file"));
    ASSERT_TRUE(file->write_at(0, as_bytes("kept")));
    ASSERT_TRUE(disk().remove(path("file")));
    EXPECT_EQ(disk().open_to_read(path("file")).error().code(), Code::not_found);
    EXPECT_EQ(read(*file, 0, 4), "kept");
}

TEST_P(DiskContract, MakesDirectoriesAndListsThemSorted) {
    ASSERT_TRUE(make_directories(disk(), path("a/b/c")));
    ASSERT_TRUE(make_directories(disk(), path("a/b/c")));
    for (const char* name : {"z", "m", "b"})
        ASSERT_TRUE(disk().create(path(std::string("a/") + name + "x")));
    EXPECT_EQ(*disk().list(path("a")), (std::vector<std::string>{"b", "bx", "mx", "zx"}));
    EXPECT_EQ(*disk().list(path("a/b")), std::vector<std::string>{"c"});
    EXPECT_TRUE(disk().list(path("a/b/c"))->empty());
    EXPECT_TRUE(sync_directory(disk(), path("a")));
}

TEST_P(DiskContract, ReplacesFilesWhole) {
    ASSERT_TRUE(disk().replace_file(path("file"), "one"));
    EXPECT_EQ(*disk().read_file(path("file"), 3), "one");
    ASSERT_TRUE(disk().create(path("file.new")));  // left by an attempt that died
    ASSERT_TRUE(disk().replace_file(path("file"), "three"));
    EXPECT_EQ(*disk().read_file(path("file"), 5), "three");
    EXPECT_EQ(disk().read_file(path("file"), 4).error().code(), Code::corrupt);
    EXPECT_EQ(*disk().list(under_test_->folder()), std::vector<std::string>{"file"});
}

TEST_P(DiskContract, LocksForOneHolder) {
    {
        const std::unique_ptr<Lock> lock = *disk().lock(path("lock"));
        const Result<std::unique_ptr<Lock>> other = disk().lock(path("lock"));
        ASSERT_FALSE(other);
        EXPECT_EQ(other.error().code(), Code::unavailable);
        EXPECT_NE(other.error().message().find("process "), std::string_view::npos);
    }
    EXPECT_TRUE(disk().lock(path("lock")));
}

TEST_P(DiskContract, KnowsItsSpace) {
    const Result<Space> space = disk().space(under_test_->folder());
    ASSERT_TRUE(space);
    EXPECT_GT(space->total_bytes, 0u);
    EXPECT_LE(space->free_bytes, space->total_bytes);
}

class TemporaryFolder final : public DiskUnderTest {
  public:
    TemporaryFolder() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "weir_disk_XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryFolder() override { std::filesystem::remove_all(folder_); }
    Disk& disk() override { return disk_; }
    const std::string& folder() const override { return folder_; }

  private:
    PosixDisk disk_;
    std::string folder_;
};

class FakeFolder final : public DiskUnderTest {
  public:
    FakeFolder() { EXPECT_TRUE(disk_.make_directory(folder_)); }
    Disk& disk() override { return disk_; }
    const std::string& folder() const override { return folder_; }

  private:
    FakeDisk disk_;
    std::string folder_ = "/folder";
};

INSTANTIATE_TEST_SUITE_P(
    Disks, DiskContract,
    ::testing::Values(DiskFactory{"posix", [] { return std::make_unique<TemporaryFolder>(); }},
                      DiskFactory{"fake", [] { return std::make_unique<FakeFolder>(); }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace weir::io
