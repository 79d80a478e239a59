#include "kv/rocksdb/log_tail.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
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

// One log, read a block at a time: it may be larger than the memory that there is.
class LogFile {
  public:
    static Result<LogFile> open(const std::filesystem::path& path) {
        LogFile log;
        log.path_ = path;
        errno = 0;
        log.in_.open(path, std::ios::binary | std::ios::ate);
        // Nothing that the file could help.
        if (!log.in_ && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
            return fail(Code::unavailable, fmt::format("{} cannot be opened", path.string()));
        if (log.in_) log.bytes_ = static_cast<std::size_t>(log.in_.tellg());
        TRY_VOID(log.read_to_the_end());
        return log;
    }

    // Where the first record begins that is not whole; nullopt if there is none.
    std::optional<std::size_t> first_damage() {
        std::size_t record = 0;
        bool inside = false;
        for (std::size_t at = 0; at < bytes_;) {
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
    bool has_record_behind(std::size_t damage) {
        for (std::size_t at = damage; at < bytes_;) {
            const std::optional<Fragment> fragment = read_fragment(rest_of_block(at));
            if (fragment && begins_record(fragment->type) && at > damage) return true;
            at += fragment ? fragment->bytes : 1;
        }
        return false;
    }

    // Whether what a sector holds of what lies behind `from` is zeros.
    bool has_zero_sector(std::size_t from) {
        for (std::size_t at = from; at < bytes_;) {
            const std::size_t end = std::min(bytes_, (at / sector_bytes + 1) * sector_bytes);
            if (end - at >= torn_bytes_min && all_zeros(rest_of_block(at).first(end - at)))
                return true;
            at = end;
        }
        return false;
    }

    // No record; perhaps space for some.
    bool empty() { return zeros_from(0); }

    std::uint64_t bytes() const { return bytes_; }
    // Once the answers above are there: whether they are of the file, all of which could be read.
    Result<void> read_to_the_end() const {
        if (in_) return {};
        return fail(Code::io_error, fmt::format("{} cannot be read", path_.string()));
    }

  private:
    LogFile() = default;

    // Until the next call.
    Bytes rest_of_block(std::size_t at) {
        const std::size_t begin = at / block_bytes * block_bytes;
        if (block_.empty() || block_begin_ != begin) {
            block_.resize(std::min(block_bytes, bytes_ - begin));
            block_begin_ = begin;
            in_.seekg(static_cast<std::streamoff>(begin));
            in_.read(reinterpret_cast<char*>(block_.data()),
                     static_cast<std::streamsize>(block_.size()));
        }
        return Bytes(block_).subspan(at - begin);
    }
    bool zeros_from(std::size_t at) {
        while (at < bytes_) {
            const Bytes rest = rest_of_block(at);
            if (!all_zeros(rest)) return false;
            at += rest.size();
        }
        return true;
    }
    bool ends_with(std::size_t at) const { return at == bytes_; }

    std::filesystem::path path_;
    std::ifstream in_;
    std::size_t bytes_ = 0;
    std::vector<std::byte> block_;
    std::size_t block_begin_ = 0;
};

}  // namespace

// Their names have their numbers with leading zeros.
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

Result<LogState> read_log(const std::filesystem::path& path) {
    TRY(LogFile log, LogFile::open(path));
    const LogState state{.bytes = log.bytes(), .damage = log.first_damage()};
    TRY_VOID(log.read_to_the_end());
    return state;
}

Result<LogVerdict> judge_logs(const std::string& folder) {
    TRY(const std::vector<std::filesystem::path> paths, log_paths(folder));
    LogVerdict verdict;
    for (const std::filesystem::path& path : paths) {
        TRY(LogFile log, LogFile::open(path));
        if (verdict.end != LogVerdict::End::whole) {
            // Whatever was logged later was acknowledged after the damaged record.
            if (!log.empty()) verdict.end = LogVerdict::End::damaged;
            TRY_VOID(log.read_to_the_end());
            continue;
        }
        const std::optional<std::size_t> damage = log.first_damage();
        const bool torn = damage && !log.has_record_behind(*damage) && log.has_zero_sector(*damage);
        TRY_VOID(log.read_to_the_end());
        if (!damage) continue;
        verdict = {.end = torn ? LogVerdict::End::torn : LogVerdict::End::damaged,
                   .file = path.string(),
                   .offset = *damage};
    }
    return verdict;
}

}  // namespace weir::kv::rocksdb
