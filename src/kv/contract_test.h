#pragma once
// What every kv::Engine must do, run on each of them: `INSTANTIATE_TEST_SUITE_P(Memory,
// EngineContract, Values(factory))`. A RADOS omap must be able to pass it unchanged.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/mutex.h"
#include "kv/engine.h"

namespace weir::kv {

struct EngineFactory {
    std::string name;
    std::function<std::unique_ptr<Engine>()> make;
};

class EngineContract : public ::testing::TestWithParam<EngineFactory> {
  protected:
    void SetUp() override {
        engine_ = GetParam().make();
        ASSERT_TRUE(engine_->create_partition(partition_));
        ASSERT_TRUE(engine_->create_partition(other_));
    }
    void put(const std::string& key, const std::string& value) {
        Batch batch;
        batch.put(key, value);
        ASSERT_TRUE(commit_and_wait(*engine_, partition_, std::move(batch)));
    }
    std::optional<std::string> get(const std::string& key) {
        Result<std::optional<std::string>> value = engine_->get(partition_, key);
        EXPECT_TRUE(value);
        return *value;
    }
    std::vector<Row> scan(Range range) {
        std::vector<Row> rows;
        EXPECT_TRUE(scan_all(*engine_, partition_, std::move(range),
                             [&](std::string_view key, std::string_view value) {
                                 rows.push_back({std::string(key), std::string(value)});
                                 return true;
                             }));
        return rows;
    }

