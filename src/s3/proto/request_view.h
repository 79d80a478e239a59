#pragma once
// One S3 request as its words: what the router and the parsers read. The server fills it from its
// HTTP request after it has split the target and decoded it once; nothing here decodes anything.
//
// Owns only its two vectors: every string is a view into the server's request and must outlive the
// view. A plain value; read from any thread. Nothing here fails.

#include <optional>
#include <string_view>
#include <vector>

namespace weir::s3 {

struct NamedText {
    std::string_view name = {};
    std::string_view value = {};
};

struct RequestView {
    std::string_view method = {};  // "GET"
    std::string_view host = {};
    std::string_view bucket = {};       // decoded; empty: the service itself
    std::string_view key = {};          // decoded; empty: the bucket itself
    std::vector<NamedText> query = {};  // decoded, in order; `?acl` is {"acl", ""}
    std::vector<NamedText> headers =
        {};  // in order, repeated ones as they came; values without outer white space

    // The first of that name. Query names are exact, header names are not case-sensitive.
    std::optional<std::string_view> parameter(std::string_view name) const;
    std::optional<std::string_view> header(std::string_view name) const;
};

// ASCII only, as HTTP compares names.
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim_spaces(std::string_view text);

}  // namespace weir::s3
