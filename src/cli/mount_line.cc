#include "cli/mount_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "base/limits.h"

namespace weir::cli {
namespace {

using Take = Result<void> (*)(MountLine& line, const std::string& value);

struct Option {
    std::string_view name;   // with underscores
    std::string_view value;  // what stands for it in the usage; empty: a switch
    std::string_view help;
    Take take;
};

template <std::string MountLine::* member>
Result<void> text(MountLine& line, const std::string& value) {
    if (value.empty()) return fail(Code::invalid_argument, "it must not be empty");
    line.*member = value;
    return {};
}

template <bool MountLine::* member, bool value>
Result<void> set(MountLine& line, const std::string&) {
    line.*member = value;
    return {};
}

template <std::optional<std::uint64_t> MountLine::* member>
Result<void> bytes(MountLine& line, const std::string& value) {
    TRY(line.*member, parse_byte_count(value));
    return {};
}

Result<void> memory_bytes(MountLine& line, const std::string& value) {
    TRY(line.memory_bytes, parse_byte_count(value));
    if (*line.memory_bytes >= mount_memory_bytes_min) return {};
    return fail(Code::invalid_argument,
                fmt::format("at least {} MiB are needed", mount_memory_bytes_min / MiB));
}

template <typename T>
Result<T> number(const std::string& value, int base, T max) {
    std::uint64_t parsed = 0;
    const char* end_of_value = value.data() + value.size();
    const auto [end, error] = std::from_chars(value.data(), end_of_value, parsed, base);
    if (value.empty() || error != std::errc() || end != end_of_value || parsed > max)
        return fail(Code::invalid_argument, fmt::format("'{}' is no such number", value));
    return static_cast<T>(parsed);
}

template <std::optional<std::uint32_t> MountLine::* member>
Result<void> id(MountLine& line, const std::string& value) {
    TRY(line.*member, number<std::uint32_t>(value, 10, 0xffff'fffe));
    return {};
}

Result<void> umask(MountLine& line, const std::string& value) {
    TRY(line.umask, number<std::uint16_t>(value, 8, 0777));
    return {};
}

Result<void> ttl(MountLine& line, const std::string& value) {
    TRY(const std::uint32_t seconds, number<std::uint32_t>(value, 10, 365 * 24 * 3600));
    line.ttl = std::chrono::seconds(seconds);
    return {};
}

Result<void> prefetch(MountLine& line, const std::string& value) {
    if (value.empty()) return fail(Code::invalid_argument, "a pattern must not be empty");
    line.prefetch.push_back(value);
    return {};
}

Result<void> log_level(MountLine& line, const std::string& value) {
    constexpr std::array<std::string_view, 4> levels{"debug", "info", "warn", "error"};
    if (std::ranges::find(levels, value) == levels.end())
        return fail(Code::invalid_argument, "it is debug, info, warn or error");
    line.log_level = value;
    return {};
}

Result<void> not_here(MountLine&, const std::string&) {
    return fail(Code::invalid_argument,
                "a bucket's files are never set-uid programs and never devices");
}

constexpr std::array table{
    Option{"endpoint", "URL", "the S3 endpoint; else AWS_ENDPOINT_URL, ~/.aws, /etc/weir/env",
           text<&MountLine::endpoint>},
    Option{"region", "NAME", "the region that requests are signed for", text<&MountLine::region>},
    Option{"profile", "NAME", "the profile of ~/.aws; else AWS_PROFILE", text<&MountLine::profile>},
    Option{"ca_file", "FILE", "certificates that the endpoint's is signed by",
           text<&MountLine::ca_file>},
    Option{"cache", "DIR",
           "the cache's folder, which mounts share; /var/cache/weir for root, "
           "else ~/.cache/weir",
           text<&MountLine::cache>},
    Option{"cache_bytes", "N", "so much the cache may hold, of all mounts; half of its disk",
           bytes<&MountLine::cache_bytes>},
    Option{"memory_bytes", "N",
           "so much memory the buffers may take; 192M, less where a control "
           "group allows less",
           memory_bytes},
    Option{"prefetch", "PATTERN",
           "fetches files that match when it mounts: '*.safetensors', "
           "'llama/**'; may be given again",
           prefetch},
    Option{"read_only", "", "nothing can be written", set<&MountLine::read_only, true>},
    Option{"async_close", "",
           "close() returns when the bytes are safe in the cache; fsync() is "
           "still the barrier",
           set<&MountLine::async_close, true>},
    Option{"ttl", "S", "seconds that names are believed where no journal tells of changes; 5", ttl},
    Option{"uid", "ID", "whose files are that do not say; who mounts, under sudo who called it",
           id<&MountLine::uid>},
    Option{"gid", "ID", "their group", id<&MountLine::gid>},
    Option{"umask", "MODE", "permissions that such files do not have; 022", umask},
    Option{"allow_other", "", "other users may use it; always so for root",
           set<&MountLine::allow_other, true>},
    Option{"listed_metadata", "",
           "modes, owners and links that a listing does not tell are not "
           "asked for",
           set<&MountLine::listed_metadata, true>},
    Option{"no_passthrough", "", "the kernel does not read complete files by itself",
           set<&MountLine::passthrough, false>},
    Option{"no_store_files", "", "a store on this machine sends what could be read from its files",
           set<&MountLine::store_files, false>},
    Option{"foreground", "", "stays before the terminal; the log goes to standard error",
           set<&MountLine::foreground, true>},
    Option{"log", "FILE",
           "where the log goes, or 'syslog'; else the journal, or a file in the "
           "cache",
           text<&MountLine::log>},
    Option{"log_level", "LEVEL", "debug, info, warn or error", log_level},
    Option{"recover", "", "first writes to the store what mounts that died had not",
           set<&MountLine::recover, true>},
    // mount(8)'s words for some of them, in -o only.
    Option{"ro", "", "", set<&MountLine::read_only, true>},
    Option{"rw", "", "", set<&MountLine::read_only, false>},
    Option{"noexec", "", "", set<&MountLine::no_exec, true>},
    Option{"exec", "", "", set<&MountLine::no_exec, false>},
    Option{"suid", "", "", not_here},
    Option{"dev", "", "", not_here},
};

// What /etc/fstab tells mount(8) or systemd, and what is so anyway.
bool is_for_others(std::string_view name) {
    constexpr std::array<std::string_view, 22> names{
        "defaults",   "auto",        "noauto",        "_netdev",   "nofail",     "user",
        "nouser",     "users",       "owner",         "group",     "nosuid",     "nodev",
        "async",      "noatime",     "atime",         "relatime",  "norelatime", "diratime",
        "nodiratime", "strictatime", "nostrictatime", "noiversion"};
    return std::ranges::find(names, name) != names.end() || name.starts_with("x-") ||
           name.starts_with("comment");
}

const Option* find(std::string name) {
    std::ranges::replace(name, '-', '_');
    const auto found = std::ranges::find(table, name, &Option::name);
    return found == table.end() ? nullptr : &*found;
}

Result<void> apply(const Option& option, MountLine& line, const std::string& given,
                   const std::string& value) {
    const Result<void> taken = option.take(line, value);
    if (taken) return {};
    return fail(Code::invalid_argument, fmt::format("{}: {}", given, taken.error().message()));
}

// "uid=1000,ro". `sloppy`: what is not known is passed over, as mount -s asks.
Result<void> apply_list(MountLine& line, std::string_view list, bool sloppy) {
    while (!list.empty()) {
        const std::string_view item = list.substr(0, list.find(','));
        list.remove_prefix(std::min(item.size() + 1, list.size()));
        const std::size_t equals = item.find('=');
        const std::string name(item.substr(0, equals));
        if (name.empty() || is_for_others(name)) continue;
        const Option* option = find(name);
        const bool has_value = equals != std::string_view::npos;
        if (option == nullptr) {
            if (sloppy) continue;
            return fail(Code::invalid_argument,
                        fmt::format("-o {} is no option of weir mount", name));
        }
        if (has_value == option->value.empty())
            return fail(Code::invalid_argument,
                        fmt::format("-o {} takes {} value", name, has_value ? "no" : "a"));
        TRY_VOID(apply(*option, line, "-o " + name,
                       std::string(has_value ? item.substr(equals + 1) : "")));
    }
    return {};
}

// The arguments, one after the other.
class Arguments {
  public:
    explicit Arguments(const std::vector<std::string>& all) : all_(all) {}
    bool done() const { return at_ == all_.size(); }
    const std::string& next() { return all_[at_++]; }
    Result<std::string> value_of(const std::string& flag) {
        if (done()) return fail(Code::invalid_argument, fmt::format("{} takes a value", flag));
        return next();
    }

  private:
    const std::vector<std::string>& all_;
    std::size_t at_ = 0;
};

// "--name", "--name value" or "--name=value".
Result<void> take_flag(MountLine& line, Arguments& arguments, const std::string& flag) {
    const std::size_t equals = flag.find('=');
    const std::string given = flag.substr(0, equals);
    const Option* option = find(given.substr(2));
    if (option == nullptr || option->help.empty())
        return fail(Code::invalid_argument, fmt::format("{} is no option of weir mount", given));
    if (option->value.empty()) {
        if (equals != std::string::npos)
            return fail(Code::invalid_argument, fmt::format("{} takes no value", given));
        return apply(*option, line, given, "");
    }
    if (equals != std::string::npos) return apply(*option, line, given, flag.substr(equals + 1));
    TRY(const std::string value, arguments.value_of(given));
    return apply(*option, line, given, value);
}

Result<void> take_words(MountLine& line, const std::vector<std::string>& words) {
    if (words.size() != 2)
        return fail(Code::invalid_argument,
                    "usage: weir mount BUCKET[:PREFIX][@TIME] DIR [options]; weir mount --help "
                    "shows them");
    line.source_text = words[0];
    line.folder = words[1];
    TRY(line.source, parse_mount_source(words[0]));
    if (line.folder.empty()) return fail(Code::invalid_argument, "the folder has no name");
    if (line.source.time) line.read_only = true;
    return {};
}

}  // namespace

Result<MountLine> parse_mount_line(const std::vector<std::string>& given) {
    MountLine line;
    std::vector<std::string> words;
    for (Arguments arguments(given); !arguments.done();) {
        const std::string& argument = arguments.next();
        if (argument == "-o") {
            TRY(const std::string list, arguments.value_of(argument));
            TRY_VOID(apply_list(line, list, false));
        } else if (argument == "-f") {
            line.foreground = true;
        } else if (argument.starts_with("--") && argument.size() > 2) {
            TRY_VOID(take_flag(line, arguments, argument));
        } else if (argument.starts_with('-')) {
            return fail(Code::invalid_argument,
                        fmt::format("{} is no option of weir mount", argument));
        } else {
            words.push_back(argument);
        }
    }
    TRY_VOID(take_words(line, words));
    return line;
}

Result<HelperLine> parse_helper_line(const std::vector<std::string>& given) {
    HelperLine helper;
    std::vector<std::string> words, lists;
    bool sloppy = false;
    for (Arguments arguments(given); !arguments.done();) {
        const std::string& argument = arguments.next();
        if (argument == "-o") {
            TRY(const std::string list, arguments.value_of(argument));
            lists.push_back(list);
        } else if (argument == "-t") {
            TRY_VOID(arguments.value_of(argument));
        } else if (argument == "-s") {
            sloppy = true;
        } else if (argument == "-f") {
            helper.fake = true;
        } else if (argument == "-r") {
            helper.line.read_only = true;
        } else if (argument == "-n" || argument == "-v" || argument == "-w") {
            continue;  // no mtab is written, nothing is told, it is read-write anyway
        } else if (argument.starts_with('-')) {
            return fail(Code::invalid_argument,
                        fmt::format("mount.weir: {} is no option", argument));
        } else {
            words.push_back(argument);
        }
    }
    for (const std::string& list : lists) TRY_VOID(apply_list(helper.line, list, sloppy));
    TRY_VOID(take_words(helper.line, words));
    return helper;
}

std::string describe_mount_options() {
    std::string out;
    for (const Option& option : table) {
        if (option.help.empty()) continue;
        std::string flag =
            fmt::format("--{}{}{}", option.name, option.value.empty() ? "" : " ", option.value);
        std::ranges::replace(flag, '_', '-');
        out += fmt::format("  {:22} {}\n", flag, option.help);
    }
    return out + fmt::format("  {:22} {}\n", "-o LIST",
                             "the same, as mount(8) writes them: -o ro,uid=1000,cache_bytes=10G");
}

}  // namespace weir::cli
