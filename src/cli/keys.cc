#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/command_line.h"

namespace weir::cli {
namespace {

int print_keys(const nlohmann::json& reply) {
    fmt::print("{:28} {:20} {:9} {}\n", "ACCESS KEY", "OWNER", "STATE", "CREATED");
    for (const nlohmann::json& key : reply.at("keys"))
        fmt::print("{:28} {:20} {:9} {}\n", key.at("id").get<std::string>(),
                   key.at("owner").get<std::string>(),
                   key.at("enabled").get<bool>() ? "enabled" : "disabled",
                   key.at("created").get<std::string>());
    return done;
}

int print_key(const nlohmann::json& reply) {
    fmt::print("export AWS_ACCESS_KEY_ID=\"{}\"\n", reply.at("id").get<std::string>());
    if (reply.contains("secret"))
        fmt::print("export AWS_SECRET_ACCESS_KEY=\"{}\"\n", reply.at("secret").get<std::string>());
    return done;
}

int print_ok(const nlohmann::json&) { return done; }

Result<std::string> read_secret(const std::string& path) {
    std::ifstream file(path);
    std::string secret;
    if (!file || !std::getline(file, secret))
        return fail(Code::not_found, fmt::format("{} holds no secret", path));
    return secret;
}

int create_key(const Config& config, const std::optional<std::string>& owner,
               const std::optional<std::string>& id,
               const std::optional<std::string>& secret_file) {
    if (!owner) return complain("keys create needs --owner NAME", misused);
    if (id.has_value() != secret_file.has_value())
        return complain(
            "--access-key and --secret-file go together: a key that exists already, and a file "
            "with its secret",
            misused);
    nlohmann::json body{{"owner", *owner}};
    if (id) {
        const Result<std::string> secret = read_secret(*secret_file);
        if (!secret) return complain(secret.error().message(), failed);
        body["id"] = *id;
        body["secret"] = *secret;
    }
    return ask(config, "POST", "/keys", body, print_key);
}

}  // namespace

int run_keys(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const std::optional<std::string> verb = take_word(arguments);
    const std::optional<std::string> target = take_word(arguments);
    const std::optional<std::string> owner = take_flag(arguments, "--owner"),
                                     id = take_flag(arguments, "--access-key"),
                                     secret_file = take_flag(arguments, "--secret-file");
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    const Config& config = loaded->config;
    if (verb == "create" && !target) return create_key(config, owner, id, secret_file);
    if (verb == "list" && !target) return ask(config, "GET", "/keys", nullptr, print_keys);
    if (!target)
        return complain(
            "usage: weir keys create --owner NAME | list | disable ID | enable ID | remove ID",
            misused);
    if (verb == "disable" || verb == "enable")
        return ask(config, "POST", "/keys/" + *target + "/" + *verb, nullptr, print_ok);
    if (verb == "remove") return ask(config, "DELETE", "/keys/" + *target, nullptr, print_ok);
    return complain(fmt::format("'{}' is no command of weir keys", verb.value_or("")), misused);
}

}  // namespace weir::cli
