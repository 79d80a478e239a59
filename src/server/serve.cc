#include "server/serve.h"

#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "auth/key_store.h"
#include "backup/backup.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "blob/local/store.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "hash/lane_scheduler.h"
#include "http/server.h"
#include "inspect/data_directory.h"
#include "io/blocking_pool.h"
#include "io/buffer_pool.h"
#include "io/posix_disk.h"
#include "kv/rocksdb/engine.h"
#include "meta/keys.h"
#include "net/core.h"
#include "net/tls.h"
#include "s3/server/journal_streams.h"
#include "s3/server/service.h"
#include "server/admin.h"
#include "server/bounds.h"
#include "server/damage_metrics.h"
#include "server/lane_metrics.h"
#include "store/object_store.h"
#include "store/orphans.h"
#include "store/reclaimer.h"

namespace weir::server {
namespace {

using cli::Config;

constexpr int exit_failed = 1, exit_misused = 2;
constexpr std::string_view root_owner = "root";

std::shared_ptr<Log> make_log(const Config& config) {
    auto log = stderr_log();
    log->set_level(spdlog::level::from_str(config.log_level));
    log->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    log->flush_on(spdlog::level::info);
    return log;
}

Result<std::shared_ptr<Log>> make_access_log(const Config& config) {
    if (config.access_log == "off") return nullptr;
    try {
        std::shared_ptr<spdlog::sinks::sink> sink;
        if (config.access_log == "stdout") {
            sink = std::make_shared<spdlog::sinks::stdout_sink_mt>();
        } else {
            sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(config.access_log);
        }
        auto log = std::make_shared<Log>("access", std::move(sink));
        log->set_pattern("%v");
        log->flush_on(spdlog::level::info);
        return log;
    } catch (const spdlog::spdlog_ex& exception) {
        return fail(Code::invalid_argument,
                    fmt::format("--access-log {}: {}", config.access_log, exception.what()));
    }
}

// Every connection and every blob that is read holds a descriptor. How many there may be.
std::uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

// The root keys of the environment, or those of the first start. True in `made` if this is it.
Result<inspect::RootCredentials> root_credentials(const Config& config,
                                                  inspect::DataDirectory& directory,
                                                  auth::KeyStore& keys, const Clock& clock,
                                                  bool& made) {
    auth::AccessKey key = auth::make_access_key(std::string(root_owner), clock.now());
    if (!config.root_access_key.empty()) {
        key.id = config.root_access_key;
        key.secret = config.root_secret_key;
        TRY_VOID(auth::check_access_key(key));
        keys.add_fixed(key);
        return inspect::RootCredentials{key.id, key.secret};
    }
    TRY(std::optional<inspect::RootCredentials> saved, directory.root_credentials());
    if (!saved) {
        saved = inspect::RootCredentials{key.id, key.secret};
        // The file first: a crash between the two leaves a file whose key is added below.
        TRY_VOID(directory.save_root_credentials(*saved));
        made = true;
    }
    if (!keys.find(saved->access_key_id)) {
        key.id = saved->access_key_id;
        key.secret = saved->secret;
        TRY_VOID(keys.add(key));
    }
    return *std::move(saved);
}

Result<std::unique_ptr<net::TlsContext>> make_tls(const Config& config,
                                                  inspect::DataDirectory& directory,
                                                  io::Disk& disk) {
    if (config.tls == "off") return nullptr;
    if (config.tls == "files") return net::TlsContext::load(config.tls_cert, config.tls_key);
    if (!disk.stat(directory.tls_certificate_path()) || !disk.stat(directory.tls_key_path())) {
        TRY_VOID(io::make_directories(disk, directory.path() + "/tls"));
        std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
        char host[256] = {};
        if (::gethostname(host, sizeof host - 1) == 0 && host[0] != '\0') names.emplace_back(host);
        for (const std::string& domain : config.domains) {
            names.push_back(domain);
            names.push_back("*." + domain);
        }
        TRY_VOID(net::make_self_signed(directory.tls_certificate_path(), directory.tls_key_path(),
                                       names));
    }
    return net::TlsContext::load(directory.tls_certificate_path(), directory.tls_key_path());
}

// What the clients of the source document paste.
std::string environment_lines(const Config& config, const inspect::RootCredentials& root,
                              const std::string& endpoint,
                              const inspect::DataDirectory& directory) {
    std::string lines = fmt::format(
        "export AWS_ACCESS_KEY_ID=\"{}\"\nexport AWS_SECRET_ACCESS_KEY=\"{}\"\nexport "
        "AWS_ENDPOINT_URL=\"{}\"\n"
        "export AWS_ENDPOINT_URL_S3=\"{}\"\nexport AWS_REGION=\"{}\"\nexport "
        "AWS_DEFAULT_REGION=\"{}\"\n",
        root.access_key_id, root.secret, endpoint, endpoint, config.region, config.region);
    if (config.tls == "self-signed")
        lines += fmt::format("export AWS_CA_BUNDLE=\"{}\"\n", directory.tls_certificate_path());
    return lines;
}

// Blocks the signals in every thread made from here on; wait() takes them.
class Signals {
  public:
    Signals() {
        ::sigemptyset(&set_);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set_, signal);
        ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        std::signal(SIGPIPE, SIG_IGN);
    }
    // The next of them, or 0 when the time is over.
    int wait(std::chrono::seconds timeout) const {
        const timespec until{.tv_sec = timeout.count(), .tv_nsec = 0};
        const int signal = ::sigtimedwait(&set_, nullptr, &until);
        return signal < 0 ? 0 : signal;
    }

