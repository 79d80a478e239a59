// Random operations of several users at one folder, against a model that knows what each may see.

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "cache/cache.h"
#include "cache/cache_rig.h"

namespace weir::cache {
namespace {

constexpr std::uint64_t objects = 6, users = 3, steps = 6000;
constexpr std::uint64_t size_of_object(std::uint64_t number) {
    return number * number * 5000 + number;
}

// What may be said of an object: bytes that were filled through a handle that is still open are
// there until somebody discards them, and whatever is read is right.
class Model {
  public:
    explicit Model(std::uint64_t seed) : random_(seed), rig_(budget_bytes) {
        for (auto& cache : caches_) cache = rig_.open();
    }

    void step() {
        rig_.clock.advance(std::chrono::seconds(random_() % 3));
        const std::uint64_t user = random_() % users, number = random_() % objects;
        switch (random_() % 8) {
            case 0:
                return open(user, number);
            case 1:
                return close(user, number);
            case 2:
                return restart(user);
            case 3:
                return discard(user, number);
            case 4:
                return read(user, number);
            default:
                return fill(user, number);
        }
    }

  private:
    using Handle = std::shared_ptr<Entry>;
    // Not enough for all: most are evicted now and then.
    static constexpr std::uint64_t budget_bytes = 200'000;

    ByteRange some_range(std::uint64_t size_bytes) {
        const std::uint64_t offset = random_() % (size_bytes + 1);
        return {offset, random_() % (size_bytes - offset + 1)};
    }

    void open(std::uint64_t user, std::uint64_t number) {
        const ObjectIdentity identity = object(number, size_of_object(number));
        const bool held = holders(number) > 0;
        const auto entry = caches_[user]->entry(identity, crc_of(identity));
        if (!entry) {
            ASSERT_EQ(entry.error().code(), Code::no_space);
            return;
        }
        handles_[user][number] = *entry;
        // Nobody held it: it may have been evicted, and what is there is what there is.
        if (!held)
            for (std::uint64_t block = 0; block * test_block_bytes < identity.size_bytes; ++block)
                there_[number][block] = (*entry)->present({block * test_block_bytes, 1});
    }

    void close(std::uint64_t user, std::uint64_t number) { handles_[user].erase(number); }

    void restart(std::uint64_t user) {
        handles_[user].clear();
        caches_[user].reset();
        caches_[user] = rig_.open();
    }

    void fill(std::uint64_t user, std::uint64_t number) {
        const auto handle = handles_[user].find(number);
        if (handle == handles_[user].end()) return;
        const ByteRange range = some_range(size_of_object(number));
        const Result<void> filled = rig_.fill(*handle->second, range);
        if (!filled) {
            ASSERT_EQ(filled.error().code(), Code::no_space);
            ASSERT_LE(rig_.allocated_bytes(), budget_bytes);
        }
        for (std::uint64_t at = range.offset / test_block_bytes;
             range.length > 0 && at * test_block_bytes < range.offset + range.length; ++at) {
            const bool present = handle->second->present({at * test_block_bytes, 1});
            if (filled) ASSERT_TRUE(present);
            if (!filled && there_[number][at]) ASSERT_TRUE(present);
            there_[number][at] = present;
        }
        ASSERT_LE(rig_.allocated_bytes(), budget_bytes);
    }

    void discard(std::uint64_t user, std::uint64_t number) {
        const auto handle = handles_[user].find(number);
        if (handle == handles_[user].end()) return;
        const std::uint64_t size_bytes = size_of_object(number);
        const ByteRange range = some_range(size_bytes);
        const Result<void> discarded = handle->second->discard(range);
        if (!discarded) {
            ASSERT_EQ(discarded.error().code(), Code::conflict);
            ASSERT_TRUE(handle->second->complete());
            return;
        }
        for (auto& [block, there] : there_[number]) {
            const std::uint64_t begin = block * test_block_bytes;
            const std::uint64_t end = std::min(begin + test_block_bytes, size_bytes);
            if (begin >= range.offset && end <= range.offset + range.length) there = false;
        }
    }

    void read(std::uint64_t user, std::uint64_t number) {
        const auto handle = handles_[user].find(number);
        if (handle == handles_[user].end()) return;
        const Entry& entry = *handle->second;
        const ByteRange range = some_range(size_of_object(number));
        bool there = true;
        for (std::uint64_t at = range.offset / test_block_bytes;
             range.length > 0 && at * test_block_bytes < range.offset + range.length; ++at)
            there = there && there_[number][at];
        std::vector<std::byte> out(static_cast<std::size_t>(range.length));
        const Result<void> done = entry.read(range.offset, out);
        ASSERT_EQ(done.has_value(), there);
        if (done) ASSERT_EQ(out, bytes_of(entry.identity(), range.offset, range.length));
    }

    std::size_t holders(std::uint64_t number) const {
        std::size_t count = 0;
        for (const auto& handles : handles_) count += handles.count(number);
        return count;
    }

    std::mt19937_64 random_;
    CacheRig rig_;
    std::array<std::unique_ptr<Cache>, users> caches_;
    std::array<std::map<std::uint64_t, Handle>, users> handles_;
    std::map<std::uint64_t, std::map<std::uint64_t, bool>> there_;
};

TEST(Model, IsWhatUsersSee) {
    Model model(test_seed());
    for (std::uint64_t i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) model.step();
}

}  // namespace
}  // namespace weir::cache
