#pragma once
// The bucket, or the part of it below a prefix, that is mounted: which key a path has, and what is
// asked of it.
//
// Owned by Mount; safe from any thread. Failure: as S3Client's.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "client/s3_client.h"

namespace weir::mount {

struct Store {
    client::S3Client& client;
    std::string bucket;
    std::string prefix;                   // "" or "a/b/"
    std::optional<UnixNanos> as_of;       // as it was then; read-only
    bool attributes_in_listings = false;  // what a listing does not tell is not asked for
    bool reads_files = false;             // it may be on this machine (local_blob.h)

    std::string key(std::string_view path) const { return prefix + std::string(path); }
    // Of a folder, whose own key ends in "/"; that of the root is the prefix.
    std::string folder_key(std::string_view path) const {
        return path.empty() ? prefix : prefix + std::string(path) + "/";
    }
};

// What a store says of an operation, or a way of asking for it, that it does not have.
inline bool is_unserved(const Error& error) {
    return error.code() == Code::not_implemented || error.code() == Code::method_not_allowed ||
           error.code() == Code::invalid_request || error.code() == Code::invalid_argument;
}

}  // namespace weir::mount
