#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "mount/tree.h"
#include "mount/tree_node.h"

namespace weir::mount {
namespace {

// Own commits of one node that the journal may still have to tell of; it is never so far behind.
constexpr std::size_t awaited_max = 64;
// Names of one folder whose own commits it may still have to tell of.
constexpr std::size_t left_names_max = 1024;
// Names of one folder that went while the store is asked.
constexpr std::size_t removed_names_max = 65'536;

}  // namespace

void Tree::mark_removed(Node& folder, std::string_view name, Removed what) {
    ++moment_;
    if (asking_ == 0) return;  // no answer is on its way that does not know it yet
    Folder& in = *folder.folder;
    if (in.removed.empty()) with_removed_.push_back(folder.info.id);
    if (in.removed.size() >= removed_names_max) {
        in.removed.clear();
        in.counts_from = moment_;
    }
    Folder::Removal& removal = in.removed[std::string(name)];
    (what == Removed::name   ? removal.name
     : what == Removed::file ? removal.file
                             : removal.part) = moment_;
}

// Whether there is something by this name is to be asked again. What is asked already does not
// count: it may be older than what made it doubtful.
void Tree::doubt(Node& node, std::vector<Replaced>& replaced) {
    if (node.info.id == root_node || node.info.unlinked) return;
    Node* parent = get(node.info.parent);
    CHECK(parent != nullptr);
    parent->folder->doubtful = true;
    if (parent->folder->gathering) parent->folder->gathering->doubtful = true;
    node.stamp = {};
    node.doubted = ++moment_;
    replaced.push_back(
        {.folder = parent->info.id, .name = node.info.name, .old_node = node.info.id});
}

void Tree::told_gone(Node& folder, std::string_view name, bool marker,
                     std::vector<Replaced>& replaced) {
    Node* child = child_of(*folder.folder, name);
    if (child != nullptr && child->moving) return;
    if (child != nullptr && child->own && !child->own->awaited.empty()) {
        // What this mount put there is newer, if the journal still has to tell of it.
        doubt(*child, replaced);
        return;
    }
    mark_removed(folder, name, marker ? Removed::part : Removed::file);
    if (child == nullptr || child->info.folder() != marker) return;
    if (marker) return doubt(*child, replaced);
    if (child->info.draft) {
        // Its commit will hear of it, or there is none: settle().
        if (!child->own) child->own = std::make_unique<Node::Own>();
        child->own->told_gone = true;
        return;
    }
    replaced.push_back(
        {.folder = folder.info.id, .name = std::string(name), .old_node = child->info.id});
    unname(*child);
    if (folder.folder->children.empty()) doubt(folder, replaced);
}

void Tree::await_own(Node& node, const std::string& etag) {
    if (!followed_ || etag.empty()) return;
    if (!node.own) node.own = std::make_unique<Node::Own>();
    std::vector<std::string>& awaited = node.own->awaited;
    awaited.push_back(etag);
    if (awaited.size() > awaited_max) awaited.erase(awaited.begin());
}

// Whether it is an own commit, which is known.
bool Tree::take_own(Node& node, const std::string& etag) {
    if (!node.own) return false;
    std::vector<std::string>& awaited = node.own->awaited;
    const auto own = std::ranges::find(awaited, etag);
    if (own == awaited.end()) return false;
    awaited.erase(awaited.begin(), own + 1);
    if (awaited.empty() && node.own->told.empty() && !node.own->told_gone) node.own.reset();
    return true;
}

void Tree::leave_own(Node& node) {
    if (!node.own || node.own->awaited.empty()) return;
    auto& left = get(node.info.parent)->folder->left;
    if (left.size() >= left_names_max) left.clear();
    std::vector<std::string>& awaited = left[node.info.name];
    std::ranges::move(std::exchange(node.own->awaited, {}), std::back_inserter(awaited));
    if (awaited.size() > awaited_max)
        awaited.erase(awaited.begin(), awaited.end() - static_cast<std::ptrdiff_t>(awaited_max));
}

// Whether it is an own commit of a name that is gone, or somebody else's, since.
bool Tree::take_left(Node& folder, std::string_view name, const std::string& etag) {
    auto& left = folder.folder->left;
    const auto found = left.find(name);
    if (found == left.end()) return false;
    std::vector<std::string>& awaited = found->second;
    const auto own = std::ranges::find(awaited, etag);
    if (own == awaited.end()) return false;
    awaited.erase(awaited.begin(), own + 1);
    if (awaited.empty()) left.erase(found);
    return true;
}

void Tree::note_unknown(Node& folder, std::string_view name, std::vector<Replaced>& replaced) {
    folder.folder->absent.erase(std::string(name));
    if (folder.folder->told_absent)
        replaced.push_back({.folder = folder.info.id, .name = std::string(name)});
}

void Tree::begin_following() {
    const MutexLock lock(mutex_);
    followed_ = true;
    for (const auto& [id, node] : nodes_) {
        node->own.reset();
        if (node->folder) node->folder->left.clear();
    }
}

// What is known of it now is newer than all that was asked so far.
void Tree::touch(Node& node) {
    node.changed = ++moment_;
    node.doubted = 0;
}

void Tree::put_newer(Node& folder, Child child, std::vector<Replaced>& replaced) {
    const std::string name = child.name;
    put(folder, std::move(child), replaced);
    touch(*child_of(*folder.folder, name));
}

// What keys beneath it say of a folder: that it is there.
Child Tree::implied_folder(std::string_view name) const {
    const Attributes& root = get(root_node)->info.attributes;
    return {.name = std::string(name),
            .attributes = {.kind = Kind::folder,
                           .permissions = root.permissions,
                           .uid = root.uid,
                           .gid = root.gid},
            .attributes_known = false};
}

std::vector<Tree::Replaced> Tree::told(std::string_view path, bool marker,
                                       std::optional<Child> child) {
    const MutexLock lock(mutex_);
    std::vector<Replaced> replaced;
    Node* folder = get(root_node);
    while (true) {
        const std::size_t slash = path.find('/');
        if (slash == std::string_view::npos) break;
        const std::string_view name = path.substr(0, slash);
        path.remove_prefix(slash + 1);
        Node* found = child_of(*folder->folder, name);
        if (found == nullptr) {
            // A folder that comes into being, ends perhaps, or was never looked at.
            if (child && folder->folder->whole.generation == 0 && asking_ == 0)
                note_unknown(*folder, name, replaced);
            else if (child)
                put_newer(*folder, implied_folder(name), replaced);
            else
                mark_removed(*folder, name, Removed::part);
            make_room(nullptr);
            return replaced;
        }
        folder = found;
        if (folder->moving) return replaced;
        if (child) {
            folder->implied = ++moment_;
            folder->doubted = 0;
        }
        if (!folder->folder) {
            // Keys beneath a file: a folder that hides it.
            doubt(*folder, replaced);
            return replaced;
        }
    }
    if (!child) {
        told_gone(*folder, path, marker, replaced);
        return replaced;
    }
    if (take_left(*folder, path, child->version.etag)) return replaced;
    if (Node* found = child_of(*folder->folder, path)) {
        Node& node = *found;
        if (take_own(node, child->version.etag)) return replaced;
        if (node.moving && !node.info.folder()) {
            node.told_moving = true;
            return replaced;
        }
        if (!node.info.draft && node.own && !node.own->awaited.empty()) {
            // It came before what this mount put there: a file that had the name before it, say.
            doubt(node, replaced);
            return replaced;
        }
        if (node.info.draft) {
            if (!node.own) node.own = std::make_unique<Node::Own>();
            node.own->told = child->version.etag;
            node.own->told_gone = false;
        }
        // A key beside a folder of its name is hidden.
        if (node.info.folder() && !marker) return replaced;
    } else if (folder->folder->whole.generation == 0 && asking_ == 0) {
        // Nobody believes anything of this name but that it is not there.
        note_unknown(*folder, path, replaced);
        return replaced;
    }
    child->name = std::string(path);
    put_newer(*folder, *std::move(child), replaced);
    make_room(nullptr);
    return replaced;
}

Result<NodeInfo> Tree::add(NodeId folder, Child child) {
    const MutexLock lock(mutex_);
    TRY(Node * parent, get_folder(folder));
    if (parent->info.unlinked) return fail(Code::stale);
    Node* node = child_of(*parent->folder, child.name);
    const std::string etag = child.version.etag;
    const bool told_already = node != nullptr && node->info.version.etag == etag;
    if (node != nullptr && node->info.folder() != (child.attributes.kind == Kind::folder)) {
        unname(*node);
        node = nullptr;
    }
    if (node == nullptr) {
        node = &make(*parent, std::move(child));
    } else {
        node->info.attributes = std::move(child.attributes);
        node->info.attributes_known = child.attributes_known;
        node->info.version = std::move(child.version);
    }
    touch(*node);
    if (!told_already) await_own(*node, etag);
    make_room(parent);
    return node->info;
}

Result<void> Tree::set_version(NodeId id, const ObjectVersion& version) {
    const MutexLock lock(mutex_);
    Node* node = get(id);
    if (node == nullptr) return fail(Code::stale);
    const bool told_already = node->own && node->own->told == version.etag;
    if (node->info.version.etag != version.etag && !told_already) await_own(*node, version.etag);
    // What was removed before is there again.
    if (node->own && !told_already) node->own->told_gone = false;
    node->info.version = version;
    touch(*node);
    return {};
}

Result<void> Tree::set_attributes(NodeId id, const Attributes& attributes) {
    const MutexLock lock(mutex_);
    Node* node = get(id);
    if (node == nullptr) return fail(Code::stale);
    CHECK((attributes.kind == Kind::folder) == node->info.folder());
    node->info.attributes = attributes;
    node->info.attributes_known = true;
    touch(*node);
    return {};
}

Result<void> Tree::set_draft(NodeId id, std::shared_ptr<Draft> draft) {
    const MutexLock lock(mutex_);
    Node* node = get(id);
    if (node == nullptr) return fail(Code::stale);
    if (node->info.draft) --drafts_;
    node->info.draft = std::move(draft);
    if (node->info.draft) ++drafts_;
    touch(*node);
    if (!node->info.draft) release(node);
    return {};
}

std::vector<Tree::Replaced> Tree::settle(NodeId id) {
    const MutexLock lock(mutex_);
    std::vector<Replaced> replaced;
    Node* node = get(id);
    if (node == nullptr || node->info.draft || !node->own) return replaced;
    Node::Own& own = *node->own;
    const std::string& etag = node->info.version.etag;
    const bool last = own.told.empty() || own.told == etag ||
                      std::ranges::find(own.awaited, etag) != own.awaited.end();
    const bool current = last && !own.told_gone;
    own.told.clear();
    own.told_gone = false;
    if (own.awaited.empty()) node->own.reset();
    if (!current) doubt(*node, replaced);
    return replaced;
}

Result<void> Tree::remove(NodeId folder, std::string_view name) {
    const MutexLock lock(mutex_);
    TRY(Node * parent, get_folder(folder));
    mark_removed(*parent, name, Removed::name);
    Node* node = child_of(*parent->folder, name);
    if (node == nullptr) return {};
    leave_own(*node);
    unname(*node);
    return {};
}

Result<void> Tree::rename(NodeId folder, std::string_view name, NodeId to_folder,
                          std::string_view to_name) {
    const MutexLock lock(mutex_);
    TRY(Node * from, get_folder(folder));
    TRY(Node * to, get_folder(to_folder));
    Node* node = child_of(*from->folder, name);
    bool told_already = false;
    if (Node* target = child_of(*to->folder, to_name)) {
        if (target == node) return {};
        told_already = node != nullptr && target->info.version.etag == node->info.version.etag;
        leave_own(*target);
        unname(*target);
    }
    if (node == nullptr) {
        // Somebody else took it away meanwhile, as far as is known here: who looks asks.
        from->folder->forget_whole();
        to->folder->forget_whole();
        to->folder->absent.erase(std::string(to_name));
        return {};
    }
    const std::string old_name(name);  // `name` may be the node's own
    mark_removed(*from, old_name, Removed::name);
    leave_own(*node);
    from->folder->children.erase(node->info);
    node->info.name = std::string(to_name);
    node->info.parent = to_folder;
    node->changed = moment_;
    // The new key has it, if anything has.
    if (!told_already) await_own(*node, node->info.version.etag);
    to->folder->children.insert(node->info);
    to->folder->absent.erase(node->info.name);
    if (node->folder) {
        node->folder->removed.clear();
        note_moved(*node);
    }
    // The old name may be somebody's by now: who looks for it asks.
    if (node->told_moving) from->folder->forget_whole();
    return {};
}

void Tree::set_moving(NodeId id, bool moving) {
    const MutexLock lock(mutex_);
    Node* node = get(id);
    if (node == nullptr) return;
    node->moving = moving;
    node->told_moving = false;
}

bool Tree::within_moving(const Node& node) const {
    for (const Node* at = &node; at != nullptr && at->info.id != root_node;
         at = get(at->info.parent))
        if (at->moving) return true;
    return false;
}

bool Tree::is_outdated(const Node& folder, Moment asked) const {
    return asked < folder.folder->counts_from || within_moving(folder);
}

bool Tree::moving(NodeId id) const {
    const MutexLock lock(mutex_);
    const Node* node = get(id);
    return node != nullptr && within_moving(*node);
}

void Tree::note_moved(Node& folder) {
    folder.folder->counts_from = moment_;
    folder.folder->absent.clear();
    for (const auto& [place, id] : folder.folder->children.places())
        if (Node* child = get(id); child->folder) note_moved(*child);
}

std::vector<Tree::Replaced> Tree::distrust(NodeId id) {
    const MutexLock lock(mutex_);
    Node* node = get(id);
    if (node == nullptr || id == root_node || node->info.unlinked) return {};
    node->stamp = {};
    node->own.reset();
    get(node->info.parent)->folder->forget_whole();
    return {{.folder = node->info.parent, .name = node->info.name, .old_node = id}};
}

Result<NodeInfo> Tree::renew(NodeId id) {
    const MutexLock lock(mutex_);
    Node* old = get(id);
    if (old == nullptr || old->info.unlinked) return fail(Code::stale);
    CHECK(!old->folder);
    if (old->info.draft) return fail(Code::would_block);
    Node* parent = get(old->info.parent);
    Child child{.name = old->info.name,
                .attributes = old->info.attributes,
                .attributes_known = old->info.attributes_known,
                .version = old->info.version};
    auto own = std::move(old->own);
    const Freshness::Stamp stamp = old->stamp;
    unname(*old);
    Node& node = make(*parent, std::move(child));
    node.own = std::move(own);
    node.stamp = stamp;
    touch(node);
    return node.info;
}

}  // namespace weir::mount
