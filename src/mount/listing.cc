#include "mount/listing.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "mount/folder_page.h"

namespace weir::mount {
namespace {

constexpr std::size_t hidden_named_max = 4;  // in the log
constexpr std::size_t large_folders_max = 100'000;
constexpr std::size_t hidden_folders_max = 10'000;
constexpr SharedListings::After first_page = "";  // which may be all

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

void Listing::told(NodeId folder, const FolderListing& listing, const FolderListing::Step& step) {
    using Reached = FolderListing::Reached;
    metadata_told_ = step.metadata_told;
    tell_kernel(step.replaced);
    if (step.reached == Reached::bound) {
        set_extent(folder, Extent::pages);
    } else if (step.reached == Reached::whole) {
        set_extent(folder, listing.pages() == 1 ? Extent::page : Extent::whole);
        count_hidden(folder, listing.hidden());
    } else if (step.reached == Reached::part && extent(folder) == Extent::page) {
        set_extent(folder, Extent::whole);
    }
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
    const Asking asking(tree_);
    TRY(const std::string path, tree_.path(folder));
    const std::string key = store_.folder_key(path) + std::string(name);
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
        for (Child& each : names.take())
            if (each.name == name) child = std::move(each);
    }
    TRY(const auto replaced, tree_.fill_one(folder, name, std::move(child), asking.asked(), stamp));
    tell_kernel(replaced);
    return {};
}

Result<NodeInfo> Listing::lookup(NodeId folder, std::string_view name, const client::Call& call,
                                 Looking looking) {
    if (name.size() > name_bytes_max) return fail(Code::key_too_long);
    // A few times: a listing that is made doubtful while it is taken is followed by asking for
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
            const auto until = in_turn ? SharedListings::After() : first_page;
            TRY_VOID(listings_.list(folder, until, call));
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
    std::string from(after);
    for (unsigned attempt = 0; attempt < attempts_max;) {
        TRY(auto page, tree_.page(folder, from, names_max, freshness_, reading.since));
        if (page) {
            reading.since = page->stamp.asked;
            if (page->last || !page->nodes.empty()) return *std::move(page);
            from = page->to;
            continue;
        }
        if (extent(folder) == Extent::pages) return read_on(folder, from, names_max, call, reading);
        TRY_VOID(await_path(folder, call));
        // What was forgotten while it was listed is listed to its end first.
        using After = SharedListings::After;
        const After until = attempt++ == 0 ? After(from) : After();
        TRY(const auto asked, listings_.list_and_go_on(folder, until, call));
        // Another thread's question may have begun before: its answer will do as well.
        if (extent(folder) != Extent::pages) reading.since = asked;
    }
    return fail(Code::timeout, "the folder is forgotten faster than it can be listed");
}

Result<Tree::Page> Listing::some(NodeId folder, std::string_view after, std::size_t names_max,
                                 const client::Call& call) {
    // Of a folder that is being listed it may be less.
    const auto enough = [&](const std::optional<Tree::Page>& page) {
        return page && (page->last || page->nodes.size() == names_max);
    };
    TRY(auto page, tree_.page(folder, after, names_max, freshness_));
    if (enough(page)) return *std::move(page);
    if (extent(folder) == Extent::page) {
        TRY(const auto asked, listings_.list(folder, first_page, call));
        TRY(page, tree_.page(folder, after, names_max, freshness_, asked));
        if (enough(page)) return *std::move(page);
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

// While it is moved the path that it has is another one in a moment.
Result<void> Listing::await_path(NodeId folder, const client::Call& call) {
    while (tree_.moving(folder)) {
        if (call.interrupted()) return fail(Code::cancelled);
        std::this_thread::sleep_for(interrupt_poll);
    }
    return {};
}

Result<Tree::Page> Listing::list(NodeId folder, std::string_view after, std::size_t names_max,
                                 const client::Call& call) {
    while (true) {
        TRY_VOID(await_path(folder, call));
        TRY(auto page, list_once(folder, after, names_max, call));
        if (page) return *std::move(page);
        if (call.interrupted()) return fail(Code::cancelled);
    }
}

Result<std::optional<Tree::Page>> Listing::list_once(NodeId folder, std::string_view after,
                                                     std::size_t names_max,
                                                     const client::Call& call) {
    const Asking asking(tree_);
    TRY(const std::string path, tree_.path(folder));
    const std::string prefix = store_.folder_key(path);
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
        std::vector<Child> children = names.take();
        std::erase_if(children, [&](const Child& child) { return child.place() <= after; });
        TRY(auto filled,
            tree_.fill_some(folder, after, std::move(children), page.last, asking.asked(), stamp));
        if (!filled.counts) return std::nullopt;
        tell_kernel(filled.replaced);
        return Tree::Page{.nodes = std::move(filled.nodes), .last = page.last, .stamp = stamp};
    }
}

Result<NodeInfo> Listing::with_attributes(NodeInfo node, bool ahead, const client::Call& call) {
    if (node.attributes_known || node.draft || node.id == root_node) return node;
    if (node.folder()) {
        TRY_VOID(listings_.list(node.id, first_page, call));
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
    const Asking asking(tree_);
    TRY(const std::string path, tree_.path(node.id));
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
