#include "mount/changes.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "mount/folder_page.h"

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

// As far as the key can be a path: what follows is not shown, but implies the folders before it.
std::string_view possible_path(std::string_view path) {
    for (std::size_t at = 0;;) {
        const std::size_t slash = path.find('/', at);
        if (!possible_name(path.substr(at, slash - at))) return path.substr(0, at > 0 ? at - 1 : 0);
        if (slash == std::string_view::npos) return path;
        at = slash + 1;
    }
}

}  // namespace

void Changes::forget_names() {
    tree_.for_each_known_to_kernel([&](NodeId folder, const std::string& name, bool of_folder) {
        of_folder ? kernel_.doubt_folder(folder, name) : kernel_.forget_name(folder, name);
    });
}

void Changes::all_changed() {
    tree_.begin_following();
    forget_names();
}

void Changes::lost() { forget_names(); }

void Changes::changed(const client::JournalEntry& entry) {
    if (!entry.key.starts_with(store_.prefix) || entry.key.size() == store_.prefix.size()) return;
    std::string_view path = std::string_view(entry.key).substr(store_.prefix.size());
    const bool marker = path.ends_with('/');
    if (marker) path.remove_suffix(1);
    const std::string_view possible = possible_path(path);
    if (possible.empty()) return;
    const bool shown = possible.size() == path.size();
    std::optional<Child> child;
    if (entry.current && !shown)
        child = Child{.attributes = defaults_.of(Kind::folder, 0), .attributes_known = false};
    else if (entry.current)
        child = child_of(path, marker ? Kind::folder : Kind::file, *entry.current, defaults_);
    for (const Tree::Replaced& replaced : tree_.told(possible, marker || !shown, std::move(child)))
        kernel_.forget_name(replaced.folder, replaced.name);
}

}  // namespace weir::mount
