// unlink, rmdir, and what keeps an empty folder.

#include <utility>

#include "mount/draft_description.h"
#include "mount/file_system.h"

namespace weir::mount {

Result<void> FileSystem::put_marker(const NodeInfo& folder, const Attributes& attributes,
                                    const client::Call& call) {
    TRY(const std::string path, ground_.tree.path(folder.id));
    const std::string key = ground_.store.folder_key(path);
    if (!key.empty()) {
        TRY(client::ObjectHeaders headers, object_headers({.attributes = attributes}));
        TRY(client::PutObjectReply put,
            ground_.store.client.put_object(
                {.bucket = ground_.store.bucket, .key = key, .headers = std::move(headers)},
                client::Source(), call));
        TRY_VOID(ground_.tree.set_version(
            folder.id, {.etag = std::move(put.etag), .version_id = std::move(put.version_id)}));
    }
    return ground_.tree.set_attributes(folder.id, attributes);
}

Result<void> FileSystem::keep_folder(NodeId folder, const client::Call& call) {
    if (folder == root_node) return {};
    TRY(NodeInfo node, ground_.tree.node(folder));
    if (!node.version.etag.empty()) return {};
    TRY(const Tree::Page page, ground_.listing.some(folder, "", 2, call));
    if (page.nodes.size() > 1) return {};
    TRY(node, ground_.listing.with_attributes(std::move(node), call));
    return put_marker(node, node.attributes, call);
}

void FileSystem::save_for_readers(const NodeInfo& node, const client::Call& call) {
    if (!open_files_.any_of(node.id)) return;
    // Nobody writes it any more, and who reads it may have opened it before that ended.
    if (!ground_.contents.held(node.id) && !ground_.drafts.of(node.id)) renew_content(node.id);
    const std::shared_ptr<Content> content = ground_.contents.held(node.id);
    if (!content || content->complete()) return;
    if (content->bytes() > ground_.limits.save_bytes_max) return;
    // What cannot be saved fails with stale when somebody reads it.
    static_cast<void>(content->fetch_all(call));
}

Result<void> FileSystem::unlink(NodeId folder, std::string_view name, const client::Call& call) {
    TRY_VOID(check_writable());
    TRY(const NodeInfo node, ground_.listing.lookup(folder, name, call));
    if (node.folder()) return fail(Code::is_a_folder);
    TRY(const std::string path, ground_.tree.path(node.id));
    save_for_readers(node, call);
    TRY_VOID(keep_folder(folder, call));
    const auto erase = [&](bool in_store) -> Result<void> {
        if (!in_store) return {};
        TRY_VOID(ground_.store.client.delete_object({.bucket = ground_.store.bucket,
                                                     .key = ground_.store.key(path),
                                                     .version_id = {},
                                                     .if_match = {}},
                                                    call));
        return {};
    };
    const std::shared_ptr<Draft> draft = ground_.drafts.of(node.id);
    TRY_VOID(draft ? draft->discard(erase) : erase(true));
    return ground_.tree.remove(folder, name);
}

Result<void> FileSystem::rmdir(NodeId folder, std::string_view name, const client::Call& call) {
    TRY_VOID(check_writable());
    TRY(const NodeInfo node, ground_.listing.lookup(folder, name, call));
    if (!node.folder()) return fail(Code::not_a_folder);
    TRY(const Tree::Page page, ground_.listing.some(node.id, "", 1, call));
    if (!page.nodes.empty()) return fail(Code::folder_not_empty);
    TRY(const std::string path, ground_.tree.path(node.id));
    const std::string key = ground_.store.folder_key(path);
    // Others may have put something there, and what is hidden is something too.
    TRY(const client::ListObjectsReply keys,
        ground_.store.client.list_objects(
            {.bucket = ground_.store.bucket, .prefix = key, .max_keys = 2}, call));
    for (const client::ListedObject& object : keys.objects)
        if (object.key != key) return fail(Code::folder_not_empty);
    TRY_VOID(keep_folder(folder, call));
    if (!keys.objects.empty())
        TRY_VOID(ground_.store.client.delete_object(
            {.bucket = ground_.store.bucket, .key = key, .version_id = {}, .if_match = {}}, call));
    return ground_.tree.remove(folder, name);
}

}  // namespace weir::mount
