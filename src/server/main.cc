// weir: the command line. `serve` is serve.cc, which is the architecture; everything else is
// cli/commands.cc.

#include <fmt/format.h>

#include <exception>
#include <string>
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

}  // namespace

int main(int count, char** values) {
    try {
        return dispatch({values + 1, values + count});
    } catch (const std::exception& exception) {
        return weir::cli::complain(fmt::format("unexpected: {}", exception.what()), 1);
    }
}
