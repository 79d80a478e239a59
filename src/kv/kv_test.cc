#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <rocksdb/db.h>

#include "base/random.h"
#include "kv/contract_test.h"
#include "kv/forwarding_engine.h"
#include "kv/memory/engine.h"
#include "kv/rocksdb/engine.h"

namespace weir::kv {
namespace {

class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "weir_kv_XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

std::unique_ptr<rocksdb::Engine> open(const std::string& path) {
    static const std::shared_ptr<Log> log = null_log();
    Result<std::unique_ptr<rocksdb::Engine>> engine =
        rocksdb::Engine::open({.path = path}, Limits(), *log);
    EXPECT_TRUE(engine) << engine.error().describe();
    return *std::move(engine);
}

struct OpenedInItsFolder {
    TemporaryFolder folder;
    std::unique_ptr<rocksdb::Engine> engine = open(folder.path());
};

// A RocksDB engine that takes its folder with it.
class TemporaryEngine final : OpenedInItsFolder, public ForwardingEngine {
  public:
    TemporaryEngine() : ForwardingEngine(*engine) {}
    void stop() override { engine->stop(); }
};

INSTANTIATE_TEST_SUITE_P(Memory, EngineContract,
                         ::testing::Values(EngineFactory{
                             "memory", [] { return std::make_unique<memory::Engine>(); }}));
INSTANTIATE_TEST_SUITE_P(RocksDb, EngineContract,
                         ::testing::Values(EngineFactory{
                             "rocksdb", [] { return std::make_unique<TemporaryEngine>(); }}));

TEST(PrefixRange, EndsBehindTheLastKeyWithThePrefix) {
    EXPECT_EQ(prefix_range("a").end, "b");
    EXPECT_EQ(prefix_range("a\xff").end, "b");
    EXPECT_EQ(prefix_range("\xff").end, "");
}

TEST(MemoryEngine, MayLoseTheReplyToACommitThatItApplied) {
    memory::Engine engine({.lost_replies_percent = 100});
    ASSERT_TRUE(engine.create_partition(PartitionId(9)));
    Batch batch;
    batch.put("oa", "1");
    EXPECT_EQ(commit_and_wait(engine, PartitionId(9), std::move(batch)).error().code(),
              Code::unavailable);
    EXPECT_EQ(engine.get(PartitionId(9), "oa").value(), "1");
}

TEST(RocksDbEngine, FindsEverythingAgainAfterItWasClosed) {
    TemporaryFolder folder;
    Sequence before = 0;
    {
        const auto engine = open(folder.path());
        ASSERT_TRUE(engine->create_partition(PartitionId(9)));
        Batch batch;
        batch.put("oa", "1");
        batch.append("entry");
        before = commit_and_wait(*engine, PartitionId(9), std::move(batch))->last_sequence;
    }
    const auto engine = open(folder.path());
    EXPECT_EQ(engine->get(PartitionId(9), "oa").value(), "1");
    Batch batch;
    batch.append("entry");
    EXPECT_GT(commit_and_wait(*engine, PartitionId(9), std::move(batch))->last_sequence, before);
}

TEST(RocksDbEngine, RefusesAFolderThatIsInUse) {
    TemporaryFolder folder;
    const auto engine = open(folder.path());
    const std::shared_ptr<Log> log = null_log();
    const auto second = rocksdb::Engine::open({.path = folder.path()}, Limits(), *log);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), Code::unavailable);
}

// No file grows while it lives: what is written fails with EFBIG.
class NoFileGrows {
  public:
    NoFileGrows() {
        ::signal(SIGXFSZ, SIG_IGN);
        EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
        const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
    }
    ~NoFileGrows() { EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &before_), 0); }

  private:
    rlimit before_{};
};

