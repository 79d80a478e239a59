#pragma once
// What Tree keeps of a node and of a folder. Private to the tree*.cc.

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "mount/tree.h"

namespace weir::mount {

struct Tree::Folder {
    std::map<std::string, NodeId, std::less<>> children = {};
    // When all of it was asked; a name of it alone: Node::stamp and `absent`.
    Freshness::Stamp whole = {};
    // Names that are known not to be there though the folder is not known whole.
    std::map<std::string, Freshness::Stamp, std::less<>> absent = {};
    // The kernel may believe of some name that it is not there.
    mutable bool told_absent = false;
    // Names that were taken away since somebody began to ask the store.
    std::map<std::string, Moment, std::less<>> removed = {};
};

struct Tree::Node {
    NodeInfo info = {};
    std::uint64_t lookups = 0;
    Moment changed = 0;  // by this mount, or by what the journal told
    Freshness::Stamp stamp = {};
    std::unique_ptr<Folder> folder = {};
    // ETags of own commits that the journal has not told of yet, as far as there is a journal.
    std::deque<std::string> awaited = {};
    // What the journal told while it was being written: it may be ahead of the commit's own reply.
    std::string told = {};
    // This mount is renaming it: what the journal tells of its old name meanwhile is known.
    bool moving = false;
};

}  // namespace weir::mount
