#include "client/request.h"

#include <fmt/format.h>

#include <algorithm>

#include "s3/proto/sign.h"
#include "s3/proto/uri.h"

namespace weir::client {
namespace {

constexpr std::string_view empty_sha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

bool breaks_lines(std::string_view text) {
    return std::ranges::any_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && byte != '\t') || byte == 0x7f;
    });
}

// What the body is vouched for by.
std::string_view payload_text(const Request& request, const Endpoint& endpoint) {
    if (!request.payload_sha256.empty()) return request.payload_sha256;
    if (request.source == nullptr || request.source->bytes() == 0) return empty_sha256;
    return endpoint.tls ? "UNSIGNED-PAYLOAD" : empty_sha256;
}

std::string encoded_query(const Request& request) {
    std::string out;
    for (const auto& [name, value] : request.query) {
        out += out.empty() ? '?' : '&';
        out += s3::percent_encode(name, /*keep_slash=*/false);
        if (value.empty() && request.query.size() == 1) continue;  // ?uploads
        out += '=';
        out += s3::percent_encode(value, /*keep_slash=*/false);
    }
    return out;
}

}  // namespace

void Request::add_conditions(const WriteConditions& conditions) {
    if (conditions.if_absent) add_header("If-None-Match", "*");
    add_etag("If-Match", conditions.if_match);
}

void Request::add_object_headers(const ObjectHeaders& object) {
    add_if("Content-Type", object.content_type);
    add_if("Content-Encoding", object.content_encoding);
    add_if("Cache-Control", object.cache_control);
    add_if("Content-Disposition", object.content_disposition);
    for (const auto& [name, value] : object.metadata) add_header("x-amz-meta-" + name, value);
}

std::string Request::describe() const {
    return fmt::format("{} s3://{}{}{}", method, bucket, key.empty() ? "" : "/", key);
}

Result<std::string> head_text(const Request& request, const Endpoint& endpoint,
                              const std::string& host, const Signer& signer) {
    std::string path = "/";
    if (!request.bucket.empty() && !endpoint.in_host(request.bucket)) {
        path += request.bucket;
        if (!request.key.empty()) path += '/';
    }
    path += request.key;

    std::vector<std::pair<std::string, std::string>> headers = request.headers;
    headers.emplace_back("Host", host);
    if (signer.credentials != nullptr) {
        headers.emplace_back("x-amz-date", signer.timestamp);
        headers.emplace_back("x-amz-content-sha256", payload_text(request, endpoint));
        if (!signer.credentials->session_token.empty())
            headers.emplace_back("x-amz-security-token", signer.credentials->session_token);
    }
    for (const auto& [name, value] : headers)
        if (breaks_lines(value) || breaks_lines(name) || name.find_first_of(" :") != name.npos)
            return fail(Code::invalid_argument,
                        fmt::format("{} has a character that no header may have", name));
    if (signer.credentials != nullptr) {
        s3::RequestView view{.method = request.method, .host = host};
        for (const auto& [name, value] : request.query) view.query.push_back({name, value});
        for (const auto& [name, value] : headers) view.headers.push_back({name, value});
        headers.emplace_back(
            "Authorization",
            s3::authorization_v4({.view = view, .path = path}, signer.credentials->access_key_id,
                                 signer.region, signer.timestamp, *signer.key));
    }
    std::string text =
        fmt::format("{} {}{} HTTP/1.1\r\n", request.method,
                    s3::percent_encode(path, /*keep_slash=*/true), encoded_query(request));
    for (const auto& [name, value] : headers) text += fmt::format("{}: {}\r\n", name, value);
    text += "User-Agent: weir\r\n";
    if (request.source != nullptr || request.method == "PUT" || request.method == "POST")
        text += fmt::format("Content-Length: {}\r\n",
                            request.source == nullptr ? 0 : request.source->bytes());
    if (request.expects_continue) text += "Expect: 100-continue\r\n";
    text += "\r\n";
    return text;
}

std::string copy_source(const std::string& bucket, const std::string& key,
                        const std::string& version_id) {
    std::string text = fmt::format("/{}/{}", bucket, s3::percent_encode(key, /*keep_slash=*/true));
    if (!version_id.empty())
        text += "?versionId=" + s3::percent_encode(version_id, /*keep_slash=*/false);
    return text;
}

}  // namespace weir::client
