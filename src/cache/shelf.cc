#include "cache/shelf.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "cache/range_lock.h"
#include "cache/state.h"

namespace weir::cache {
namespace {

constexpr std::string_view data_suffix = ".data", state_suffix = ".state", new_suffix = ".new";

std::string data_name(const std::string& id) { return id + std::string(data_suffix); }
std::string state_name(const std::string& id) { return id + std::string(state_suffix); }
std::string new_name(const std::string& id) { return id + std::string(new_suffix); }

constexpr std::size_t folder_digits = 2;

bool is_folder_name(std::string_view name) {
    return name.size() == folder_digits && is_entry_id(std::string(name) + std::string(30, '0'));
}

// The id of a file of ours; empty if the name is foreign.
std::string id_of(std::string_view name) {
    for (const std::string_view suffix : {data_suffix, state_suffix, new_suffix})
        if (name.ends_with(suffix) && is_entry_id(name.substr(0, name.size() - suffix.size())))
            return std::string(name.substr(0, name.size() - suffix.size()));
    return {};
}

// There is no entry, as opposed to: one that cannot be looked at now, for want of descriptors say.
bool is_no_entry(const Error& error) {
    return error.code() == Code::corrupt || error.code() == Code::not_found;
}

// What is no file, or not there, takes no space of ours.
Result<std::uint64_t> allocated_bytes(const Folder& folder, const std::string& name) {
    const Result<File> file = folder.open(name);
    if (!file && is_no_entry(file.error())) return 0;
    if (!file) return fail(file.error());
    TRY(const FileFacts facts, file->facts());
    return facts.allocated_bytes;
}

}  // namespace

Result<Folder> Shelf::folder_of(const std::string& id, bool make) const {
    return root_->open_folder(id.substr(0, folder_digits), make);
}

bool Shelf::has(const std::string& id) const {
    return root_->has(id.substr(0, folder_digits) + "/" + state_name(id));
}

Result<EntryFiles> Shelf::open(const std::string& id) const {
    TRY(const Folder folder, folder_of(id, false));
    TRY(File state, folder.open(state_name(id)));
    TRY(StateFacts facts, State::read(state));
    Result<File> data = folder.open(data_name(id));
    if (!data) return fail(Code::corrupt, std::string(data.error().message()));
    TRY(const FileFacts data_facts, data->facts());
    if (data_facts.number != facts.data || data_facts.size_bytes != facts.identity.size_bytes ||
        entry_id(facts.identity) != id)
        return fail(Code::corrupt, fmt::format("{} is not what it says", state.name()));
    return EntryFiles{
        .data = *std::move(data), .state = std::move(state), .facts = std::move(facts)};
}

Result<EntryFiles> Shelf::create(const std::string& id, const NewState& state) const {
    Result<EntryFiles> files = try_create(id, state);
    // Half an entry takes space, too; what cannot be removed is swept by the next count.
    if (!files) static_cast<void>(remove(id));
    return files;
}

Result<EntryFiles> Shelf::try_create(const std::string& id, NewState state) const {
    TRY(const Folder folder, folder_of(id, true));
    TRY_VOID(folder.remove(state_name(id)));
    TRY(File data, folder.create(data_name(id)));
    TRY_VOID(data.resize(state.identity.size_bytes));
    TRY(const FileFacts data_facts, data.facts());
    state.data = data_facts.number;
    TRY(File file, folder.create(new_name(id)));
    TRY_VOID(State::write_new(file, state));
    TRY(StateFacts facts, State::read(file));
    TRY_VOID(folder.rename(new_name(id), folder, state_name(id)));
    return EntryFiles{.data = std::move(data), .state = std::move(file), .facts = std::move(facts)};
}

Result<void> Shelf::adopt(const std::string& id, NewState state, const Folder& folder,
                          const std::string& name,
                          const std::function<Result<void>(File& state)>& fill) const {
    TRY(const Folder to, folder_of(id, true));
    TRY_VOID(to.remove(state_name(id)));
    TRY(const File data, folder.open(name));
    TRY(const FileFacts facts, data.facts());
    state.data = facts.number;
    TRY(File file, to.create(new_name(id)));
    Result<void> made = State::write_new(file, state);
    if (made) made = fill(file);
    if (made) made = folder.rename(name, to, data_name(id));
    if (!made) {
        // Sweeping takes it, if this cannot.
        static_cast<void>(to.remove(new_name(id)));
        return made;
    }
    return to.rename(new_name(id), to, state_name(id));
}

Result<std::uint64_t> Shelf::remove(const std::string& id) const {
    Result<Folder> folder = folder_of(id, false);
    if (!folder && folder.error().code() == Code::not_found) return 0;
    if (!folder) return fail(folder.error());
    std::uint64_t freed = 0;
    for (const std::string& name : {state_name(id), new_name(id), data_name(id)}) {
        TRY(const std::uint64_t bytes, allocated_bytes(*folder, name));
        TRY_VOID(folder->remove(name));
        freed += bytes;
    }
    return freed;
}

Result<bool> Shelf::evict(const SeenEntry& seen, std::uint64_t& freed_bytes) const {
    freed_bytes = 0;
    TRY(const IndexLock lock, index_->lock_name(seen.id));
    const Result<EntryFiles> files = open(seen.id);
    if (files) {
        TRY(const bool ours, try_lock(files->state, LockKind::exclusive, in_use_byte));
        const StateFacts& facts = files->facts;
        if (!ours || facts.last_use > seen.last_use || (facts.flags & pinned_flag) != 0)
            return false;
    }
    if (!files && !is_no_entry(files.error())) return fail(files.error());
    TRY(freed_bytes, remove(seen.id));
    return true;
}

Result<std::uint64_t> Shelf::count(const std::function<void(SeenEntry)>& see) const {
    TRY(const std::vector<std::string> names, root_->names());
    std::uint64_t bytes = 0;
    for (const std::string& name : names)
        if (is_folder_name(name)) TRY_VOID(count_folder(name, see, bytes));
    return bytes;
}

Result<void> Shelf::count_folder(const std::string& name, const std::function<void(SeenEntry)>& see,
                                 std::uint64_t& bytes) const {
    const Result<Folder> folder = root_->open_folder(name, false);
    // Not a folder, though it is called like one of ours: nothing of ours is in it.
    if (!folder) return {};
    TRY(const std::vector<std::string> names, folder->names());
    std::set<std::string> ids;
    for (const std::string& file : names) {
        std::string id = id_of(file);
        if (id.starts_with(name)) ids.insert(std::move(id));
    }
    for (const std::string& id : ids) {
        TRY(const std::uint64_t entry_bytes, count_entry(*folder, id, see));
        bytes += entry_bytes;
    }
    return {};
}

Result<std::uint64_t> Shelf::count_entry(const Folder& folder, const std::string& id,
                                         const std::function<void(SeenEntry)>& see) const {
    const Result<File> state = folder.open(state_name(id));
    const Result<StateFacts> facts =
        state ? State::read(*state) : Result<StateFacts>(fail(state.error()));
    if (!facts && !is_no_entry(facts.error())) return fail(facts.error());
    if (!facts) TRY_VOID(sweep(id));
    TRY(const std::uint64_t data_bytes, allocated_bytes(folder, data_name(id)));
    TRY(const std::uint64_t state_bytes, allocated_bytes(folder, state_name(id)));
    SeenEntry seen{.id = id, .allocated_bytes = data_bytes + state_bytes};
    if (!facts) return seen.allocated_bytes;
    seen.last_use = facts->last_use;
    seen.complete = (facts->flags & complete_flag) != 0;
    seen.pinned = (facts->flags & pinned_flag) != 0;
    const std::uint64_t bytes = seen.allocated_bytes;
    see(std::move(seen));
    return bytes;
}

// Files that were no entry: looked at again with the name locked, since somebody may be making one.
Result<void> Shelf::sweep(const std::string& id) const {
    TRY(const IndexLock lock, index_->lock_name(id));
    const Result<EntryFiles> files = open(id);
    if (files) return {};
    // A folder in the place of a file stays: whoever asks for the entry hears of it.
    if (is_no_entry(files.error())) static_cast<void>(remove(id));
    return {};
}

}  // namespace weir::cache
