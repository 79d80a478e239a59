#pragma once
// The files that somebody writes and has not uploaded yet. None is ever evicted, and each has a
// small durable description beside it, so that what a process left behind can be uploaded by
// another: dirty/<id>.data and dirty/<id>.info.
//
// Owned by a Cache; safe from any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cache/file.h"
#include "cache/index.h"

namespace weir::cache {

// What a written file is to become.
struct WriteInfo {
    std::string endpoint;
    std::string bucket;
    std::string key;
    std::string base_etag;  // of the version that it was made from; empty for a new object
    std::vector<std::pair<std::string, std::string>> metadata;
    UnixNanos created_at = 0;

    bool operator==(const WriteInfo&) const = default;
};

// invalid_argument if it is larger than cache_dirty_info_bytes_max.
Result<std::string> encode(const WriteInfo& info);
// corrupt.
Result<WriteInfo> decode_write_info(std::string_view bytes);

struct AbandonedWrite {
    std::string id;
    Result<WriteInfo> info;  // why it cannot be read, where it cannot
    std::uint64_t size_bytes = 0;
};

class WriteFiles {
  public:
    static Result<WriteFiles> open(const Folder& root, const Index& index);

    // An empty file, locked for whoever has it open. Not durable yet.
    Result<File> create(const std::string& id, const WriteInfo& info) const;
    // The data, locked; unavailable if another process has it, corrupt, not_found.
    Result<File> adopt(const std::string& id) const;
    Result<WriteInfo> read_info(const std::string& id) const;
    // Durable after sync_info(). `replaces_durable`: until then a power cut leaves the one before.
    Result<void> write_info(const std::string& id, const WriteInfo& info,
                            bool replaces_durable) const;
    Result<void> sync_info(const std::string& id) const;
    // Data without a description is nobody's: sweep() removes it.
    Result<void> remove_info(const std::string& id) const;
    Result<void> remove(const std::string& id) const;

    // What no process has open.
    Result<std::vector<AbandonedWrite>> abandoned() const;
    // Removes what a crash left of files that were being made or removed. No other process is
    // there.
    Result<void> sweep() const;
    // The bytes of all.
    Result<std::uint64_t> count() const;

    const Folder& folder() const { return folder_; }
    static std::string data_name(const std::string& id) { return id + ".data"; }

  private:
    WriteFiles(Folder folder, const Index& index) : folder_(std::move(folder)), index_(&index) {}
    Result<std::vector<std::string>> ids() const;

    Folder folder_;
    const Index* index_;
};

}  // namespace weir::cache