// tests/faults does the same to a server, and more.
TEST(RocksDbEngine, GoesOnByItselfWhenItsLogCanBeWrittenAgain) {
    TemporaryFolder folder;
    const PartitionId partition(9);
    const auto commit = [&](rocksdb::Engine& engine,
                            const std::string& key) -> std::optional<Code> {
        Batch batch;
        batch.put(key, std::string(100, 'x'));
        const Result<Committed> done = commit_and_wait(engine, partition, std::move(batch));
        return done ? std::nullopt : std::optional(done.error().code());
    };
    {
        const auto engine = open(folder.path());
        ASSERT_TRUE(engine->create_partition(partition));
        ASSERT_EQ(commit(*engine, "o1"), std::nullopt);
        {
            const NoFileGrows fault;
            EXPECT_EQ(commit(*engine, "o2"), Code::io_error);
            for (int i = 0; i < 5; ++i) {
                EXPECT_EQ(commit(*engine, "o3"), Code::read_only);
                EXPECT_TRUE(engine->get(partition, "o1").value());
                std::this_thread::sleep_for(std::chrono::milliseconds(60));
            }
            EXPECT_EQ(engine->trim_journal(partition, 1).error().code(), Code::read_only);
        }
        std::optional<Code> outcome;
        for (int i = 0; i < 1000 && (outcome = commit(*engine, "o4")); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        EXPECT_EQ(outcome, std::nullopt);
    }
    const auto engine = open(folder.path());
    EXPECT_TRUE(engine->get(partition, "o1").value());
    EXPECT_FALSE(engine->get(partition, "o3").value()) << "what was refused was not tried";
    EXPECT_TRUE(engine->get(partition, "o4").value());
}

// Rows that are held in memory: whoever reads after a commit was acknowledged reads what it wrote.
TEST(RocksDbEngine, HotRowsAreNeverOlderThanWhatWasAcknowledged) {
    const TemporaryFolder folder;
    const auto engine = open(folder.path());
    const PartitionId partition(7);
    ASSERT_TRUE(engine->create_partition(partition));
    const auto write = [&](int value) {
        Batch batch;
        batch.put("e", std::to_string(value));
        EXPECT_TRUE(commit_and_wait(*engine, partition, std::move(batch)));
    };
    write(0);
    std::atomic<int> acknowledged = 0;
    std::atomic<int> held = 0;
    std::vector<std::jthread> readers;
    for (int reader = 0; reader < 4; ++reader)
        readers.emplace_back([&](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                const int at_least = acknowledged;
                const auto row = engine->try_get(partition, "e");
                const int seen = row && *row ? std::stoi(**row) : -1;
                EXPECT_GE(seen, at_least);
                if (at_least == acknowledged) ++held;
            }
        });
    for (int value = 1; value <= 500; ++value) {
        const int before = held;
        write(value);
        acknowledged = value;
        while (held < before + 4 && !testing::Test::HasFailure()) std::this_thread::yield();
    }
    readers.clear();
    ASSERT_TRUE(engine->drop_partition(partition));
    EXPECT_FALSE(engine->try_get(partition, "e").value());
    ASSERT_TRUE(engine->create_partition(partition));
    EXPECT_FALSE(engine->try_get(partition, "e").value());
    write(1000);
    EXPECT_EQ(engine->try_get(partition, "e").value(), "1000");
    Batch batch;
    batch.remove("e");
    ASSERT_TRUE(commit_and_wait(*engine, partition, std::move(batch)));
    EXPECT_FALSE(engine->try_get(partition, "e").value());
}

// A database that was just opened: its rows lie in files, and its own cache has none of them.
class RowsInFiles : public testing::Test {
  protected:
    static constexpr int rows = 2000;

    RowsInFiles() {
        {
            const auto first = open(folder.path());
            EXPECT_TRUE(first->create_partition(partition));
            Batch batch;
            for (int i = 0; i < rows; ++i) {
                batch.put(row(i), random_bytes(100));
                batch.put(body(i), random_bytes(4000));  // in a blob file
            }
            EXPECT_TRUE(commit_and_wait(*first, partition, std::move(batch)));
        }
        {
            const auto second = open(folder.path());
        }  // what the log held is in tables
        engine = open(folder.path());
        // Opens them.
        EXPECT_TRUE(engine->get(partition, row(0)).value());
        EXPECT_TRUE(engine->get(partition, body(0)).value());
    }

