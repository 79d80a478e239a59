#include "mount/tree.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "mount/tree_node.h"

namespace weir::mount {

namespace {

// A folder keeps so many names that are not there.
constexpr std::size_t absent_names_max = 4096;

}  // namespace

Tree::Tree(Attributes root, std::size_t nodes_max)
    : nodes_max_(nodes_max), room_at_(nodes_max + nodes_max / 8) {
    auto node = std::make_unique<Node>();
    node->info.id = next_id_++;
    node->info.attributes = std::move(root);
    node->folder = std::make_unique<Folder>();
    node->lookups = 1;
    nodes_[node->info.id] = std::move(node);
}

Tree::~Tree() = default;

Tree::Node* Tree::get(NodeId id) const {
    const auto found = nodes_.find(id);
    return found == nodes_.end() ? nullptr : found->second.get();
}

Tree::Node* Tree::child_of(const Folder& folder, std::string_view name) const {
    const NodeId id = folder.children.find(name);
    return id == 0 ? nullptr : get(id);
}

Result<Tree::Node*> Tree::get_folder(NodeId id) const {
    Node* node = get(id);
    if (node == nullptr) return fail(Code::stale);
    if (!node->folder) return fail(Code::not_a_folder);
    return node;
}

Result<NodeInfo> Tree::node(NodeId id) const {
    const MutexLock lock(mutex_);
    const Node* node = get(id);
    if (node == nullptr) return fail(Code::stale);
    return node->info;
}

Result<std::string> Tree::path(NodeId id) const {
    const MutexLock lock(mutex_);
    std::vector<const std::string*> names;
    for (NodeId at = id; at != root_node;) {
        const Node* node = get(at);
        if (node == nullptr || node->info.unlinked) return fail(Code::stale);
        names.push_back(&node->info.name);
        at = node->info.parent;
    }
    std::string path;
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
        if (!path.empty()) path += '/';
        path += **name;
    }
    return path;
}

Tree::Node* Tree::walk(std::string_view path) const {
    Node* node = get(root_node);
    while (!path.empty() && node != nullptr) {
        if (!node->folder) return nullptr;
        const std::string_view name = path.substr(0, path.find('/'));
        path.remove_prefix(std::min(path.size(), name.size() + 1));
        node = child_of(*node->folder, name);
    }
    return node;
}

std::optional<NodeInfo> Tree::find(std::string_view path) const {
    const MutexLock lock(mutex_);
    const Node* node = walk(path);
    if (node == nullptr) return std::nullopt;
    return node->info;
}

Result<void> Tree::looked_up(NodeId id) {
    const MutexLock lock(mutex_);
    Node* node = get(id);
    if (node == nullptr) return fail(Code::stale);
    if (node->lookups++ == 0) ++known_to_kernel_;
    return {};
}

void Tree::forget(NodeId id, std::uint64_t count) {
    const MutexLock lock(mutex_);
    Node* node = get(id);
    if (node == nullptr || id == root_node || node->lookups == 0) return;
    node->lookups -= std::min(node->lookups, count);
    if (node->lookups > 0) return;
    --known_to_kernel_;
    release(node);
}

// Erases it if nothing needs it: no name, or past the bound one that can be asked for again.
void Tree::release(Node* node) {
    while (node != nullptr && node->info.id != root_node && node->lookups == 0 &&
           !node->info.draft && (!node->folder || node->folder->children.empty())) {
        const bool unlinked = node->info.unlinked;
        Node* parent = get(node->info.parent);
        if (!unlinked && (nodes_.size() <= nodes_max_ || parent->folder->gathering)) return;
        erase_idle(*node);
        node = unlinked ? nullptr : parent;
    }
}

void Tree::erase_idle(Node& node) {
    Node* parent = get(node.info.parent);
    if (parent != nullptr && !node.info.unlinked) {
        Folder& in = *parent->folder;
        in.whole = {};
        // Of what is newer than what was asked the answer will not tell.
        if (in.gathering &&
            (node.info.place() <= in.gathering->to ||
             std::max({node.changed, node.implied, node.doubted}) > in.gathering->asked))
            in.gathering.reset();
        in.children.erase(node.info);
    }
    nodes_.erase(node.info.id);
}

