#pragma once
// Which bytes an entry of a cache holds: one version of one object of one store. They can never
// change, so an entry can never be stale.
//
// Pure values; safe from any thread.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::cache {

struct ObjectIdentity {
    std::string endpoint;  // the store's URL, without a user or a secret: it lies on the disk
    std::string bucket;
    std::string key;
    std::string etag;
    std::string version_id;  // empty where there is none
    std::uint64_t size_bytes = 0;

    bool operator==(const ObjectIdentity&) const = default;
    // For errors and logs.
    std::string describe() const;
};

std::string encode(const ObjectIdentity& identity);
// corrupt.
Result<ObjectIdentity> decode_identity(std::string_view bytes);

// What its files are called: 32 hexadecimal digits. Whoever opens them compares the identity.
std::string entry_id(const ObjectIdentity& identity);
bool is_entry_id(std::string_view name);

}  // namespace weir::cache