    const PartitionId partition_{5000}, other_{5001};
    std::unique_ptr<Engine> engine_;
};

TEST_P(EngineContract, ReadsWhatWasCommittedAndNothingFromOtherPartitions) {
    put("oa", "1");
    EXPECT_EQ(get("oa"), "1");
    EXPECT_EQ(get("ob"), std::nullopt);
    EXPECT_EQ(engine_->get(other_, "oa").value(), std::nullopt);
    EXPECT_EQ(engine_->get(PartitionId(77777), "oa").error().code(), Code::not_found);
    Batch batch;
    batch.remove("oa");
    batch.remove("never there");
    ASSERT_TRUE(commit_and_wait(*engine_, partition_, std::move(batch)));
    EXPECT_EQ(get("oa"), std::nullopt);
}

TEST_P(EngineContract, AppliesABatchOnlyIfEveryConditionHolds) {
    put("oa", "1");
    const std::vector<std::pair<Condition, bool>> cases = {
        {{"oa", "1"}, true},          {{"oa", "2"}, false}, {{"oa", std::nullopt}, false},
        {{"ob", std::nullopt}, true}, {{"ob", "1"}, false}, {{"d\xff", std::nullopt}, true},
    };
    for (const auto& [condition, holds] : cases) {
        Batch batch;
        batch.require("oa", "1");
        batch.require(condition.key, condition.value);
        batch.put("oz", "x");
        batch.append("entry");
        const Result<Committed> done = commit_and_wait(*engine_, partition_, std::move(batch));
        EXPECT_EQ(done.has_value(), holds) << condition.key;
        if (!holds) {
            EXPECT_EQ(done.error().code(), Code::conflict);
            EXPECT_EQ(get("oz"), std::nullopt);
        }
        Batch undo;
        undo.remove("oz");
        ASSERT_TRUE(commit_and_wait(*engine_, partition_, std::move(undo)));
    }
    EXPECT_EQ(scan(prefix_range("j")).size(), 3u);
}

TEST_P(EngineContract, JudgesWhatWasReadSinceAMomentAsAnyOtherCondition) {
    const auto write = [&](const std::string& key, const std::string& value) {
        Batch batch;
        batch.put(key, value);
        ASSERT_TRUE(commit_and_wait(*engine_, partition_, std::move(batch)));
    };
    const auto replace = [&](Moment moment, const std::string& key,
                             std::optional<std::string> as_read) {
        Batch batch;
        batch.moment = moment;
        batch.require_as_read(key, std::move(as_read));
        batch.put(key, "mine");
        return commit_and_wait(*engine_, partition_, std::move(batch));
    };
    write("o1", "first");
    const Moment moment = engine_->moment();
    const std::optional<std::string> as_read = engine_->get(partition_, "o1").value();
    write("o2", "another row");
    EXPECT_TRUE(replace(moment, "o1", as_read));
    EXPECT_EQ(replace(moment, "o1", as_read).error().code(), Code::conflict) << "written since";
    EXPECT_EQ(replace(moment, "o2", std::nullopt).error().code(), Code::conflict);
    EXPECT_TRUE(replace(moment, "o3", std::nullopt));
    EXPECT_EQ(replace(0, "o3", std::nullopt).error().code(), Code::conflict) << "no moment";
    const Moment later = engine_->moment();
    ASSERT_EQ(engine_->get(partition_, "o3").value(), "mine");
    Batch removal;
    removal.remove("o3");
    ASSERT_TRUE(commit_and_wait(*engine_, partition_, std::move(removal)));
    EXPECT_EQ(replace(later, "o3", "mine").error().code(), Code::conflict) << "removed since";
}

TEST_P(EngineContract, ReadsSeveralRangesAtOneMoment) {
    constexpr std::size_t rows_max = 3;
    std::atomic<bool> stop = false;
    put("o1", "at o");
    // A row that moves between ranges is seen in one of them.
    std::jthread mover([&] {
        for (bool at_o = true; !stop; at_o = !at_o) {
            Batch batch;
            batch.remove(at_o ? "o1" : "v1");
            batch.put(at_o ? "v1" : "o1", "x");
            EXPECT_TRUE(commit_and_wait(*engine_, partition_, std::move(batch)));
        }
    });
    for (int round = 0; round < 300; ++round) {
        const Result<std::vector<Page>> pages = engine_->read_together(
            partition_, {prefix_range("v"), prefix_range("t"), prefix_range("o")}, rows_max);
        ASSERT_TRUE(pages);
        ASSERT_EQ(pages->size(), 3u);
        EXPECT_EQ((*pages)[0].rows.size() + (*pages)[2].rows.size(), 1u);
        EXPECT_TRUE((*pages)[1].rows.empty());
        EXPECT_FALSE((*pages)[1].more);
    }
    stop = true;
    mover.join();
    for (const std::string key : {"ta", "tb", "tc", "td"}) put(key, "1");
    const std::vector<Page> pages =
        engine_->read_together(partition_, {prefix_range("t")}, rows_max).value();
    EXPECT_TRUE(pages[0].more);
    EXPECT_EQ(pages[0].rows.front().key, "ta");
    EXPECT_LE(pages[0].rows.size(), rows_max);
    EXPECT_EQ(
        engine_->read_together(PartitionId(77777), {prefix_range("t")}, rows_max).error().code(),
        Code::not_found);
}

TEST_P(EngineContract, ScansInTheOrderOfBytesPageByPage) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    std::map<std::string, std::string> model;
    for (int batch_number = 0; batch_number < 30; ++batch_number) {
        std::map<std::string, std::string> rows;
        for (int i = 0; i < 100; ++i) {
            std::string key = "o";
            for (std::uint64_t n = random() % 4; n > 0; --n)
                key.push_back("\x00\x01\x7f\x80\xff"[random() % 5]);
            rows[key] = std::to_string(random());
        }
        Batch batch;
        for (const auto& [key, value] : rows) {
            batch.put(key, value);
            model[key] = value;
        }
        ASSERT_TRUE(commit_and_wait(*engine_, partition_, std::move(batch)));
    }
    for (int round = 0; round < 200; ++round) {
        Range range{"o", "p"};
        if (round > 0) {
            range.begin += std::string(1, "\x00\x01\x7f\x80\xff"[random() % 5]);
            range.end = range.begin + std::string(1, "\x00\x01\x7f\x80\xff"[random() % 5]);
        }
        std::vector<Row> expected;
        for (auto row = model.lower_bound(range.begin);
             row != model.end() && row->first < range.end; ++row)
            expected.push_back({row->first, row->second});
        EXPECT_EQ(scan(range), expected);
    }
}

TEST_P(EngineContract, EndsAPageAtItsBoundAndSaysWhereToGoOn) {
    for (int part = 0; part < 3; ++part) {
        Batch batch;
        for (int i = 0; i < 1000; ++i) {
            std::string key = "o";
            append_be32(key, static_cast<std::uint32_t>(part * 1000 + i));
            batch.put(key, "x");
        }
        ASSERT_TRUE(commit_and_wait(*engine_, partition_, std::move(batch)));
    }
    std::size_t rows = 0;
    const Result<ScanEnd> page =
        engine_->scan(partition_, prefix_range("o"), [&](std::string_view, std::string_view) {
            ++rows;
            return true;
        });
    ASSERT_TRUE(page);
    EXPECT_LE(rows, Limits().scan_rows_max);
    EXPECT_TRUE(page->resume.has_value());
    EXPECT_EQ(scan(prefix_range("o")).size(), 3000u);
}

