#include "client/settings_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/limits.h"

namespace weir::client {
namespace {

constexpr std::size_t file_bytes_max = MiB;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

std::string_view take_line(std::string_view& rest) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    return line;
}

std::unexpected<Error> bad_line(std::string_view file, std::size_t number, std::string_view what) {
    return fail(Code::invalid_argument, fmt::format("{}, line {}: {}", file, number, what));
}

std::string_view unquote(std::string_view value) {
    const bool quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
                        value.front() == value.back();
    return quoted ? value.substr(1, value.size() - 2) : value;
}

}  // namespace

Result<Sections> parse_sections(std::string_view text, std::string_view file) {
    Sections sections;
    Settings* section = nullptr;
    std::string outer;  // the setting that indented lines belong to
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view raw = take_line(text);
        const std::string_view line = trim(raw);
        if (line.empty() || line.front() == '#' || line.front() == ';') continue;
        const bool indented = is_space(raw.front());
        if (!indented && line.front() == '[') {
            if (line.back() != ']') return bad_line(file, number, "the section's name has no ]");
            section = &sections[std::string(trim(line.substr(1, line.size() - 2)))];
            outer.clear();
            continue;
        }
        const std::size_t equals = line.find('=');
        if (section == nullptr) return bad_line(file, number, "it stands before any [section]");
        if (equals == std::string_view::npos) return bad_line(file, number, "it has no =");
        const std::string name(trim(line.substr(0, equals)));
        if (indented && outer.empty())
            return bad_line(file, number, "it is indented below nothing");
        if (!indented) outer = name;
        section->insert_or_assign(indented ? outer + "." + name : name,
                                  std::string(trim(line.substr(equals + 1))));
    }
    return sections;
}

Result<Settings> parse_variables(std::string_view text, std::string_view file) {
    Settings variables;
    for (std::size_t number = 1; !text.empty(); ++number) {
        std::string_view line = trim(take_line(text));
        if (line.empty() || line.front() == '#') continue;
        if (line.starts_with("export ")) line = trim(line.substr(7));
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos) return bad_line(file, number, "it has no =");
        variables.insert_or_assign(std::string(trim(line.substr(0, equals))),
                                   std::string(unquote(trim(line.substr(equals + 1)))));
    }
    return variables;
}

Result<std::optional<std::string>> read_settings_file(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) return std::nullopt;
        return fail(errno_error("opening " + path, errno));
    }
    std::string text(file_bytes_max + 1, '\0');
    std::size_t size = 0;
    ssize_t count = 0;
    while (size < text.size() && (count = ::read(file, text.data() + size, text.size() - size)) > 0)
        size += static_cast<std::size_t>(count);
    const int error = errno;
    ::close(file);
    if (count < 0) return fail(errno_error("reading " + path, error));
    if (size > file_bytes_max)
        return fail(Code::invalid_argument, fmt::format("{} is too large to be settings", path));
    text.resize(size);
    return text;
}

Result<Sections> read_sections(const std::string& path) {
    TRY(const std::optional<std::string> text, read_settings_file(path));
    if (!text) return Sections();
    return parse_sections(*text, path);
}

Result<Settings> read_variables(const std::string& path) {
    TRY(const std::optional<std::string> text, read_settings_file(path));
    if (!text) return Settings();
    return parse_variables(*text, path);
}

std::optional<std::string> setting(const Settings& settings, std::string_view name) {
    const auto found = settings.find(name);
    if (found == settings.end() || found->second.empty()) return std::nullopt;
    return found->second;
}

const Settings* config_profile(const Sections& config, const std::string& profile) {
    const auto found = config.find(profile == "default" ? profile : "profile " + profile);
    return found == config.end() ? nullptr : &found->second;
}

}  // namespace weir::client
