#pragma once
// What Tree keeps of a node and of a folder. Private to the tree*.cc.

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mount/tree.h"

namespace weir::mount {

// The names of a folder, in the order of places (NodeInfo::place()), which is that of listings. A
// file and a folder never have the same name.
class Tree::Children {
  public:
    using Places = std::map<std::string, NodeId, std::less<>>;

    // 0: there is none.
    NodeId find(std::string_view name) const {
        // Listings come in order: most names that are new follow all others.
        if (places_.empty() || places_.rbegin()->first < name) return 0;
        auto found = places_.find(name);
        if (found == places_.end() && folders_ > 0) found = places_.find(std::string(name) + '/');
        return found == places_.end() ? 0 : found->second;
    }
    void insert(const NodeInfo& node) {
        folders_ += node.folder() ? 1 : 0;
        places_.insert_or_assign(places_.end(), node.place(), node.id);
    }
    void erase(const NodeInfo& node) {
        if (places_.erase(node.place()) > 0 && node.folder()) --folders_;
    }
    const Places& places() const { return places_; }
    bool empty() const { return places_.empty(); }

  private:
    Places places_;
    std::size_t folders_ = 0;
};

enum class Tree::Removed : std::uint8_t {
    name,  // by this mount
    file,  // its key; a folder of that name may be there
    part,  // of what implies a folder
};

struct Tree::Folder {
    Children children = {};
    // When all of it was asked; a name of it alone: Node::stamp and `absent`.
    Freshness::Stamp whole = {};
    // All of it is being asked, in the order of places.
    struct Gathering {
        GatheringId id = 0;
        Moment asked = 0;
        Freshness::Stamp stamp = {};
        std::string to = {};    // what is there up to this place is known
        bool doubtful = false;  // as below
        // Files that were listed where a folder of that name is known, which comes behind them.
        std::set<std::string> beside_folders = {};
    };
    std::optional<Gathering> gathering = {};
    // What was asked before does not count: it was moved to another path, or changed too much.
    Moment counts_from = 0;
    // Names that are known not to be there though the folder is not known whole.
    std::map<std::string, Freshness::Stamp, std::less<>> absent = {};
    // The kernel may believe of some name that it is not there.
    mutable bool told_absent = false;
    // `whole` does not count for some of the children: Node::doubted.
    bool doubtful = false;
    // Names that were taken away since somebody began to ask the store.
    struct Removal {
        Moment name = 0, file = 0, part = 0;  // the last of each

        Moment last() const { return std::max({name, file, part}); }
        // Whether the name is not there though an answer says so, as that.
        bool hides(Kind kind, Moment asked) const {
            return name > asked || (file > asked && kind != Kind::folder);
        }
    };
    std::map<std::string, Removal, std::less<>> removed = {};
    // Own commits (Own::awaited) of names that this mount then removed or renamed, of which the
    // journal has not told yet.
    std::map<std::string, std::vector<std::string>, std::less<>> left = {};

    // Some name of it has to be asked for.
    void forget_whole() {
        whole = {};
        gathering.reset();
    }
    Freshness::Clock::time_point asked() const {
        return gathering ? gathering->stamp.asked : whole.asked;
    }
};

struct Tree::Node {
    // Of a name that is doubted nobody is to believe more than that.
    NodeInfo told() const {
        NodeInfo told = info;
        told.attributes_known &= doubted == 0;
        return told;
    }

    NodeInfo info = {};
    std::uint64_t lookups = 0;
    Moment changed = 0;  // by this mount, or by what the journal told
    Freshness::Stamp stamp = {};
    // Since when only what was asked later says whether it is there; 0: nobody doubts it.
    Moment doubted = 0;
    Moment implied = 0;  // the journal told of a key beneath it: it was there then
    std::unique_ptr<Folder> folder = {};
    // What the journal says of own commits; null for the many nodes that have none.
    struct Own {
        std::vector<std::string> awaited = {};  // ETags that it has not told of yet
        // What it told while the node was being written: it may be ahead of the commit's own reply.
        std::string told = {};
        bool told_gone = false;  // and then, that it is there no more
    };
    std::unique_ptr<Own> own = {};
    // This mount is renaming it: what the journal tells of its old name meanwhile is known.
    bool moving = false;
    bool told_moving = false;  // that something was put there: by this mount before, or by others
};

}  // namespace weir::mount
