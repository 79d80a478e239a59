#include "mount/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "mount/folder_page.h"

namespace weir::mount {
namespace {

constexpr std::array<std::string_view, 8> weights_endings{
    ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".ggml", ".onnx"};
constexpr std::array<std::string_view, 4> archive_endings{".bin", ".pt", ".pth", ".ckpt"};
constexpr unsigned shards_max = 1000;

template <typename Endings>
bool ends_in_one(std::string_view name, const Endings& endings) {
    return std::ranges::any_of(endings,
                               [&](std::string_view each) { return name.ends_with(each); });
}

bool is_digit(char each) { return each >= '0' && each <= '9'; }

// The number at the end of `text`, and what comes before it.
struct Numbered {
    std::string_view before;
    std::string_view digits;
    unsigned number = 0;
};
std::optional<Numbered> number_at_end(std::string_view text) {
    std::size_t begin = text.size();
    while (begin > 0 && is_digit(text[begin - 1])) --begin;
    Numbered numbered{.before = text.substr(0, begin), .digits = text.substr(begin)};
    const auto [end, error] = std::from_chars(
        numbered.digits.data(), numbered.digits.data() + numbered.digits.size(), numbered.number);
    if (numbered.digits.empty() || error != std::errc() || numbered.number > shards_max)
        return std::nullopt;
    return numbered;
}

// Digits compare as numbers.
bool natural_less(std::string_view a, std::string_view b) {
    while (!a.empty() && !b.empty()) {
        if (is_digit(a.front()) && is_digit(b.front())) {
            const auto run = [](std::string_view& text) {
                std::size_t size = 0;
                while (size < text.size() && is_digit(text[size])) ++size;
                std::string_view digits = text.substr(0, size);
                text.remove_prefix(size);
                digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
                return digits;
            };
            const std::string_view left = run(a), right = run(b);
            if (left.size() != right.size()) return left.size() < right.size();
            if (left != right) return left < right;
            continue;
        }
        if (a.front() != b.front()) return a.front() < b.front();
        a.remove_prefix(1);
        b.remove_prefix(1);
    }
    return a.size() < b.size();
}

bool matches_here(std::string_view pattern, std::string_view path) {
    while (!pattern.empty()) {
        if (pattern.starts_with('*')) {
            const bool across = pattern.starts_with("**");
            pattern.remove_prefix(across ? 2 : 1);
            if (across && pattern.starts_with('/') && matches_here(pattern.substr(1), path))
                return true;
            for (std::size_t i = 0;; ++i) {
                if (matches_here(pattern, path.substr(i))) return true;
                if (i == path.size() || (path[i] == '/' && !across)) return false;
            }
        }
        if (path.empty()) return false;
        if (pattern.front() == '?' ? path.front() == '/' : pattern.front() != path.front())
            return false;
        pattern.remove_prefix(1);
        path.remove_prefix(1);
    }
    return path.empty();
}

}  // namespace

bool is_weights(std::string_view name) { return ends_in_one(name, weights_endings); }
bool is_archive(std::string_view name) { return ends_in_one(name, archive_endings); }

std::vector<std::string> numbered_siblings(std::string_view name) {
    constexpr std::string_view of = "-of-";
    std::vector<std::string> siblings;
    const std::size_t at = name.rfind(of);
    const std::size_t dot = at == std::string_view::npos ? at : name.find('.', at);
    if (dot == std::string_view::npos) return siblings;
    const auto own = number_at_end(name.substr(0, at));
    const auto all = number_at_end(name.substr(at + of.size(), dot - at - of.size()));
    if (!own || !all || !all->before.empty()) return siblings;
    const auto add = [&](unsigned from, unsigned to) {
        for (unsigned i = from; i <= to; ++i)
            if (i != own->number)
                siblings.push_back(
                    fmt::format("{}{:0{}}{}", own->before, i, own->digits.size(), name.substr(at)));
    };
    // Some count from 0, most from 1.
    const unsigned first = own->number == 0 ? 0 : 1;
    add(own->number + 1, all->number);
    if (own->number > first) add(first, own->number - 1);
    return siblings;
}

bool is_weights_index(std::string_view name) { return name.ends_with(".index.json"); }

std::vector<std::string> files_of_index(std::string_view text) {
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    std::vector<std::string> files;
    if (!json.is_object()) return files;
    const auto map = json.find("weight_map");
    if (map == json.end() || !map->is_object()) return files;
    std::set<std::string> seen;
    for (const auto& [tensor, file] : map->items()) {
        if (!file.is_string()) continue;
        const auto& name = file.get_ref<const std::string&>();
        if (possible_name(name) && seen.size() < shards_max) seen.insert(name);
    }
    files.assign(seen.begin(), seen.end());
    std::ranges::sort(files, [](const std::string& a, const std::string& b) {
        return natural_less(a, b) || (!natural_less(b, a) && a < b);
    });
    return files;
}

bool matches(std::string_view pattern, std::string_view path) {
    if (!pattern.contains('/')) path.remove_prefix(path.rfind('/') + 1);
    return matches_here(pattern, path);
}

}  // namespace weir::mount
