#include "mount/mount.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "client/transfer.h"
#include "io/blocking_pool.h"
#include "mount/attributes_ahead.h"
#include "mount/changes.h"
#include "mount/content.h"
#include "mount/deadline.h"
#include "mount/drafts.h"
#include "mount/fetcher.h"
#include "mount/file_system.h"
#include "mount/follower.h"
#include "mount/freshness.h"
#include "mount/listing.h"
#include "mount/local_blob.h"
#include "mount/recovery.h"
#include "mount/session.h"
#include "mount/tree.h"

namespace weir::mount {
namespace {

constexpr std::size_t status_files_max = 1000;  // that are being written, as told

// What is read as it was then does not change.
constexpr std::chrono::hours past_ttl{24 * 365};

std::string folder_prefix(std::string prefix) {
    while (prefix.starts_with('/')) prefix.erase(0, 1);
    while (prefix.ends_with('/')) prefix.pop_back();
    return prefix.empty() ? prefix : prefix + "/";
}

// The bucket is there, and we may list it: what else would be found out by the first `ls`.
Result<void> look_at_bucket(const Store& store, const client::Call& call) {
    const auto page = store.client.list_objects(
        {.bucket = store.bucket, .prefix = store.prefix, .max_keys = 1}, call);
    if (page) return {};
    return fail(Error(page.error().code(),
                      fmt::format("{} cannot be mounted from {}: {}", store.bucket,
                                  store.client.endpoint().url(), page.error().message())));
}

// Each file that waits for its commit holds a descriptor; a quarter of them is for others.
DraftLimits limits_of_drafts() {
    DraftLimits limits;
    rlimit descriptors{};
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0)
        limits.closed_files_max =
            std::min<std::size_t>(limits.closed_files_max, descriptors.rlim_cur / 4 * 3);
    return limits;
}

SessionOptions session_options(const MountOptions& options) {
    return {.folder = options.folder,
            .source = options.source,
            .allow_other = options.allow_other,
            .read_only = options.read_only || options.as_of.has_value(),
            .passthrough = options.passthrough,
            .no_exec = options.no_exec};
}

}  // namespace

struct Mount::State {
    State(MountOptions options_in, const Environs& environs_in, Store store_in)
        : options(std::move(options_in)),
          environs(environs_in),
          store(std::move(store_in)),
          freshness(options.as_of ? past_ttl : options.ttl) {}

    // What needs no kernel, and then what stands on the session.
    void wire_store();
    void wire();
    // What is written is in the store, or kept for another process.
    void drain();
    Result<void> recover();
    // How long what goes on may still take; then it is cancelled.
    std::unique_ptr<Deadline> deadline(std::uint64_t timeout_ms);

    const MountOptions options;
    const Environs environs;
    const Store store;
    const DraftLimits draft_limits = limits_of_drafts();
    Freshness freshness;
    io::BlockingPool uploads{draft_limits.upload_threads_max, draft_limits.upload_queue_max};
    client::Transfers transfers{store.client, uploads};
    std::unique_ptr<Session> session;
    std::unique_ptr<Tree> tree;
    std::unique_ptr<Listing> listing;
    std::unique_ptr<SmallFiles> small_files;
    std::unique_ptr<AttributesAhead> attributes_ahead;
    std::unique_ptr<Contents> contents;
    std::unique_ptr<Fetcher> fetcher;
    std::unique_ptr<DraftGround> draft_ground;
    std::unique_ptr<Drafts> drafts;
    std::unique_ptr<FileSystem> file_system;
    std::unique_ptr<Changes> changes;
    Mutex mutex;
    ConditionVariable changed;
    bool served GUARDED_BY(mutex) = false;      // the kernel asks no more, and all is written
    std::size_t unsaved GUARDED_BY(mutex) = 0;  // files that are not
    unsigned stopping GUARDED_BY(mutex) = 0;    // calls of stop()
    std::vector<std::string> recovered = {};    // one sentence each
    std::unique_ptr<JournalFollower> follower;  // the last: its thread calls the others
};

