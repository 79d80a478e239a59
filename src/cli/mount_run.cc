#include "cli/mount_run.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "cache/cache.h"
#include "cli/mount_log.h"
#include "cli/mount_person.h"
#include "client/credentials.h"
#include "client/endpoint.h"
#include "client/environment.h"
#include "client/s3_client.h"
#include "io/buffer_pool.h"
#include "mount/budgets.h"
#include "mount/mount.h"
#include "mount/status.h"
#include "net/interrupt.h"

namespace weir::cli {
namespace {

constexpr rlim_t descriptors_max = 131'072;  // that are asked for: twice the opens of a mount

// Blocks, in every thread made from here on, the signals that end a mount.
sigset_t block_signals() {
    sigset_t set{};
    ::sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT}) ::sigaddset(&set, signal);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    for (const int signal : {SIGHUP, SIGPIPE}) std::signal(signal, SIG_IGN);
    return set;
}

// Takes the blocked signals on a thread of its own: the first SIGTERM or SIGINT stops what is going
// on, another one ends the process as it would have. Calls `tick` now and then.
class Watch {
  public:
    Watch(const sigset_t& signals, std::function<void()> tick)
        : signals_(signals), tick_(std::move(tick)), thread_([this] { watch(); }) {}
    ~Watch() { end(); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    // Of what begins before there is a mount.
    const net::Interrupt& signalled() const { return signalled_; }
    // What stops it from now on; called on this one's thread.
    void stop_by(std::function<void()> stop) EXCLUDES(mutex_) {
        const MutexLock lock(mutex_);
        stop_ = std::move(stop);
        changed_.notify_all();
    }
    // No call comes from here any more.
    void end() EXCLUDES(mutex_) {
        {
            const MutexLock lock(mutex_);
            ended_ = true;
        }
        changed_.notify_all();
        if (thread_.joinable()) thread_.join();
    }

  private:
    void watch() EXCLUDES(mutex_) {
        const timespec slice{.tv_sec = 0, .tv_nsec = 200'000'000};
        while (!ended_) {
            const int signal = ::sigtimedwait(&signals_, nullptr, &slice);
            if (signal < 0) tick_();
            if (signal == SIGTERM || signal == SIGINT) break;
        }
        if (ended_) return;
        for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, SIG_DFL);
        ::pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
        signalled_.interrupt();
        std::function<void()> stop;
        {
            const MutexLock lock(mutex_);
            while (!stop_ && !ended_) changed_.wait(mutex_);
            if (ended_) return;
            stop = stop_;
        }
        stop();
    }

    const sigset_t signals_;
    const std::function<void()> tick_;
    net::Interrupt signalled_;
    Mutex mutex_;
    ConditionVariable changed_;
    std::function<void()> stop_ GUARDED_BY(mutex_);
    std::atomic<bool> ended_ = false;
    std::thread thread_;  // the last
};

// Connections, open files and cache entries hold descriptors. Root may have more than the system
// gives everybody.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    const rlim_t most = std::max(limit.rlim_max, descriptors_max);
    const rlimit more{.rlim_cur = most, .rlim_max = most};
    if (::setrlimit(RLIMIT_NOFILE, &more) == 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

mount::MountOptions options_of(const MountLine& line, const Person& person) {
    mount::MountOptions options{.source = line.source_text,
                                .bucket = line.source.bucket,
                                .prefix = line.source.prefix,
                                .as_of = line.source.time,
                                .folder = line.folder,
                                .read_only = line.read_only,
                                .allow_other = line.allow_other || person.root,
                                .no_exec = line.no_exec,
                                .passthrough = line.passthrough,
                                .store_files = line.store_files,
                                .listed_metadata = line.listed_metadata,
                                .async_close = line.async_close,
                                .recover = line.recover,
                                .prefetch = line.prefetch};
    options.defaults.uid = line.uid.value_or(person.uid);
    options.defaults.gid = line.gid.value_or(person.gid);
    if (line.umask) options.defaults.umask = *line.umask;
    if (line.ttl) options.ttl = *line.ttl;
    return options;
}

// With what a person under sudo needs to know besides.
Result<void> check_credentials(client::CredentialChain& credentials,
                               const client::Environment& environment, const Person& person) {
    const auto found = credentials.current();
    if (found) return {};
    if (!person.sudo || environment.variable("AWS_ACCESS_KEY_ID")) return fail(found.error());
    return fail(found.error().code(),
                fmt::format("{}. {}", found.error().message(), sudo_advice()));
}

// Whoever named no endpoint under sudo may have meant the one that sudo did not pass on.
Error with_advice(const Error& error, const MountLine& line, const Person& person,
                  const std::string& host) {
    if (!person.sudo || !line.endpoint.empty() || !host.ends_with(".amazonaws.com")) return error;
    return {error.code(),
            fmt::format("{}. No endpoint is named. {}", error.message(), sudo_advice())};
}

// Made where it is missing. The daemon works elsewhere, so it is absolute.
Result<std::string> cache_folder_of(const MountLine& line) {
    std::string folder = line.cache;
    if (folder.empty()) {
        TRY(folder, cache::default_cache_path());
    }
    std::error_code error;
    const std::filesystem::path path = std::filesystem::absolute(folder, error).lexically_normal();
    if (!error) std::filesystem::create_directories(path.parent_path(), error);
    if (error)
        return fail(Code::invalid_argument,
                    fmt::format("the cache's folder {}: {}", folder, error.message()));
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        return fail(errno_error("making the cache's folder " + path.string(), errno));
    return path.string();
}

Result<std::uint64_t> cache_bytes_of(const MountLine& line, const std::string& cache_folder) {
    if (line.cache_bytes) return *line.cache_bytes;
    return mount::default_cache_bytes(cache_folder, mount::memory_bound_bytes());
}

// A mount without its status is better than none.
std::unique_ptr<mount::StatusServer> start_status(const MountLine& line, const Person& person,
                                                  mount::StatusServer::Ask ask,
                                                  mount::StatusServer::AwaitEnd await_end,
                                                  Log& log) {
    const std::string socket = mount::status_socket(mount::status_folder(), line.folder);
    auto started =
        mount::StatusServer::start(socket, person.uid, std::move(ask), std::move(await_end));
    if (started) return *std::move(started);
    log.warn("weir mount status will not know of it: {}", started.error().message());
    return nullptr;
}

// To whoever waits for the mount; the log has all.
void tell_recovered(const std::vector<std::string>& sentences) {
    constexpr std::size_t sentences_max = 20;
    const std::size_t shown = std::min(sentences.size(), sentences_max);
    for (std::size_t i = 0; i < shown; ++i) fmt::print(stderr, "weir: {}\n", sentences[i]);
    if (shown < sentences.size())
        fmt::print(stderr, "weir: and {} more, in the log\n", sentences.size() - shown);
}

}  // namespace

