#include "mount/changes.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::mount {
namespace {

// What the journal tells of an object. It tells no metadata: where there is some it is asked for.
Child child_of(std::string_view path, Kind kind, const client::JournalObject& object,
               const AttributeDefaults& defaults) {
    return {.name = std::string(path.substr(path.rfind('/') + 1)),
            .attributes = attributes_of({}, kind, object.last_modified, defaults),
            .attributes_known = !object.metadata,
            // Its version is the journal's own, not the version id of a request.
            .version = {
                .etag = object.etag, .bytes = object.bytes, .last_modified = object.last_modified}};
}

}  // namespace

void Changes::forget_names() {
    tree_.for_each_known_to_kernel([&](NodeId folder, const std::string& name, bool of_folder) {
        of_folder ? kernel_.doubt_folder(folder, name) : kernel_.forget_name(folder, name);
    });
}

void Changes::all_changed() { forget_names(); }

void Changes::lost() { forget_names(); }

void Changes::changed(const client::JournalEntry& entry) {
    if (!entry.key.starts_with(store_.prefix) || entry.key.size() == store_.prefix.size()) return;
    std::string_view path = std::string_view(entry.key).substr(store_.prefix.size());
    const bool marker = path.ends_with('/');
    if (marker) path.remove_suffix(1);
    std::optional<Child> child;
    if (entry.current)
        child = child_of(path, marker ? Kind::folder : Kind::file, *entry.current, defaults_);
    for (const Tree::Replaced& replaced : tree_.told(path, marker, std::move(child)))
        kernel_.forget_name(replaced.folder, replaced.name);
}

}  // namespace weir::mount
