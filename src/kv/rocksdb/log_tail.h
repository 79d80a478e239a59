#pragma once
// What is wrong with a write-ahead log that RocksDB refuses: a power cut tore the last record while
// it was being written, which nobody was told of and may be dropped; or something that was
// acknowledged was damaged. Every write is synced before the next begins, so what a power cut may
// tear is the last record alone, and what it leaves there is zeros in whole sectors: the file's
// length became durable before its bytes.
//
// The format: https://github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format
// Reads files; called before the database is open.

#include <cstdint>
#include <string>

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

// Of the logs of the database in `folder`.
Result<LogVerdict> judge_logs(const std::string& folder);

}  // namespace weir::kv::rocksdb
