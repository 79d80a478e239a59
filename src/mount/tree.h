#pragma once
// The paths that the kernel or a folder's listing knows: nodes with ids, names, attributes and the
// versions of their objects. A node is one version of a path: when the object is changed by others,
// the name gets a new node, and whoever has the old one open keeps what he opened. One's own writes
// keep the node.
//
// A node stays while the kernel counts lookups of it, while a folder that is kept whole, or is
// being gathered, names it, or while its name is needed for one beneath it.
//
// Owned by Mount, outlives all that is built on it; safe from any thread. One lock, never held
// while anything is waited for. Failure: stale for an id that is gone, not_a_folder.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "mount/freshness.h"
#include "mount/node.h"

namespace weir::mount {

// What the store says that a folder holds under one name.
struct Child {
    std::string name = {};
    Attributes attributes = {};
    bool attributes_known = true;
    ObjectVersion version = {};

    std::string place() const { return place_of(name, attributes.kind); }
};

class Tree {
  public:
    // Counts changes that this mount knows of: what was asked before one of them does not undo it.
    using Moment = std::uint64_t;

    // What a change did to the kernel's knowledge: the name means something else now.
    struct Replaced {
        NodeId folder = 0;
        std::string name = {};
        NodeId old_node = 0;  // 0: there was none
    };

    Tree(Attributes root, std::size_t nodes_max);
    ~Tree();
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    Result<NodeInfo> node(NodeId id) const EXCLUDES(mutex_);
    // "a/b", without slashes at its ends; "" for the root. stale if it has no name any more.
    Result<std::string> path(NodeId id) const EXCLUDES(mutex_);
    // Of a path, as far as it is known.
    std::optional<NodeInfo> find(std::string_view path) const EXCLUDES(mutex_);

    // The kernel's counts.
    Result<void> looked_up(NodeId id) EXCLUDES(mutex_);
    void forget(NodeId id, std::uint64_t count) EXCLUDES(mutex_);

    // What is known of a name: a node, or that there is none, or nothing (nullopt) because nobody
    // asked or it was too long ago.
    struct Known {
        std::optional<NodeInfo> node = {};  // nullopt: there is no such name
        Freshness::Stamp stamp = {};
    };
    Result<std::optional<Known>> known(NodeId folder, std::string_view name,
                                       const Freshness& freshness) const EXCLUDES(mutex_);
    // A name whose attributes are guesses, and whether what is known of it is too old.
    struct Guess {
        std::string place = {};
        NodeId node = 0;
    };
    struct Glance {
        std::string place = {};
        bool guessed = false;
        bool stale = false;
    };
    Glance glance(NodeId folder, std::string_view name, const Freshness& freshness) const
        EXCLUDES(mutex_);
    // Those among the next names after the place `after`, of so many; `after` is the last of these
    // then.
    std::vector<Guess> guesses(NodeId folder, std::string& after, std::size_t names_max) const
        EXCLUDES(mutex_);
    // The names of a folder that is known whole, in the order of places, from the first after
    // `after`; of one that is being gathered, those that are known. nullopt if none is, or they
    // were asked too long ago and before `enough`.
    struct Page {
        std::vector<NodeInfo> nodes = {};
        bool last = false;
        std::string to = {};  // where there are no nodes and it is not the last: it is up to here
        Freshness::Stamp stamp = {};
    };
    Result<std::optional<Page>> page(NodeId folder, std::string_view after, std::size_t names_max,
                                     const Freshness& freshness,
                                     std::optional<Freshness::Clock::time_point> enough = {}) const
        EXCLUDES(mutex_);

    // A folder of more names is not kept whole.
    std::size_t folder_names_max() const { return nodes_max_ / 2; }