  private:
    sigset_t set_{};
};

// What is to be looked after now and then is, between signals: memory, and the certificate.
void wait_for_the_end(const Signals& signals, io::BufferPool& buffers, net::TlsContext* tls,
                      Log& log) {
    constexpr std::chrono::seconds interval(5);
    for (;;) {
        const int signal = signals.wait(interval);
        if (signal == SIGTERM || signal == SIGINT) return;
        buffers.trim();
        if (tls == nullptr) continue;
        const Result<bool> reloaded = tls->reload_if_changed();
        if (!reloaded) log.warn("the certificate was not taken in: {}", reloaded.error().message());
        if (reloaded && *reloaded) log.info("a new certificate was taken in");
    }
}

Result<int> run(const Config& config) {
    const Signals signals;
    const std::shared_ptr<Log> log = make_log(config);
    TRY(const std::shared_ptr<Log> access_log, make_access_log(config));
    TRY(const net::Address listen, net::parse_address(config.listen));
    TRY(const net::Address admin_listen, net::parse_address(config.admin_listen));
    const std::uint64_t descriptors = raise_descriptor_limit();
    const SystemClock clock;
    Metrics metrics;

    // The directory, and the two engines in it.
    io::PosixDisk disk;
    TRY(const std::unique_ptr<inspect::DataDirectory> directory,
        inspect::DataDirectory::open(disk, config.data, true));
    TRY(const std::unique_ptr<kv::rocksdb::Engine> kv,
        kv::rocksdb::Engine::open({.path = directory->meta_path()}, config.limits, *log));
    TRY_VOID(kv->create_partition(meta::system_partition));
    TRY(const std::uint32_t writer, store::register_writer(*kv));
    TRY(const std::unique_ptr<blob::local::Store> blobs,
        blob::local::Store::open({.root = directory->blobs_path(),
                                  .writer = writer,
                                  .reserve_bytes = config.reserve_bytes,
                                  .open_max = config.limits.open_blobs_max,
                                  .descriptors_max = std::min<std::uint64_t>(
                                      config.limits.blob_descriptors_max, descriptors / 2)},
                                 disk, *log));

    // The product, its background, its keys.
    store::ObjectStore store(
        {.kv = *kv,
         .blobs = *blobs,
         .clock = clock,
         .log = *log,
         .limits = config.limits,
         .settings = {.reclaim_delay_nanos = config.reclaim_delay_s * nanos_per_second,
                      .journal_keep_nanos = config.journal_keep_s * nanos_per_second,
                      .journal_keep_bytes = config.journal_keep_bytes},
         .source = {.region = 0, .writer = writer}});
    TRY_VOID(store.damage().load());
    store.damage().forget_gone();
    TRY(const store::OrphanSweep sweep, store::sweep_orphans(store, writer));
    if (sweep.removed > 0)
        log->info("{} of {} young blobs were never committed and are gone", sweep.removed,
                  sweep.checked);
    store::Reclaimer reclaimer(store, writer);
    TRY(const std::unique_ptr<auth::KeyStore> keys,
        auth::KeyStore::open(*kv, directory->secret_key()));
    bool first_start = false;
    TRY(const inspect::RootCredentials root,
        root_credentials(config, *directory, *keys, clock, first_start));

    // The network.
    io::BlockingPool pool(config.limits.blocking_threads_max, config.limits.blocking_queue_max);
    io::BufferPool buffers(config.limits.body_buffer_bytes, config.limits.body_buffers_max,
                           config.limits.body_buffer_queue_max);
    hash::LaneScheduler lanes(
        [&pool](std::function<void()> work) { return pool.submit(std::move(work)); });
    io::ByteBudget xml_memory(config.limits.xml_memory_bytes_max);
    s3::JournalStreams journal_streams(config.limits.journal_streams_max);
    TRY(const std::unique_ptr<net::TlsContext> tls, make_tls(config, *directory, disk));
    net::Cores cores(config.threads);
    s3::Service service({.store = store,
                         .keys = *keys,
                         .pool = pool,
                         .buffers = buffers,
                         .lanes = lanes,
                         .xml_memory = xml_memory,
                         .journal_streams = journal_streams,
                         .limits = config.limits,
                         .clock = clock,
                         .log = *log,
                         .access_log = access_log,
                         .metrics = metrics,
                         .domains = config.domains,
                         .region = config.region,
                         .verify_reads = config.verify_reads == "on"});
    const http::Server::Parts parts{.cores = cores,
                                    .pool = pool,
                                    .handler = service,
                                    .tls = tls.get(),
                                    .limits = config.limits,
                                    .clock = clock,
                                    .log = *log};
    http::Server s3_server(parts);
    TRY_VOID(s3_server.listen_tcp(listen));

    const std::vector<BoundInUse> bounds =
        bounds_in_use(config.limits, *kv, *blobs, store, pool, buffers, lanes, xml_memory,
                      journal_streams, s3_server);
    const std::unique_ptr<prometheus::Collectable> bound_metrics = collect_bounds(bounds);
    const std::unique_ptr<prometheus::Collectable> damage_metrics = collect_damage(store.damage());
    const std::unique_ptr<prometheus::Collectable> lane_metrics = collect_lanes(lanes);
    const Admin::Parts admin_parts{
        .store = store,
        .keys = *keys,
        .pool = pool,
        .clock = clock,
        .metrics = {&metrics, bound_metrics.get(), damage_metrics.get(), lane_metrics.get()},
        .writer = writer,
        .bounds = bounds,
        .ready = [&] { return !s3_server.draining(); },
        .back_up =
            [&](const backup::BackupOptions& options) {
                return backup::back_up({.directory = *directory,
                                        .kv = *kv,
                                        .pause_reclaiming = [&] { return reclaimer.pause(); }},
                                       options, disk, *log);
            }};
    Admin open_admin(admin_parts, false), trusted_admin(admin_parts, true);
    http::Server admin_server({cores, pool, open_admin, nullptr, config.limits, clock, *log});
    http::Server admin_socket({cores, pool, trusted_admin, nullptr, config.limits, clock, *log});
    TRY_VOID(admin_server.listen_tcp(admin_listen));
    TRY_VOID(admin_socket.listen_unix(directory->admin_socket_path()));

    const std::string endpoint =
        fmt::format("{}://{}", tls ? "https" : "http", s3_server.address().text());
    const std::string lines = environment_lines(config, root, endpoint, *directory);
    TRY_VOID(directory->save_environment(lines));
    reclaimer.start();
    cores.start();
    s3_server.start();
    admin_server.start();
    admin_socket.start();
    log->info("serving {} at {}, admin at http://{}", config.data, endpoint,
              admin_server.address().text());
    if (first_start) {
        fmt::print("{}", lines);
        std::fflush(stdout);
    }

    wait_for_the_end(signals, buffers, tls.get(), *log);
    log->info("draining");
    trusted_admin.cancel();
    s3_server.drain();
    admin_server.drain();
    admin_socket.drain();
    cores.stop();
    pool.stop();
    reclaimer.stop();
    kv->stop();
    log->info("stopped");
    return 0;
}

}  // namespace

int serve(const std::vector<std::string>& arguments) {
    const bool help =
        !arguments.empty() && (arguments.front() == "--help" || arguments.front() == "-h");
    const Result<cli::Flags> flags =
        cli::parse_flags(help ? std::vector<std::string>() : arguments);
    if (!flags) return cli::complain(flags.error().message(), exit_misused);
    const Result<cli::Loaded> loaded = cli::load_config(*flags);
    if (!loaded) return cli::complain(loaded.error().message(), exit_misused);
    if (help) {
        fmt::print("weir serve [options]: serves a data directory over S3.\n\n{}",
                   cli::describe(loaded->settings));
        return 0;
    }
    const Result<int> code = run(loaded->config);
    if (!code) return cli::complain(code.error().message(), exit_failed);
    return *code;
}

}  // namespace weir::server
