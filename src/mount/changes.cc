#include "mount/changes.h"

#include <string>
#include <utility>
#include <vector>

namespace weir::mount {
namespace {

// What the journal tells of an object. It tells no metadata: where there is some it is asked for.
Child child_of(std::string_view path, const client::JournalObject& object,
               const AttributeDefaults& defaults) {
    const bool folder = path.ends_with('/');
    const std::string_view name = folder ? path.substr(0, path.size() - 1) : path;
    return {.name = std::string(name.substr(name.rfind('/') + 1)),
            .attributes = attributes_of({}, folder ? Kind::folder : Kind::file,
                                        object.last_modified, defaults),
            .attributes_known = !object.metadata,
            // Its version is the journal's own, not the version id of a request.
            .version = {
                .etag = object.etag, .bytes = object.bytes, .last_modified = object.last_modified}};
}

}  // namespace

void Changes::forget_names() {
    // The tree's lock is not held while the kernel is told.
    std::vector<std::pair<NodeId, std::string>> names;
    tree_.for_each_known_to_kernel(
        [&](NodeId folder, const std::string& name) { names.emplace_back(folder, name); });
    for (const auto& [folder, name] : names) kernel_.forget_name(folder, name);
}

void Changes::all_changed() {
    tree_.distrust();
    forget_names();
}

void Changes::lost() { forget_names(); }

void Changes::changed(const client::JournalEntry& entry) {
    if (!entry.key.starts_with(store_.prefix) || entry.key.size() == store_.prefix.size()) return;
    const std::string_view path = std::string_view(entry.key).substr(store_.prefix.size());
    std::optional<Child> child;
    if (entry.current) child = child_of(path, *entry.current, defaults_);
    for (const Tree::Replaced& replaced : tree_.changed_elsewhere(path, std::move(child)))
        kernel_.forget_name(replaced.folder, replaced.name);
}

}  // namespace weir::mount
