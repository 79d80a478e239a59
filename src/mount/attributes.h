#pragma once
// What a file system tells of an object besides its bytes, and how an object carries it: user
// metadata with the names that s3fs and rclone use.
//
//     x-amz-meta-mode    decimal, with the type's bits: 33188
//     x-amz-meta-uid, -gid
//     x-amz-meta-mtime, -ctime    seconds since the epoch: 1700000000.123456789
//     x-amz-meta-weir-xattr-<name in base32>    base64 of the value
//
// A symlink is an object whose mode says so and whose body is the target; a folder is a key that
// ends in "/", or keys beneath it. What an object does not say is as the mount's defaults say.
//
// Pure values; safe from any thread. What others wrote and cannot be read counts as not said.

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace weir::mount {

enum class Kind : std::uint8_t { file, folder, symlink };

using Metadata = std::map<std::string, std::string>;  // x-amz-meta-*, without that, in lower case
using Xattrs = std::map<std::string, std::string>;    // "user.name" to value

struct Attributes {
    Kind kind = Kind::file;
    std::uint16_t permissions = 0;  // 07777
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    UnixNanos mtime = 0;
    UnixNanos ctime = 0;
    Xattrs xattrs = {};

    // With the type's bits, for st_mode.
    mode_t mode() const;
    bool operator==(const Attributes&) const = default;
};

// What holds where an object says nothing.
struct AttributeDefaults {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint16_t umask = 022;  // files are 0666, folders 0777 without these

    Attributes of(Kind kind, UnixNanos last_modified) const;
};

// `kind` is what the key and the listing say, file or folder; metadata can make a symlink of a
// file.
Attributes attributes_of(const Metadata& metadata, Kind kind, UnixNanos last_modified,
                         const AttributeDefaults& defaults);

// `other` with the attributes in it: metadata that is none of ours is kept. no_space past S3's
// bound of user_metadata_bytes_max.
Result<Metadata> metadata_of(const Attributes& attributes, const Metadata& other = {});

// The metadata of a file's time, as rclone and s3fs have it, too.
inline constexpr const char* mtime_metadata = "mtime";
// Of one time, "1700000000.123456789", and back; nullopt for what is none.
std::string format_time(UnixNanos time);
std::optional<UnixNanos> parse_time(std::string_view text);

// The name of an xattr as part of a metadata name, which holds no capitals and few signs.
std::string xattr_to_metadata_name(std::string_view name);
std::optional<std::string> xattr_of_metadata_name(std::string_view metadata_name);

}  // namespace weir::mount
