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
    if (const auto child = in.children.find(name); child != in.children.end()) {
        const Node* found = get(child->second);
        CHECK(found != nullptr);
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
    if (node == nullptr || !node->folder) return {};
    const Folder& in = *node->folder;
    const auto child = in.children.find(name);
    if (child == in.children.end()) return {};
    const Node& found = *get(child->second);
    if (found.info.draft) return {};
    return {.guessed = !found.info.attributes_known,
            .stale = !freshness.fresh(stamp_of(in, found, freshness.fresh(in.whole)))};
}

std::vector<Tree::Guess> Tree::guesses(NodeId folder, std::string& after,
                                       std::size_t names_max) const {
    const MutexLock lock(mutex_);
    const Node* node = get(folder);
    if (node == nullptr || !node->folder) return {};
    std::vector<Guess> guesses;
    const auto& children = node->folder->children;
    for (auto child = children.upper_bound(after); child != children.end() && names_max > 0;
         ++child, --names_max) {
        const NodeInfo& info = get(child->second)->info;
        if (!info.attributes_known && !info.draft)
            guesses.push_back({.name = info.name, .node = info.id});
        after = info.name;
    }
    return guesses;
}

Result<std::optional<Tree::Page>> Tree::page(
    NodeId folder, std::string_view after, std::size_t names_max, const Freshness& freshness,
    std::optional<Freshness::Clock::time_point> enough) const {
    const MutexLock lock(mutex_);
    TRY(const Node* node, get_folder(folder));
    const Folder& in = *node->folder;
    const bool will_do = enough && in.whole.generation != 0 && in.whole.asked >= *enough;
    if (!will_do && (!freshness.fresh(in.whole) || in.doubtful)) return std::nullopt;
    Page page{.stamp = in.whole};
    auto child = after.empty() ? in.children.begin() : in.children.upper_bound(after);
    for (; child != in.children.end() && page.nodes.size() < names_max; ++child) {
        const Node* found = get(child->second);
        CHECK(found != nullptr);
        page.nodes.push_back(found->info);
    }
    page.last = child == in.children.end();
    return page;
}

}  // namespace weir::mount
