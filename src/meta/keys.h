#pragma once
// The keys of the rows, as docs/FORMAT.md draws them. A key byte 00 inside a part that something
// follows is written 00 FF, and the end of that part 00 01, so that rows sort as object keys sort
// and no key is a prefix of another. Pure functions; safe from any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "kv/engine.h"
#include "meta/records.pb.h"

namespace weir::meta {

// Holds what belongs to no bucket: `B<name>` buckets, `k<id>` access keys, `W` the last writer
// number, `X<partition>` partitions of deleted buckets whose garbage is still to be reclaimed.
// Partition 0 is the engine's own.
inline const kv::PartitionId system_partition{1};

inline constexpr char bucket_prefix = 'B';
inline constexpr char access_key_prefix = 'k';
inline constexpr char drain_prefix = 'X';
inline constexpr std::string_view writer_row = "W";

// `w<writer>`: the low-water mark of a start that may have left orphans.
inline constexpr char writer_low_water_prefix = 'w';
std::string writer_low_water_row(std::uint32_t writer);
std::string writer_low_water_rows();

// `D<blob>`: a blob that is known to be damaged, and what was found.
inline constexpr char damage_prefix = 'D';
std::string damage_row(std::string_view blob);

std::string bucket_row(std::string_view name);
std::string drain_row(std::uint64_t partition);

inline constexpr std::string_view fence_row = "e";
// The first journal sequence that is still kept.
inline constexpr std::string_view journal_low_water_row = "l";
inline constexpr char current_prefix = 'o';
inline constexpr char marker_prefix = 't';
inline constexpr char version_prefix = 'v';
inline constexpr char upload_prefix = 'u';
inline constexpr char part_prefix = 'p';
inline constexpr char garbage_prefix = 'g';
inline constexpr char reference_prefix = 'b';
inline constexpr char checksum_prefix = 'c';

std::string current_row(std::string_view key);
std::string marker_row(std::string_view key);
std::string version_row(std::string_view key, const Version& version);
std::string version_rows(std::string_view key);  // prefix of all of a key's
std::string body_row(std::string_view key, const Version& version);
std::string upload_row(std::string_view key, std::string_view upload_id);
std::string upload_rows(std::string_view key);
// Where the rows begin, among those of a kind whose object keys are escaped, that belong to `key`
// or a later one.
std::string rows_from(char kind, std::string_view key);
std::string part_row(std::string_view upload_id, std::uint32_t part_number);
std::string part_rows(std::string_view upload_id);
std::string garbage_row(UnixNanos not_before, std::uint64_t id);
std::string reference_row(std::string_view blob, std::string_view referrer);
std::string reference_rows(std::string_view blob);
std::string checksum_row(std::string_view blob, std::uint64_t offset);
std::string checksum_rows(std::string_view blob);

// The escaped form of a key that something follows, terminator included; and back, leaving what
// follows in `rest`.
void append_escaped(std::string& out, std::string_view key);
std::optional<std::string> take_escaped(std::string_view& rest);

struct VersionRow {
    std::string key;
    Version version;
};
std::optional<VersionRow> parse_version_row(std::string_view row);
struct UploadRow {
    std::string key;
    std::string upload_id;
};
std::optional<UploadRow> parse_upload_row(std::string_view row);
std::optional<std::uint32_t> parse_part_row(std::string_view row);
std::optional<UnixNanos> parse_garbage_row(std::string_view row);
struct ChecksumRow {
    std::string blob;
    std::uint64_t offset = 0;
};
std::optional<ChecksumRow> parse_checksum_row(std::string_view row);

}  // namespace weir::meta
