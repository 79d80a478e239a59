#include "cli/toml_file.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <optional>

namespace weir::cli {
namespace {

std::optional<std::string> to_text(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
    return std::nullopt;
}

Result<std::vector<std::string>> to_values(const std::string& path, std::string_view name,
                                           const toml::node& node) {
    std::vector<std::string> values;
    if (const toml::array* array = node.as_array()) {
        for (const toml::node& element : *array) {
            std::optional<std::string> value = to_text(element);
            if (!value)
                return fail(Code::invalid_argument,
                            fmt::format("{}: '{}' holds something that is no text", path, name));
            values.push_back(*std::move(value));
        }
        return values;
    }
    std::optional<std::string> value = to_text(node);
    if (!value)
        return fail(Code::invalid_argument,
                    fmt::format("{}: '{}' is neither text, number nor list", path, name));
    values.push_back(*std::move(value));
    return values;
}

}  // namespace

Result<TomlValues> read_toml(const std::string& path) {
    TomlValues values;
    try {
        const toml::table table = toml::parse_file(path);
        for (const auto& [key, node] : table) {
            TRY(values[std::string(key.str())], to_values(path, key.str(), node));
        }
    } catch (const toml::parse_error& error) {
        return fail(
            Code::invalid_argument,
            fmt::format("{}, line {}: {}", path, error.source().begin.line, error.description()));
    }
    return values;
}

}  // namespace weir::cli
