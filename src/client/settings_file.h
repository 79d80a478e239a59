#pragma once
// The files that S3 clients are set up by: the sections of ~/.aws/config and ~/.aws/credentials,
// and the KEY=VALUE lines of /etc/weir/env. Private to client.
//
// Pure values; safe from any thread. invalid_argument, naming file and line, for what cannot be
// read.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "client/environment.h"

namespace weir::client {

using Settings = std::map<std::string, std::string, std::less<>>;
// By section: "default", "profile name", "services name". An indented line belongs to the setting
// above it: "s3.endpoint_url".
using Sections = std::map<std::string, Settings, std::less<>>;

Result<Sections> parse_sections(std::string_view text, std::string_view file);
// Lines may begin with "export " and quote the value.
Result<Settings> parse_variables(std::string_view text, std::string_view file);

// nullopt where there is none, or none that we may read.
Result<std::optional<std::string>> read_settings_file(const std::string& path);
Result<Sections> read_sections(const std::string& path);
Result<Settings> read_variables(const std::string& path);

// Empty ones count as absent.
std::optional<std::string> setting(const Settings& settings, std::string_view name);

// The section of ~/.aws/config for a profile: "default" or "profile NAME".
const Settings* config_profile(const Sections& config, const std::string& profile);

}  // namespace weir::client
