#include "backup/layout.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>

namespace weir::backup {
namespace {

constexpr std::string_view format_line = "weir backup format 1\n";
constexpr std::size_t small_file_bytes_max = 64 * 1024;
constexpr std::size_t list_bytes_max = std::size_t(16) * 1024 * MiB;
constexpr std::string_view unfinished_suffix = ".unfinished";
constexpr std::string_view list_name = "/BLOBS";

Result<void> create(io::Disk& disk, const std::string& path, const std::string& identity) {
    TRY_VOID(io::make_directories(disk, path));
    TRY(const std::vector<std::string> names, disk.list(path));
    for (const std::string& name : names)
        if (name != "lock" && name != "sets" && name != "blobs" && name != "FORMAT.new")
            return fail(Code::invalid_request,
                        fmt::format("{} is not empty and holds no backups of Weir", path));
    TRY_VOID(io::make_directories(disk, path + "/sets"));
    TRY_VOID(io::make_directories(disk, path + "/blobs"));
    return disk.replace_file(path + "/FORMAT", fmt::format("{}{}\n", format_line, identity));
}

Result<void> check(io::Disk& disk, const std::string& path, const std::string& identity) {
    TRY(const std::string text, disk.read_file(path + "/FORMAT", small_file_bytes_max));
    if (!text.starts_with(format_line))
        return fail(Code::invalid_request,
                    fmt::format("{} holds '{}', this program reads 'weir backup format 1'", path,
                                text.substr(0, text.find('\n'))));
    if (identity.empty() || text == fmt::format("{}{}\n", format_line, identity)) return {};
    return fail(
        Code::invalid_request,
        fmt::format("{} holds the backups of another data directory; give this one its own", path));
}

// "<blob> <end> <0 or 1>", one a line.
std::optional<std::pair<blob::BlobId, Need>> parse_line(std::string_view line) {
    constexpr std::size_t id_digits = 32;
    if (line.size() < id_digits + 4 || line[id_digits] != ' ' || line[line.size() - 2] != ' ' ||
        (line.back() != '0' && line.back() != '1'))
        return std::nullopt;
    const std::optional<blob::BlobId> id = blob::BlobId::parse(line.substr(0, id_digits));
    Need need{.end_bytes = 0, .growing = line.back() == '1'};
    const char* const begin = line.data() + id_digits + 1;
    const char* const end = line.data() + line.size() - 2;
    const auto [stop, error] = std::from_chars(begin, end, need.end_bytes);
    if (!id || error != std::errc() || stop != end) return std::nullopt;
    return std::pair(*id, need);
}

}  // namespace

Result<std::unique_ptr<Layout>> Layout::open(io::Disk& disk, const std::string& path,
                                             const std::string& identity) {
    const bool is_new = !disk.stat(path + "/FORMAT").has_value();
    if (is_new && identity.empty())
        return fail(Code::not_found, fmt::format("{} holds no backups of Weir", path));
    if (is_new) TRY_VOID(create(disk, path, identity));
    TRY_VOID(check(disk, path, identity));
    auto layout = std::unique_ptr<Layout>(new Layout(disk, path));
    TRY(layout->lock_, disk.lock(path + "/lock"));
    return layout;
}

Result<std::vector<std::string>> Layout::sets() const {
    TRY(std::vector<std::string> names, disk_.list(path_ + "/sets"));
    std::erase_if(names, [](const std::string& name) { return name.ends_with(unfinished_suffix); });
    return names;
}

Result<std::string> Layout::choose(const std::string& name) const {
    TRY(const std::vector<std::string> names, sets());
    if (names.empty()) return fail(Code::not_found, fmt::format("{} holds no whole backup", path_));
    if (name.empty()) return names.back();
    for (const std::string& each : names)
        if (each == name) return each;
    return fail(Code::not_found, fmt::format("{} has no backup '{}'; the newest is '{}'", path_,
                                             name, names.back()));
}

Result<Needs> Layout::read_needs(const std::string& set) const {
    const std::string path = set_path(set) + std::string(list_name);
    TRY(const std::string text, disk_.read_file(path, list_bytes_max));
    Needs needs;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const auto parsed = parse_line(std::string_view(text).substr(at, end - at));
        if (!parsed) return fail(Code::corrupt, fmt::format("{} cannot be read", path));
        needs.insert(*parsed);
        at = end + 1;
    }
    return needs;
}

Result<std::string> Layout::begin_set(const std::string& name) {
    const std::string unfinished = name + std::string(unfinished_suffix);
    TRY_VOID(remove_set(unfinished));
    TRY_VOID(disk_.make_directory(set_path(unfinished)));
    return unfinished;
}

Result<void> Layout::save_needs(const std::string& set, const Needs& needs) {
    std::string text;
    for (const auto& [id, need] : needs)
        text += fmt::format("{} {} {}\n", id.text(), need.end_bytes, need.growing ? 1 : 0);
    return disk_.replace_file(set_path(set) + std::string(list_name), text);
}

Result<void> Layout::finish_set(const std::string& unfinished, const std::string& name) {
    TRY_VOID(disk_.rename(set_path(unfinished), set_path(name)));
    return io::sync_directory(disk_, path_ + "/sets");
}

Result<void> Layout::remove_set(const std::string& name) {
    std::string path = set_path(name);
    if (!name.ends_with(unfinished_suffix)) {
        // First no longer whole, then gone.
        TRY_VOID(disk_.rename(path, path + std::string(unfinished_suffix)));
        TRY_VOID(io::sync_directory(disk_, path_ + "/sets"));
        path += unfinished_suffix;
    }
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) return fail(Code::io_error, fmt::format("removing {}: {}", path, error.message()));
    return {};
}

Result<void> Layout::remove_unfinished() {
    TRY(const std::vector<std::string> names, disk_.list(path_ + "/sets"));
    for (const std::string& name : names)
        if (name.ends_with(unfinished_suffix)) TRY_VOID(remove_set(name));
    return {};
}

}  // namespace weir::backup
