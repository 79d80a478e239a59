#include "cli/command_line.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/admin_client.h"

namespace weir::cli {

std::optional<std::string> take_flag(std::vector<std::string>& arguments, const std::string& name) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const bool joined = arguments[i].starts_with(name + "=");
        if (!joined && (arguments[i] != name || i + 1 == arguments.size())) continue;
        std::string value = joined ? arguments[i].substr(name.size() + 1) : arguments[i + 1];
        const auto at = arguments.begin() + static_cast<std::ptrdiff_t>(i);
        arguments.erase(at, at + (joined ? 1 : 2));
        return value;
    }
    return std::nullopt;
}

bool take_switch(std::vector<std::string>& arguments, std::string_view name) {
    return std::erase(arguments, name) > 0;
}

std::optional<std::string> take_word(std::vector<std::string>& arguments) {
    if (arguments.empty() || arguments.front().starts_with("--")) return std::nullopt;
    std::string word = arguments.front();
    arguments.erase(arguments.begin());
    return word;
}

bool is_count(std::string_view text) {
    constexpr std::size_t digits_max = 6;
    return !text.empty() && text.size() <= digits_max &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
}

Result<Loaded> load(const std::vector<std::string>& arguments) {
    TRY(const Flags flags, parse_flags(arguments));
    return load_config(flags);
}

int ask(const Config& config, const std::string& method, const std::string& path,
        const nlohmann::json& body, int (*print)(const nlohmann::json& reply)) {
    AdminClient client(config.data);
    const Result<nlohmann::json> reply = client.request(method, path, body);
    if (!reply) return complain(reply.error().message(), failed);
    return print(*reply);
}

int print_json(const nlohmann::json& reply) {
    fmt::print("{}\n", reply.dump(2));
    return done;
}

}  // namespace weir::cli
