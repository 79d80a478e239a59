#include "mount/mount.h"

#include <fmt/format.h>

#include <utility>

#include "client/transfer.h"
#include "io/blocking_pool.h"
#include "mount/content.h"
#include "mount/drafts.h"
#include "mount/file_system.h"
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
    const DraftLimits draft_limits;
    Freshness freshness;
    io::BlockingPool uploads{draft_limits.upload_threads_max, draft_limits.upload_queue_max};
    client::Transfers transfers{store.client, uploads};
    std::unique_ptr<Session> session;
    std::unique_ptr<Tree> tree;
    std::unique_ptr<Listing> listing;
    std::unique_ptr<Contents> contents;
    std::unique_ptr<Fetcher> fetcher;
    std::unique_ptr<DraftGround> draft_ground;
    std::unique_ptr<Drafts> drafts;
    std::unique_ptr<FileSystem> file_system;
};

void Mount::State::wire() {
    const AttributeDefaults& defaults = options.defaults;
    tree = std::make_unique<Tree>(defaults.of(Kind::folder, environs.clock.now()),
                                  environs.limits.nodes_max);
    listing = std::make_unique<Listing>(store, *tree, freshness, defaults, *session, environs.log);
    contents = std::make_unique<Contents>(store, *tree, environs.cache, environs.log);
    fetcher = std::make_unique<Fetcher>(*contents, *listing, environs.cache, environs.limits,
                                        environs.log);
    draft_ground = std::make_unique<DraftGround>(
        DraftGround{.client = store.client,
                    .transfers = transfers,
                    .cache = environs.cache,
                    .pool = uploads,
                    .limits = draft_limits,
                    .clock = environs.clock,
                    .log = environs.log,
                    .bucket = store.bucket,
                    .reader = [this](const std::string& key, const ObjectVersion& version) {
                        return contents->reader(key, version);
                    }});
    drafts = std::make_unique<Drafts>(Drafts::Environs{.ground = *draft_ground,
                                                       .store = store,
                                                       .tree = *tree,
                                                       .limits = draft_limits,
                                                       .async_close = options.async_close});
    file_system = std::make_unique<FileSystem>(
        Ground{.store = store,
               .limits = environs.limits,
               .defaults = defaults,
               .freshness = freshness,
               .tree = *tree,
               .listing = *listing,
               .contents = *contents,
               .fetcher = *fetcher,
               .drafts = *drafts,
               .transfers = transfers,
               .cache = environs.cache,
               .kernel = *session,
               .clock = environs.clock,
               .log = environs.log,
               .read_only = options.read_only || options.as_of.has_value()});
}

Mount::Mount(std::unique_ptr<State> state) : state_(std::move(state)) {}

Mount::~Mount() {
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
    state->fetcher->prefetch(state->options.prefetch);
    return std::unique_ptr<Mount>(new Mount(std::move(state)));
}

Result<void> Mount::wait() {
    const Result<void> served = state_->session->serve(*state_->file_system);
    const std::chrono::milliseconds time(state_->environs.limits.drain_timeout_ms);
    const std::size_t left = state_->drafts->drain(time);
    if (left > 0)
        state_->environs.log.error("{} files are not in the store; weir mount --recover brings "
                                   "them there",
                                   left);
    return served;
}

void Mount::stop() {
    state_->drafts->drain(std::chrono::milliseconds(state_->environs.limits.drain_timeout_ms));
    state_->session->unmount(/*force=*/false);
}

const MountOptions& Mount::options() const { return state_->options; }
Tree::Counts Mount::tree_counts() const { return state_->tree->counts(); }
Fetcher::Stats Mount::fetch_stats() const { return state_->fetcher->stats(); }
std::size_t Mount::open_files() const { return state_->file_system->open_files(); }
bool Mount::passthrough() const { return state_->session->passthrough(); }

}  // namespace weir::mount
