#include "mount/listing.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "mount/folder_page.h"

namespace weir::mount {
namespace {

constexpr std::size_t hidden_named_max = 4;  // in the log
constexpr std::size_t large_folders_max = 100'000;
constexpr std::size_t hidden_folders_max = 10'000;

bool interrupted(const client::Call& call) {
    return call.interrupt != nullptr && call.interrupt->interrupted();
}

// Of a place.
std::string_view name_at(std::string_view place) {
    return place.ends_with('/') ? place.substr(0, place.size() - 1) : place;
}

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

}  // namespace

Listing::Extent Listing::extent(NodeId folder) const {
    const MutexLock lock(mutex_);
    const auto found = extents_.find(folder);
    return found == extents_.end() ? Extent::page : found->second;
}

void Listing::set_extent(NodeId folder, Extent extent) {
    const MutexLock lock(mutex_);
    if (extent == Extent::page) {
        extents_.erase(folder);
        return;
    }
    if (extents_.size() >= large_folders_max) extents_.clear();  // they are found out again
    extents_[folder] = extent;
}

std::uint64_t Listing::hidden_keys() const {
    const MutexLock lock(mutex_);
    std::uint64_t keys = 0;
    for (const auto& [folder, hidden] : hidden_) keys += hidden;
    return keys;
}

void Listing::tell_kernel(const std::vector<Tree::Replaced>& replaced) {
    // Of a name that was not known before the kernel may believe that it is not there.
    for (const Tree::Replaced& each : replaced) kernel_.forget_name(each.folder, each.name);
}

void Listing::count_hidden(NodeId folder, const std::vector<std::string>& keys) {
    {
        const MutexLock lock(mutex_);
        if (keys.empty()) {
            hidden_.erase(folder);
            return;
        }
        if (hidden_.size() >= hidden_folders_max && !hidden_.contains(folder)) return;
        hidden_[folder] = keys.size();
        if (std::exchange(hidden_told_, true)) return;
    }
    for (std::size_t i = 0; i < std::min(keys.size(), hidden_named_max); ++i)
        log_.warn("no path can be {:?}: this key is not shown", keys[i]);
    log_.warn("keys that no path can be: {} in this folder; later ones are only counted",
              keys.size());
}

Result<ListedPage> Listing::next_page(const PageRequest& request, const client::Call& call) {
    TRY(ListedPage page, ask_page(store_, request, call));
    metadata_told_ = page.metadata_told;
    return page;
}

Result<void> Listing::ask_once(NodeId folder, bool whole, const client::Call& call) {
    return folders_asked_.ask({.about = folder, .whole = whole}, call,
                              [&] { return ask(folder, whole, call); });
}

Result<void> Listing::ask(NodeId folder, bool whole, const client::Call& call) {
    TRY(const std::string path, tree_.path(folder));
    const Asking asking(tree_);
    const Freshness::Stamp stamp = freshness_.now();
    FolderNames names(store_.folder_key(path), defaults_, store_.attributes_in_listings);
    PageRequest request{.prefix = store_.folder_key(path)};
    while (true) {
        TRY(const ListedPage page, next_page(request, call));
        names.add(page);
        if (page.last) break;
        const bool too_large = names.size() > tree_.folder_names_max();
        if (!whole || too_large) {
            if (too_large || extent(folder) == Extent::page)
                set_extent(folder, too_large ? Extent::pages : Extent::whole);
            if (names.own()) tree_.describe(folder, names.own()->attributes, asking.asked());
            return {};
        }
        request.go_on(page);
    }
    set_extent(folder, request.from.empty() ? Extent::page : Extent::whole);
    count_hidden(folder, names.hidden());
    if (folder != root_node) {
        const bool known = !names.own() || names.own()->attributes_known;
        if (known)
            tree_.describe(folder,
                           names.own() ? names.own()->attributes : defaults_.of(Kind::folder, 0),
                           asking.asked());
    }
    TRY(const auto replaced,
        tree_.fill_whole(folder, std::move(names).take_children(), asking.asked(), stamp));
    tell_kernel(replaced);
    return {};
}

// The pages of a prefix until one holds something.
Result<bool> Listing::ask_any(const std::string& prefix, FolderNames& names,
                              const client::Call& call) {
    PageRequest request{
        .prefix = prefix, .delimiter = "", .keys_max = store_.as_of ? unsigned{list_keys_max} : 1};
    while (true) {
        TRY(const ListedPage page, next_page(request, call));
        names.add(page);
        if (page.any()) return true;
        if (page.last) return false;
        request.go_on(page);
    }
}

// A folder of that name wins over a file.
Result<void> Listing::ask_one(NodeId folder, std::string_view name, const client::Call& call) {
    TRY(const std::string path, tree_.path(folder));
    const std::string key = store_.folder_key(path) + std::string(name);
    const Asking asking(tree_);
    const Freshness::Stamp stamp = freshness_.now();
    std::optional<Child> child;
    // All that is beneath it may have been deleted, or be younger than the moment.
    FolderNames beneath(key + "/", defaults_, store_.attributes_in_listings);
    TRY(const bool folder_there, ask_any(key + "/", beneath, call));
    if (folder_there) {
        // Its own key would have come first.
        child = beneath.own().value_or(Child{.attributes = defaults_.of(Kind::folder, 0)});
        child->name = std::string(name);
    } else {
        FolderNames names(store_.folder_key(path), defaults_, store_.attributes_in_listings);
        TRY_VOID(ask_any(key, names, call));
        for (Child& each : std::move(names).take_children())
            if (each.name == name) child = std::move(each);
    }
    TRY(const auto replaced, tree_.fill_one(folder, name, std::move(child), asking.asked(), stamp));
    tell_kernel(replaced);
    return {};
}

Result<NodeInfo> Listing::lookup(NodeId folder, std::string_view name, const client::Call& call,
                                 Looking looking) {
    if (name.size() > name_bytes_max) return fail(Code::key_too_long);
    // Twice at most: a listing that is made doubtful while it is taken is followed by asking for
    // the name alone, whose answer counts at once.
    for (unsigned attempt = 0; attempt < 3; ++attempt) {
        TRY(const auto known, tree_.known(folder, name, freshness_));
        if (known) {
            if (!known->node) return fail(Code::no_such_key);
            return with_attributes(*known->node, call);
        }
        const Extent within = extent(folder);
        const bool in_turn = looking == Looking::in_turn && within == Extent::whole;
        if (attempt == 0 && (within == Extent::page || in_turn)) {
            TRY_VOID(ask_once(folder, in_turn, call));
        } else {
            TRY_VOID(ask_one(folder, name, call));
        }
    }
    // Nothing stays fresh with a TTL of zero: what was just told is the answer.
    TRY(const auto path, tree_.path(folder));
    const auto found =
        tree_.find(path.empty() ? std::string(name) : path + "/" + std::string(name));
    if (!found) return fail(Code::no_such_key);
    return with_attributes(*found, call);
}

Result<Tree::Page> Listing::page(NodeId folder, std::string_view after, std::size_t names_max,
                                 const client::Call& call, FolderReading& reading) {
    // What is forgotten between the answer and here is asked for again.
    constexpr unsigned attempts_max = 5;
    for (unsigned attempt = 0; attempt < attempts_max; ++attempt) {
        TRY(auto page, tree_.page(folder, name_at(after), names_max, freshness_, reading.since));
        if (page) {
            reading.since = page->stamp.asked;
            return *std::move(page);
        }
        if (extent(folder) == Extent::pages)
            return read_on(folder, after, names_max, call, reading);
        TRY_VOID(ask_once(folder, true, call));
        // Another thread's question may have begun before: its answer will do as well.
        if (extent(folder) != Extent::pages) reading.since = Freshness::Clock::time_point::min();
        if (interrupted(call)) return fail(Code::cancelled);
    }
    return fail(Code::timeout, "the folder is forgotten faster than it can be listed");
}

Result<Tree::Page> Listing::some(NodeId folder, std::string_view after, std::size_t names_max,
                                 const client::Call& call) {
    TRY(auto page, tree_.page(folder, name_at(after), names_max, freshness_));
    if (page) return *std::move(page);
    if (extent(folder) == Extent::page) {
        TRY_VOID(ask_once(folder, false, call));
        if (extent(folder) == Extent::page) {
            TRY(page, tree_.page(folder, name_at(after), names_max, freshness_,
                                 Freshness::Clock::time_point::min()));
            if (page) return *std::move(page);
        }
    }
    return list(folder, after, names_max, call);
}

Result<Tree::Page> Listing::read_on(NodeId folder, std::string_view after, std::size_t names_max,
                                    const client::Call& call, FolderReading& reading) {
    std::optional<Tree::Page>& listed = reading.listed;
    const auto rest = [&] {
        return std::ranges::upper_bound(listed->nodes, after, {}, &NodeInfo::place);
    };
    if (!listed || after < reading.listed_after ||
        (rest() == listed->nodes.end() && !listed->last)) {
        TRY(listed, list(folder, after, list_keys_max, call));
        reading.listed_after = after;
    }
    const auto from = rest();
    const auto left = static_cast<std::size_t>(listed->nodes.end() - from);
    return Tree::Page{
        .nodes = {from, from + static_cast<std::ptrdiff_t>(std::min(left, names_max))},
        .last = listed->last && left <= names_max,
        .stamp = listed->stamp};
}

Result<Tree::Page> Listing::list(NodeId folder, std::string_view after, std::size_t names_max,
                                 const client::Call& call) {
    TRY(const std::string path, tree_.path(folder));
    const std::string prefix = store_.folder_key(path);
    const Asking asking(tree_);
    const Freshness::Stamp stamp = freshness_.now();
    FolderNames names(prefix, defaults_, store_.attributes_in_listings);
    PageRequest request{.prefix = prefix,
                        .after = after.empty() ? std::string() : prefix + std::string(after),
                        .keys_max = static_cast<unsigned>(std::min(names_max, list_keys_max))};
    while (true) {
        TRY(const ListedPage page, next_page(request, call));
        names.add(page);
        request.go_on(page);
        // All that a page tells may be hidden, or deleted, or the folder that it begins behind.
        if (!page.last && !names.any_after(after)) continue;
        std::vector<Child> children = std::move(names).take_children();
        std::erase_if(children, [&](const Child& child) { return place_of(child) <= after; });
        TRY(auto filled,
            tree_.fill_some(folder, after, std::move(children), page.last, asking.asked(), stamp));
        tell_kernel(filled.replaced);
        return Tree::Page{.nodes = std::move(filled.nodes), .last = page.last, .stamp = stamp};
    }
}

Result<NodeInfo> Listing::with_attributes(NodeInfo node, bool ahead, const client::Call& call) {
    if (node.attributes_known || node.draft || node.id == root_node) return node;
    if (node.folder()) {
        TRY_VOID(ask_once(node.id, false, call));
        TRY(node, tree_.node(node.id));
        if (node.attributes_known) return node;
    }
    std::optional<NodeInfo> told;
    const auto ask = [&]() -> Result<void> {
        // Who asked before may just have been answered.
        TRY(NodeInfo now, tree_.node(node.id));
        if (!now.attributes_known) {
            TRY(now, ask_attributes(std::move(now), call));
        }
        told = std::move(now);
        return {};
    };
    TRY_VOID(attributes_asked_.ask({.about = node.id, .ahead = ahead}, call, ask));
    if (told) return *std::move(told);
    TRY(node, tree_.node(node.id));
    // What another thread was told does not count where the object is another since.
    if (node.attributes_known || node.draft || ahead) return node;
    return ask_attributes(std::move(node), call);
}

Result<void> Listing::learn_attributes(NodeId id, const client::Call& call) {
    TRY(NodeInfo node, tree_.node(id));
    if (node.unlinked) return {};
    TRY_VOID(with_attributes(std::move(node), /*ahead=*/true, call));
    return {};
}

Result<NodeInfo> Listing::ask_attributes(NodeInfo node, const client::Call& call) {
    TRY(const std::string path, tree_.path(node.id));
    const Asking asking(tree_);
    const Result<client::ObjectInfo> object = store_.client.head_object(
        {.bucket = store_.bucket,
         .key = node.folder() ? store_.folder_key(path) : store_.key(path),
         .version_id = node.version.version_id},
        call);
    const bool none = !object && info(object.error().code()).http_status == 404;
    if (!object && !(none && node.folder())) return std::unexpected(object.error());
    node.attributes =
        object ? attributes_of(object->headers.metadata, node.folder() ? Kind::folder : Kind::file,
                               object->last_modified, defaults_)
               : defaults_.of(Kind::folder, 0);
    node.attributes_known = true;
    tree_.describe(node.id, node.attributes, asking.asked(), &node.version);
    return node;
}

}  // namespace weir::mount
