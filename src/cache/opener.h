#pragma once
// Opens the files of an entry for use, or makes them: what was written before the machine last
// started, and was not synced, is read and compared first.
//
// Owned by a Cache; safe from any thread. Waits while another process compares the same entry.

#include <optional>
#include <string>

#include "base/result.h"
#include "cache/entry.h"

namespace weir::cache {

struct OpenedEntry {
    EntryFiles files;  // the in-use byte of the state is locked, shared
    State state;
};

class Opener {
  public:
    Opener(const EntryGround& ground, std::uint64_t block_bytes, const BootId& boot_id)
        : ground_(&ground), block_bytes_(block_bytes), boot_id_(boot_id) {}

    // no_space if there is no room for its state; invalid_argument if the object or its name is too
    // large.
    Result<OpenedEntry> open(const std::string& id, const ObjectIdentity& identity) const;

    // The state of an entry that is not made yet.
    NewState new_state(const ObjectIdentity& identity) const;

  private:
    // Nothing if there is none, or what there is is none.
    Result<std::optional<EntryFiles>> find(const std::string& id) const;
    // Called with the name locked; whether it is of no use to anybody.
    Result<bool> take(EntryFiles& files) const;
    Result<EntryFiles> create(const std::string& id, const ObjectIdentity& identity) const;
    // Nothing if it went while we waited.
    Result<std::optional<OpenedEntry>> use(const std::string& id, EntryFiles files) const;
    // Waits while another compares; then nobody need any more.
    Result<void> trust(EntryFiles& files, State& state) const;
    Result<void> compare(EntryFiles& files, State& state) const;

    const EntryGround* ground_;
    std::uint64_t block_bytes_;
    BootId boot_id_;
};

}  // namespace weir::cache
