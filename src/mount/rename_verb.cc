// rename of files and folders.

#include <fcntl.h>
#include <linux/fs.h>

#include <utility>

#include "mount/draft_description.h"
#include "mount/file_system.h"
#include "mount/object_move.h"

namespace weir::mount {
namespace {

// While a rename goes on in the store.
class Moving {
  public:
    Moving(Tree& tree, NodeId node) : tree_(tree), node_(node) { tree_.set_moving(node_, true); }
    ~Moving() { tree_.set_moving(node_, false); }
    Moving(const Moving&) = delete;
    Moving& operator=(const Moving&) = delete;

  private:
    Tree& tree_;
    const NodeId node_;
};

}  // namespace

struct FileSystem::Renaming {
    NodeId folder;
    std::string name;
    NodeId to_folder;
    std::string to_name;
    NodeInfo node;
    std::optional<NodeInfo> target;
    std::string key;  // without "/" at its end
    std::string to_key;
    bool replaces;
    std::string replaced_etag = {};  // of what the store has by the new name
};

Result<void> FileSystem::rename(NodeId folder, std::string_view name, NodeId to_folder,
                                std::string_view to_name, unsigned flags,
                                const client::Call& call) {
    TRY_VOID(check_writable());
    if ((flags & ~unsigned{RENAME_NOREPLACE}) != 0) return fail(Code::invalid_argument);
    if (to_name.size() > name_bytes_max) return fail(Code::key_too_long);
    TRY(NodeInfo node, ground_.listing.lookup(folder, name, call));
    const Result<NodeInfo> target = ground_.listing.lookup(to_folder, to_name, call);
    if (!target && target.error().code() != Code::no_such_key) return fail(target.error());
    if (target && (flags & RENAME_NOREPLACE) != 0) return fail(Code::already_exists);
    if (target && target->id == node.id) return {};
    TRY(const std::string path, ground_.tree.path(folder));
    TRY(const std::string to_path, ground_.tree.path(to_folder));
    Renaming renaming{.folder = folder,
                      .name = std::string(name),
                      .to_folder = to_folder,
                      .to_name = std::string(to_name),
                      .node = std::move(node),
                      .target = target ? std::optional(*target) : std::nullopt,
                      .key = ground_.store.folder_key(path).append(name),
                      .to_key = ground_.store.folder_key(to_path).append(to_name),
                      .replaces = (flags & RENAME_NOREPLACE) == 0,
                      .replaced_etag = target ? target->version.etag : ""};
    if (renaming.to_key.size() > key_bytes_max) return fail(Code::key_too_long);
    TRY_VOID(keep_folder(folder, call));
    const Moving moving(ground_.tree, renaming.node.id);
    // The journal may have told of another one by then: the kernel looks it up again.
    TRY(renaming.node, ground_.tree.node(renaming.node.id));
    if (renaming.node.unlinked || renaming.node.name != name) return fail(Code::stale);
    const Result<void> moved =
        renaming.node.folder() ? rename_folder(renaming, call) : rename_file(renaming, call);
    if (!moved) {
        // What the journal told of it meanwhile was taken for this rename.
        for (const Tree::Replaced& replaced : ground_.tree.distrust(renaming.node.id))
            ground_.kernel.forget_name(replaced.folder, replaced.name);
        return moved;
    }
    TRY_VOID(ground_.tree.rename(folder, name, to_folder, to_name));
    if (renaming.node.folder()) return rename_latecomers(renaming, call);
    rename_latecomer(renaming);
    return {};
}

// Somebody began to write it while it was renamed, under the old name.
void FileSystem::rename_latecomer(const Renaming& renaming) {
    const std::shared_ptr<Draft> draft = ground_.drafts.of(renaming.node.id);
    if (!draft || draft->key() != renaming.key) return;
    const Result<NodeInfo> node = ground_.tree.node(renaming.node.id);
    if (node) follow(*draft, renaming.to_key, node->version);
}

// The rename has happened: what fails makes it no failure.
void FileSystem::follow(Draft& draft, const std::string& key, const ObjectVersion& version) {
    const Result<void> done = draft.rename(
        {.key = key, .moved = true, .move = [&](const ObjectVersion&) -> Result<ObjectVersion> {
             return version;
         }});
    if (!done)
        ground_.log.warn("{} is not committed under its new name {}: {}", draft.key(), key,
                         done.error().describe());
}

Result<void> FileSystem::rename_latecomers(const Renaming& folder, const client::Call& call) {
    for (const Drafts::Beneath& each : ground_.drafts.beneath(folder.key + "/")) {
        Renaming file = folder;
        TRY(file.node, ground_.tree.node(each.node));
        file.key = each.draft->key();
        file.to_key = folder.to_key + file.key.substr(folder.key.size());
        file.replaces = false;
        file.replaced_etag.clear();
        // With its folder the store may have moved it already.
        const std::optional<ObjectVersion> version = each.draft->version();
        bool there = false;
        if (version) {
            TRY(there, is_there(move_ground(), file.to_key, version->etag, call));
        }
        if (there)
            follow(*each.draft, file.to_key, {.etag = version->etag, .bytes = version->bytes});
        else
            TRY_VOID(rename_written(file, *each.draft, call));
    }
    return {};
}

// What gives way as the store has it now: it may have been committed since it was looked up.
std::string FileSystem::replaced_etag(const Renaming& renaming,
                                      const std::shared_ptr<Draft>& replaced) const {
    if (replaced) return replaced->stored_etag();
    if (!renaming.target) return "";
    const Result<NodeInfo> now = ground_.tree.node(renaming.target->id);
    return now ? now->version.etag : renaming.target->version.etag;
}

Result<void> FileSystem::rename_file(Renaming& renaming, const client::Call& call) {
    if (renaming.target && renaming.target->folder()) return fail(Code::is_a_folder);
    std::shared_ptr<Draft> replaced;
    if (renaming.target) {
        save_for_readers(*renaming.target, call);
        replaced = ground_.drafts.of(renaming.target->id);
    }
    const std::shared_ptr<Draft> draft = ground_.drafts.of(renaming.node.id);
    const auto move = [&](bool) -> Result<void> {
        renaming.replaced_etag = replaced_etag(renaming, replaced);
        if (draft) return rename_written(renaming, *draft, call);
        TRY(const ObjectVersion version, move_object(renaming, renaming.node.version, call));
        note_version(renaming.node.id, version);
        return {};
    };
    // Nothing of what gives way is committed any more.
    TRY_VOID(replaced ? replaced->discard(move) : move(true));
    if (const std::shared_ptr<Content> content = ground_.contents.held(renaming.node.id))
        content->set_key(renaming.to_key);
    return {};
}

Result<void> FileSystem::rename_written(const Renaming& renaming, Draft& draft,
                                        const client::Call& call) {
    ObjectVersion left;
    TRY_VOID(draft.rename(
        {.key = renaming.to_key,
         .replaces = renaming.replaces ? renaming.replaced_etag : "",
         .move = [&](const ObjectVersion& version) -> Result<ObjectVersion> {
             TRY(left, move_object(renaming, version, call));
             return left;
         },
         .drop = [&](const std::optional<ObjectVersion>& version) -> Result<void> {
             TRY_VOID(ground_.store.client.delete_object({.bucket = ground_.store.bucket,
                                                          .key = renaming.key,
                                                          .version_id = {},
                                                          .if_match = version ? version->etag : ""},
                                                         call));
             return {};
         }}));
    note_version(renaming.node.id, left);
    return {};
}

// It has happened: a node that is gone meanwhile makes it no failure, which the kernel would try
// again.
void FileSystem::note_version(NodeId node, const ObjectVersion& version) {
    static_cast<void>(ground_.tree.set_version(node, version));
}

MoveGround FileSystem::move_ground() const {
    return {.client = ground_.store.client,
            .transfers = ground_.transfers,
            .bucket = ground_.store.bucket,
            .log = ground_.log};
}

Result<ObjectVersion> FileSystem::move_object(const Renaming& renaming,
                                              const ObjectVersion& version,
                                              const client::Call& call) {
    return mount::move_object(move_ground(),
                              {.from = renaming.key,
                               .to = renaming.to_key,
                               .object = version,
                               .conditions = {.if_absent = !renaming.replaces}},
                              call);
}

Result<void> FileSystem::rename_folder(const Renaming& renaming, const client::Call& call) {
    if ((renaming.to_key + "/").starts_with(renaming.key + "/"))
        return fail(Code::invalid_argument, "a folder cannot be moved into itself");
    if (renaming.target) {
        if (!renaming.target->folder()) return fail(Code::not_a_folder);
        TRY_VOID(rmdir(renaming.to_folder, renaming.to_name, call));
    }
    // What is being written beneath it is renamed with it, so it must be there.
    const std::vector<Drafts::Beneath> written = ground_.drafts.beneath(renaming.key + "/");
    for (const Drafts::Beneath& each : written) TRY_VOID(ground_.drafts.commit(each.node, call));
    TRY_VOID(move_folder(renaming, call));
    for (const Drafts::Beneath& each : written) {
        const std::string key = each.draft->key();
        TRY_VOID(each.draft->rename(
            {.key = renaming.to_key + key.substr(renaming.key.size()),
             .moved = true,
             // The version id was that of the old name.
             .move = [](const ObjectVersion& version) -> Result<ObjectVersion> {
                 return ObjectVersion{.etag = version.etag, .bytes = version.bytes};
             }}));
    }
    ground_.contents.moved(renaming.key + "/", renaming.to_key + "/");
    return {};
}

Result<void> FileSystem::move_folder(const Renaming& renaming, const client::Call& call) {
    const std::string& bucket = ground_.store.bucket;
    const std::string from = renaming.key + "/", to = renaming.to_key + "/";
    const Result<void> renamed = ground_.store.client.rename_object({.bucket = bucket,
                                                                     .key = to,
                                                                     .source_key = from,
                                                                     .source_if_match = {},
                                                                     .conditions = {},
                                                                     .of_prefix = true},
                                                                    call);
    if (renamed) return renamed;
    // Of a folder that is no more than names beneath it nothing may be there.
    const bool nothing = renamed.error().code() == Code::no_such_key;
    if (!nothing && !is_unserved(renamed.error())) return renamed;
    // Any other store: an empty folder is one object; for the rest mv(1) copies.
    TRY(const client::ListObjectsReply keys,
        ground_.store.client.list_objects({.bucket = bucket, .prefix = from, .max_keys = 2}, call));
    for (const client::ListedObject& object : keys.objects)
        if (object.key != from) return fail(Code::other_device);
    TRY(client::ObjectHeaders headers, object_headers({.attributes = renaming.node.attributes}));
    TRY_VOID(ground_.store.client.put_object({.bucket = bucket,
                                              .key = to,
                                              .headers = std::move(headers),
                                              .conditions = {.if_absent = true}},
                                             client::Source(), call));
    TRY_VOID(ground_.store.client.delete_object(
        {.bucket = bucket, .key = from, .version_id = {}, .if_match = {}}, call));
    return {};
}

}  // namespace weir::mount
