#include "s3/proto/uri.h"

#include <cstdint>

#include "s3/proto/request_view.h"
#include "s3/proto/utf8.h"

namespace weir::s3 {
namespace {

constexpr std::string_view upper_digits = "0123456789ABCDEF";

bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

Result<std::string> decode_text(std::string_view raw, bool plus_is_space) {
    std::optional<std::string> decoded = percent_decode(raw, plus_is_space);
    if (!decoded || !is_utf8_text(*decoded)) return fail(Code::invalid_uri);
    return *std::move(decoded);
}

// "http://host/path" without the part before the path: clients of a proxy send it.
std::string_view origin_form(std::string_view raw) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (raw.size() < scheme.size() ||
            !equal_ignoring_case(raw.substr(0, scheme.size()), scheme))
            continue;
        const std::size_t end = raw.find_first_of("/?", scheme.size());
        return end == std::string_view::npos ? std::string_view("/") : raw.substr(end);
    }
    return raw;
}

// A Host header without its port and without the dot that ends an absolute name.
std::string_view host_name(std::string_view host) {
    if (!host.starts_with('[')) host = host.substr(0, host.rfind(':'));
    if (host.ends_with('.')) host.remove_suffix(1);
    return host;
}

// What stands before the longest of the domains; nullopt for a domain itself and for other names.
std::optional<std::string_view> bucket_of_host(std::string_view name,
                                               std::span<const std::string> domains) {
    std::optional<std::string_view> bucket;
    for (const std::string_view domain : domains) {
        if (equal_ignoring_case(name, domain)) return std::nullopt;
        if (domain.empty() || name.size() < domain.size() + 2) continue;
        const std::string_view front = name.substr(0, name.size() - domain.size() - 1);
        if (name[front.size()] != '.' ||
            !equal_ignoring_case(name.substr(front.size() + 1), domain))
            continue;
        if (!bucket || front.size() < bucket->size()) bucket = front;
    }
    return bucket;
}

}  // namespace

std::string percent_encode(std::string_view text, bool keep_slash) {
    std::string out;
    out.reserve(text.size() + text.size() / 4);
    for (const char c : text) {
        if (is_unreserved(c) || (keep_slash && c == '/')) {
            out += c;
        } else {
            const auto byte = static_cast<std::uint8_t>(c);
            out += {'%', upper_digits[byte >> 4], upper_digits[byte & 0xf]};
        }
    }
    return out;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            out += ' ';
        } else if (text[i] != '%') {
            out += text[i];
        } else {
            if (text.size() - i < 3) return std::nullopt;
            const int high = hex_value(text[i + 1]);
            const int low = hex_value(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            out += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    return out;
}

Result<Target> parse_target(std::string_view raw) {
    raw = origin_form(raw);
    Target target;
    const std::size_t question = raw.find('?');
    target.raw_path = raw.substr(0, question);
    if (target.raw_path.empty()) target.raw_path = "/";
    if (!target.raw_path.starts_with('/')) return fail(Code::invalid_uri);
    TRY(target.path, decode_text(target.raw_path, /*plus_is_space=*/false));
    if (question == std::string_view::npos) return target;

    target.raw_query = raw.substr(question + 1);
    std::string_view rest = target.raw_query;
    while (!rest.empty()) {
        const std::size_t end = rest.find('&');
        const std::string_view pair = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
        if (pair.empty()) continue;
        const std::size_t equals = pair.find('=');
        TRY(std::string name, decode_text(pair.substr(0, equals), /*plus_is_space=*/true));
        std::string value;
        if (equals != std::string_view::npos) {
            TRY(value, decode_text(pair.substr(equals + 1), /*plus_is_space=*/true));
        }
        target.query.emplace_back(std::move(name), std::move(value));
    }
    return target;
}

Place find_place(std::string_view path, std::string_view host,
                 std::span<const std::string> domains) {
    path.remove_prefix(path.starts_with('/') ? 1 : 0);
    if (const std::optional<std::string_view> bucket = bucket_of_host(host_name(host), domains))
        return {.bucket = std::string(*bucket), .key = std::string(path), .bucket_in_host = true};
    const std::size_t slash = path.find('/');
    Place place{.bucket = std::string(path.substr(0, slash))};
    if (slash != std::string_view::npos) place.key = path.substr(slash + 1);
    return place;
}

}  // namespace weir::s3
