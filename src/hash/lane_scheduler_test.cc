#include "hash/lane_scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <thread>

#include "base/bytes.h"
#include "hash/random_input.h"

namespace weir::hash {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using More = LaneScheduler::Body::More;

constexpr AlgorithmSet algorithms = {Algorithm::md5, Algorithm::sha256, Algorithm::crc32};

// Threads that a test runs by hand.
class ManualThreads {
  public:
    LaneScheduler::Submit submit() {
        return [this](std::function<void()> work) {
            if (full) return false;
            waiting_.push_back(std::move(work));
            return true;
        };
    }
    std::size_t waiting() const { return waiting_.size(); }
    void run_one() {
        const std::function<void()> work = std::move(waiting_.front());
        waiting_.pop_front();
        work();
    }

    bool full = false;

  private:
    std::deque<std::function<void()>> waiting_;
};

// A body, its digests and what became of its jobs.
class Upload {
  public:
    explicit Upload(LaneScheduler& scheduler) : body_(scheduler), digester_(algorithms) {}

    void post(const std::string& text, More more = More::expected) {
        fed_ += text;
        texts_.push_back(text);
        body_.post({.digester = &digester_, .bytes = as_bytes(texts_.back())}, more,
                   [this](const LaneScheduler::Ended& ended) { outcomes.push_back(ended.hashed); });
    }
    void hurry() { body_.hurry(); }
    void take_time() { body_.take_time(); }
    void expect_right_digests() {
        const Digests digests = digester_.finish();
        for (const Algorithm algorithm : {Algorithm::md5, Algorithm::sha256, Algorithm::crc32})
            EXPECT_EQ(digests[algorithm], digest(algorithm, as_bytes(fed_)));
    }

    std::vector<bool> outcomes;

