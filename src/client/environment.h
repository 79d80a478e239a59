#pragma once
// Where the settings of S3 clients come from: the process's environment, the person's ~/.aws, and
// /etc/weir/env. Taken once and passed down, so that nothing below reads the environment itself and
// tests say what is in it.
//
// A plain value; read from any thread.

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace weir::client {

struct Environment {
    std::map<std::string, std::string, std::less<>> variables = {};  // AWS_* only
    std::string home = {};  // the person's: under sudo that of who called it; empty: unknown
    std::string system_file = "/etc/weir/env";

    static Environment of_process();

    // Empty ones count as unset.
    std::optional<std::string> variable(std::string_view name) const;

    // AWS_PROFILE, or "default".
    std::string profile() const;
    std::string credentials_file() const;  // AWS_SHARED_CREDENTIALS_FILE, or ~/.aws/credentials
    std::string config_file() const;       // AWS_CONFIG_FILE, or ~/.aws/config
};

}  // namespace weir::client
