#include "http/reply_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace weir::http {
namespace {

std::string_view reason(unsigned status) {
    switch (status) {
        case 200:
            return "OK";
        case 204:
            return "No Content";
        case 206:
            return "Partial Content";
        case 301:
            return "Moved Permanently";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 400:
            return "Bad Request";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 411:
            return "Length Required";
        case 412:
            return "Precondition Failed";
        case 416:
            return "Range Not Satisfiable";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 507:
            return "Insufficient Storage";
        default:
            return "Status";
    }
}

// Made once a second, read by every reply of the core's thread.
std::string_view http_date(UnixNanos now) {
    thread_local std::time_t made_for = -1;
    thread_local char text[40] = {};
    const auto seconds = static_cast<std::time_t>(now / nanos_per_second);
    if (seconds != made_for) {
        std::tm parts{};
        ::gmtime_r(&seconds, &parts);
        std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        made_for = seconds;
    }
    return text;
}

void append_number(std::string& out, std::uint64_t number) {
    const fmt::format_int text(number);
    out.append(text.data(), text.size());
}

void append_field_text(std::string& out, std::string_view text) {
    const std::size_t begin = out.size();
    out += text;
    const auto is_break = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
    std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), is_break, ' ');
}

}  // namespace

bool may_have_body(unsigned status) { return status != 204 && status != 304; }

std::uint64_t body_bytes(const Response& response) {
    std::uint64_t bytes = response.body.size();
    for (const FileRange& file : response.files) bytes += file.length;
    return bytes;
}

void write_reply_head(std::string& out, const Response& response, const Framing& framing,
                      UnixNanos now) {
    out = "HTTP/1.1 ";
    append_number(out, response.status);
    out += ' ';
    out += reason(response.status);
    out += "\r\nDate: ";
    out += http_date(now);
    out += "\r\nServer: Weir\r\n";
    for (const auto& [name, value] : response.fields) {
        append_field_text(out, name);
        out += ": ";
        append_field_text(out, value);
        out += "\r\n";
    }
    if (response.source) {
        if (framing.chunked) out += "Transfer-Encoding: chunked\r\n";
    } else if (may_have_body(response.status)) {
        const std::uint64_t length = body_bytes(response);
        out += "Content-Length: ";
        append_number(out,
                      framing.for_head_request ? response.content_length.value_or(length) : length);
        out += "\r\n";
    }
    out += framing.keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
}

}  // namespace weir::http
