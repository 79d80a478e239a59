#include "s3/proto/request_view.h"

#include <algorithm>

namespace weir::s3 {
namespace {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trim_spaces(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<std::string_view> RequestView::parameter(std::string_view name) const {
    const auto found = std::ranges::find(query, name, &NamedText::name);
    if (found == query.end()) return std::nullopt;
    return found->value;
}

std::optional<std::string_view> RequestView::header(std::string_view name) const {
    const auto found = std::ranges::find_if(
        headers, [name](const NamedText& field) { return equal_ignoring_case(field.name, name); });
    if (found == headers.end()) return std::nullopt;
    return found->value;
}

}  // namespace weir::s3
