#pragma once
// weir fsck: proves a data directory. Every record decodes, every body and blob that a record needs
// is there and long enough, every checksum row covers its extent, every shared blob knows its
// users; and nothing is there that nobody needs. Damage is reported and left alone; leaks can be
// mended.
//
// Works on a store that nobody else uses (offline) or on a running server's own. Live, what changes
// meanwhile is looked at again before it is reported, and only leaks that cannot be a race are
// mended. Blocking; one at a time.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/object_store.h"

namespace weir::inspect {

struct CheckOptions {
    bool read_bytes = false;  // compare every block with its checksum (else only what is where)
    bool repair = false;      // remove leaks
    bool offline = false;     // nobody else uses the store
    bool drop_damaged_log = false;  // offline: kv::rocksdb::Options
    // Live: this start's number, whose youngest blobs may still be uncommitted.
    std::uint32_t writer = 0;
    std::size_t findings_max = 1000;
    const std::atomic<bool>* cancel = nullptr;  // set: ends with Code::cancelled
};

enum class Kind {
    damage,  // something that was acknowledged cannot be read
    leak,    // something is kept that nobody needs
};

struct Finding {
    Kind kind;
    std::string where;  // "my-models/gpt2/model.safetensors", "blob 0000..."
    std::string what;
    bool repaired = false;
};

struct CheckReport {
    std::uint64_t buckets = 0;
    std::uint64_t versions = 0;
    std::uint64_t uploads = 0;
    std::uint64_t blobs = 0;
    std::uint64_t blob_bytes = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t damage = 0;
    std::uint64_t leaks = 0;
    std::uint64_t repaired = 0;
    // False once rows cannot be read: what they may have referred to is neither told nor removed.
    bool leaks_known = true;
    std::vector<Finding> findings;  // the first CheckOptions::findings_max
};

Result<CheckReport> check(store::ObjectStore& store, const CheckOptions& options);

}  // namespace weir::inspect
