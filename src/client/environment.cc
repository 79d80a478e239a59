#include "client/environment.h"

#include <pwd.h>
#include <unistd.h>

#include <vector>

#include "base/number.h"

namespace weir::client {
namespace {

std::string home_of(uid_t user) {
    std::vector<char> memory(16 * 1024);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(user, &entry, memory.data(), memory.size(), &found) != 0 || found == nullptr)
        return "";
    return entry.pw_dir;
}

}  // namespace

Environment Environment::of_process() {
    Environment environment;
    std::string_view home, sudo;
    for (char** at = environ; *at != nullptr; ++at) {
        const std::string_view pair(*at);
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos) continue;
        const std::string_view name = pair.substr(0, equals), value = pair.substr(equals + 1);
        if (name == "HOME") home = value;
        if (name == "SUDO_UID") sudo = value;
        if (name.starts_with("AWS_")) environment.variables.emplace(name, value);
    }
    const std::optional<uid_t> user = ::geteuid() == 0 ? parse_number<uid_t>(sudo) : std::nullopt;
    environment.home = user ? home_of(*user) : std::string(home);
    if (environment.home.empty()) environment.home = home_of(::getuid());
    return environment;
}

std::optional<std::string> Environment::variable(std::string_view name) const {
    const auto found = variables.find(name);
    if (found == variables.end() || found->second.empty()) return std::nullopt;
    return found->second;
}

std::string Environment::profile() const { return variable("AWS_PROFILE").value_or("default"); }

std::string Environment::credentials_file() const {
    return variable("AWS_SHARED_CREDENTIALS_FILE").value_or(home + "/.aws/credentials");
}

std::string Environment::config_file() const {
    return variable("AWS_CONFIG_FILE").value_or(home + "/.aws/config");
}

}  // namespace weir::client
