#include "mount/shared_listings.h"

#include <string>
#include <utility>

#include "mount/questions.h"

namespace weir::mount {
struct SharedListings::UnderWay {
    UnderWay(const SharedListings& all, NodeId folder_in)
        : folder(folder_in),
          listing(all.store_, all.tree_, all.freshness_, all.defaults_, folder_in) {}

    const NodeId folder;
    FolderListing listing;  // of the thread whose turn it is
    // Under the mutex.
    bool turn = false;  // some thread's
    bool behind = false;
    std::string to = {};
    std::optional<Result<void>> outcome = {};
};

std::shared_ptr<SharedListings::UnderWay> SharedListings::under_way(NodeId folder) {
    const MutexLock lock(mutex_);
    if (const auto found = under_way_.find(folder); found != under_way_.end()) {
        auto joined = found->second.lock();
        const auto generation = freshness_.now().generation;
        if (joined && joined->listing.stamp().generation == generation) return joined;
    }
    std::erase_if(under_way_, [](const auto& each) { return each.second.expired(); });
    auto begun = std::make_shared<UnderWay>(*this, folder);
    under_way_[folder] = begun;
    return begun;
}

Result<bool> SharedListings::take_turn(UnderWay& under_way, After after, const client::Call& call) {
    const MutexLock lock(mutex_);
    while (!under_way.outcome && (!after || under_way.to <= *after)) {
        if (call.interrupted()) return fail(Code::cancelled);
        if (!std::exchange(under_way.turn, true)) return true;
        stepped_.wait_for(mutex_, interrupt_poll);
    }
    if (under_way.outcome && !*under_way.outcome)
        return std::unexpected(under_way.outcome->error());
    return false;
}

Result<bool> SharedListings::take_step(UnderWay& under_way, const client::Call& call) {
    TRY(const FolderListing::Step step, under_way.listing.next(call));
    const bool ended = step.reached != FolderListing::Reached::part;
    told_(under_way.folder, under_way.listing, step);
    return ended;
}

void SharedListings::end_turn(UnderWay& under_way, const Result<bool>& ended) {
    const MutexLock lock(mutex_);
    under_way.turn = false;
    under_way.to = under_way.listing.to();
    if (ended && *ended) under_way.outcome = Result<void>{};
    if (!ended && ended.error().code() != Code::cancelled)
        under_way.outcome = std::unexpected(ended.error());
    if (under_way.outcome) {
        const auto found = under_way_.find(under_way.folder);
        if (found != under_way_.end() && found->second.lock().get() == &under_way)
            under_way_.erase(found);
    }
    stepped_.notify_all();
}

Result<void> SharedListings::list_on(UnderWay& under_way, After after, const client::Call& call) {
    while (true) {
        TRY(const bool turn, take_turn(under_way, after, call));
        if (!turn) return {};
        const Result<bool> ended = take_step(under_way, call);
        end_turn(under_way, ended);
        if (!ended) return std::unexpected(ended.error());
    }
}

bool SharedListings::list_behind(const std::shared_ptr<UnderWay>& under_way) {
    {
        const MutexLock lock(mutex_);
        if (under_way->outcome || std::exchange(under_way->behind, true)) return true;
    }
    const bool submitted = pool_.submit([this, under_way] {
        const Result<void> listed = list_on(*under_way, After(), {.interrupt = &stopping_});
        if (!listed) log_.debug("a folder is not listed on: {}", listed.error().describe());
        const MutexLock lock(mutex_);
        under_way->behind = false;
    });
    if (submitted) return true;
    const MutexLock lock(mutex_);
    under_way->behind = false;
    return false;
}

void SharedListings::stop() {
    stopping_.interrupt();
    pool_.stop();
}

Result<SharedListings::Time> SharedListings::list(NodeId folder, After after,
                                                  const client::Call& call) {
    const auto shared = under_way(folder);
    TRY_VOID(list_on(*shared, after, call));
    return shared->listing.stamp().asked;
}

Result<SharedListings::Time> SharedListings::list_and_go_on(NodeId folder, After after,
                                                            const client::Call& call) {
    const auto shared = under_way(folder);
    TRY_VOID(list_on(*shared, after, call));
    if (after && !list_behind(shared)) TRY_VOID(list_on(*shared, After(), call));
    return shared->listing.stamp().asked;
}

}  // namespace weir::mount
