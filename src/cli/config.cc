#include "cli/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include "cli/toml_file.h"

namespace weir::cli {
namespace {

using Values = std::vector<std::string>;

struct Option {
    std::string name;
    std::string help;
    std::function<std::string()> fallback;
    std::function<Result<void>(Config&, const Values&)> set;
    bool many = false;
    bool secret = false;  // by environment or file only, never shown
};

std::string home() {
    const char* home = std::getenv("HOME");
    return home == nullptr || *home == '\0' ? "." : home;
}
bool is_root() { return ::geteuid() == 0; }

std::function<std::string()> fixed(std::string value) {
    return [value = std::move(value)] { return value; };
}

std::unexpected<Error> refused(const std::string& name, const std::string& value,
                               const std::string& accepted) {
    return fail(Code::invalid_argument,
                fmt::format("--{} is '{}'; it must be {}", name, value, accepted));
}

Option text(std::string name, std::string help, std::function<std::string()> fallback,
            std::string Config::* member) {
    return {.name = std::move(name),
            .help = std::move(help),
            .fallback = std::move(fallback),
            .set = [member](Config& config, const Values& values) -> Result<void> {
                config.*member = values.back();
                return {};
            }};
}

Option choice(std::string name, std::string help, std::string fallback,
              std::string Config::* member, std::vector<std::string> accepted) {
    Option option = text(name, std::move(help), fixed(std::move(fallback)), member);
    option.set = [=](Config& config, const Values& values) -> Result<void> {
        if (std::ranges::find(accepted, values.back()) == accepted.end())
            return refused(name, values.back(),
                           fmt::format("one of {}", fmt::join(accepted, ", ")));
        config.*member = values.back();
        return {};
    };
    return option;
}

Option number(std::string name, std::string help, std::uint64_t fallback, std::uint64_t min,
              std::uint64_t max, std::function<void(Config&, std::uint64_t)> keep) {
    Option option{.name = name,
                  .help = std::move(help),
                  .fallback = fixed(std::to_string(fallback)),
                  .set = {}};
    option.set = [=](Config& config, const Values& values) -> Result<void> {
        const std::string& digits = values.back();
        std::uint64_t value = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc() || end != digits.data() + digits.size() || value < min ||
            value > max)
            return refused(name, digits, fmt::format("a whole number from {} to {}", min, max));
        keep(config, value);
        return {};
    };
    return option;
}

#define WEIR_LIMIT(name, help, member, min, max)                                            \
    number(name, help, Limits().member, min, max, [](Config& config, std::uint64_t value) { \
        config.limits.member = static_cast<decltype(config.limits.member)>(value);          \
    })

std::vector<Option> all_options() {
    std::vector<Option> options = {
        text(
            "data", "where everything is kept",
            [] { return is_root() ? "/var/lib/weir" : home() + "/.local/share/weir"; },
            &Config::data),
        text("listen", "HOST:PORT of the S3 endpoint", fixed("127.0.0.1:9000"), &Config::listen),
        text("admin-listen", "HOST:PORT of health, readiness and metrics", fixed("127.0.0.1:9001"),
             &Config::admin_listen),
        {.name = "domain",
         .help = "a domain whose subdomains are buckets (virtual-host style); may be given several "
                 "times",
         .fallback = fixed(""),
         .set = [](Config& config, const Values& values) -> Result<void> {
             config.domains.clear();
             for (const std::string& value : values)
                 if (!value.empty()) config.domains.push_back(value);
             return {};
         },
         .many = true},
        choice("tls",
               "TLS: off, self-signed (a certificate is made in the data directory), or files "
               "(tls-cert, tls-key)",
               "off", &Config::tls, {"off", "self-signed", "files"}),
        text("tls-cert", "certificate chain in PEM form, taken in again when it changes", fixed(""),
             &Config::tls_cert),
        text("tls-key", "its private key in PEM form", fixed(""), &Config::tls_key),
        text("region", "the region that buckets say they are in; requests may be signed for any",
             fixed("us-east-1"), &Config::region),
        number("threads", "network threads",
               std::clamp(std::thread::hardware_concurrency(), 1u, 64u), 1, 256,
               [](Config& config, std::uint64_t value) { config.threads = value; }),
        choice("log-level", "how much is logged to standard error", "info", &Config::log_level,
               {"debug", "info", "warn", "error"}),
        choice("verify-reads",
               "on: every GET compares its bytes with their checksums before it sends them", "off",
               &Config::verify_reads, {"off", "on"}),
        text("access-log", "one JSON line a request: off, stdout, or a file", fixed("off"),
             &Config::access_log),
        number("reclaim-delay-s", "seconds that the bytes of deleted objects stay", 60, 0,
               30ULL * 24 * 3600,
               [](Config& config, std::uint64_t value) { config.reclaim_delay_s = value; }),
        number("journal-keep-s", "seconds that a bucket's journal goes back", 7 * 24 * 3600, 1,
               10ULL * 365 * 24 * 3600,
               [](Config& config, std::uint64_t value) { config.journal_keep_s = value; }),
        number("journal-keep-bytes", "of entries that a bucket's journal holds", 256 * MiB,
               64 * KiB, 1ULL << 40,
               [](Config& config, std::uint64_t value) { config.journal_keep_bytes = value; }),
        number("reserve-bytes", "kept free on the disk, so that deleting works when it is full",
               256 * MiB, 0, 1ULL << 50,
               [](Config& config, std::uint64_t value) { config.reserve_bytes = value; }),
        WEIR_LIMIT("connections-max", "connections; more are answered 503 SlowDown",
                   connections_max, 1, 1'000'000),
        WEIR_LIMIT("idle-timeout-ms", "between requests on a kept connection", idle_timeout_ms, 100,
                   3'600'000),
        WEIR_LIMIT("head-timeout-ms", "from the first byte of a request to the end of its head",
                   head_timeout_ms, 100, 3'600'000),
        WEIR_LIMIT("stall-timeout-ms", "a body that makes no progress", stall_timeout_ms, 100,
                   3'600'000),
        WEIR_LIMIT("drain-timeout-ms", "from SIGTERM until open requests are cut off",
                   drain_timeout_ms, 0, 3'600'000),
        WEIR_LIMIT("body-buffers-max", "buffers of 2 MiB for all bodies that are being received",
                   body_buffers_max, 4, 65'536),
        WEIR_LIMIT("body-buffer-queue-max",
                   "bodies that wait for such a buffer; more are answered 503 SlowDown",
                   body_buffer_queue_max, 1, 1'000'000),
        WEIR_LIMIT("hash-patience-ms", "so long a body waits to be hashed together with others",
                   hash_patience_ms, 0, 1000),
        WEIR_LIMIT("xml-memory-bytes-max",
                   "XML that is received or sent; more is answered 503 SlowDown",
                   xml_memory_bytes_max, 16 * MiB, 1ULL << 40),
        WEIR_LIMIT("journal-streams-max", "followers of journals; more are answered 503 SlowDown",
                   journal_streams_max, 1, 1'000'000),
        WEIR_LIMIT("blocking-threads-max", "threads that may wait for the disk",
                   blocking_threads_max, 4, 1024),
        WEIR_LIMIT("blocking-queue-max",
                   "requests that wait for such a thread; more are answered 503 SlowDown",
                   blocking_queue_max, 1, 1'000'000),
        WEIR_LIMIT("metadata-cache-bytes", "memory for rows that were read", metadata_cache_bytes,
                   8 * MiB, 1ULL << 40),
        WEIR_LIMIT("inline-object-bytes-max", "objects up to this size are rows, not files",
                   inline_object_bytes_max, 0, 1 * MiB),
        WEIR_LIMIT("buckets-per-owner-max", "buckets that one owner may have",
                   buckets_per_owner_max, 1, 1'000'000),
        text("root-access-key",
             "the root access key, instead of the one that the first start makes", fixed(""),
             &Config::root_access_key),
        text("root-secret-key", "its secret", fixed(""), &Config::root_secret_key),
    };
    for (Option& option : options) option.secret = option.name.starts_with("root-");
    return options;
}

#undef WEIR_LIMIT

std::string variable_name(const std::string& option) {
    std::string name = "WEIR_" + option;
    for (char& c : name)
        c = c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    return name;
}

Values split_commas(const std::string& text) {
    Values values;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        values.push_back(text.substr(at, comma - at));
        at = comma + 1;
    }
    return values;
}

// The file to read: named, or in its usual place if it is there.
std::string config_path(const Flags& flags) {
    if (const auto named = flags.find("config"); named != flags.end()) return named->second.back();
    if (const char* named = std::getenv("WEIR_CONFIG"); named != nullptr && *named != '\0')
        return named;
    std::string usual = is_root() ? "/etc/weir/weir.toml" : home() + "/.config/weir/weir.toml";
    return std::filesystem::exists(usual) ? usual : "";
}

struct Chosen {
    Values values;
    std::string source;
};

Chosen choose(const Option& option, const Flags& flags, const TomlValues& file,
              const std::string& file_path) {
    if (const auto flag = flags.find(option.name); flag != flags.end())
        return {flag->second, "flag"};
    const std::string variable = variable_name(option.name);
    if (const char* value = std::getenv(variable.c_str()); value != nullptr)
        return {option.many ? split_commas(value) : Values{value}, variable};
    if (const auto value = file.find(option.name); value != file.end())
        return {value->second, file_path};
    return {{option.fallback()}, "default"};
}

Result<void> check_together(const Config& config) {
    if (config.root_access_key.empty() != config.root_secret_key.empty())
        return fail(
            Code::invalid_argument,
            "WEIR_ROOT_ACCESS_KEY and WEIR_ROOT_SECRET_KEY go together: set both or neither");
    const bool files = !config.tls_cert.empty() || !config.tls_key.empty();
    if (files && (config.tls_cert.empty() || config.tls_key.empty()))
        return fail(Code::invalid_argument,
                    "--tls-cert and --tls-key go together: give both or neither");
    if (config.tls == "files" && !files)
        return fail(Code::invalid_argument, "--tls files needs --tls-cert and --tls-key");
    if (config.tls == "self-signed" && files)
        return fail(
            Code::invalid_argument,
            "--tls self-signed makes its own certificate; leave --tls-cert and --tls-key away");
    return {};
}

}  // namespace