void Mount::State::wire_store() {
    tree = std::make_unique<Tree>(options.defaults.of(Kind::folder, environs.clock.now()),
                                  environs.limits.nodes_max);
    small_files = std::make_unique<SmallFiles>(environs.cache, environs.limits, environs.log);
    contents = std::make_unique<Contents>(store, *tree, environs.cache, *small_files, environs.log);
    draft_ground = std::make_unique<DraftGround>(DraftGround{
        .client = store.client,
        .transfers = transfers,
        .cache = environs.cache,
        .pool = uploads,
        .limits = draft_limits,
        .clock = environs.clock,
        .log = environs.log,
        .bucket = store.bucket,
        .reader = [this](const std::string& key, const ObjectVersion& version) {
            return contents->reader(key, version, session ? &session->ending() : nullptr);
        }});
}

void Mount::State::wire() {
    const AttributeDefaults& defaults = options.defaults;
    listing = std::make_unique<Listing>(store, *tree, freshness, defaults, *session, environs.log);
    attributes_ahead = std::make_unique<AttributesAhead>(*tree, *listing, freshness,
                                                         environs.limits, environs.log);
    fetcher = std::make_unique<Fetcher>(*contents, *listing, environs.cache, environs.limits,
                                        environs.log);
    drafts = std::make_unique<Drafts>(Drafts::Environs{.ground = *draft_ground,
                                                       .store = store,
                                                       .tree = *tree,
                                                       .limits = draft_limits,
                                                       .async_close = options.async_close,
                                                       .ending = session->ending()});
    file_system = std::make_unique<FileSystem>(
        Ground{.store = store,
               .limits = environs.limits,
               .defaults = defaults,
               .freshness = freshness,
               .tree = *tree,
               .listing = *listing,
               .attributes_ahead = *attributes_ahead,
               .contents = *contents,
               .fetcher = *fetcher,
               .drafts = *drafts,
               .transfers = transfers,
               .cache = environs.cache,
               .kernel = *session,
               .clock = environs.clock,
               .log = environs.log,
               .read_only = options.read_only || options.as_of.has_value()});
    changes = std::make_unique<Changes>(store, defaults, *tree, *session);
    follower = std::make_unique<JournalFollower>(JournalFollower::Parts{.client = environs.client,
                                                                        .bucket = store.bucket,
                                                                        .prefix = store.prefix,
                                                                        .freshness = freshness,
                                                                        .listener = *changes,
                                                                        .limits = environs.limits,
                                                                        .log = environs.log});
}

Result<void> Mount::State::recover() {
    TRY(Recovery recovery,
        recover_writes(*draft_ground, store.prefix, {.interrupt = &environs.ending}));
    for (const Recovered& one : recovery.files) {
        recovered.push_back(one.describe());
        if (one.error)
            environs.log.error("{}", recovered.back());
        else
            environs.log.info("{}", recovered.back());
    }
    for (const std::string& other : recovery.others)
        recovered.push_back(fmt::format(
            "files that were written to {} are kept until it is mounted so with --recover", other));
    if (environs.ending.interrupted())
        return fail(Code::cancelled, "a signal ended it; what is not recovered yet stays");
    return {};
}

void Mount::State::drain() {
    const std::size_t left = drafts->drain();
    const MutexLock lock(mutex);
    unsaved = left;
}

std::unique_ptr<Deadline> Mount::State::deadline(std::uint64_t timeout_ms) {
    return std::make_unique<Deadline>(std::chrono::milliseconds(timeout_ms),
                                      [this] { session->interrupt_all(); });
}

Mount::Mount(std::unique_ptr<State> state) : state_(std::move(state)) {}

Mount::~Mount() {
    {
        const MutexLock lock(state_->mutex);
        while (state_->stopping > 0) state_->changed.wait(state_->mutex);
    }
    state_->follower->stop();
    state_->fetcher->stop();
    state_->listing->stop();
    state_->attributes_ahead->stop();
    state_->drafts->stop();
    state_->small_files->stop();
    // The kernel's requests have ended: nobody calls what goes now.
}

Result<std::unique_ptr<Mount>> Mount::start(MountOptions options, const Environs& environs) {
    Store store{.client = environs.client,
                .bucket = options.bucket,
                .prefix = folder_prefix(options.prefix),
                .as_of = options.as_of,
                .attributes_in_listings = options.listed_metadata,
                .reads_files = options.store_files && on_loopback(environs.client.endpoint().host)};
    TRY_VOID(look_at_bucket(store, {.interrupt = &environs.ending}));
    auto state = std::make_unique<State>(std::move(options), environs, std::move(store));
    state->wire_store();
    // Before the kernel has a folder that nobody answers for yet.
    if (state->options.recover) TRY_VOID(state->recover());
    if (environs.ending.interrupted()) return fail(Code::cancelled, "a signal ended it");
    TRY(state->session,
        Session::mount(session_options(state->options), environs.limits, environs.log));
    state->wire();
    if (!state->options.as_of) state->follower->start();
    state->fetcher->prefetch(state->options.prefetch);
    return std::unique_ptr<Mount>(new Mount(std::move(state)));
}