  private:
    LaneScheduler::Body body_;
    Digester digester_;
    std::deque<std::string> texts_;  // where they were
    std::string fed_;
};

TEST(LaneScheduler, LetsABodyAloneWaitForNobody) {
    ManualThreads threads;
    LaneScheduler scheduler(threads.submit(), 4);
    Upload upload(scheduler);
    for (int i = 0; i < 3; ++i) {
        upload.post("some bytes");
        ASSERT_EQ(threads.waiting(), 1u);
        threads.run_one();
    }
    EXPECT_THAT(upload.outcomes, ElementsAre(true, true, true));
    upload.expect_right_digests();
}

TEST(LaneScheduler, RunsWhatAllBodiesPostedAsOneGroup) {
    ManualThreads threads;
    LaneScheduler scheduler(threads.submit(), 4);
    Upload a(scheduler), b(scheduler), c(scheduler);
    for (int round = 1; round <= 3; ++round) {
        a.post("of a");
        b.post("a little more, of b");
        EXPECT_EQ(threads.waiting(), 0u);
        EXPECT_EQ(scheduler.stats().waiting, 2u);
        c.post("c");
        EXPECT_EQ(scheduler.stats().waiting, 0u);
        ASSERT_EQ(threads.waiting(), 1u);
        threads.run_one();
        EXPECT_EQ(scheduler.stats().groups, std::uint64_t(round));
        EXPECT_EQ(scheduler.stats().jobs, std::uint64_t(3 * round));
    }
    for (Upload* upload : {&a, &b, &c}) upload->expect_right_digests();
}

TEST(LaneScheduler, RunsAGroupWhoseLanesAreFull) {
    ManualThreads threads;
    LaneScheduler scheduler(threads.submit(), 2);
    Upload a(scheduler), b(scheduler), c(scheduler), d(scheduler), e(scheduler);
    a.post("a");
    b.post("b");
    c.post("c");
    d.post("d");
    e.post("e");
    EXPECT_EQ(threads.waiting(), 2u);
    EXPECT_EQ(scheduler.stats().waiting, 1u);
    while (threads.waiting() > 0) threads.run_one();
    EXPECT_EQ(scheduler.stats().jobs, 4u);
    e.hurry();
    threads.run_one();
    for (Upload* upload : {&a, &b, &c, &d, &e}) upload->expect_right_digests();
}

TEST(LaneScheduler, WaitsForBodiesWhoseGroupRunsSinceTheyWillPostAgain) {
    ManualThreads threads;
    LaneScheduler scheduler(threads.submit(), 4);
    Upload a(scheduler);
    a.post("a");
    Upload b(scheduler);
    b.post("b");  // a's runs
    EXPECT_EQ(threads.waiting(), 1u);
    threads.run_one();
    EXPECT_EQ(threads.waiting(), 0u);
    a.post("a");
    ASSERT_EQ(threads.waiting(), 1u);
    threads.run_one();
    EXPECT_EQ(scheduler.stats().groups, 2u);
}

TEST(LaneScheduler, DoesNotWaitForABodyThatPostedItsLast) {
    ManualThreads threads;
    LaneScheduler scheduler(threads.submit(), 4);
    Upload a(scheduler);
    a.post("the only one", More::none);
    Upload b(scheduler);
    b.post("b");
    EXPECT_EQ(threads.waiting(), 2u);
    threads.run_one();
    threads.run_one();
    b.post("b again");
    EXPECT_EQ(threads.waiting(), 1u);
    threads.run_one();
}

TEST(LaneScheduler, RunsWhatThereIsWhenSomebodyIsInAHurry) {
    ManualThreads threads;
    LaneScheduler scheduler(threads.submit(), 4);
    Upload a(scheduler), b(scheduler), slow(scheduler);
    a.post("a");
    b.post("b");
    EXPECT_EQ(threads.waiting(), 0u);
    b.hurry();
    ASSERT_EQ(threads.waiting(), 1u);
    b.hurry();  // it runs already
    threads.run_one();
    EXPECT_EQ(threads.waiting(), 0u);
    EXPECT_THAT(a.outcomes, ElementsAre(true));

    // The slow one is not waited for again ...
    a.post("a");
    b.post("b");
    ASSERT_EQ(threads.waiting(), 1u);
    threads.run_one();
    // ... before it posts.
    slow.post("slow");
    EXPECT_EQ(threads.waiting(), 0u);
    a.post("a");
    b.post("b");
    ASSERT_EQ(threads.waiting(), 1u);
    threads.run_one();
    a.post("a");
    b.post("b");
    EXPECT_EQ(threads.waiting(), 0u);
    a.hurry();
    threads.run_one();
    for (Upload* upload : {&a, &b, &slow}) upload->expect_right_digests();
}

TEST(LaneScheduler, HurriesTheNextJobOfABodyWithoutOne) {
    ManualThreads threads;
    LaneScheduler scheduler(threads.submit(), 4);
    Upload a(scheduler), b(scheduler);
    a.hurry();
    a.post("a");
    ASSERT_EQ(threads.waiting(), 1u);
    threads.run_one();
    a.post("a");  // only that one
    EXPECT_EQ(threads.waiting(), 0u);
    a.hurry();
    threads.run_one();
    const Upload other(scheduler);
    a.hurry();
    a.take_time();
    a.post("a");
    EXPECT_EQ(threads.waiting(), 0u);
    a.hurry();
    threads.run_one();
}

TEST(LaneScheduler, GoesOnWithTheNextJobOfABodyOnTheSameThread) {
    ManualThreads threads;
    LaneScheduler scheduler(threads.submit(), 4);
    Upload a(scheduler);
    a.post("first");
    a.post("second");
    EXPECT_EQ(threads.waiting(), 1u);
    threads.run_one();
    EXPECT_EQ(threads.waiting(), 0u);
    EXPECT_THAT(a.outcomes, ElementsAre(true, true));
    EXPECT_EQ(scheduler.stats().groups, 2u);

    // One that is next gathers with others as soon as it is its turn.
    Upload b(scheduler);
    a.post("third");
    a.post("fourth");
    b.post("of b");
    ASSERT_EQ(threads.waiting(), 1u);
    threads.run_one();
    EXPECT_EQ(scheduler.stats().jobs, 4u);
    EXPECT_EQ(scheduler.stats().waiting, 1u);
    b.post("of b", More::none);
    threads.run_one();
    EXPECT_EQ(scheduler.stats().jobs, 6u);
    for (Upload* upload : {&a, &b}) upload->expect_right_digests();
}

TEST(LaneScheduler, HurriesTheNextJobOfABodyWhoseFirstRuns) {
    ManualThreads threads;
    LaneScheduler scheduler(threads.submit(), 4);
    Upload a(scheduler);
    a.post("first");
    const Upload slow(scheduler);
    a.post("second");
    a.hurry();
    threads.run_one();
    EXPECT_THAT(a.outcomes, ElementsAre(true, true));
    a.post("third");
    EXPECT_EQ(threads.waiting(), 0u);
    a.hurry();
    threads.run_one();
    a.expect_right_digests();
}

TEST(LaneScheduler, HashesNothingOutOfOrder) {
    ManualThreads threads;
    LaneScheduler scheduler(threads.submit(), 4);
    Upload a(scheduler);
    const Upload b(scheduler);
    a.post("first");
    a.post("second");
    threads.full = true;
    a.hurry();
    EXPECT_THAT(a.outcomes, ElementsAre(false, false));
    EXPECT_EQ(threads.waiting(), 0u);
    EXPECT_EQ(scheduler.stats().jobs, 0u);
}

TEST(LaneScheduler, GoesOnWithoutABodyThatIsDropped) {
    ManualThreads threads;
    LaneScheduler scheduler(threads.submit(), 4);
    Upload a(scheduler), b(scheduler);
    auto dropped = std::make_unique<Upload>(scheduler);
    a.post("a");
    b.post("b");
    EXPECT_EQ(threads.waiting(), 0u);
    dropped.reset();
    ASSERT_EQ(threads.waiting(), 1u);
    threads.run_one();
    EXPECT_THAT(a.outcomes, ElementsAre(true));
    EXPECT_THAT(b.outcomes, ElementsAre(true));
    EXPECT_EQ(scheduler.stats().bodies, 2u);
}

TEST(LaneScheduler, SaysSoWhereNoThreadIsToBeHad) {
    ManualThreads threads;
    LaneScheduler scheduler(threads.submit(), 4);
    Upload a(scheduler), b(scheduler);
    threads.full = true;
    a.post("a");
    EXPECT_THAT(a.outcomes, IsEmpty());
    b.post("b");
    EXPECT_THAT(a.outcomes, ElementsAre(false));
    EXPECT_THAT(b.outcomes, ElementsAre(false));
    EXPECT_EQ(scheduler.stats().groups, 0u);
    threads.full = false;
    a.post("a");
    b.post("b");
    EXPECT_EQ(threads.waiting(), 1u);
    threads.run_one();
    EXPECT_THAT(a.outcomes, ElementsAre(false, true));
}

// Workers that run what is submitted, in any order.
class Workers {
  public:
    explicit Workers(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this] { run(); });
    }
    ~Workers() {
        {
            MutexLock lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }
    bool submit(std::function<void()> work) {
        MutexLock lock(mutex_);
        if (queue_.size() >= 8) return false;
        queue_.push_back(std::move(work));
        changed_.notify_one();
        return true;
    }

  private:
    void run() {
        MutexLock lock(mutex_);
        for (;;) {
            while (queue_.empty() && !stopping_) changed_.wait(mutex_);
            if (queue_.empty()) return;
            const std::function<void()> work = std::move(queue_.front());
            queue_.pop_front();
            mutex_.unlock();
            work();
            mutex_.lock();
        }
    }

    Mutex mutex_;
    ConditionVariable changed_;
    std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
    bool stopping_ GUARDED_BY(mutex_) = false;
    std::vector<std::thread> threads_;
};