TEST_P(EngineContract, GivesOneOfManyRacersEachRound) {
    constexpr int racers = 8, rounds = 50;
    std::atomic<int> wins = 0;
    std::vector<std::thread> threads;
    for (int racer = 0; racer < racers; ++racer) {
        threads.emplace_back([&, racer] {
            for (int round = 0; round < rounds; ++round) {
                Batch batch;
                const std::string key = "o" + std::to_string(round);
                batch.require(key, std::nullopt);
                batch.put(key, std::to_string(racer));
                if (commit_and_wait(*engine_, partition_, std::move(batch))) ++wins;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wins, rounds);
}

TEST_P(EngineContract, ShowsNoJournalEntryBeforeAnEarlierOne) {
    constexpr int writers = 4, entries = 100;
    std::atomic<bool> stop = false;
    std::thread reader([&] {
        Sequence last = 0;
        std::set<std::string> seen;
        while (!stop) {
            Range range = prefix_range("j");
            range.begin = journal_key(last + 1);
            EXPECT_TRUE(scan_all(*engine_, partition_, range,
                                 [&](std::string_view key, std::string_view value) {
                                     EXPECT_GT(journal_sequence(key), last);
                                     last = journal_sequence(key);
                                     EXPECT_TRUE(seen.insert(std::string(value)).second);
                                     return true;
                                 }));
        }
        // All that the reader passed by going forward only.
        EXPECT_EQ(scan(Range{"j", journal_key(last + 1)}).size(), seen.size());
    });
    std::vector<std::thread> threads;
    for (int writer = 0; writer < writers; ++writer) {
        threads.emplace_back([&, writer] {
            for (int i = 0; i < entries; ++i) {
                Batch batch;
                batch.append(std::to_string(writer) + "." + std::to_string(i));
                batch.append(std::to_string(writer) + "." + std::to_string(i) + "b");
                ASSERT_TRUE(commit_and_wait(*engine_, partition_, std::move(batch)));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    stop = true;
    reader.join();
    EXPECT_EQ(scan(prefix_range("j")).size(), static_cast<std::size_t>(writers * entries * 2));
}

TEST_P(EngineContract, JudgesHowManyRowsARangeHas) {
    for (const char* key : {"oa1", "oa2", "ob", "pa1"}) put(key, "x");
    ASSERT_TRUE(commit_and_wait(*engine_, other_, [] {
        Batch batch;
        batch.put("oa9", "x");
        return batch;
    }()));
    const std::vector<std::pair<RangeCondition, bool>> cases = {
        {{prefix_range("oa"), 2}, true},  {{prefix_range("oa"), 1}, false},
        {{prefix_range("oa"), 3}, false}, {{prefix_range("oc"), 0}, true},
        {{prefix_range("oc"), 1}, false}, {{prefix_range("o"), 3}, true},
    };
    for (const auto& [condition, holds] : cases) {
        Batch batch;
        batch.require_rows(condition.range, condition.rows);
        batch.put("oz", "x");
        const auto committed = commit_and_wait(*engine_, partition_, std::move(batch));
        EXPECT_EQ(committed.has_value(), holds) << condition.range.begin << condition.rows;
        if (!committed) EXPECT_EQ(committed.error().code(), Code::conflict);
        Batch undo;
        undo.remove("oz");
        ASSERT_TRUE(commit_and_wait(*engine_, partition_, std::move(undo)));
    }
}

// Racers put rows of their own, then remove them, each time only if the range has as many rows as
// they counted: so no two succeed on the same count, also where they are judged together.
TEST_P(EngineContract, JudgesRangesAmongWhatIsCommittedTogether) {
    constexpr std::size_t racers = 8, own = 12;
    for (const bool removes : {false, true}) {
        Mutex mutex;
        std::set<std::size_t> counts;
        std::vector<std::thread> threads;
        for (std::size_t racer = 0; racer < racers; ++racer) {
            threads.emplace_back([&, racer] {
                for (std::size_t i = 0; i < own;) {
                    const std::size_t count = scan(prefix_range("oq")).size();
                    const std::string key = "oq" + std::to_string(racer) + "/" + std::to_string(i);
                    Batch batch;
                    batch.require_rows(prefix_range("oq"), count);
                    removes ? batch.remove(key) : batch.put(key, "x");
                    if (!commit_and_wait(*engine_, partition_, std::move(batch))) continue;
                    MutexLock lock(mutex);
                    EXPECT_TRUE(counts.insert(count).second) << count;
                    ++i;
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(counts.size(), racers * own);
        EXPECT_EQ(scan(prefix_range("oq")).size(), removes ? 0 : racers * own);
    }
}

TEST_P(EngineContract, KnowsUpToWhereTheJournalCanBeRead) {
    const Sequence before = engine_->last_sequence(partition_).value();
    Batch batch;
    batch.append("1");
    batch.append("2");
    const Sequence last = commit_and_wait(*engine_, partition_, std::move(batch))->last_sequence;
    EXPECT_GT(last, before + 1);
    EXPECT_EQ(engine_->last_sequence(partition_).value(), last);
    Batch refused;
    refused.require("never there", "x");
    refused.append("3");
    EXPECT_EQ(commit_and_wait(*engine_, partition_, std::move(refused)).error().code(),
              Code::conflict);
    EXPECT_EQ(scan({journal_key(last + 1), "k"}).size(), 0u);
    EXPECT_GE(engine_->last_sequence(partition_).value(), last);
    EXPECT_EQ(engine_->last_sequence(PartitionId(77777)).error().code(), Code::not_found);
}

// Watchers come and go while others append: whoever watches, and reads whenever it is called, sees
// every entry without asking again.
TEST_P(EngineContract, CallsWhoeverWatchesTheJournal) {
    constexpr int entries = 200;
    std::atomic<bool> more = true;
    std::thread others([&] {
        while (more) {
            const std::unique_ptr<Watch> passing = engine_->watch_journal(partition_, [] {});
        }
    });
    Mutex mutex;
    ConditionVariable called;
    bool pending = true;  // what was there before
    int calls_elsewhere = 0;
    const std::unique_ptr<Watch> elsewhere =
        engine_->watch_journal(other_, [&] { ++calls_elsewhere; });
    const std::unique_ptr<Watch> watch = engine_->watch_journal(partition_, [&] {
        MutexLock lock(mutex);
        pending = true;
        called.notify_one();
    });
    std::thread writer([&] {
        for (int i = 0; i < entries; ++i) {
            Batch batch;
            batch.append(std::to_string(i));
            EXPECT_TRUE(commit_and_wait(*engine_, partition_, std::move(batch)));
        }
    });
    Sequence seen = 0;
    for (int next = 0; next < entries;) {
        {
            MutexLock lock(mutex);
            while (!pending) called.wait(mutex);
            pending = false;
        }
        const Sequence last = engine_->last_sequence(partition_).value();
        for (const Row& row : scan({journal_key(seen + 1), journal_key(last + 1)}))
            ASSERT_EQ(row.value, std::to_string(next++));
        seen = last;
    }
    writer.join();
    more = false;
    others.join();
    EXPECT_EQ(calls_elsewhere, 0);
    ASSERT_TRUE(engine_->drop_partition(other_));
    EXPECT_EQ(calls_elsewhere, 1);
}

TEST_P(EngineContract, TrimsTheJournalAndDropsPartitions) {
    Sequence middle = 0;
    for (int i = 0; i < 10; ++i) {
        Batch batch;
        batch.append("entry");
        const Result<Committed> done = commit_and_wait(*engine_, partition_, std::move(batch));
        ASSERT_TRUE(done);
        if (i == 5) middle = done->last_sequence;
    }
    ASSERT_TRUE(engine_->trim_journal(partition_, middle));
    EXPECT_EQ(scan(prefix_range("j")).size(), 5u);
    put("d1", "body");
    put("o1", "record");
    ASSERT_TRUE(engine_->drop_partition(partition_));
    ASSERT_TRUE(engine_->drop_partition(partition_));
    EXPECT_EQ(engine_->get(partition_, "o1").error().code(), Code::not_found);
    Batch late;
    late.put("o2", "x");
    EXPECT_EQ(commit_and_wait(*engine_, partition_, std::move(late)).error().code(),
              Code::not_found);
    ASSERT_TRUE(engine_->create_partition(partition_));
    for (const char* kind : {"o", "d", "j"}) EXPECT_TRUE(scan(prefix_range(kind)).empty()) << kind;
}

TEST_P(EngineContract, KeepsBigValues) {
    const std::string big(3 << 20, 'x');
    put("d1", big);
    EXPECT_EQ(get("d1"), big);
}

TEST_P(EngineContract, RefusesEverythingAfterStop) {
    put("oa", "1");
    engine_->stop();
    Batch batch;
    batch.put("ob", "1");
    EXPECT_EQ(commit_and_wait(*engine_, partition_, std::move(batch)).error().code(),
              Code::unavailable);
}

}  // namespace weir::kv