    // Before the store is asked what a folder holds; what changes until the answer is filled in is
    // newer than that. Every begin_asking() has its end_asking().
    Moment begin_asking() EXCLUDES(mutex_);
    void end_asking() EXCLUDES(mutex_);
    // The answer: all of the folder, part after part in the order of places, or of names. What is
    // there up to the name of the last child is known then, and in the end the folder is known
    // whole, as of `stamp`. Not `counts`: the gathering is over without that, as some of it was
    // forgotten, the folder is moved, or another has begun. What they replaced is for the kernel.
    using GatheringId = std::uint64_t;
    Result<GatheringId> begin_gathering(NodeId folder, Moment asked, Freshness::Stamp stamp)
        EXCLUDES(mutex_);
    struct Part {
        std::vector<Child> children = {};
        bool last = false;
    };
    struct Gathered {
        bool counts = false;
        std::vector<Replaced> replaced = {};
    };
    Result<Gathered> gather(NodeId folder, GatheringId gathering, Part part) EXCLUDES(mutex_);
    void end_gathering(NodeId folder, GatheringId gathering) EXCLUDES(mutex_);
    // The answer about one name of it (nullopt: there is none).
    Result<std::vector<Replaced>> fill_one(NodeId folder, std::string_view name,
                                           std::optional<Child> child, Moment asked,
                                           Freshness::Stamp stamp) EXCLUDES(mutex_);

    // Some of it, in the order of places: all after `after`, up to the last child or, if these are
    // the last, to the end. As they are known now, with what is being written here.
    struct Filled {
        bool counts = false;  // not: the folder was moved since
        std::vector<NodeInfo> nodes = {};
        std::vector<Replaced> replaced = {};
    };
    Result<Filled> fill_some(NodeId folder, std::string_view after, std::vector<Child> children,
                             bool last, Moment asked, Freshness::Stamp stamp) EXCLUDES(mutex_);

    // What was asked about a node alone, when `version` was its object's (null: of a folder that
    // was listed): unless it changed meanwhile, its attributes are known.
    void describe(NodeId id, const Attributes& attributes, Moment asked,
                  const ObjectVersion* version = nullptr) EXCLUDES(mutex_);

    // A stream of the journal begins, and tells nothing of what was before it.
    void begin_following() EXCLUDES(mutex_);
    // The journal says that a path ("a/b") has this object now, or (nullopt) none; `marker`: it is
    // about the key "a/b/", which makes a folder. What this mount did itself is recognised. Folders
    // that are not known stay so. For the kernel: what means something else now.
    std::vector<Replaced> told(std::string_view path, bool marker, std::optional<Child> child)
        EXCLUDES(mutex_);

    // One's own changes, once the store has them. The node that has the name now: where the journal
    // was faster, the one that it made.
    Result<NodeInfo> add(NodeId folder, Child child) EXCLUDES(mutex_);
    // The node stays, its object is another.
    Result<void> set_version(NodeId id, const ObjectVersion& version) EXCLUDES(mutex_);
    Result<void> set_attributes(NodeId id, const Attributes& attributes) EXCLUDES(mutex_);
    Result<void> set_draft(NodeId id, std::shared_ptr<Draft> draft) EXCLUDES(mutex_);
    // The name is gone; the node stays for whoever has it open.
    Result<void> remove(NodeId folder, std::string_view name) EXCLUDES(mutex_);
    // It is not written any more. What the journal told of others meanwhile makes it doubtful; for
    // the kernel: what to forget.
    std::vector<Replaced> settle(NodeId id) EXCLUDES(mutex_);
    // With all that is beneath it. What had the new name loses it. What is not known here any more
    // is asked for.
    Result<void> rename(NodeId folder, std::string_view name, NodeId to_folder,
                        std::string_view to_name) EXCLUDES(mutex_);
    // Around a rename in the store, which the journal may tell of before it has returned.
    void set_moving(NodeId id, bool moving) EXCLUDES(mutex_);
    // Whether that goes on with it, or with a folder that it is in: what is asked by its path may
    // not be there any more.
    bool moving(NodeId id) const EXCLUDES(mutex_);
    // What the store has under the node's name is to be asked again. For the kernel: what to
    // forget.
    std::vector<Replaced> distrust(NodeId id) EXCLUDES(mutex_);
    // For a node that the kernel reads by passthrough and that is to have other bytes: from here on
    // its name is another node, with the same attributes and version. Tell the kernel. would_block
    // while it is written.
    Result<NodeInfo> renew(NodeId id) EXCLUDES(mutex_);

    // Calls, without the lock, for each name that the kernel may know: to tell it that it does not
    // count any more.
    void for_each_known_to_kernel(
        const std::function<void(NodeId folder, const std::string& name, bool of_folder)>& call)
        const EXCLUDES(mutex_);

    struct Counts {
        std::size_t nodes = 0;
        std::size_t looked_up = 0;  // that the kernel knows
    };
    Counts counts() const EXCLUDES(mutex_);