Tree::Moment Tree::begin_asking() {
    const MutexLock lock(mutex_);
    ++asking_;
    return moment_;
}

void Tree::end_asking() {
    const MutexLock lock(mutex_);
    CHECK(asking_ > 0);
    if (--asking_ > 0) return;
    for (const NodeId id : with_removed_)
        if (Node* node = get(id)) node->folder->removed.clear();
    with_removed_.clear();
}

Tree::Node& Tree::make(Node& folder, Child child) {
    auto node = std::make_unique<Node>();
    node->info.id = next_id_++;
    node->info.parent = folder.info.id;
    node->info.name = std::move(child.name);
    node->info.attributes = std::move(child.attributes);
    node->info.attributes_known = child.attributes_known;
    node->info.version = std::move(child.version);
    if (node->info.folder()) node->folder = std::make_unique<Folder>();
    folder.folder->children.insert(node->info);
    folder.folder->absent.erase(node->info.name);
    Node& made = *node;
    nodes_[made.info.id] = std::move(node);
    return made;
}

// Takes the name away from the node, and with it all that is beneath.
void Tree::unname(Node& node) {
    Node* parent = get(node.info.parent);
    CHECK(parent != nullptr && parent->folder);
    parent->folder->children.erase(node.info);
    node.info.unlinked = true;
    if (node.folder) {
        const Children children = std::exchange(node.folder->children, {});
        for (const auto& [place, id] : children.places()) {
            Node* child = get(id);
            child->info.unlinked = true;
            node.folder->children.insert(child->info);  // unname() erases it again
            unname(*child);
        }
    }
    release(&node);
}

void Tree::put(Node& folder, Child child, std::vector<Replaced>& replaced) {
    Node* old = child_of(*folder.folder, child.name);
    if (old == nullptr) {
        // To tell the kernel of a name that it just asked for would take what it keeps of it away.
        if (folder.folder->told_absent)
            replaced.push_back({.folder = folder.info.id, .name = child.name});
        make(folder, std::move(child));
        return;
    }
    if (old->info.draft) return;  // its commit will say whose version counts
    const bool same_kind = old->info.folder() == (child.attributes.kind == Kind::folder);
    if (same_kind && (old->info.folder() || old->info.version.same_bytes(child.version))) {
        const bool newer = old->info.version.last_modified != child.version.last_modified;
        // HEAD, or a folder's own listing, may have told more than that of its parent.
        const bool tells_less = !child.attributes_known && old->info.attributes_known;
        if (tells_less && (!newer || child.version.etag.empty())) return;
        if (old->info.attributes != child.attributes)
            replaced.push_back(
                {.folder = folder.info.id, .name = child.name, .old_node = old->info.id});
        old->info.attributes = std::move(child.attributes);
        old->info.attributes_known = child.attributes_known;
        old->info.version = std::move(child.version);
        return;
    }
    replaced.push_back({.folder = folder.info.id, .name = child.name, .old_node = old->info.id});
    unname(*old);
    make(folder, std::move(child));
}

Result<Tree::GatheringId> Tree::begin_gathering(NodeId folder, Moment asked,
                                                Freshness::Stamp stamp) {
    const MutexLock lock(mutex_);
    TRY(Node * node, get_folder(folder));
    if (node->info.unlinked) return fail(Code::stale);
    auto& gathering = node->folder->gathering;
    ++gatherings_;
    // One that began later goes on.
    if (!gathering || gathering->asked <= asked)
        gathering = Folder::Gathering{.id = gatherings_, .asked = asked, .stamp = stamp};
    return gatherings_;
}

void Tree::end_gathering(NodeId folder, GatheringId gathering) {
    const MutexLock lock(mutex_);
    Node* node = get(folder);
    if (node == nullptr || !node->folder) return;
    auto& at = node->folder->gathering;
    if (at && at->id == gathering) at.reset();
}

// False: a file where a folder of its name is known, which hides it, or may be listed later and
// hide it then.
bool Tree::is_to_fill(const Folder& folder, const Child& child, bool last) const {
    const Node* known = child_of(folder, child.name);
    if (known == nullptr || !known->info.folder() || child.attributes.kind == Kind::folder)
        return true;
    const bool listed = known->stamp.asked == folder.gathering->stamp.asked;
    return last && !listed;
}