Result<Flags> parse_flags(const std::vector<std::string>& arguments) {
    const std::vector<Option> options = all_options();
    Flags flags;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& argument = arguments[i];
        if (!argument.starts_with("--"))
            return fail(Code::invalid_argument,
                        fmt::format("'{}' is no option; see weir serve --help", argument));
        const std::size_t equals = argument.find('=');
        const std::string name =
            argument.substr(2, equals == std::string::npos ? std::string::npos : equals - 2);
        const auto known = std::ranges::find(options, name, &Option::name);
        if (known == options.end() && name != "config")
            return fail(Code::invalid_argument,
                        fmt::format("--{} is no option of weir; see weir serve --help", name));
        if (known != options.end() && known->secret)
            return fail(
                Code::invalid_argument,
                fmt::format("--{} would show in the process list; set {} or put it into the file",
                            name, variable_name(name)));
        if (equals == std::string::npos && i + 1 == arguments.size())
            return fail(Code::invalid_argument, fmt::format("--{} needs a value", name));
        flags[name].push_back(equals == std::string::npos ? arguments[++i]
                                                          : argument.substr(equals + 1));
    }
    return flags;
}

Result<Loaded> load_config(const Flags& flags) {
    const std::vector<Option> options = all_options();
    const std::string path = config_path(flags);
    TomlValues file;
    if (!path.empty()) {
        TRY(file, read_toml(path));
        for (const auto& [name, values] : file)
            if (std::ranges::find(options, name, &Option::name) == options.end())
                return fail(Code::invalid_argument,
                            fmt::format("{}: '{}' is no option of weir; see weir serve --help",
                                        path, name));
    }
    Loaded loaded;
    for (const Option& option : options) {
        const Chosen chosen = choose(option, flags, file, path);
        if (chosen.values.empty() && !option.many)
            return fail(Code::invalid_argument, fmt::format("{}: '{}' is an empty list; give it a "
                                                            "value or leave it away",
                                                            chosen.source, option.name));
        if (Result<void> set = option.set(loaded.config, chosen.values); !set) {
            if (chosen.source == "flag" || chosen.source == "default")
                return fail(std::move(set).error());
            return fail(Code::invalid_argument,
                        fmt::format("{} ({})", set.error().message(), chosen.source));
        }
        std::string shown = fmt::format("{}", fmt::join(chosen.values, ","));
        if (option.secret) shown = shown.empty() ? "not set" : "set";
        loaded.settings.push_back({option.name, std::move(shown), chosen.source, option.help});
    }
    TRY_VOID(check_together(loaded.config));
    if (!loaded.config.tls_cert.empty()) loaded.config.tls = "files";
    return loaded;
}

std::string describe(const std::vector<Setting>& settings) {
    std::string out =
        "Options: by flag (--listen), environment (WEIR_LISTEN) or TOML file (listen = ...); "
        "--config FILE or\n"
        "WEIR_CONFIG names the file.\n\n";
    for (const Setting& setting : settings)
        out += fmt::format("  {:26} {} [{}]\n  {:26} {}\n", "--" + setting.name,
                           setting.value.empty() ? "(empty)" : setting.value, setting.source, "",
                           setting.help);
    return out;
}

}  // namespace weir::cli
