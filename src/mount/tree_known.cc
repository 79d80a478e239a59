// What a tree knows of names, and whether that may still be believed.

#include <utility>

#include "base/check.h"
#include "mount/tree.h"
#include "mount/tree_node.h"

namespace weir::mount {

Freshness::Stamp Tree::stamp_of(const Folder& folder, const Node& child, bool whole_is_fresh) {
    const bool alone =
        !whole_is_fresh || child.doubted > 0 || child.stamp.asked > folder.whole.asked;
    return alone ? child.stamp : folder.whole;
}

Result<std::optional<Tree::Known>> Tree::known(NodeId folder, std::string_view name,
                                               const Freshness& freshness) const {
    const MutexLock lock(mutex_);
    TRY(const Node* node, get_folder(folder));
    const Folder& in = *node->folder;
    const bool whole = freshness.fresh(in.whole);
    if (const Node* found = child_of(in, name)) {
        const Freshness::Stamp stamp = stamp_of(in, *found, whole);
        // What is being written here is what this mount says it is.
        if (!freshness.fresh(stamp) && !found->info.draft) return std::nullopt;
        return Known{.node = found->info, .stamp = stamp};
    }
    if (whole) {
        in.told_absent = true;
        return Known{.node = std::nullopt, .stamp = in.whole};
    }
    const auto absent = in.absent.find(name);
    if (absent == in.absent.end() || !freshness.fresh(absent->second)) return std::nullopt;
    in.told_absent = true;
    return Known{.node = std::nullopt, .stamp = absent->second};
}

Tree::Glance Tree::glance(NodeId folder, std::string_view name, const Freshness& freshness) const {
    const MutexLock lock(mutex_);
    const Node* node = get(folder);
    Glance glance{.place = std::string(name)};
    if (node == nullptr || !node->folder) return glance;
    const Folder& in = *node->folder;
    const Node* found = child_of(in, name);
    if (found == nullptr) return glance;
    glance.place = found->info.place();
    if (found->info.draft) return glance;
    glance.guessed = !found->info.attributes_known;
    glance.stale = !freshness.fresh(stamp_of(in, *found, freshness.fresh(in.whole)));
    return glance;
}

std::vector<Tree::Guess> Tree::guesses(NodeId folder, std::string& after,
                                       std::size_t names_max) const {
    const MutexLock lock(mutex_);
    const Node* node = get(folder);
    if (node == nullptr || !node->folder) return {};
    std::vector<Guess> guesses;
    const auto& places = node->folder->children.places();
    for (auto at = places.upper_bound(after); at != places.end() && names_max > 0;
         ++at, --names_max) {
        const NodeInfo& info = get(at->second)->info;
        if (!info.attributes_known && !info.draft)
            guesses.push_back({.place = at->first, .node = info.id});
        after = at->first;
    }
    return guesses;
}

Result<std::optional<Tree::Page>> Tree::page(
    NodeId folder, std::string_view after, std::size_t names_max, const Freshness& freshness,
    std::optional<Freshness::Clock::time_point> enough) const {
    const MutexLock lock(mutex_);
    TRY(const Node* node, get_folder(folder));
    const Folder& in = *node->folder;
    const auto will_do = [&](const Freshness::Stamp& stamp) {
        return enough && stamp.generation != 0 && stamp.asked >= *enough;
    };
    const auto& places = in.children.places();
    Page page{.stamp = in.whole};
    auto end = places.end();
    const bool whole = will_do(in.whole) || (freshness.fresh(in.whole) && !in.doubtful);
    if (!whole) {
        const auto& part = in.gathering;
        if (!part || part->to <= after || !(will_do(part->stamp) || freshness.fresh(part->stamp)))
            return std::nullopt;
        page.stamp = part->stamp;
        page.to = part->to;
        end = places.upper_bound(part->to);
    }
    auto at = places.upper_bound(after);
    for (; at != end && page.nodes.size() < names_max; ++at)
        page.nodes.push_back(get(at->second)->told());
    page.last = whole && at == end;
    return page;
}

}  // namespace weir::mount