Result<void> run_mounted(const MountLine& line, const std::function<bool()>& mounted) {
    const sigset_t signals = block_signals();
    raise_descriptor_limit();
    const Person person = Person::of_process();
    const SystemClock clock;

    // The cache first: the log may go there.
    TRY(const std::string cache_folder, cache_folder_of(line));
    TRY(const MountLog opened_log, open_mount_log(line, cache_folder));
    Log& log = *opened_log.log;
    TRY(const std::uint64_t cache_bytes, cache_bytes_of(line, cache_folder));
    TRY(const std::unique_ptr<cache::Cache> cache,
        cache::Cache::open({.path = cache_folder, .cache_bytes = cache_bytes}, clock, log));

    // The store.
    const client::Environment environment = client::Environment::of_process();
    client::CredentialChain credentials(environment, line.profile, log);
    TRY_VOID(check_credentials(credentials, environment, person));
    TRY(client::Endpoint endpoint,
        client::resolve_endpoint(environment, {.url = line.endpoint,
                                               .region = line.region,
                                               .ca_file = line.ca_file,
                                               .profile = line.profile}));
    ClientLimits client_limits;
    const std::uint64_t memory_bytes =
        line.memory_bytes.value_or(mount::default_memory_bytes(mount::memory_bound_bytes()));
    const MountLimits limits = mount::limits_within(memory_bytes);
    client_limits.buffers_max = static_cast<std::size_t>(memory_bytes / client_limits.buffer_bytes);
    io::BufferPool buffers(client_limits.buffer_bytes, client_limits.buffers_max,
                           client_limits.buffer_queue_max);
    TRY(const std::unique_ptr<client::S3Client> client,
        client::S3Client::make(std::move(endpoint), {.credentials = credentials,
                                                     .buffers = buffers,
                                                     .limits = client_limits,
                                                     .clock = clock,
                                                     .log = log}));

    Watch watch(signals, [&] {
        buffers.trim();
        client->trim();
    });
    auto started = mount::Mount::start(options_of(line, person), {.client = *client,
                                                                  .cache = *cache,
                                                                  .limits = limits,
                                                                  .clock = clock,
                                                                  .log = log,
                                                                  .ending = watch.signalled()});
    if (!started) return fail(with_advice(started.error(), line, person, client->endpoint().host));
    const std::unique_ptr<mount::Mount> mount = *std::move(started);
    const auto tell = [&, since = clock.now()] {
        mount::MountStatus now = mount->status();
        now.source = line.source_text;
        now.cache_folder = cache_folder;
        now.since = since;
        now.memory_bytes = mount::resident_bytes();
        now.memory_bytes_max = memory_bytes;
        return now;
    };
    const std::unique_ptr<mount::StatusServer> status =
        start_status(line, person, tell, [&] { return mount->await_end(); }, log);
    log.info("{} is mounted at {} from {}, the cache in {} may hold {} MiB", line.source_text,
             line.folder, client->endpoint().url(), cache_folder, cache_bytes / MiB);
    watch.stop_by([&] { mount->stop(); });
    tell_recovered(mount->recovered());
    if (!mounted()) return fail(Code::cancelled, "whoever mounted it is gone");
    const Result<void> served = mount->wait();
    watch.end();
    if (served) log.info("{} is unmounted", line.folder);
    return served;
}

}  // namespace weir::cli
