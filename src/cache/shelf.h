#pragma once
// Where the files of entries lie and what they are called: ab/<id>.data and ab/<id>.state, where ab
// begins the id. The state is made last and removed first: data without a state is what a crash
// left, and nobody's.
//
// Owned by a Cache, which owns the folder and the index too; safe from any thread. What says so is
// called with the name locked (Index::lock_name).

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "cache/file.h"
#include "cache/index.h"
#include "cache/state_layout.h"

namespace weir::cache {

// The byte of a state file that is locked shared by whoever uses the entry.
inline constexpr std::uint64_t in_use_byte = 0;
// The byte that is locked by whoever decides that an entry is complete, or takes bytes away.
inline constexpr std::uint64_t settling_byte = 1;
// And the one that is locked by whoever fetches the first block; the others follow.
inline constexpr std::uint64_t claims_begin = 2;

struct EntryFiles {
    File data;
    File state;
    StateFacts facts;
};

// What a count of the folder finds of an entry.
struct SeenEntry {
    std::string id;
    std::uint64_t allocated_bytes = 0;
    UnixNanos last_use = 0;
    bool complete = false;
    bool pinned = false;
};

class Shelf {
  public:
    Shelf(const Folder& root, const Index& index) : root_(&root), index_(&index) {}

    // There is one of that name, or half of one; not locked.
    bool has(const std::string& id) const;
    // Called with the name locked. not_found; corrupt if the two files are not one entry's.
    Result<EntryFiles> open(const std::string& id) const;
    // Called with the name locked: empty, of the object's size. Replaces what was there.
    Result<EntryFiles> create(const std::string& id, const NewState& state) const;
    // The same of bytes that are there: `name` in `folder` becomes the entry's data. `fill` is
    // called before the entry can be seen.
    Result<void> adopt(const std::string& id, NewState state, const Folder& folder,
                       const std::string& name,
                       const std::function<Result<void>(File& state)>& fill) const;
    // Called with the name locked, by whoever has the entry for itself, or for whom it is none.
    // What was freed, once nobody has it open.
    Result<std::uint64_t> remove(const std::string& id) const;
    // Removes the entry unless somebody uses it, or has used it since. False then.
    Result<bool> evict(const SeenEntry& seen, std::uint64_t& freed_bytes) const;

    // Every entry, one after the other; what is no entry's though it is called so is removed.
    // Foreign names are left alone. The bytes of all together.
    Result<std::uint64_t> count(const std::function<void(SeenEntry)>& see) const;

  private:
    Result<EntryFiles> try_create(const std::string& id, NewState state) const;
    Result<Folder> folder_of(const std::string& id, bool make) const;
    Result<void> count_folder(const std::string& name, const std::function<void(SeenEntry)>& see,
                              std::uint64_t& bytes) const;
    // Nothing where the files went meanwhile, or were no entry's.
    Result<std::uint64_t> count_entry(const Folder& folder, const std::string& id,
                                      const std::function<void(SeenEntry)>& see) const;
    Result<void> sweep(const std::string& id) const;

    const Folder* root_;
    const Index* index_;
};

}  // namespace weir::cache
