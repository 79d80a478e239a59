// Several processes at one folder, and the death of any of them at any moment.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "cache/cache.h"
#include "cache/cache_rig.h"

extern char** environ;

namespace weir::cache {
namespace {

using namespace std::chrono_literals;

// cache_process, and what it says.
class Filler {
  public:
    Filler(const CacheRig& rig, const ObjectIdentity& identity, std::uint64_t number,
           std::uint64_t seed, bool hold = false) {
        std::array<int, 2> pipe{};
        CHECK(::pipe2(pipe.data(), O_CLOEXEC) == 0);
        output_ = Descriptor(pipe[0]);
        const Descriptor input(pipe[1]);
        const std::string program =
            std::filesystem::read_symlink("/proc/self/exe").parent_path() / "cache_process";
        std::vector<std::string> words = {program,
                                          rig.path,
                                          std::to_string(rig.cache_bytes),
                                          std::to_string(number),
                                          std::to_string(identity.size_bytes),
                                          std::to_string(seed)};
        if (hold) words.emplace_back("hold");
        std::vector<char*> arguments;
        for (std::string& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        CHECK(::posix_spawn_file_actions_init(&actions) == 0);
        CHECK(::posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO) == 0);
        CHECK(::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ) ==
              0);
        ::posix_spawn_file_actions_destroy(&actions);
    }
    Filler(Filler&& other) noexcept
        : pid_(std::exchange(other.pid_, 0)), output_(std::move(other.output_)) {}
    Filler& operator=(Filler&&) = delete;
    ~Filler() {
        if (pid_ > 0) kill();
    }

    // Waits for so many bytes, or its end.
    std::uint64_t listen(std::uint64_t bytes) const {
        std::uint64_t heard = 0;
        char c = 0;
        while (heard < bytes && ::read(output_.get(), &c, 1) == 1) ++heard;
        return heard;
    }
    void kill() {
        ::kill(pid_, SIGKILL);
        end();
    }
    int end() {
        int status = 0;
        CHECK(::waitpid(std::exchange(pid_, 0), &status, 0) > 0);
        return status;
    }

  private:
    pid_t pid_ = 0;
    Descriptor output_;
};

void expect_right(const Entry& entry) {
    std::vector<std::byte> out(test_block_bytes);
    for (std::uint64_t at = 0; at + out.size() <= entry.size_bytes(); at += out.size())
        if (entry.present({at, out.size()})) {
            ASSERT_TRUE(entry.read(at, out));
            ASSERT_EQ(out, bytes_of(entry.identity(), at, out.size()));
        }
}

TEST(Processes, FetchEachBlockOnce) {
    const CacheRig rig;
    std::mt19937_64 random(test_seed());
    for (std::uint64_t round = 0; round < 5; ++round) {
        constexpr std::uint64_t blocks = 200;
        const ObjectIdentity identity = object(round, blocks * test_block_bytes);
        std::vector<Filler> fillers;
        for (int i = 0; i < 4; ++i) fillers.emplace_back(rig, identity, round, random());
        std::uint64_t fetched = 0;
        for (Filler& filler : fillers) {
            fetched += filler.listen(~0ULL);
            EXPECT_EQ(filler.end(), 0);
        }
        EXPECT_EQ(fetched, blocks);
        const auto cache = rig.open();
        EXPECT_TRUE((*cache->entry(identity, crc_of(identity)))->verified());
        expect_right(**cache->entry(identity));
    }
}

TEST(Processes, KilledAtAnyMomentLeaveOnlyWhatIsRight) {
    constexpr int rounds = 60;
    constexpr std::uint64_t blocks = 300;
    const CacheRig rig(8 * blocks * test_block_bytes);
    std::mt19937_64 random(test_seed());
    for (std::uint64_t round = 0; round < rounds; ++round) {
        const ObjectIdentity identity = object(round / 3, blocks * test_block_bytes + 17);
        {
            std::vector<Filler> fillers;
            for (int i = 0; i < 3; ++i) fillers.emplace_back(rig, identity, round / 3, random());
            // By progress or by time, so that every step of its life is among the moments.
            if (random() % 2 == 0)
                fillers[0].listen(random() % blocks);
            else
                std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
        }
        const auto cache = rig.open();
        EXPECT_EQ(cache->usage().used_bytes, rig.allocated_bytes()) << "counted after the end";
        EXPECT_LE(rig.allocated_bytes(), rig.cache_bytes);
        const auto entry = cache->entry(identity, crc_of(identity));
        ASSERT_TRUE(entry) << entry.error().describe();
        expect_right(**entry);
        // Nothing is locked by the dead.
        if (round % 3 == 2) {
            ASSERT_TRUE(rig.fill(**entry));
            EXPECT_TRUE((*entry)->verified());
        }
    }
}

TEST(Processes, TheDeadHoldNoClaim) {
    const CacheRig rig;
    const ObjectIdentity identity = object(0, 10 * test_block_bytes);
    const auto cache = rig.open();
    const auto entry = *cache->entry(identity);
    Filler filler(rig, identity, 0, 1, true);
    ASSERT_EQ(filler.listen(1), 1U);
    EXPECT_FALSE(entry->claim({.length = identity.size_bytes})->has_value());
    EXPECT_EQ(entry->wait({.length = identity.size_bytes}, std::chrono::steady_clock::now())
                  .error()
                  .code(),
              Code::timeout);
    std::thread killer([&] { filler.kill(); });
    // Nobody wakes us, and we find out.
    EXPECT_EQ(entry->wait({.length = identity.size_bytes}, std::chrono::steady_clock::now() + 1h)
                  .error()
                  .code(),
              Code::would_block);
    killer.join();
    EXPECT_EQ(entry->present_bytes(), test_block_bytes);
    ASSERT_TRUE(rig.fill(*entry));
    expect_right(*entry);
}

TEST(Processes, AnEntryInUseElsewhereIsNotEvicted) {
    const CacheRig rig(100 * test_block_bytes);
    const ObjectIdentity identity = object(0, 40 * test_block_bytes);
    const auto cache = rig.open();
    Filler filler(rig, identity, 0, 1, true);
    ASSERT_EQ(filler.listen(1), 1U);
    const ObjectIdentity large = object(1, 97 * test_block_bytes);
    EXPECT_EQ(rig.fill(**cache->entry(large)).error().code(), Code::no_space);
    EXPECT_TRUE(std::filesystem::exists(rig.state_path(identity)));
    EXPECT_LE(rig.allocated_bytes(), rig.cache_bytes);
    filler.kill();
    // What is known to be full is looked at again after a while.
    const auto entry = *cache->entry(large);
    while (!rig.fill(*entry)) std::this_thread::sleep_for(10ms);
    EXPECT_FALSE(std::filesystem::exists(rig.state_path(identity)));
}

}  // namespace
}  // namespace weir::cache
