#include "client/service_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "s3/proto/xml_reader.h"

namespace weir::client {
namespace {

// Codes that other stores use, and those that several of our own share.
constexpr std::array<std::pair<std::string_view, Code>, 12> others{{
    {"InternalError", Code::internal_error},
    {"ExpiredToken", Code::invalid_token},
    {"TokenRefreshRequired", Code::invalid_token},
    {"AllAccessDisabled", Code::access_denied},
    {"InvalidObjectState", Code::access_denied},
    {"NoSuchUploadId", Code::no_such_upload},
    {"TooManyRequests", Code::slow_down},
    {"Throttling", Code::slow_down},
    {"ThrottlingException", Code::slow_down},
    {"RequestLimitExceeded", Code::slow_down},
    {"XMinioStorageFull", Code::no_space},
    {"XMinioServerNotInitialized", Code::unavailable},
}};

std::optional<Code> by_name(std::string_view s3_code) {
    for (const auto& [name, code] : others)
        if (name == s3_code) return code;
    for (std::size_t i = 0; i < code_count; ++i)
        if (info(static_cast<Code>(i)).s3_code == s3_code) return static_cast<Code>(i);
    return std::nullopt;
}

Code by_status(unsigned status, bool has_key) {
    switch (status) {
        case 304:
            return Code::not_modified;
        case 401:
        case 403:
            return Code::access_denied;
        case 404:
            return has_key ? Code::no_such_key : Code::no_such_bucket;
        case 405:
            return Code::method_not_allowed;
        case 408:
            return Code::request_timeout;
        case 409:
            return Code::operation_aborted;
        case 411:
            return Code::missing_content_length;
        case 412:
            return Code::precondition_failed;
        case 416:
            return Code::invalid_range;
        case 429:
        case 503:
            return Code::slow_down;
        case 501:
            return Code::not_implemented;
        case 502:
        case 504:
            return Code::unavailable;
        case 507:
            return Code::no_space;
        default:
            return status >= 500 ? Code::internal_error : Code::invalid_request;
    }
}

}  // namespace

Code ServiceError::code(bool has_key) const {
    return by_name(s3_code).value_or(by_status(status, has_key));
}

Error ServiceError::error(std::string_view request, bool has_key) const {
    const Code mapped = code(has_key);
    const CodeInfo& row = info(mapped);
    return Error(mapped, fmt::format("{}: {} ({}, HTTP {}, request id {})",
                                     s3_code.empty() ? row.s3_code : s3_code,
                                     message.empty() ? row.message : message, request, status,
                                     request_id.empty() ? "unknown" : request_id));
}

bool ServiceError::may_retry() const {
    constexpr std::array<unsigned, 5> statuses{429, 500, 502, 503, 504};
    // Of the body, on its way.
    constexpr std::array<std::string_view, 5> codes{"RequestTimeout", "IncompleteBody", "BadDigest",
                                                    "XAmzContentSHA256Mismatch",
                                                    "XAmzContentChecksumMismatch"};
    if (s3_code == "InternalError" || s3_code == "SlowDown") return true;  // within a 200
    return std::ranges::find(statuses, status) != statuses.end() ||
           (status == 400 && std::ranges::find(codes, s3_code) != codes.end());
}

ServiceError parse_service_error(unsigned status, std::string_view body) {
    ServiceError error{.status = status};
    if (body.empty()) return error;
    const Result<s3::XmlDocument> document = s3::XmlDocument::parse(body);
    if (!document) return error;
    const s3::XmlElement root = document->root();
    if (root.name() != "Error") return error;
    error.s3_code = root.child("Code").text();
    error.message = root.child("Message").text();
    error.request_id = root.child("RequestId").text();
    error.region = root.child("Region").text();
    return error;
}

}  // namespace weir::client
