#include "cli/mount_table.h"

#include <fmt/format.h>
#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace weir::cli {
namespace {

constexpr std::string_view type = "fuse.weir";

std::string_view take_field(std::string_view& rest) {
    const std::size_t end = rest.find(' ');
    const std::string_view field = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    return field;
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// Spaces, tabs, line ends and backslashes are written \040 and the like.
std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
            is_octal(text[i + 2]) && is_octal(text[i + 3])) {
            out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                     (text[i + 3] - '0'));
            i += 3;
        } else {
            out += text[i];
        }
    }
    return out;
}

// "36 35 98:0 /root /folder rw,noatime shared:1 - fuse.weir source rw": nullopt for others.
std::optional<Mounted> parse_line(std::string_view line) {
    for (int i = 0; i < 2; ++i) take_field(line);
    const std::string_view device = take_field(line);
    take_field(line);
    Mounted mounted{.folder = unescaped(take_field(line))};
    mounted.device = device.substr(std::min(device.find(':') + 1, device.size()));
    // Optional fields end with a lone hyphen.
    while (!line.empty() && take_field(line) != "-") {
    }
    if (take_field(line) != type) return std::nullopt;
    mounted.source = unescaped(take_field(line));
    // "rw,user_id=1000,group_id=1000"
    constexpr std::string_view owner = "user_id=";
    if (const std::size_t at = line.find(owner); at != std::string_view::npos)
        std::from_chars(line.data() + at + owner.size(), line.data() + line.size(), mounted.owner);
    return mounted;
}

}  // namespace

std::vector<Mounted> parse_mount_table(std::string_view text) {
    std::vector<Mounted> all;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        if (std::optional<Mounted> mounted = parse_line(text.substr(0, end)))
            all.push_back(*std::move(mounted));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return all;
}

Result<std::vector<Mounted>> mounted() {
    std::ifstream file("/proc/self/mountinfo", std::ios::binary);
    if (!file) return fail(errno_error("opening /proc/self/mountinfo", errno));
    const std::string text(std::istreambuf_iterator<char>(file), {});
    return parse_mount_table(text);
}

Result<std::optional<Mounted>> mounted_at(const std::string& folder) {
    TRY(std::vector<Mounted> all, mounted());
    std::optional<Mounted> found;
    for (Mounted& each : all)
        if (each.folder == folder) found = std::move(each);
    return found;
}

bool is_dead(const std::string& folder) {
    struct statfs unused{};
    return ::statfs(folder.c_str(), &unused) != 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

Result<std::string> mount_name(const std::string& path) {
    std::error_code error;
    std::filesystem::path full = std::filesystem::absolute(path, error).lexically_normal();
    if (error) return fail(Code::invalid_argument, fmt::format("{}: {}", path, error.message()));
    if (!full.has_filename() && full.has_relative_path()) full = full.parent_path();
    const std::filesystem::path parent = std::filesystem::canonical(full.parent_path(), error);
    // A parent that is not there either may still be made.
    return error ? full.string() : (parent / full.filename()).string();
}

Result<std::string> real_folder(const std::string& path) {
    TRY(const std::string full, mount_name(path));
    // A link to a folder is followed, but only where the folder answers.
    if (is_dead(full)) return full;
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(full, error);
    return error ? full : real.string();
}

}  // namespace weir::cli
