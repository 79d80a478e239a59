// The configuration file: what is read is written and read again as the same values; and options
// that a file may give may be given as flags, with the same effect.

#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "cli/config.h"
#include "cli/toml_file.h"
#include "fuzz_input.h"

namespace weir::cli {
namespace {

// In a folder of this process; the configuration of whoever runs this is not looked at.
std::string path_of(const char* name) {
    static const std::string folder = [] {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "weir_config_XXXXXX").string();
        CHECK(::mkdtemp(pattern.data()) != nullptr);
        return pattern;
    }();
    return folder + "/" + name;
}

std::string write_file(const char* name, std::string_view text) {
    std::string path = path_of(name);
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

std::string toml_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (byte < 0x20 || byte == 0x7f || c == '"' || c == '\\') {
            out += fmt::format("\\u{:04x}", byte);
        } else {
            out += c;
        }
    }
    return out + "\"";
}

std::string write_toml(const TomlValues& values) {
    std::string text;
    for (const auto& [name, list] : values) {
        text += toml_text(name) + " = [";
        for (const std::string& value : list) text += toml_text(value) + ", ";
        text += "]\n";
    }
    return text;
}

void check_flags(const TomlValues& values, const Loaded& from_file, const std::string& empty) {
    std::vector<std::string> arguments{"--config=" + empty};
    for (const auto& [name, list] : values) {
        if (name.starts_with("root-") || list.empty()) return;
        for (const std::string& value : list)
            arguments.push_back(fmt::format("--{}={}", name, value));
    }
    const Result<Flags> flags = parse_flags(arguments);
    CHECK(flags.has_value());
    const Result<Loaded> from_flags = load_config(*flags);
    CHECK(from_flags.has_value());
    CHECK(from_flags->settings.size() == from_file.settings.size());
    for (std::size_t i = 0; i < from_file.settings.size(); ++i)
        CHECK(from_flags->settings[i].value == from_file.settings[i].value);
}

void check(std::string_view text) {
    const std::string path = write_file("fuzzed.toml", text);
    const Result<TomlValues> values = read_toml(path);
    const Result<Loaded> loaded = load_config({{"config", {path}}});
    if (!values) {
        CHECK(values.error().code() == Code::invalid_argument && !loaded);
        return;
    }
    const Result<TomlValues> again = read_toml(write_file("written.toml", write_toml(*values)));
    CHECK(again.has_value() && *again == *values);
    if (!loaded) {
        CHECK(loaded.error().code() == Code::invalid_argument);
        return;
    }
    const std::string shown = describe(loaded->settings);
    if (!loaded->config.root_secret_key.empty() && loaded->config.root_secret_key.size() >= 32)
        CHECK(shown.find(loaded->config.root_secret_key) == std::string::npos);
    check_flags(*values, *loaded, write_file("empty.toml", ""));
}

}  // namespace
}  // namespace weir::cli

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::cli::check(weir::fuzz::as_input(data, size));
    return 0;
}
