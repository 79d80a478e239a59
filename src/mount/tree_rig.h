#pragma once
// For tests: a folder's listing of one part, put into a tree.

#include <utility>
#include <vector>

#include "base/check.h"
#include "mount/tree.h"

namespace weir::mount {

inline Result<std::vector<Tree::Replaced>> fill_whole(Tree& tree, NodeId folder,
                                                      std::vector<Child> children,
                                                      Tree::Moment asked, Freshness::Stamp stamp) {
    TRY(const Tree::GatheringId gathering, tree.begin_gathering(folder, asked, stamp));
    TRY(Tree::Gathered gathered,
        tree.gather(folder, gathering, {.children = std::move(children), .last = true}));
    CHECK(gathered.counts);
    return std::move(gathered.replaced);
}

}  // namespace weir::mount