Result<void> Mount::wait() {
    const Result<void> served = state_->session->serve(*state_->file_system);
    {
        const auto deadline = state_->deadline(state_->environs.limits.unmount_timeout_ms);
        state_->drain();
    }
    const MutexLock lock(state_->mutex);
    state_->served = true;
    state_->changed.notify_all();
    if (!served || state_->unsaved == 0) return served;
    return fail(Code::unavailable,
                fmt::format("{} files are not in the store; weir mount --recover brings them there",
                            state_->unsaved));
}

std::size_t Mount::await_end() const {
    const MutexLock lock(state_->mutex);
    while (!state_->served) state_->changed.wait(state_->mutex);
    return state_->unsaved;
}

void Mount::stop() {
    {
        const MutexLock lock(state_->mutex);
        if (state_->served) return;
        ++state_->stopping;
    }
    const std::chrono::milliseconds time(state_->environs.limits.drain_timeout_ms);
    const auto until = std::chrono::steady_clock::now() + time;
    const auto deadline = state_->deadline(state_->environs.limits.drain_timeout_ms);
    // What is written and not closed yet goes to the store too.
    state_->drain();
    state_->session->unmount(/*force=*/false);
    const MutexLock lock(state_->mutex);
    // Files that are open keep it alive.
    while (!state_->served && std::chrono::steady_clock::now() < until)
        state_->changed.wait_for(state_->mutex, std::chrono::milliseconds(100));
    if (!state_->served) state_->session->unmount(/*force=*/true);
    --state_->stopping;
    state_->changed.notify_all();
}

const MountOptions& Mount::options() const { return state_->options; }

const std::vector<std::string>& Mount::recovered() const { return state_->recovered; }

MountStatus Mount::status() const {
    const State& state = *state_;
    const Tree::Counts nodes = state.tree->counts();
    const FileSystem::Counts files = state.file_system->counts();
    const Fetcher::Stats fetched = state.fetcher->stats();
    const cache::Cache::Usage usage = state.environs.cache.usage();
    MountStatus status{.folder = state.options.folder,
                       .endpoint = state.store.client.endpoint().url(),
                       .read_only = state.options.read_only || state.options.as_of,
                       .passthrough = state.session->passthrough(),
                       .journal = state.follower->status(),
                       .client = state.store.client.stats(),
                       .nodes = nodes.nodes,
                       .nodes_of_kernel = nodes.looked_up,
                       .open_files = files.open_files,
                       .hidden_keys = state.listing->hidden_keys(),
                       .hit_bytes = files.hit_bytes,
                       .missed_bytes = files.missed_bytes,
                       .passthrough_opens = files.passthrough_opens,
                       .fetched_ahead_bytes = fetched.bytes,
                       .fetch_failures = fetched.failures,
                       .waiting_files = fetched.waiting,
                       .cache_bytes = usage.used_bytes,
                       .cache_bytes_max = usage.bytes_max,
                       .evicted_bytes = usage.evicted.bytes};
    for (const Fetcher::Progress& each : fetched.fetching)
        status.fetching.push_back({.path = each.key.substr(state.store.prefix.size()),
                                   .done_bytes = each.done_bytes,
                                   .bytes = each.bytes});
    for (const Drafts::Progress& each : state.drafts->progress(status_files_max)) {
        const std::string path = each.key.substr(state.store.prefix.size());
        status.writing.push_back(
            {.path = path, .done_bytes = each.sent_bytes, .bytes = each.bytes});
        if (!each.problem.empty())
            status.problems.push_back({.path = path, .problem = each.problem});
    }
    const auto abandoned = state.environs.cache.abandoned_writes();
    if (!abandoned) return status;
    status.abandoned_writes = abandoned->size();
    for (const cache::AbandonedWrite& each : *abandoned)
        if (status.kept.size() < status_files_max) status.kept.push_back(kept_file(each));
    return status;
}

}  // namespace weir::mount
