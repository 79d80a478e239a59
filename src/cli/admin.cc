#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command_line.h"

namespace weir::cli {
namespace {

int print_limits(const nlohmann::json& reply) {
    fmt::print("{:32} {:>16} {:>16}\n", "LIMIT", "BOUND", "IN USE");
    for (const nlohmann::json& limit : reply.at("limits"))
        fmt::print(
            "{:32} {:>16} {:>16}\n", limit.at("name").get<std::string>(),
            limit.at("bound").get<std::uint64_t>(),
            limit.contains("use") ? std::to_string(limit.at("use").get<std::uint64_t>()) : "-");
    return done;
}

}  // namespace

int run_admin(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const std::optional<std::string> verb = take_word(arguments);
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    if (verb == "limits") return ask(loaded->config, "GET", "/limits", nullptr, print_limits);
    if (verb == "status") return ask(loaded->config, "GET", "/status", nullptr, print_json);
    return complain("usage: weir admin limits | status", misused);
}

}  // namespace weir::cli
