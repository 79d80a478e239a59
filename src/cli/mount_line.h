#pragma once
// What `weir mount` was asked for: by flags, by -o, by /etc/fstab through mount.weir. One table
// (mount_line.cc) has every option: --cache-bytes 10G and -o cache_bytes=10G are the same.
//
// A plain value and pure functions. Failure: invalid_argument, one sentence that names the option.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/mount_source.h"

namespace weir::cli {

struct MountLine {
    std::string source_text = {};
    MountSource source = {};
    std::string folder = {};

    std::string endpoint = {};  // empty: as the environment says
    std::string region = {};
    std::string profile = {};
    std::string ca_file = {};
    std::string cache = {};  // empty: the default
    std::optional<std::uint64_t> cache_bytes = {};
    std::optional<std::uint64_t> memory_bytes = {};
    std::vector<std::string> prefetch = {};
    std::optional<std::chrono::milliseconds> ttl = {};
    std::optional<std::uint32_t> uid = {};
    std::optional<std::uint32_t> gid = {};
    std::optional<std::uint16_t> umask = {};
    bool allow_other = false;
    bool read_only = false;
    bool no_exec = false;
    bool async_close = false;
    bool listed_metadata = false;
    bool passthrough = true;
    bool store_files = true;
    bool foreground = false;
    bool recover = false;
    std::string log = {};  // a file, or "syslog"; empty: what is there
    std::string log_level = "info";
};

// "BUCKET DIR --read-only -o uid=1000,ro".
Result<MountLine> parse_mount_line(const std::vector<std::string>& arguments);

// What mount(8) calls its helper with: "BUCKET DIR -n -v -s -f -t weir -o rw,uid=1000".
struct HelperLine {
    MountLine line = {};
    bool fake = false;  // -f: all but the mount
};
Result<HelperLine> parse_helper_line(const std::vector<std::string>& arguments);

// The options for people.
std::string describe_mount_options();

}  // namespace weir::cli