  private:
    class Children;
    struct Folder;
    struct Node;
    using Nodes = std::unordered_map<NodeId, std::unique_ptr<Node>>;

    Node* get(NodeId id) const REQUIRES(mutex_);
    Result<Node*> get_folder(NodeId id) const REQUIRES(mutex_);
    // When a name of the folder that is there was asked for last.
    static Freshness::Stamp stamp_of(const Folder& folder, const Node& child, bool whole_is_fresh);
    Node* walk(std::string_view path) const REQUIRES(mutex_);
    Node& make(Node& folder, Child child) REQUIRES(mutex_);
    // The name of the folder is `child` from now on.
    void put(Node& folder, Child child, std::vector<Replaced>& replaced) REQUIRES(mutex_);
    // The node of that name; null: there is none.
    Node* child_of(const Folder& folder, std::string_view name) const REQUIRES(mutex_);
    bool within_moving(const Node& node) const REQUIRES(mutex_);
    // With all that is beneath it: what was asked by the paths before does not count.
    void note_moved(Node& folder) REQUIRES(mutex_);
    bool is_outdated(const Node& folder, Moment asked) const REQUIRES(mutex_);
    bool is_to_fill(const Folder& folder, const Child& child, bool last) const REQUIRES(mutex_);
    void remove_unlisted(Node& folder, const std::string& to, bool last,
                         std::vector<Replaced>& replaced) REQUIRES(mutex_);
    void unname(Node& node) REQUIRES(mutex_);
    void release(Node* node) REQUIRES(mutex_);
    void make_room(const Node* but) REQUIRES(mutex_);
    void erase_idle(Node& node) REQUIRES(mutex_);
    void fill(Node& folder, std::string_view name, std::optional<Child> child, Moment asked,
              Freshness::Stamp stamp, std::vector<Replaced>& replaced) REQUIRES(mutex_);
    bool take_own(Node& node, const std::string& etag) REQUIRES(mutex_);
    // Under the name that this mount takes away from the node.
    void leave_own(Node& node) REQUIRES(mutex_);
    bool take_left(Node& folder, std::string_view name, const std::string& etag) REQUIRES(mutex_);
    void note_unknown(Node& folder, std::string_view name, std::vector<Replaced>& replaced)
        REQUIRES(mutex_);
    void await_own(Node& node, const std::string& etag) REQUIRES(mutex_);
    void touch(Node& node) REQUIRES(mutex_);
    void put_newer(Node& folder, Child child, std::vector<Replaced>& replaced) REQUIRES(mutex_);
    Child implied_folder(std::string_view name) const REQUIRES(mutex_);
    enum class Removed : std::uint8_t;
    void mark_removed(Node& folder, std::string_view name, Removed what) REQUIRES(mutex_);
    void doubt(Node& node, std::vector<Replaced>& replaced) REQUIRES(mutex_);
    void told_gone(Node& folder, std::string_view name, bool marker,
                   std::vector<Replaced>& replaced) REQUIRES(mutex_);

    const std::size_t nodes_max_;
    mutable Mutex mutex_;
    Nodes nodes_ GUARDED_BY(mutex_);
    NodeId next_id_ GUARDED_BY(mutex_) = root_node;
    Moment moment_ GUARDED_BY(mutex_) = 1;
    std::size_t room_at_ GUARDED_BY(mutex_);     // so many nodes, and room is made
    std::size_t drafts_ GUARDED_BY(mutex_) = 0;  // nodes that have one
    std::size_t asking_ GUARDED_BY(mutex_) = 0;
    GatheringId gatherings_ GUARDED_BY(mutex_) = 0;
    bool followed_ GUARDED_BY(mutex_) = false;  // the journal tells of one's own commits too
    std::size_t known_to_kernel_ GUARDED_BY(mutex_) = 0;
    // Folders with names in Folder::removed.
    std::vector<NodeId> with_removed_ GUARDED_BY(mutex_);
};

// For as long as the store is being asked.
class Asking {
  public:
    explicit Asking(Tree& tree) : tree_(tree), asked_(tree.begin_asking()) {}
    ~Asking() { tree_.end_asking(); }
    Asking(const Asking&) = delete;
    Asking& operator=(const Asking&) = delete;

    Tree::Moment asked() const { return asked_; }

  private:
    Tree& tree_;
    const Tree::Moment asked_;
};

}  // namespace weir::mount
