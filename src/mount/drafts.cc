#include "mount/drafts.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"

namespace weir::mount {
namespace {

constexpr std::chrono::seconds retry_after{10};

}  // namespace

Drafts::Drafts(const Environs& environs)
    : environs_(environs),
      stop_(&environs.ending),
      closed_({.threads_max = environs.limits.commit_threads_max,
               .waiting_max = environs.limits.closed_files_max,
               .quiet = std::chrono::milliseconds(environs.limits.commit_quiet_ms),
               .delay_max = std::chrono::milliseconds(environs.limits.commit_delay_ms)},
              [this](NodeId node) { commit_closed(node); }) {
    if (environs_.async_close) retrying_ = std::thread([this] { retry(); });
}

Drafts::~Drafts() { stop(); }

void Drafts::stop() {
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

std::vector<Drafts::Beneath> Drafts::beneath(const std::string& folder_key) const {
    std::vector<Beneath> all;
    {
        const MutexLock lock(mutex_);
        for (const auto& [node, written] : written_) all.push_back({node, written.draft});
    }
    std::erase_if(all,
                  [&](const Beneath& each) { return !each.draft->key().starts_with(folder_key); });
    return all;
}

// What was removed, or the store does not have, is nowhere else.
bool Drafts::in_use(const Written& written) {
    const bool alone = written.draft->discarded() || written.draft->changed();
    return written.writers > 0 || (written.readers > 0 && alone);
}

bool Drafts::hopeless(const Written& written) {
    const bool open = written.writers > 0 || written.readers > 0;
    const bool refused =
        written.failure && written.failure->code() == Code::stale && written.draft->changed();
    return refused && written.told && !open && !written.queued;
}

Result<std::shared_ptr<Draft>> Drafts::open(NodeId node, Use use) {
    std::shared_ptr<Draft> given_up;
    std::optional<Error> failure;
    {
        const MutexLock lock(mutex_);
        const auto found = written_.find(node);
        if (found == written_.end() && use == Use::reads) return nullptr;
        if (found == written_.end()) {
            // First, so that of() waits for what is being begun.
            ++count_;
            Result<std::shared_ptr<Draft>> begun = begin(node);
            if (!begun) --count_;
            return begun;
        }
        Written& written = found->second;
        failure = take_failure(written);
        if (!failure) {
            ++(use == Use::reads ? written.readers : written.writers);
            return written.draft;
        }
        if (hopeless(written)) given_up = written.draft;
    }
    if (given_up) give_up(node, *given_up);
    return fail(*failure);
}

Result<std::shared_ptr<Draft>> Drafts::begin(NodeId id) {
    TRY(const NodeInfo node, environs_.tree.node(id));
    if (!node.attributes_known) return fail(Code::would_block);
    TRY(const std::string path, environs_.tree.path(id));
    std::optional<ObjectVersion> base;
    if (!node.version.etag.empty()) base = node.version;
    auto draft = std::make_shared<Draft>(
        environs_.ground, DraftStart{.key = environs_.store.key(path),
                                     .base = std::move(base),
                                     .metadata = {.attributes = node.attributes,
                                                  .headers_known = node.version.etag.empty()}});
    TRY_VOID(environs_.tree.set_draft(id, draft));
    written_.emplace(id, Written{.draft = draft, .writers = 1});
    return draft;
}

Result<std::shared_ptr<Draft>> Drafts::open_new(const NodeInfo& node, DraftStart start) {
    const MutexLock lock(mutex_);
    auto draft = std::make_shared<Draft>(environs_.ground, std::move(start));
    TRY_VOID(environs_.tree.set_draft(node.id, draft));
    if (written_.insert_or_assign(node.id, Written{.draft = draft, .writers = 1}).second) ++count_;
    return draft;
}

std::optional<Error> Drafts::take_failure(Written& written) {
    if (!written.failure || std::exchange(written.told, true)) return std::nullopt;
    return written.failure;
}

// With async_close nobody hears of it now, but may have heard of the same before.
void Drafts::note_failure(Written& written, const Error& error) const {
    const bool known = written.told && written.failure && written.failure->code() == error.code();
    written.told = known || !environs_.async_close;
    written.failure = error;
}

// Before the writer hears that the store has it not: it may be the last that he hears.
void Drafts::keep_for_recovery(Draft& draft, const Error& problem) const {
    if (draft.recovery_id().empty()) return;  // there are no bytes, only attributes
    if (const Result<void> kept = draft.keep_for_recovery(problem.describe()); !kept)
        environs_.ground.log.error("{} cannot be kept for --recover: {}", draft.key(),
                                   kept.error().describe());
}

Result<void> Drafts::commit_now(NodeId node, Draft& draft, const client::Call& call) {
    if (!draft.changed()) return {};
    const Result<ObjectVersion> committed = draft.commit(call);
    if (!committed) {
        // Whoever waited is gone: the last close() commits it.
        if (committed.error().code() == Code::cancelled) return fail(committed.error());
        {
            const MutexLock lock(mutex_);
            const auto found = written_.find(node);
            if (found != written_.end()) note_failure(found->second, committed.error());
        }
        keep_for_recovery(draft, committed.error());
        return fail(committed.error());
    }
    const MutexLock lock(mutex_);
    // The version that it has by now: two that commit tell theirs in no order. A node that was
    // removed meanwhile has none to be told.
    if (const std::optional<ObjectVersion> version = draft.version())
        static_cast<void>(environs_.tree.set_version(node, *version));
    static_cast<void>(environs_.tree.set_attributes(node, draft.attributes()));
    const auto found = written_.find(node);
    if (found != written_.end()) found->second.failure.reset();
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
        if (found != written_.end())
            if (const std::optional<Error> failure = take_failure(found->second))
                return fail(*failure);
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
    bool used = false, lost = false;
    {
        const MutexLock lock(mutex_);
        const auto found = written_.find(node);
        if (found == written_.end()) return;
        used = in_use(found->second);
        lost = hopeless(found->second);
    }
    if (!committed)
        environs_.ground.log.warn("{} was closed and is not in the store: {}", draft->key(),
                                  committed.error().describe());
    if (committed && !used) settle(node, draft);
    if (lost) give_up(node, *draft);
}

void Drafts::retry() {
    while (net::sleep_unless({&stop_, nullptr}, retry_after)) {
        std::vector<NodeId> failed;
        {
            const MutexLock lock(mutex_);
            for (const auto& [node, written] : written_)
                // Somebody else's version does not go away by trying; keys may be renewed.
                if (written.failure && written.failure->code() != Code::stale)
                    failed.push_back(node);
        }
        for (const NodeId node : failed) commit_later(node);
    }
}

void Drafts::close(NodeId node, const Draft& of, Use use) {
    std::shared_ptr<Draft> draft;
    bool failed = false, lost = false;
    {
        const MutexLock lock(mutex_);
        const auto found = written_.find(node);
        // It was settled since, and perhaps somebody writes the node anew.
        if (found == written_.end() || found->second.draft.get() != &of) return;
        Written& written = found->second;
        std::size_t& users = use == Use::reads ? written.readers : written.writers;
        CHECK(users > 0);
        --users;
        if (written.queued) return;  // whoever commits it settles it
        if (written.writers > 0 || (written.readers > 0 && in_use(written))) return;
        draft = written.draft;
        failed = written.failure.has_value();
        lost = hopeless(written);
    }
    if (lost) return give_up(node, *draft);
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
            if (found == written_.end() || in_use(found->second)) return;
            failed = found->second.failure.has_value();
        }
        // Whoever has changed it meanwhile settles it.
        if (failed) give_up(node, *draft);
        return;
    }
    // Without room it is fetched when somebody reads it.
    const Result<void> kept = draft->keep();
    if (!kept && kept.error().code() == Code::corrupt)
        environs_.ground.log.error(
            "the store has other bytes of {} than were written; those are "
            "kept in dirty/ of the cache: {}",
            draft->key(), kept.error().describe());
    else if (!kept)
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
    std::string problem;
    {
        const MutexLock lock(mutex_);
        const auto found = written_.find(node);
        if (found != written_.end() && found->second.failure)
            problem = found->second.failure->describe();
    }
    const Result<void> kept = draft.keep_for_recovery(problem);
    environs_.ground.log.error("{} is not in the store ({}); {}", draft.key(), problem,
                               kept ? "what was written is kept, as " + draft.recovery_id() +
                                          ": see weir mount --kept, --recover"
                                    : "it could not be kept: " + kept.error().describe());
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
    if (found == written_.end() || found->second.draft.get() != &draft || in_use(found->second) ||
        found->second.queued || draft.changed() != changed)
        return false;
    static_cast<void>(environs_.tree.set_draft(node, nullptr));
    written_.erase(found);
    --count_;
    return true;
}

std::size_t Drafts::drain() {
    closed_.hurry();
    std::vector<std::pair<NodeId, std::shared_ptr<Draft>>> all;
    {
        const MutexLock lock(mutex_);
        for (const auto& [node, written] : written_) all.emplace_back(node, written.draft);
    }
    std::size_t left = 0;
    for (const auto& [node, draft] : all) {
        const Result<void> committed =
            commit_now(node, *draft, {.interrupt = &stop_, .timeout = {}});
        if (committed) {
            if (unused(node)) settle(node, draft);
            continue;
        }
        ++left;
        const Result<void> kept = draft->keep_for_recovery(committed.error().describe());
        environs_.ground.log.error(
            "{} is not in the store ({}); {}", draft->key(), committed.error().message(),
            kept ? "what was written is kept: weir mount --recover" : kept.error().describe());
    }
    return left;
}

bool Drafts::unused(NodeId node) const {
    const MutexLock lock(mutex_);
    const auto found = written_.find(node);
    return found != written_.end() && !in_use(found->second);
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
