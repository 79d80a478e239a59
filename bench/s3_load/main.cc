// s3_load: a load on an S3 server that costs next to nothing itself, so that what is measured is
// the server. Prints {"event":"begin"} when its window begins and the figures when it is over;
// bench/s3_bench.py drives it and measures the server meanwhile.

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <deque>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "base/check.h"
#include "connection.h"
#include "options.h"
#include "request_source.h"

namespace weir::bench {
namespace {

constexpr int wait_ms = 50;

double seconds_of(timeval time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double cpu_seconds() {
    rusage usage = {};
    CHECK(::getrusage(RUSAGE_SELF, &usage) == 0);
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

Clock::duration seconds(double count) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
}

// One thread: its share of the connections.
class Worker {
  public:
    Worker(const Options& options, const Body& body, Counter& counter, unsigned number)
        : options_(options), source_(options, body, counter, number + 1) {
        epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
        CHECK(epoll_ >= 0);
        const unsigned share = options.connections / options.threads +
                               (number < options.connections % options.threads ? 1 : 0);
        for (unsigned i = 0; i < share; ++i)
            connections_.emplace_back(options, body, source_, tally_, epoll_);
    }
    ~Worker() { ::close(epoll_); }

    // From `begin` on it counts; at `end` it stops, or takes no new requests.
    void run(Clock::time_point begin, Clock::time_point end) {
        bool counting = false;
        for (Connection& connection : connections_) connection.begin();
        for (;;) {
            const Clock::time_point now = Clock::now();
            if (!counting && now >= begin) {
                tally_ = Tally();
                counting = true;
            }
            if (options_.operations == 0 && now >= end) {
                if (!options_.whole) return;
                for (Connection& connection : connections_) connection.finish();
            }
            if (options_.whole && std::ranges::all_of(connections_, &Connection::idle)) return;
            proceed();
        }
    }

    const Tally& tally() const { return tally_; }

  private:
    void proceed() {
        std::array<epoll_event, 256> events;
        const int count =
            ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms);
        for (int i = 0; i < count; ++i)
            static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr)->proceed();
    }

    const Options& options_;
    RequestSource source_;
    Tally tally_;
    int epoll_ = -1;
    std::deque<Connection> connections_;
};

double micros(std::uint64_t nanos) { return static_cast<double>(nanos) / 1e3; }

nlohmann::json report(const Tally& tally, double seconds, double cpu_s) {
    return {
        {"seconds", seconds},
        {"cpu_s", cpu_s},
        {"operations", tally.operations},
        {"keys", tally.keys},
        {"bytes", tally.bytes},
        {"errors", tally.errors},
        {"first_error", tally.first_error},
        {"reconnects", tally.reconnects},
        {"mean_us", micros(tally.latencies.mean())},
        {"p50_us", micros(tally.latencies.percentile(0.5))},
        {"p90_us", micros(tally.latencies.percentile(0.9))},
        {"p99_us", micros(tally.latencies.percentile(0.99))},
        {"p999_us", micros(tally.latencies.percentile(0.999))},
        {"max_us", micros(tally.latencies.max())},
    };
}

void print(const nlohmann::json& line) {
    std::puts(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    std::fflush(stdout);
}

void run(const Options& options) {
    const Body body(options.body_bytes);
    Counter counter = 0;
    std::deque<Worker> workers;
    for (unsigned i = 0; i < options.threads; ++i) workers.emplace_back(options, body, counter, i);

    if (options.warmup_s == 0) print({{"event", "begin"}});
    const Clock::time_point begin = Clock::now() + seconds(options.warmup_s);
    const Clock::time_point end = begin + seconds(options.seconds);
    double cpu_before = cpu_seconds();
    std::vector<std::jthread> threads;
    for (Worker& worker : workers)
        threads.emplace_back([&worker, begin, end] { worker.run(begin, end); });
    if (options.warmup_s != 0) {
        std::this_thread::sleep_until(begin);
        cpu_before = cpu_seconds();
        print({{"event", "begin"}});
    }
    threads.clear();  // waits for each

    const double taken = std::chrono::duration<double>(Clock::now() - begin).count();
    const double cpu_s = cpu_seconds() - cpu_before;
    Tally all;
    for (const Worker& worker : workers) all.add(worker.tally());
    print(report(all, taken, cpu_s));
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) { weir::bench::run(weir::bench::parse_options(argc, argv)); }
