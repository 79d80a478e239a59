#pragma once
// What the server sends back, short of an object's bytes: status, headers and an XML document. The
// typed replies (model_*.h) and errors (error_reply.h) are written into one.
//
// A plain value. Nothing here fails.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::s3 {

struct Reply {
    unsigned status = 200;
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string body = {};  // XML, or empty

    // Control characters in the value become spaces: whatever was stored, a reply cannot be split
    // in two.
    void add_header(std::string_view name, std::string_view value);
    std::optional<std::string_view> header(std::string_view name) const;
};

}  // namespace weir::s3
