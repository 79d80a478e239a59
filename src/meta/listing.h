#pragma once
// Listing: the rows of a bucket rolled up by delimiter, as ListObjects and ListObjectVersions
// answer them. Works on any kv::Engine, holds no state between calls. A delimiter listing costs one
// seek for each common prefix.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kv/engine.h"
#include "meta/records.pb.h"

namespace weir::meta {

struct ListQuery {
    std::string prefix;
    std::string delimiter;  // empty: no roll-up
    std::string after;  // exclusive: keys (and common prefixes) up to and including it are left out
    std::size_t keys_max = 1000;
};

struct ListedObject {
    std::string key;
    ObjectRecord record;
};

struct Listing {
    std::vector<ListedObject> objects;
    std::vector<std::string> common_prefixes;
    bool truncated = false;
    std::string next_after;  // the last key or common prefix, when truncated
};

// Current objects only.
Result<Listing> list_objects(kv::Engine& engine, kv::PartitionId partition, const ListQuery& query);

struct VersionsQuery {
    std::string prefix;
    std::string delimiter;
    std::string key_marker;
    // With key_marker: begin after this version of that key; nullopt: after the whole key.
    std::optional<std::string> version_id_marker;
    std::size_t keys_max = 1000;
};

struct ListedVersion {
    std::string key;
    ObjectRecord record;
    bool latest = false;
};

struct VersionsListing {
    std::vector<ListedVersion> versions;  // objects and delete markers, newest first within a key
    std::vector<std::string> common_prefixes;
    bool truncated = false;
    std::string next_key_marker;
    std::optional<std::string> next_version_id_marker;
};

Result<VersionsListing> list_versions(kv::Engine& engine, kv::PartitionId partition,
                                      const VersionsQuery& query);

// The first string after every one that starts with `prefix`; nullopt if there is none (all FF).
std::optional<std::string> after_prefix(std::string_view prefix);

// `key` rolled up: the prefix up to and including the delimiter's first occurrence after query
// prefix, if there is one.
std::optional<std::string> common_prefix(std::string_view key, std::string_view prefix,
                                         std::string_view delimiter);

}  // namespace weir::meta
