#include "mount/attributes_ahead.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace weir::mount {
namespace {

constexpr std::size_t turns_max = 256;  // folders
constexpr std::size_t in_turn_min = 3;  // names, until more are asked for
constexpr std::size_t listed_min = 16;  // names that a folder is not listed again for

}  // namespace

bool AttributesAhead::advance(Turn& turn, const std::string& place, bool guessed) {
    if (place < turn.last) {
        // What is known was looked at before: by one who is ahead of this one.
        if (guessed) turn = Turn{.last = place, .run = 1};
        return false;
    }
    std::size_t reached = 0;
    bool asked = false;
    while (!turn.next.empty() && turn.next.front().place <= place) {
        asked = turn.next.front().place == place;
        turn.next.pop_front();
        if (turn.taken > 0) --turn.taken;
        ++reached;
    }
    if (place == turn.last || !(guessed || asked)) return false;
    turn.last = place;
    turn.skipped += reached - (asked ? 1 : 0);
    if (turn.skipped > ++turn.run) turn = Turn{.last = place, .run = 1};
    return turn.run >= in_turn_min;
}

Listing::Looking AttributesAhead::looks_up(NodeId folder, std::string_view name) {
    if (listing_.tells_attributes()) return Listing::Looking::alone;
    const Tree::Glance glance = tree_.glance(folder, name, freshness_);
    const MutexLock lock(mutex_);
    auto found = turns_.find(folder);
    if (found == turns_.end()) {
        if (!glance.guessed) return Listing::Looking::alone;
        if (turns_.size() >= turns_max) turns_.clear();
        found = turns_.try_emplace(folder).first;
    }
    Turn& turn = found->second;
    if (!advance(turn, glance.place, glance.guessed)) return Listing::Looking::alone;
    fill(folder, turn);
    if (!glance.stale || turn.run < turn.listed + listed_min) return Listing::Looking::alone;
    turn.listed = turn.run;
    return Listing::Looking::in_turn;
}

// Once half of what was asked for is reached: twice as much.
void AttributesAhead::fill(NodeId folder, Turn& turn) {
    if (turn.next.size() > turn.window / 2) return;
    turn.window =
        std::clamp(turn.window * 2, limits_.attributes_ahead_min, limits_.attributes_ahead_max);
    turn.ahead = std::max(turn.ahead, turn.last);
    std::vector<Tree::Guess> guesses =
        tree_.guesses(folder, turn.ahead, turn.window - turn.next.size());
    for (Tree::Guess& guess : guesses) {
        // Too much waits: he asks for the others himself.
        if (!pool_.submit([this, folder] { ask_next(folder); })) return;
        turn.next.push_back(std::move(guess));
    }
}

void AttributesAhead::ask_next(NodeId folder) {
    NodeId node = 0;
    {
        const MutexLock lock(mutex_);
        const auto turn = turns_.find(folder);
        // The reader was faster, or went away.
        if (turn == turns_.end() || turn->second.taken == turn->second.next.size()) return;
        node = turn->second.next[turn->second.taken++].node;
    }
    const Result<void> learned = listing_.learn_attributes(node, {.interrupt = &stopping_});
    if (learned) return;
    log_.debug("attributes are not known ahead: {}", learned.error().describe());
    // A store that cannot answer is not to be pressed.
    if (info(learned.error().code()).http_status < 500) return;
    const MutexLock lock(mutex_);
    turns_.erase(folder);
}

void AttributesAhead::stop() {
    stopping_.interrupt();
    {
        const MutexLock lock(mutex_);
        turns_.clear();
    }
    pool_.stop();
}

}  // namespace weir::mount