// Names up to `to` that nobody listed or asked for since are gone, unless they are newer, or
// doubted and to be asked for alone.
void Tree::remove_unlisted(Node& folder, const std::string& to, bool last,
                           std::vector<Replaced>& replaced) {
    Folder& in = *folder.folder;
    Folder::Gathering& gathering = *in.gathering;
    const auto& places = in.children.places();
    const auto end = last ? places.end() : places.upper_bound(to);
    std::vector<Node*> gone;
    for (auto at = places.upper_bound(gathering.to); at != end; ++at) {
        Node* child = get(at->second);
        if (child->doubted > gathering.asked) {
            gathering.doubtful = true;
            continue;
        }
        child->doubted = 0;
        const Moment known = std::max(child->changed, child->implied);
        const bool told = child->stamp.asked >= gathering.stamp.asked;
        if (!told && known <= gathering.asked && !child->info.draft) gone.push_back(child);
    }
    for (Node* child : gone) {
        replaced.push_back(
            {.folder = folder.info.id, .name = child->info.name, .old_node = child->info.id});
        unname(*child);
    }
}

Result<Tree::Gathered> Tree::gather(NodeId folder, GatheringId gathering, Part part) {
    const MutexLock lock(mutex_);
    TRY(Node * node, get_folder(folder));
    if (node->info.unlinked) return fail(Code::stale);
    Folder& in = *node->folder;
    if (!in.gathering || in.gathering->id != gathering) return Gathered{};
    if (is_outdated(*node, in.gathering->asked)) {
        in.gathering.reset();
        return Gathered{};
    }
    std::string to = in.gathering->to;
    for (const Child& child : part.children) to = std::max(to, child.name);
    Gathered gathered{.counts = true};
    for (Child& child : part.children) {
        const std::string name = child.name;
        if (is_to_fill(in, child, part.last))
            fill(*node, name, std::move(child), in.gathering->asked, in.gathering->stamp,
                 gathered.replaced);
        else
            in.gathering->beside_folders.insert(name);
    }
    remove_unlisted(*node, to, part.last, gathered.replaced);
    in.gathering->to = std::move(to);
    if (part.last) {
        // A file that was left out for a folder that is gone has to be asked for.
        for (const std::string& name : in.gathering->beside_folders)
            if (in.children.find(name) == 0) gathered.counts = false;
        in.whole = gathered.counts ? in.gathering->stamp : Freshness::Stamp{};
        in.doubtful = in.gathering->doubtful;
        in.absent.clear();
        in.gathering.reset();
    }
    make_room(node);
    return gathered;
}

// One name of the folder.
void Tree::fill(Node& folder, std::string_view name, std::optional<Child> child, Moment asked,
                Freshness::Stamp stamp, std::vector<Replaced>& replaced) {
    Folder& in = *folder.folder;
    const auto removed = in.removed.find(name);
    const bool since = removed != in.removed.end() && removed->second.last() > asked;
    // What is known is newer: who asked asks again.
    if (since && (!child || removed->second.hides(child->attributes.kind, asked))) return;
    Node* old = child_of(in, name);
    if (old != nullptr && std::max({old->changed, old->implied, old->doubted}) > asked) return;
    if (child) {
        CHECK(child->name == name);
        put(folder, *std::move(child), replaced);
        Node& put_there = *child_of(in, name);
        put_there.doubted = since ? removed->second.last() : 0;
        if (!since) put_there.stamp = stamp;
        return;
    }
    if (old != nullptr && !old->info.draft) {
        replaced.push_back(
            {.folder = folder.info.id, .name = std::string(name), .old_node = old->info.id});
        unname(*old);
    }
    if (in.absent.size() >= absent_names_max) in.absent.clear();
    in.absent.insert_or_assign(std::string(name), stamp);
}

Result<std::vector<Tree::Replaced>> Tree::fill_one(NodeId folder, std::string_view name,
                                                   std::optional<Child> child, Moment asked,
                                                   Freshness::Stamp stamp) {
    const MutexLock lock(mutex_);
    TRY(Node * node, get_folder(folder));
    if (node->info.unlinked) return fail(Code::stale);
    std::vector<Replaced> replaced;
    if (asked < node->folder->counts_from || (!child && within_moving(*node))) return replaced;
    fill(*node, name, std::move(child), asked, stamp, replaced);
    make_room(node);
    return replaced;
}

