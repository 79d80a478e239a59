#include "mount/drafts.h"

#include <fmt/format.h>

#include <utility>

namespace weir::mount {
namespace {

constexpr std::chrono::seconds retry_after{10};

}  // namespace

Drafts::Drafts(const Environs& environs)
    : environs_(environs),
      closed_({.threads_max = environs.limits.commit_threads_max,
               .waiting_max = environs.limits.closed_files_max,
               .quiet = std::chrono::milliseconds(environs.limits.commit_quiet_ms),
               .delay_max = std::chrono::milliseconds(environs.limits.commit_delay_ms)},
              [this](NodeId node) { commit_closed(node); }) {
    if (environs_.async_close) retrying_ = std::thread([this] { retry(); });
}

Drafts::~Drafts() {
    stop_.interrupt();
    closed_.stop();
    if (retrying_.joinable()) retrying_.join();
}

std::shared_ptr<Draft> Drafts::of(NodeId node) const {
    if (count_.load() == 0) return nullptr;
    const MutexLock lock(mutex_);
    const auto found = written_.find(node);
    return found == written_.end() ? nullptr : found->second.draft;
}

bool Drafts::alone(NodeId node) const {
    const MutexLock lock(mutex_);
    const auto found = written_.find(node);
    return found != written_.end() && found->second.opens == 1;
}

std::vector<Drafts::Beneath> Drafts::beneath(const std::string& path) const {
    const std::string prefix = environs_.store.folder_key(path);
    std::vector<Beneath> all;
    {
        const MutexLock lock(mutex_);
        for (const auto& [node, written] : written_) all.push_back({node, written.draft});
    }
    std::erase_if(all, [&](const Beneath& each) { return !each.draft->key().starts_with(prefix); });
    return all;
}

Result<std::shared_ptr<Draft>> Drafts::open(NodeId node) {
    const MutexLock lock(mutex_);
    const auto found = written_.find(node);
    if (found == written_.end()) return begin(node);
    if (found->second.failure) {
        const Error failure = *std::exchange(found->second.failure, std::nullopt);
        return fail(failure);
    }
    ++found->second.opens;
    return found->second.draft;
}

Result<std::shared_ptr<Draft>> Drafts::begin(NodeId id) {
    TRY(const NodeInfo node, environs_.tree.node(id));
    TRY(const std::string path, environs_.tree.path(id));
    std::optional<ObjectVersion> base;
    if (!node.version.etag.empty()) base = node.version;
    auto draft = std::make_shared<Draft>(
        environs_.ground, DraftStart{.key = environs_.store.key(path),
                                     .base = std::move(base),
                                     .metadata = {.attributes = node.attributes,
                                                  .headers_known = node.version.etag.empty()}});
    TRY_VOID(environs_.tree.set_draft(id, draft));
    written_.emplace(id, Written{.draft = draft, .opens = 1});
    ++count_;
    return draft;
}

Result<std::shared_ptr<Draft>> Drafts::open_new(const NodeInfo& node, DraftStart start) {
    const MutexLock lock(mutex_);
    auto draft = std::make_shared<Draft>(environs_.ground, std::move(start));
    TRY_VOID(environs_.tree.set_draft(node.id, draft));
    if (written_.insert_or_assign(node.id, Written{.draft = draft, .opens = 1}).second) ++count_;
    return draft;
}

void Drafts::note(NodeId node, const Result<void>& committed) {
    const MutexLock lock(mutex_);
    const auto found = written_.find(node);
    if (found == written_.end()) return;
    found->second.failed = !committed;
    if (committed) found->second.failure.reset();
}

Result<void> Drafts::commit_now(NodeId node, Draft& draft, const client::Call& call) {
    if (!draft.changed()) return {};
    const Result<ObjectVersion> version = draft.commit(call);
    if (!version) {
        note(node, fail(version.error()));
        return fail(version.error());
    }
    // A node that was removed meanwhile has no version to be told.
    static_cast<void>(environs_.tree.set_version(node, *version));
    static_cast<void>(environs_.tree.set_attributes(node, draft.attributes()));
    note(node, {});
    return {};
}

Result<void> Drafts::commit(NodeId node, const client::Call& call) {
    const std::shared_ptr<Draft> draft = of(node);
    if (!draft) return {};
    return commit_now(node, *draft, call);
}

Result<void> Drafts::flush(NodeId node, const client::Call& call) {
    const std::shared_ptr<Draft> draft = of(node);
    if (!draft || !draft->changed()) return {};
    if (!environs_.async_close) return commit_now(node, *draft, call);
    {
        const MutexLock lock(mutex_);
        const auto found = written_.find(node);
        if (found != written_.end() && found->second.failure) {
            const Error failure = *std::exchange(found->second.failure, std::nullopt);
            return fail(failure);
        }
    }
    TRY_VOID(draft->describe());
    commit_later(node);
    return {};
}

void Drafts::commit_later(NodeId node) {
    {
        const MutexLock lock(mutex_);
        const auto found = written_.find(node);
        if (found == written_.end() || std::exchange(found->second.queued, true)) return;
    }
    if (closed_.add(node)) return;
    // As many wait as may: whoever closes one more waits for it.
    commit_closed(node);
}

void Drafts::commit_closed(NodeId node) {
    std::shared_ptr<Draft> draft;
    {
        const MutexLock lock(mutex_);
        const auto found = written_.find(node);
        if (found == written_.end()) return;
        found->second.queued = false;
        draft = found->second.draft;
    }
    const Result<void> committed = commit_now(node, *draft, {.interrupt = &stop_, .timeout = {}});
    std::size_t opens = 0;
    {
        const MutexLock lock(mutex_);
        const auto found = written_.find(node);
        if (found == written_.end()) return;
        if (!committed) found->second.failure = committed.error();
        opens = found->second.opens;
    }
    if (!committed)
        environs_.ground.log.warn("{} was closed and is not in the store: {}", draft->key(),
                                  committed.error().describe());
    if (committed && opens == 0) settle(node, draft);
}

void Drafts::retry() {
    while (net::sleep_unless({&stop_, nullptr}, retry_after)) {
        std::vector<NodeId> failed;
        {
            const MutexLock lock(mutex_);
            for (const auto& [node, written] : written_)
                if (written.failed && written.failure && info(written.failure->code()).retry)
                    failed.push_back(node);
        }
        for (const NodeId node : failed) commit_later(node);
    }
}

void Drafts::close(NodeId node) {
    std::shared_ptr<Draft> draft;
    bool failed = false;
    {
        const MutexLock lock(mutex_);
        const auto found = written_.find(node);
        if (found == written_.end() || --found->second.opens > 0) return;
        if (found->second.queued) return;  // whoever commits it settles it
        draft = found->second.draft;
        failed = found->second.failed;
    }
    if (draft->changed() && environs_.async_close) {
        // With a failure that was told, or written through a mapping after the last close(2).
        if (!failed) commit_later(node);
        return;
    }
    // A mapping outlives the file's close(2): nobody hears of what fails now.
    if (draft->changed() && !failed) {
        const Result<void> committed =
            commit_now(node, *draft, {.interrupt = &stop_, .timeout = {}});
        if (!committed)
            environs_.ground.log.warn("{} was not committed: {}", draft->key(),
                                      committed.error().describe());
    }
    settle(node, draft);
}

void Drafts::settle(NodeId node, const std::shared_ptr<Draft>& draft) {
    if (draft->changed()) {
        bool failed = false;
        {
            const MutexLock lock(mutex_);
            const auto found = written_.find(node);
            if (found == written_.end() || found->second.opens > 0) return;
            failed = found->second.failed;
        }
        // Whoever has changed it meanwhile settles it.
        if (failed) give_up(node, *draft);
        return;
    }
    // Without room it is fetched when somebody reads it.
    const Result<void> kept = draft->keep();
    if (!kept)
        environs_.ground.log.debug("{} is not kept in the cache: {}", draft->key(),
                                   kept.error().describe());
    if (forget(node, *draft, false) && on_settled_) on_settled_(node, true);
}

void Drafts::give_up(NodeId node, Draft& draft) {
    if (draft.recovery_id().empty() && draft.version()) {
        // Attributes that the caller was told are not set.
        if (forget(node, draft, true) && on_settled_) on_settled_(node, false);
        return;
    }
    const Result<void> kept = draft.keep_for_recovery();
    if (kept)
        environs_.ground.log.error(
            "{} is not in the store; what was written is kept: weir mount "
            "--recover {}",
            draft.key(), draft.recovery_id());
    else
        environs_.ground.log.error("{} is not in the store, and could not be kept: {}", draft.key(),
                                   kept.error().describe());
    if (!forget(node, draft, true)) return;
    if (on_settled_) on_settled_(node, false);
    // A file that the store never had is none without its bytes.
    const Result<NodeInfo> left = environs_.tree.node(node);
    if (left && left->version.etag.empty() && !left->unlinked)
        static_cast<void>(environs_.tree.remove(left->parent, left->name));
}

bool Drafts::forget(NodeId node, const Draft& draft, bool changed) {
    const MutexLock lock(mutex_);
    const auto found = written_.find(node);
    if (found == written_.end() || found->second.draft.get() != &draft || found->second.opens > 0 ||
        found->second.queued || draft.changed() != changed)
        return false;
    static_cast<void>(environs_.tree.set_draft(node, nullptr));
    written_.erase(found);
    --count_;
    return true;
}

std::size_t Drafts::drain(std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    closed_.hurry();
    std::vector<std::pair<NodeId, std::shared_ptr<Draft>>> all;
    {
        const MutexLock lock(mutex_);
        for (const auto& [node, written] : written_) all.emplace_back(node, written.draft);
    }
    std::size_t left = 0;
    for (const auto& [node, draft] : all) {
        const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(
            end - std::chrono::steady_clock::now());
        if (rest.count() > 0 && commit_now(node, *draft, {.interrupt = nullptr, .timeout = rest}))
            continue;
        ++left;
        const Result<void> kept = draft->keep_for_recovery();
        environs_.ground.log.error(
            "{} is not in the store; {}", draft->key(),
            kept ? "what was written is kept: weir mount --recover" : kept.error().describe());
    }
    return left;
}

std::vector<Drafts::Progress> Drafts::progress(std::size_t files_max) const {
    std::vector<std::pair<std::shared_ptr<Draft>, std::optional<Error>>> all;
    {
        const MutexLock lock(mutex_);
        for (const auto& [node, written] : written_)
            all.emplace_back(written.draft, written.failure);
    }
    std::vector<Progress> progress;
    for (const auto& [draft, failure] : all) {
        if (progress.size() >= files_max) break;
        if (!draft->changed()) continue;
        progress.push_back(
            {.key = draft->key(), .sent_bytes = draft->bytes_sent(), .bytes = draft->size_bytes()});
        if (failure)
            progress.back().problem =
                fmt::format("{}; kept as {}", failure->describe(), draft->recovery_id());
    }
    return progress;
}

}  // namespace weir::mount
