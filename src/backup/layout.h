#pragma once
// What lies in a backup directory (docs/FORMAT.md): a pool of blobs that all backups share, and one
// folder a backup, a "set", with the database as it was, the keys, and the list of blobs it needs.
//
// Owned by whoever backs up or restores, which holds the directory's lock meanwhile. Blocking.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backup/needs.h"
#include "base/result.h"
#include "io/disk.h"

namespace weir::backup {

class Layout {
  public:
    // Makes the directory for backups of the data directory `identity`, or opens it: it must hold
    // that one's, since blob ids are unique only within it. An empty identity opens any, and makes
    // none. unavailable if another process uses it.
    static Result<std::unique_ptr<Layout>> open(io::Disk& disk, const std::string& path,
                                                const std::string& identity);

    std::string blobs_path() const { return path_ + "/blobs"; }
    std::string set_path(const std::string& name) const { return path_ + "/sets/" + name; }
    std::string meta_path(const std::string& name) const { return set_path(name) + "/meta"; }

    // Whole sets, oldest first; their names are times.
    Result<std::vector<std::string>> sets() const;
    // The set `name`, or the newest if it is empty. not_found.
    Result<std::string> choose(const std::string& name) const;
    Result<Needs> read_needs(const std::string& set) const;

    // A set begins under a name that is not whole; finish() makes it whole and durable.
    Result<std::string> begin_set(const std::string& name);
    Result<void> save_needs(const std::string& set, const Needs& needs);
    Result<void> finish_set(const std::string& unfinished, const std::string& name);
    // Removes a set, whole or not.
    Result<void> remove_set(const std::string& name);
    // What died halfway.
    Result<void> remove_unfinished();

  private:
    Layout(io::Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

    io::Disk& disk_;
    const std::string path_;
    std::unique_ptr<io::Lock> lock_;
};

}  // namespace weir::backup