Result<Tree::Filled> Tree::fill_some(NodeId folder, std::string_view after,
                                     std::vector<Child> children, bool last, Moment asked,
                                     Freshness::Stamp stamp) {
    const MutexLock lock(mutex_);
    TRY(Node * node, get_folder(folder));
    if (node->info.unlinked) return fail(Code::stale);
    const Folder& in = *node->folder;
    if (is_outdated(*node, asked)) return Filled{};
    Filled filled{.counts = true};
    std::map<std::string, NodeInfo> nodes;  // by place
    for (Child& child : children) {
        const std::string name = child.name;
        fill(*node, name, std::move(child), asked, stamp, filled.replaced);
        const Node* known = child_of(in, name);
        if (known != nullptr) nodes.emplace(known->info.place(), known->told());
    }
    // Of what is being written the store may have nothing yet.
    const std::string end = nodes.empty() ? std::string() : nodes.rbegin()->first;
    const auto& places = in.children.places();
    for (auto at = places.upper_bound(after); drafts_ > 0 && at != places.end(); ++at) {
        if (!last && at->first >= end) break;
        const NodeInfo& info = get(at->second)->info;
        if (info.draft) nodes.emplace(at->first, info);
    }
    for (auto& [place, info] : nodes) filled.nodes.push_back(std::move(info));
    make_room(nullptr);
    return filled;
}

void Tree::describe(NodeId id, const Attributes& attributes, Moment asked,
                    const ObjectVersion* version) {
    const MutexLock lock(mutex_);
    Node* node = get(id);
    if (node == nullptr || node->changed > asked || node->info.draft) return;
    const ObjectVersion& now = node->info.version;
    if (version != nullptr &&
        (!now.same_bytes(*version) || now.last_modified != version->last_modified))
        return;
    if (node->info.folder() != (attributes.kind == Kind::folder)) return;
    if (node->folder && is_outdated(*node, asked)) return;
    node->info.attributes = attributes;
    node->info.attributes_known = true;
}

// Past the bound, what the kernel does not know and nobody needs goes, but for one folder's: the
// names of the folder that was listed longest ago first. What the kernel knows stays, however much
// that is; it tells when it forgets.
void Tree::make_room(const Node* but) {
    if (nodes_.size() <= room_at_) return;
    std::vector<std::pair<Freshness::Clock::time_point, Node*>> idle;
    for (const auto& [id, node] : nodes_) {
        if (id == root_node || node->lookups > 0 || node->info.draft ||
            (node->folder && !node->folder->children.empty()))
            continue;
        const Node* parent = get(node->info.parent);
        if (but != nullptr && (parent == but || node.get() == but)) continue;
        idle.emplace_back(parent ? parent->folder->asked() : Freshness::Clock::time_point(),
                          node.get());
    }
    std::ranges::sort(
        idle, {}, [](const auto& each) { return std::pair(each.first, each.second->info.parent); });
    for (const auto& [asked, node] : idle) {
        if (nodes_.size() <= nodes_max_) break;
        erase_idle(*node);
    }
    // It costs a look at every node: not again before there are as many more.
    room_at_ = std::max(nodes_.size(), nodes_max_) + nodes_max_ / 8;
}

void Tree::for_each_known_to_kernel(
    const std::function<void(NodeId folder, const std::string& name, bool of_folder)>& call) const {
    std::vector<std::tuple<NodeId, std::string, bool>> names;
    {
        const MutexLock lock(mutex_);
        for (const auto& [id, node] : nodes_)
            if (node->lookups > 0 && !node->info.unlinked && id != root_node)
                names.emplace_back(node->info.parent, node->info.name, node->info.folder());
    }
    for (const auto& [folder, name, of_folder] : names) call(folder, name, of_folder);
}

Tree::Counts Tree::counts() const {
    const MutexLock lock(mutex_);
    return {.nodes = nodes_.size(), .looked_up = known_to_kernel_};
}

}  // namespace weir::mount