    static std::string row(int i) { return "o" + std::to_string(i); }
    static std::string body(int i) { return "d" + std::to_string(i); }
    template <typename Look>
    void each_file(const Look& look) {
        for (const auto& each : std::filesystem::directory_iterator(folder.path())) {
            if (each.path().extension() != ".sst" && each.path().extension() != ".blob") continue;
            const int file = ::open(each.path().c_str(), O_RDONLY | O_CLOEXEC);
            look(file, each.file_size());
            ::close(file);
        }
    }
    // Whether the kernel has read all of them, and can tell.
    bool read_all() {
        bool all = true;
        each_file([&](int file, std::size_t size) {
            std::string bytes(size, '\0');
            const iovec into{.iov_base = bytes.data(), .iov_len = size};
            EXPECT_EQ(::pread(file, bytes.data(), size, 0), static_cast<ssize_t>(size));
            all &= ::preadv2(file, &into, 1, 0, RWF_NOWAIT) == static_cast<ssize_t>(size);
        });
        return all;
    }
    // Whether it has dropped them.
    bool drop_all() {
        bool none = true;
        each_file([&](int file, std::size_t size) {
            ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
            void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
            std::vector<unsigned char> pages(size / 4096 + 1);
            EXPECT_EQ(::mincore(mapped, size, pages.data()), 0);
            ::munmap(mapped, size);
            none &= std::ranges::none_of(pages, [](unsigned char page) { return (page & 1) != 0; });
        });
        return none;
    }

    const TemporaryFolder folder;
    const PartitionId partition{7};
    std::unique_ptr<rocksdb::Engine> engine;
};

TEST_F(RowsInFiles, AreReadWithoutWaitingFromThePageCache) {
    if (!read_all()) GTEST_SKIP() << "the page cache of this file system cannot be asked";
    for (int i = 0; i < rows; ++i) {
        EXPECT_TRUE(engine->try_get(partition, row(i)));
        EXPECT_TRUE(engine->try_get(partition, body(i)));
    }
}

TEST_F(RowsInFiles, WouldBlockWhereOnlyTheDiskHasThem) {
    if (!drop_all()) GTEST_SKIP() << "this file system keeps what is dropped";
    // What is asked for in vain is read ahead.
    const auto first = engine->try_get(partition, row(rows - 1));
    ASSERT_FALSE(first);
    EXPECT_EQ(first.error().code(), Code::would_block);
    if (!drop_all()) GTEST_SKIP() << "this file system keeps what is dropped";
    const auto second = engine->try_get(partition, body(rows - 1));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), Code::would_block);
    EXPECT_TRUE(engine->get(partition, body(rows - 1)).value());
}

