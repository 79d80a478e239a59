#pragma once
// What is wrong with a write-ahead log that RocksDB refuses: a power cut tore the last record while
// it was being written, which nobody was told of and may be dropped; or something that was
// acknowledged was damaged. Every write is synced before the next begins, so what a power cut may
// tear is the last record alone, and what it leaves there is zeros in whole sectors: the file's
// length became durable before its bytes.
//
// The format: https://github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format
// Reads files, a block at a time. Safe from any thread; what is being written meanwhile may look
// torn.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::kv::rocksdb {

struct LogVerdict {
    enum class End {
        whole,    // no record is damaged
        torn,     // the last one is, as a power cut leaves it
        damaged,  // one is, in another way
    };
    End end = End::whole;
    std::string file;
    std::uint64_t offset = 0;  // of the damaged record
};

// Of the logs of the database in `folder`, which nobody writes.
Result<LogVerdict> judge_logs(const std::string& folder);

// The logs in `folder`, oldest first.
Result<std::vector<std::filesystem::path>> log_paths(const std::string& folder);

struct LogState {
    std::uint64_t bytes = 0;
    std::optional<std::size_t> damage;  // where the first record begins that is not whole
};
Result<LogState> read_log(const std::filesystem::path& path);

}  // namespace weir::kv::rocksdb
