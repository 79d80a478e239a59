#include "kv/rocksdb/log_tail.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <vector>

#include "hash/crc.h"

namespace weir::kv::rocksdb {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t block_bytes = 32 * 1024, header_bytes = 7, sector_bytes = 512;
// Fewer zeros than these may be anybody's.
constexpr std::size_t torn_bytes_min = 8;

enum class Type : std::uint8_t { none = 0, full = 1, first = 2, middle = 3, last = 4 };

bool begins_record(Type type) { return type == Type::full || type == Type::first; }

std::uint32_t read_le(Bytes bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
        value = value << 8 | std::to_integer<std::uint32_t>(bytes[i]);
    return value;
}

// A piece of a record, all of it within one block.
struct Fragment {
    Type type = Type::none;
    std::size_t bytes = 0;  // with its header
};

// nullopt if what lies at the beginning of `rest`, the rest of a block, is not one.
std::optional<Fragment> read_fragment(Bytes rest) {
    if (rest.size() < header_bytes) return std::nullopt;
    const auto type = static_cast<Type>(rest[6]);
    if (type < Type::full || type > Type::last) return std::nullopt;
    const std::size_t bytes = header_bytes + read_le(rest.subspan(4, 2));
    if (bytes > rest.size()) return std::nullopt;
    const std::uint32_t masked = read_le(rest.first(4)) - 0xa282ead8U;
    const std::uint32_t crc = masked >> 17 | masked << 15;
    if (hash::crc32c(0, rest.subspan(6, bytes - 6)) != crc) return std::nullopt;
    return Fragment{.type = type, .bytes = bytes};
}

bool all_zeros(Bytes bytes) {
    return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte(0); });
}

class LogFile {
  public:
    explicit LogFile(std::vector<std::byte> content) : content_(std::move(content)) {}

    // Where the first record begins that is not whole; nullopt if there is none.
    std::optional<std::size_t> first_damage() const {
        std::size_t record = 0;
        bool inside = false;
        for (std::size_t at = 0; at < content_.size();) {
            const Bytes rest = rest_of_block(at);
            if (rest.size() < header_bytes && !ends_with(at + rest.size())) {
                at += rest.size();  // the filling of a block
                continue;
            }
            const std::optional<Fragment> fragment = read_fragment(rest);
            if (!fragment && !inside && zeros_from(at)) return std::nullopt;
            if (!fragment || begins_record(fragment->type) == inside) return inside ? record : at;
            if (!inside) record = at;
            inside = fragment->type == Type::first || fragment->type == Type::middle;
            at += fragment->bytes;
        }
        if (inside) return record;
        return std::nullopt;
    }

    // Whether a record begins behind the one at `damage`. Where nothing can be read, every place
    // is tried.
    bool has_record_behind(std::size_t damage) const {
        for (std::size_t at = damage; at < content_.size();) {
            const std::optional<Fragment> fragment = read_fragment(rest_of_block(at));
            if (fragment && begins_record(fragment->type) && at > damage) return true;
            at += fragment ? fragment->bytes : 1;
        }
        return false;
    }

    // Whether what a sector holds of [from, end) is zeros.
    bool has_zero_sector(std::size_t from) const {
        for (std::size_t at = from; at < content_.size();) {
            const std::size_t end =
                std::min(content_.size(), (at / sector_bytes + 1) * sector_bytes);
            if (end - at >= torn_bytes_min && all_zeros(Bytes(content_).subspan(at, end - at)))
                return true;
            at = end;
        }
        return false;
    }

    // No record; perhaps space for some.
    bool empty() const { return zeros_from(0); }

  private:
    Bytes rest_of_block(std::size_t at) const {
        const std::size_t end = std::min(content_.size(), (at / block_bytes + 1) * block_bytes);
        return Bytes(content_).subspan(at, end - at);
    }
    bool zeros_from(std::size_t at) const { return all_zeros(Bytes(content_).subspan(at)); }
    bool ends_with(std::size_t at) const { return at == content_.size(); }

    const std::vector<std::byte> content_;
};

Result<LogFile> read_log(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary | std::ios::ate);
    std::vector<std::byte> content(in ? static_cast<std::size_t>(in.tellg()) : 0);
    in.seekg(0);
    in.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(content.size()));
    if (!in) return fail(Code::io_error, fmt::format("{} cannot be read", path.string()));
    return LogFile(std::move(content));
}

// In the order of their numbers, which their names have with leading zeros.
Result<std::vector<std::filesystem::path>> log_paths(const std::string& folder) {
    std::vector<std::filesystem::path> paths;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        if (entry->path().extension() == ".log") paths.push_back(entry->path());
    if (error) return fail(Code::io_error, fmt::format("{}: {}", folder, error.message()));
    std::ranges::sort(paths);
    return paths;
}

}  // namespace

Result<LogVerdict> judge_logs(const std::string& folder) {
    TRY(const std::vector<std::filesystem::path> paths, log_paths(folder));
    LogVerdict verdict;
    for (const std::filesystem::path& path : paths) {
        TRY(const LogFile log, read_log(path));
        if (verdict.end != LogVerdict::End::whole) {
            // Whatever was logged later was acknowledged after the damaged record.
            if (!log.empty()) verdict.end = LogVerdict::End::damaged;
            continue;
        }
        const std::optional<std::size_t> damage = log.first_damage();
        if (!damage) continue;
        const bool torn = !log.has_record_behind(*damage) && log.has_zero_sector(*damage);
        verdict = {.end = torn ? LogVerdict::End::torn : LogVerdict::End::damaged,
                   .file = path.string(),
                   .offset = *damage};
    }
    return verdict;
}

}  // namespace weir::kv::rocksdb