// One job's end, waited for with some patience and then in a hurry, as a request does.
class JobEnd {
  public:
    void set(bool hashed) {
        MutexLock lock(mutex_);
        outcome_ = hashed;
        changed_.notify_one();
    }
    bool wait(LaneScheduler::Body& body, std::chrono::microseconds patience) {
        MutexLock lock(mutex_);
        if (!outcome_) changed_.wait_for(mutex_, patience);
        if (!outcome_) {
            mutex_.unlock();
            body.hurry();
            mutex_.lock();
        }
        while (!outcome_) changed_.wait(mutex_);
        return *outcome_;
    }

  private:
    Mutex mutex_;
    ConditionVariable changed_;
    std::optional<bool> outcome_ GUARDED_BY(mutex_);
};

// Receives bodies of random lengths in random pieces; some end early.
void receive_bodies(LaneScheduler& scheduler, std::uint64_t seed, std::atomic<int>& right) {
    std::mt19937_64 random(seed);
    const auto up_to = [&random](std::size_t most) { return std::size_t(random() % (most + 1)); };
    for (int round = 0; round < 12; ++round) {
        std::string text(up_to(60'000), '\0');
        for (char& c : text) c = static_cast<char>(random());
        LaneScheduler::Body body(scheduler);
        Digester digester(algorithms);
        BlockCrcs crcs(1000);
        const bool early_end = up_to(4) == 0;
        std::size_t done = 0, posted = 0;
        std::deque<std::pair<std::size_t, std::unique_ptr<JobEnd>>> under_way;
        const auto wait_for_first = [&] {
            const bool hashed =
                under_way.front().second->wait(body, std::chrono::microseconds(up_to(300)));
            if (hashed) done += under_way.front().first;
            under_way.pop_front();
            // Not hashed for want of a thread: neither is the next, and both are posted again.
            if (hashed) return;
            while (!under_way.empty()) {
                EXPECT_FALSE(under_way.front().second->wait(body, {}));
                under_way.pop_front();
            }
            posted = done;
        };
        while (posted < text.size() && !(early_end && up_to(2) == 0)) {
            const std::size_t size = std::min(text.size() - posted, 1 + up_to(20'000));
            const std::span<const std::byte> piece = as_bytes(text).subspan(posted, size);
            posted += size;
            if (up_to(9) == 0) body.hurry();
            under_way.emplace_back(size, std::make_unique<JobEnd>());
            body.post({&digester, &crcs, piece},
                      posted == text.size() ? More::none : More::expected,
                      [&end = *under_way.back().second](const LaneScheduler::Ended& ended) {
                          end.set(ended.hashed);
                      });
            while (under_way.size() > up_to(1) || (posted == text.size() && !under_way.empty()))
                wait_for_first();
        }
        while (!under_way.empty()) wait_for_first();
        const std::span<const std::byte> fed = as_bytes(text).first(done);
        const Digests digests = digester.finish();
        const bool equal = digests[Algorithm::md5] == digest(Algorithm::md5, fed) &&
                           digests[Algorithm::sha256] == digest(Algorithm::sha256, fed) &&
                           digests[Algorithm::crc32] == digest(Algorithm::crc32, fed) &&
                           crcs.finish().bytes == done;
        if (equal) ++right;
    }
}

TEST(LaneScheduler, GivesEachBodyItsDigestsWhateverTheThreadsDo) {
    RandomInput random;
    constexpr int receivers = 20;
    std::atomic<int> right = 0;
    {
        Workers workers(3);
        LaneScheduler scheduler(
            [&workers](std::function<void()> work) { return workers.submit(std::move(work)); }, 8);
        std::vector<std::thread> threads;
        for (int i = 0; i < receivers; ++i)
            threads.emplace_back([&scheduler, &right, seed = random.word()] {
                receive_bodies(scheduler, seed, right);
            });
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(scheduler.stats().bodies, 0u);
        EXPECT_EQ(scheduler.stats().waiting, 0u);
        std::cout << scheduler.stats().jobs << " jobs in " << scheduler.stats().groups
                  << " groups\n";
    }
    EXPECT_EQ(right, 12 * receivers);
}

}  // namespace
}  // namespace weir::hash
