#pragma once
// The configuration: every option by flag, by WEIR_... and by one TOML file, under the same name.
// One table (config.cc) says what there is; `weir serve --help` and `weir config` print it with
// present values and where each came from.
//
// A plain value once loaded. Failures are one sentence that names the option, its value and what is
// accepted.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace weir::cli {

struct Config {
    std::string data;
    std::string listen;
    std::string admin_listen;
    std::vector<std::string> domains;
    std::string tls;  // "off", "self-signed" or "files"
    std::string tls_cert;
    std::string tls_key;
    std::string region;
    std::size_t threads = 0;
    std::string log_level;
    std::string verify_reads;  // "off" or "on"
    std::string access_log;    // "off", "stdout" or a path
    std::uint64_t reclaim_delay_s = 0;
    std::uint64_t journal_keep_s = 0;
    std::uint64_t journal_keep_bytes = 0;
    std::uint64_t reserve_bytes = 0;
    std::string root_access_key;  // environment only
    std::string root_secret_key;
    Limits limits;
};

struct Setting {
    std::string name;
    std::string value;   // secrets: "set" or "not set"
    std::string source;  // "default", "flag", "WEIR_LISTEN", or the file's path
    std::string help;
};

struct Loaded {
    Config config;
    std::vector<Setting> settings;
};

// `flags`: option name -> values, as they came (an option given twice has two). `environment` is
// looked up by name.
using Flags = std::map<std::string, std::vector<std::string>>;
Result<Loaded> load_config(const Flags& flags);

// "--name value", "--name=value" of the options in the table; anything else is invalid_argument.
Result<Flags> parse_flags(const std::vector<std::string>& arguments);

// The table for people.
std::string describe(const std::vector<Setting>& settings);

}  // namespace weir::cli
