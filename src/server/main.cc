// weir: the command line. `serve` is serve.cc, which is the architecture; everything else is
// cli/commands.cc.

#include <fmt/format.h>

#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "server/serve.h"

namespace {

int dispatch(const std::vector<std::string>& arguments) {
    constexpr int misused = 2;
    if (arguments.empty() || arguments[0] == "help" || arguments[0] == "--help" ||
        arguments[0] == "-h") {
        weir::cli::print_usage();
        return arguments.empty() ? misused : 0;
    }
    const std::string name = arguments[0] == "--version" ? "version" : arguments[0];
    const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
    if (name == "serve") return weir::server::serve(rest);
    for (const weir::cli::Command& command : weir::cli::commands())
        if (command.name == name) return weir::cli::run(command, rest);
    return weir::cli::complain(fmt::format("'{}' is no command; see weir help", name), misused);
}

// mount(8) runs /sbin/mount.weir, a link to this program.
bool is_mount_helper(std::string_view program) {
    return program.substr(program.rfind('/') + 1) == "mount.weir";
}

}  // namespace

int main(int count, char** values) {
    try {
        if (count > 0 && is_mount_helper(values[0]))
            return weir::cli::run_mount_helper({values + 1, values + count});
        return dispatch({values + 1, values + count});
    } catch (const std::exception& exception) {
        return weir::cli::complain(fmt::format("unexpected: {}", exception.what()), 1);
    }
}
