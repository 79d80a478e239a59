#include "mount/mount.h"

#include <fmt/format.h>

#include <utility>

#include "mount/changes.h"
#include "mount/content.h"
#include "mount/file_system.h"
#include "mount/follower.h"
#include "mount/freshness.h"
#include "mount/listing.h"

namespace weir::mount {
namespace {

// What is read as it was then does not change.
constexpr std::chrono::hours past_ttl{24 * 365};

std::string folder_prefix(std::string prefix) {
    while (prefix.starts_with('/')) prefix.erase(0, 1);
    while (prefix.ends_with('/')) prefix.pop_back();
    return prefix.empty() ? prefix : prefix + "/";
}

// The bucket is there, and we may list it: what else would be found out by the first `ls`.
Result<void> look_at_bucket(const Store& store) {
    const auto page =
        store.client.list_objects({.bucket = store.bucket, .prefix = store.prefix, .max_keys = 1});
    if (page) return {};
    return fail(Error(page.error().code(), fmt::format("{} cannot be mounted: {}", store.bucket,
                                                       page.error().message())));
}

SessionOptions session_options(const MountOptions& options, const Store& store) {
    return {.folder = options.folder,
            .source = fmt::format("weir:{}{}{}", store.bucket, store.prefix.empty() ? "" : "/",
                                  store.prefix),
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

    // Everything that stands on the session.
    void wire();

    const MountOptions options;
    const Environs environs;
    const Store store;
    Freshness freshness;
    std::unique_ptr<Session> session;
    std::unique_ptr<Tree> tree;
    std::unique_ptr<Listing> listing;
    std::unique_ptr<Contents> contents;
    std::unique_ptr<Fetcher> fetcher;
    std::unique_ptr<FileSystem> file_system;
    std::unique_ptr<Changes> changes;
    std::unique_ptr<JournalFollower> follower;  // null where nothing can change
};

void Mount::State::wire() {
    const AttributeDefaults& defaults = options.defaults;
    tree = std::make_unique<Tree>(defaults.of(Kind::folder, environs.clock.now()),
                                  environs.limits.nodes_max);
    listing = std::make_unique<Listing>(store, *tree, freshness, defaults, *session, environs.log);
    contents = std::make_unique<Contents>(store, *tree, environs.cache, environs.log);
    fetcher = std::make_unique<Fetcher>(*contents, *listing, environs.cache, environs.limits,
                                        environs.log);
    file_system = std::make_unique<FileSystem>(
        Ground{.store = store,
               .limits = environs.limits,
               .defaults = defaults,
               .freshness = freshness,
               .tree = *tree,
               .listing = *listing,
               .contents = *contents,
               .fetcher = *fetcher,
               .cache = environs.cache,
               .kernel = *session,
               .clock = environs.clock,
               .log = environs.log,
               .read_only = options.read_only || options.as_of.has_value()});
    if (options.as_of) return;
    changes = std::make_unique<Changes>(store, defaults, *tree, *session);
    follower = std::make_unique<JournalFollower>(JournalFollower::Parts{.client = environs.client,
                                                                        .bucket = store.bucket,
                                                                        .prefix = store.prefix,
                                                                        .freshness = freshness,
                                                                        .listener = *changes,
                                                                        .limits = environs.limits,
                                                                        .log = environs.log});
}

Mount::Mount(std::unique_ptr<State> state) : state_(std::move(state)) {}

Mount::~Mount() {
    if (state_->follower) state_->follower->stop();
    state_->fetcher->stop();
    // The kernel's requests have ended: nobody calls what goes now.
}

Result<std::unique_ptr<Mount>> Mount::start(MountOptions options, const Environs& environs) {
    Store store{.client = environs.client,
                .bucket = options.bucket,
                .prefix = folder_prefix(options.prefix),
                .as_of = options.as_of,
                .attributes_in_listings = options.listed_metadata};
    TRY_VOID(look_at_bucket(store));
    auto state = std::make_unique<State>(std::move(options), environs, std::move(store));
    TRY(state->session, Session::mount(session_options(state->options, state->store),
                                       environs.limits, environs.log));
    state->wire();
    if (state->follower) state->follower->start();
    state->fetcher->prefetch(state->options.prefetch);
    return std::unique_ptr<Mount>(new Mount(std::move(state)));
}

Result<void> Mount::wait() { return state_->session->serve(*state_->file_system); }

void Mount::stop() { state_->session->unmount(/*force=*/false); }

const MountOptions& Mount::options() const { return state_->options; }

MountStatus Mount::status() const {
    const Tree::Counts names = state_->tree->counts();
    const Fetcher::Stats fetched = state_->fetcher->stats();
    const cache::Cache::Usage cache = state_->environs.cache.usage();
    MountStatus status{.folder = state_->options.folder,
                       .endpoint = state_->store.client.endpoint().url(),
                       .read_only = state_->options.read_only || state_->options.as_of,
                       .passthrough = state_->session->passthrough(),
                       .client = state_->store.client.stats(),
                       .nodes = names.nodes,
                       .nodes_of_kernel = names.looked_up,
                       .open_files = state_->file_system->open_files(),
                       .hidden_keys = state_->listing->hidden_keys(),
                       .fetched_ahead_bytes = fetched.bytes,
                       .fetch_failures = fetched.failures,
                       .waiting_files = fetched.waiting,
                       .cache_bytes = cache.used_bytes,
                       .cache_bytes_max = cache.bytes_max,
                       .evicted_bytes = cache.evicted.bytes};
    if (state_->follower) status.journal = state_->follower->status();
    for (const std::string& path : fetched.fetching) status.fetching.push_back({.path = path});
    return status;
}

}  // namespace weir::mount
