#include "s3/proto/reply.h"

#include <algorithm>

#include "s3/proto/request_view.h"

namespace weir::s3 {

void Reply::add_header(std::string_view name, std::string_view value) {
    auto& added = headers.emplace_back(name, value);
    const auto is_control = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && byte != '\t') || byte == 0x7f;
    };
    std::ranges::replace_if(added.second, is_control, ' ');
}

std::optional<std::string_view> Reply::header(std::string_view name) const {
    const auto found = std::ranges::find_if(
        headers, [name](const auto& field) { return equal_ignoring_case(field.first, name); });
    if (found == headers.end()) return std::nullopt;
    return found->second;
}

}  // namespace weir::s3