// Readers wait while the database is opened anew, those that are inside already do not.
TEST(RocksDbEngine, IsReadAllTheWhileItRecovers) {
    TemporaryFolder folder;
    const PartitionId partition(9);
    const auto engine = open(folder.path());
    ASSERT_TRUE(engine->create_partition(partition));
    Batch batch;
    for (int i = 0; i < 100; ++i) batch.put("o" + std::to_string(i), random_bytes(100));
    ASSERT_TRUE(commit_and_wait(*engine, partition, std::move(batch)));
    std::atomic<bool> stop = false;
    std::atomic<int> read = 0;
    std::vector<std::jthread> readers;
    for (int reader = 0; reader < 3; ++reader)
        readers.emplace_back([&] {
            while (!stop) {
                int rows = 0;
                const Result<ScanEnd> seen = engine->scan(
                    partition, prefix_range("o"), [&](std::string_view key, std::string_view) {
                        EXPECT_TRUE(engine->get(partition, key).value());
                        ++rows;
                        return true;
                    });
                EXPECT_TRUE(seen);
                EXPECT_EQ(rows, 100);
                const auto now = engine->try_get(partition, "o1");
                EXPECT_TRUE(now || now.error().code() == Code::would_block);
                ++read;
            }
        });
    for (int round = 0; round < 5; ++round) {
        {
            const NoFileGrows fault;
            Batch refused;
            refused.put("p", "x");
            EXPECT_FALSE(commit_and_wait(*engine, partition, std::move(refused)));
        }
        for (int i = 0; i < 1000; ++i) {
            Batch again;
            again.put("p", "x");
            if (commit_and_wait(*engine, partition, std::move(again))) break;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }
    stop = true;
    readers.clear();
    EXPECT_GT(read, 0);
    EXPECT_TRUE(engine->get(partition, "p").value());
}

void flip_bit(const std::string& path, std::streamoff at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(at);
    file.put(byte);
}

// Damage in a table file, which the running engine may never read again.
TEST(RocksDbEngine, NamesATableFileThatIsNotWhatWasWritten) {
    TemporaryFolder folder;
    {
        const auto engine = open(folder.path());
        ASSERT_TRUE(engine->create_partition(PartitionId(9)));
        Batch batch;
        for (int i = 0; i < 1000; ++i) batch.put("o" + std::to_string(i), random_bytes(100));
        ASSERT_TRUE(commit_and_wait(*engine, PartitionId(9), std::move(batch)));
    }
    open(folder.path());  // what was logged is in tables now
    const auto engine = open(folder.path());
    std::vector<std::string> files, damaged;
    std::uint64_t largest_bytes = 0;
    std::string largest;
    const FileVisitor visit = [&](const std::string& file, std::uint64_t bytes,
                                  const std::optional<std::string>& wrong) {
        files.push_back(file);
        if (bytes > std::exchange(largest_bytes, std::max(largest_bytes, bytes))) largest = file;
        if (wrong) damaged.push_back(file);
        return true;
    };
    ASSERT_TRUE(engine->verify_files(visit));
    ASSERT_FALSE(files.empty());
    EXPECT_THAT(damaged, ::testing::IsEmpty());
    EXPECT_GT(largest_bytes, 100'000u);
    flip_bit(largest, 20'000);
    files.clear();
    ASSERT_TRUE(engine->verify_files(visit));
    EXPECT_THAT(damaged, ::testing::ElementsAre(largest));
    EXPECT_GE(files.size(), 1u);
}

// Nobody would read it again before the next start, which would refuse it.
TEST(RocksDbEngine, NamesALogThatIsNotWhatWasWrittenAndWritesItAnew) {
    TemporaryFolder folder;
    const auto key = [](int i) { return "o" + std::to_string(i); };
    const auto engine = open(folder.path());
    ASSERT_TRUE(engine->create_partition(PartitionId(9)));
    for (int i = 0; i < 20; ++i) {
        Batch batch;
        batch.put(key(i), random_bytes(1000));
        ASSERT_TRUE(commit_and_wait(*engine, PartitionId(9), std::move(batch)));
    }
    std::vector<std::string> logs, damaged;
    const FileVisitor visit = [&](const std::string& file, std::uint64_t,
                                  const std::optional<std::string>& wrong) {
        if (file.ends_with(".log")) logs.push_back(file);
        if (wrong) damaged.push_back(file);
        return true;
    };
    ASSERT_TRUE(engine->verify_files(visit));
    ASSERT_FALSE(logs.empty());
    EXPECT_THAT(damaged, ::testing::IsEmpty());
    const std::string log = logs.back();
    flip_bit(log, 5'000);
    ASSERT_TRUE(engine->verify_files(visit));
    EXPECT_THAT(damaged, ::testing::ElementsAre(log));
    ASSERT_TRUE(engine->verify_files(visit));
    EXPECT_THAT(damaged, ::testing::SizeIs(1)) << "it was told twice";
    // As a kill leaves it.
    TemporaryFolder dead;
    std::filesystem::copy(folder.path(), dead.path() + "/copy");
    const auto again = open(dead.path() + "/copy");
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(again->get(PartitionId(9), key(i)).value(),
                  engine->get(PartitionId(9), key(i)).value());
}

TEST(RocksDbEngine, DoesNotTakeALogThatIsBeingWrittenForADamagedOne) {
    const OpenedInItsFolder opened;
    ASSERT_TRUE(opened.engine->create_partition(PartitionId(9)));
    std::atomic<bool> stop = false;
    std::jthread writer([&] {
        for (int i = 0; !stop; ++i) {
            Batch batch;
            batch.put("o" + std::to_string(i), random_bytes(100'000));
            EXPECT_TRUE(commit_and_wait(*opened.engine, PartitionId(9), std::move(batch)));
        }
    });
    for (int i = 0; i < 100; ++i)
        EXPECT_TRUE(opened.engine->verify_files(
            [](const std::string& file, std::uint64_t, const std::optional<std::string>& wrong) {
                EXPECT_FALSE(wrong) << file << ": " << *wrong;
                return true;
            }));
    stop = true;
}

TEST(RocksDbEngine, RefusesADatabaseOfAnotherFormat) {
    TemporaryFolder folder;
    open(folder.path());
    {
        std::vector<::rocksdb::ColumnFamilyDescriptor> families;
        for (const char* name : {"default", "bulk", "journal"})
            families.emplace_back(name, ::rocksdb::ColumnFamilyOptions());
        std::vector<::rocksdb::ColumnFamilyHandle*> handles;
        ::rocksdb::DB* opened = nullptr;
        ASSERT_TRUE(::rocksdb::DB::Open({}, folder.path(), families, &handles, &opened).ok());
        const std::unique_ptr<::rocksdb::DB> database(opened);
        const std::string row = std::string(8, '\0') + "format";
        std::string format;
        ASSERT_TRUE(database->Get({}, row, &format).ok());
        EXPECT_EQ(format, "1");
        ASSERT_TRUE(database->Put({}, row, "2").ok());
        for (::rocksdb::ColumnFamilyHandle* handle : handles)
            ASSERT_TRUE(database->DestroyColumnFamilyHandle(handle).ok());
    }
    const std::shared_ptr<Log> log = null_log();
    const auto refused = rocksdb::Engine::open({.path = folder.path()}, Limits(), *log);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message(), "the database has format 2, this program reads 1");
}

// A database whose server died after some commits, the last larger than a page and than a block of
// the log.
class DamagedLog : public ::testing::Test {
  protected:
    const PartitionId partition{9};
    static constexpr std::size_t page_bytes = 4096;

    void SetUp() override {
        const auto engine = open(folder_.path() + "/live");
        ASSERT_TRUE(engine->create_partition(partition));
        for (const std::string key : {"o1", "o2", "o3"}) {
            Batch batch;
            // Nowhere as many zeros as a torn sector has.
            batch.put(key, std::string(key == "o3" ? 50'000 : 3'000, 'x'));
            ASSERT_TRUE(commit_and_wait(*engine, partition, std::move(batch)));
        }
        // As a kill leaves it: what is not in the log was not written.
        std::filesystem::copy(folder_.path() + "/live", path());
        for (const auto& entry : std::filesystem::directory_iterator(path()))
            if (entry.path().extension() == ".log" && entry.file_size() > 0) log_ = entry.path();
        ASSERT_GT(size(), 56'000u);
    }

    std::string path() const { return folder_.path() + "/dead"; }
    std::size_t size() const { return std::filesystem::file_size(log_); }
    void write(std::size_t at, const std::string& bytes) {
        std::fstream file(log_, std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(static_cast<std::streamoff>(at));
        file << bytes;
    }
    void zero(std::size_t from, std::size_t to) { write(from, std::string(to - from, '\0')); }

    Result<std::unique_ptr<rocksdb::Engine>> open_dead(bool drop_damaged_log = false) {
        static const std::shared_ptr<Log> log = null_log();
        return rocksdb::Engine::open({.path = path(), .drop_damaged_log = drop_damaged_log},
                                     Limits(), *log);
    }
    // It opens, twice, with the first `count` commits.
    void expect_commits(std::size_t count) {
        for (int time = 0; time < 2; ++time) {
            const auto engine = open_dead();
            ASSERT_TRUE(engine) << engine.error().describe();
            for (std::size_t i = 1; i <= 3; ++i)
                EXPECT_EQ((*engine)->get(partition, "o" + std::to_string(i)).value().has_value(),
                          i <= count)
                    << i;
        }
    }
    void expect_refused() {
        const auto refused = open_dead();
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code(), Code::corrupt);
        EXPECT_NE(refused.error().message().find(log_.filename().string()), std::string::npos)
            << refused.error().message();
    }

    TemporaryFolder folder_;
    std::filesystem::path log_;
};

TEST_F(DamagedLog, IsNoneWhenTheServerWasKilled) { expect_commits(3); }

TEST_F(DamagedLog, ThatEndsShortLosesWhatWasNotAcknowledged) {
    std::filesystem::resize_file(log_, size() - 8'192);
    expect_commits(2);
}

TEST_F(DamagedLog, WithATornLastRecordLosesThatAlone) {
    // The record lies from about 6,100 to 56,200, across the boundary of a block.
    const std::size_t end = size();
    struct Torn {
        std::size_t from, to;
    };
    std::vector<Torn> cases{{end - 8'192, end}, {end / 512 * 512, end}, {6'656, end}};
    for (std::size_t page = 2 * page_bytes; page < end; page += page_bytes)
        cases.push_back({page, std::min(page + page_bytes, end)});
    for (const Torn& torn : cases) {
        SCOPED_TRACE(testing::Message() << torn.from << " to " << torn.to << " of " << end);
        std::filesystem::remove_all(path());
        std::filesystem::copy(folder_.path() + "/live", path());
        zero(torn.from, torn.to);
        expect_commits(2);
        if (HasFailure()) return;
    }
}

TEST_F(DamagedLog, BeforeItsEndIsRefusedUntilItIsGivenUp) {
    write(4'000, "rot");  // in the second commit
    expect_refused();
    ASSERT_TRUE(open_dead(true));
    expect_commits(1);
}

TEST_F(DamagedLog, WithZerosBeforeItsEndIsRefused) {
    zero(page_bytes, page_bytes + 1'024);  // in the second commit
    expect_refused();
}

TEST_F(DamagedLog, WithRotInTheLastRecordIsRefused) {
    write(size() - 1'000, "rot");
    expect_refused();
    ASSERT_TRUE(open_dead(true));
    expect_commits(2);
}

std::string row_of(int round, std::uint32_t number) { return fmt::format("o{}.{}", round, number); }

// The child: commits row after row and writes each number to the pipe once its commit is
// acknowledged. A program of its own, since no thread of this one would live on in a fork.
TEST(RocksDbEngine, DISABLED_CommitsUntilItIsKilled) {
    const char* path = std::getenv("WEIR_TEST_CHILD_PATH");
    ASSERT_NE(path, nullptr) << "KeepsWhatItAcknowledgedWhenItIsKilled starts this";
    const int pipe = std::stoi(std::getenv("WEIR_TEST_CHILD_PIPE"));
    const int round = std::stoi(std::getenv("WEIR_TEST_CHILD_ROUND"));
    const auto engine = open(path);
    ASSERT_TRUE(engine->create_partition(PartitionId(9)));
    for (std::uint32_t i = 0;; ++i) {
        Batch batch;
        batch.put(row_of(round, i), "x");
        ASSERT_TRUE(commit_and_wait(*engine, PartitionId(9), std::move(batch)));
        ASSERT_EQ(::write(pipe, &i, sizeof i), static_cast<ssize_t>(sizeof i));
    }
}

pid_t start_child(const std::string& path, int pipe, int round) {
    ::setenv("WEIR_TEST_CHILD_PATH", path.c_str(), 1);
    ::setenv("WEIR_TEST_CHILD_PIPE", std::to_string(pipe).c_str(), 1);
    ::setenv("WEIR_TEST_CHILD_ROUND", std::to_string(round).c_str(), 1);
    const char* const arguments[] = {"kv_test", "--gtest_also_run_disabled_tests",
                                     "--gtest_filter=*DISABLED_CommitsUntilItIsKilled", nullptr};
    pid_t child = -1;
    EXPECT_EQ(::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr,
                            const_cast<char* const*>(arguments), environ),
              0);
    return child;
}

TEST(RocksDbEngine, KeepsWhatItAcknowledgedWhenItIsKilled) {
    TemporaryFolder folder;
    for (int round = 0; round < 3; ++round) {
        int pipe[2];
        ASSERT_EQ(::pipe(pipe), 0);
        ASSERT_EQ(::fcntl(pipe[0], F_SETFD, FD_CLOEXEC), 0);
        const pid_t child = start_child(folder.path(), pipe[1], round);
        ::close(pipe[1]);
        std::uint32_t last = 0;
        for (int i = 0; i < 50; ++i)
            ASSERT_EQ(::read(pipe[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
        ::kill(child, SIGKILL);
        while (::read(pipe[0], &last, sizeof last) == static_cast<ssize_t>(sizeof last)) {
        }
        ::close(pipe[0]);
        ASSERT_EQ(::waitpid(child, nullptr, 0), child);
        const auto engine = open(folder.path());
        for (std::uint32_t i = 0; i <= last; ++i)
            EXPECT_EQ(engine->get(PartitionId(9), row_of(round, i)).value(), "x");
    }
}

}  // namespace
}  // namespace weir::kv
