#include "mount/folder_page.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace weir::mount {
namespace {

Result<ListedPage> ask_now(const Store& store, const PageRequest& request,
                           const client::Call& call) {
    TRY(client::ListObjectsReply reply,
        store.client.list_objects({.bucket = store.bucket,
                                   .prefix = request.prefix,
                                   .delimiter = request.delimiter,
                                   .start_after = request.from.empty() ? request.after : "",
                                   .continuation_token = request.from,
                                   .max_keys = request.keys_max,
                                   .metadata = true},
                                  call));
    return ListedPage{.objects = std::move(reply.objects),
                      .folders = std::move(reply.common_prefixes),
                      .metadata_told = reply.metadata_told,
                      .next = reply.continuation_token,
                      .last = reply.continuation_token.empty()};
}

// The newest version of each key that is not younger than the moment; a delete marker hides the
// older ones.
Result<ListedPage> ask_as_of(const Store& store, const PageRequest& request,
                             const client::Call& call) {
    TRY(const client::ListVersionsReply reply,
        store.client.list_versions(
            {.bucket = store.bucket,
             .prefix = request.prefix,
             .delimiter = request.delimiter,
             .key_marker = request.from.empty() ? request.after : request.from,
             .version_id_marker = request.from_version,
             .max_keys = request.keys_max},
            call));
    ListedPage page{.folders = reply.common_prefixes, .last = !reply.truncated};
    if (reply.truncated) {
        page.next = reply.next_key_marker;
        page.next_version = reply.next_version_id_marker;
    }
    // A page may begin amid the versions of a key.
    std::string& decided = page.decided = request.decided;
    for (const client::ListedVersion& each : reply.versions) {
        if (each.object.last_modified > *store.as_of) continue;
        if (std::exchange(decided, each.object.key) == each.object.key) continue;
        page.objects.push_back(each.object);
        page.version_ids.push_back(each.delete_marker ? std::string() : each.version_id);
    }
    return page;
}

bool deleted(const Child& child) {
    return child.attributes.kind != Kind::folder && child.version.etag.empty();
}

}  // namespace

Result<ListedPage> ask_page(const Store& store, const PageRequest& request,
                            const client::Call& call) {
    return store.as_of ? ask_as_of(store, request, call) : ask_now(store, request, call);
}

bool possible_name(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && name.size() <= name_bytes_max &&
           !name.contains('\0') && !name.contains('/');
}

Child FolderNames::child_of(const client::ListedObject& object, std::string_view name,
                            Kind kind) const {
    return {.name = std::string(name),
            .attributes = attributes_of(object.metadata, kind, object.last_modified, defaults_),
            .attributes_known = object.metadata_told || attributes_in_listings_,
            .version = {.etag = object.etag,
                        .version_id = {},
                        .bytes = object.bytes,
                        .last_modified = object.last_modified}};
}

void FolderNames::add(const ListedPage& page) {
    for (std::size_t i = 0; i < page.objects.size(); ++i) {
        const client::ListedObject& object = page.objects[i];
        if (!object.key.starts_with(prefix_)) continue;
        const std::string_view name = std::string_view(object.key).substr(prefix_.size());
        const bool gone = !page.version_ids.empty() && page.version_ids[i].empty();
        if (name.empty()) {
            if (!own_ && !gone) own_ = child_of(object, name, Kind::folder);
            continue;
        }
        if (!possible_name(name)) {
            hidden_.push_back(object.key);
            continue;
        }
        Child child = child_of(object, name, Kind::file);
        if (!page.version_ids.empty()) child.version.version_id = page.version_ids[i];
        if (gone) child.attributes_known = false;
        if (folders_ > 0 && children_.contains(std::string(name) + '/'))
            hidden_.push_back(object.key);
        else
            children_.try_emplace(children_.end(), std::string(name), std::move(child));
    }
    for (const std::string& folder : page.folders) {
        if (!folder.starts_with(prefix_) || folder.size() <= prefix_.size()) continue;
        std::string_view name = std::string_view(folder).substr(prefix_.size());
        name.remove_suffix(1);
        if (!possible_name(name)) {
            hidden_.push_back(folder);
            continue;
        }
        Child child{.name = std::string(name),
                    .attributes = defaults_.of(Kind::folder, 0),
                    .attributes_known = attributes_in_listings_};
        const auto file = children_.find(name);
        const bool hides = file != children_.end() && !deleted(file->second);
        if (hides || std::ranges::find(before_folders_, name) != before_folders_.end())
            hidden_.push_back(prefix_ + std::string(name));
        if (file != children_.end()) children_.erase(file);
        if (children_.try_emplace(child.place(), std::move(child)).second) ++folders_;
    }
}

std::vector<Child> FolderNames::take() {
    if (children_.empty()) return {};
    const std::string& last = children_.rbegin()->first;
    std::erase_if(before_folders_, [&](const std::string& file) { return file + '/' < last; });
    std::vector<Child> children;
    for (auto& [place, child] : children_) {
        if (deleted(child)) continue;
        if (child.attributes.kind != Kind::folder && last.starts_with(child.name) &&
            child.name + '/' > last)
            before_folders_.push_back(child.name);
        children.push_back(std::move(child));
    }
    children_.clear();
    folders_ = 0;
    return children;
}

bool FolderNames::any_after(std::string_view place) const {
    const auto after = std::ranges::subrange(children_.upper_bound(place), children_.end());
    return std::ranges::any_of(after, [](const auto& each) { return !deleted(each.second); });
}

}  // namespace weir::mount
