#include "s3/proto/model_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "base/limits.h"
#include "s3/proto/model_time.h"

namespace weir::s3 {
namespace {

// What reaches a reply's header or a log from a query (response-content-type) must be one line of
// text.
bool has_control_character(std::string_view text) {
    return std::ranges::any_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && byte != '\t') || byte == 0x7f;
    });
}

std::string lower_case(std::string_view text) {
    std::string lowered(text);
    for (char& c : lowered) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lowered;
}

// The parts of `text` between the separators, without the spaces around them.
std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = text.find(separator);
        parts.push_back(trim_spaces(text.substr(0, end)));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

constexpr std::string_view reply_override_prefix = "response-";

}  // namespace

Field FieldReader::header(std::string_view name) const {
    Field field{FieldPlace::header, name};
    if (const auto value = view_.header(name)) field.value = *value;
    return field;
}

Field FieldReader::query(std::string_view name) const {
    Field field{FieldPlace::query, name};
    if (const auto value = view_.parameter(name)) field.value = *value;
    return field;
}

Field FieldReader::element(XmlElement parent, std::string_view name) {
    Field field{FieldPlace::body, name};
    if (const XmlElement child = parent.child(name)) field.value = child.text();
    return field;
}

void FieldReader::fail_with(Code code, std::string message) {
    if (!error_.has_value()) error_ = Error(code, std::move(message));
}

void FieldReader::bad_value(const Field& field, std::string_view expected) {
    const Code code =
        field.place == FieldPlace::body ? Code::malformed_xml : Code::invalid_argument;
    fail_with(code, fmt::format("The value of {} must be {}.", field.name, expected));
}

void FieldReader::missing(const Field& field) {
    if (field.place == FieldPlace::body) {
        fail_with(Code::malformed_xml, fmt::format("The XML lacks the element {}.", field.name));
        return;
    }
    fail_with(
        Code::invalid_argument,
        fmt::format("This request needs the {} {}.",
                    field.place == FieldPlace::header ? "header" : "query parameter", field.name));
}

bool FieldReader::has_value(const Field& field) const {
    return !failed() && field.value.has_value() && !field.value->empty();
}

void FieldReader::read(const Field& field, std::optional<std::string>& out) {
    if (failed() || !field.value.has_value()) return;
    if (field.place == FieldPlace::query && field.name.starts_with(reply_override_prefix) &&
        has_control_character(*field.value)) {
        bad_value(field, "text without control characters");
        return;
    }
    out = field.value;
}

void FieldReader::read(const Field& field, std::string& out) {
    if (!field.value.has_value()) {
        missing(field);
        return;
    }
    out = *field.value;
}

bool FieldReader::read_integer(const Field& field, IntegerRange range, std::int64_t& out) {
    if (!has_value(field)) return false;
    const std::string_view text = trim_spaces(*field.value);
    std::int64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value < range.min || value > range.max) {
        bad_value(field, fmt::format("an integer between {} and {}", range.min, range.max));
        return false;
    }
    out = value;
    return true;
}

void FieldReader::read(const Field& field, std::int64_t& out, IntegerRange range) {
    if (!read_integer(field, range, out) && !failed()) missing(field);
}

void FieldReader::read(const Field& field, std::optional<std::int64_t>& out, IntegerRange range) {
    std::int64_t value = 0;
    if (read_integer(field, range, value)) out = value;
}

void FieldReader::read(const Field& field, std::optional<bool>& out) {
    if (!has_value(field)) return;
    const std::string_view text = trim_spaces(*field.value);
    if (equal_ignoring_case(text, "true")) {
        out = true;
    } else if (equal_ignoring_case(text, "false")) {
        out = false;
    } else {
        bad_value(field, "true or false");
    }
}

void FieldReader::read(const Field& field, std::optional<UnixNanos>& out, BadDate bad) {
    if (!has_value(field)) return;
    const std::optional<UnixNanos> date = parse_date(*field.value);
    if (!date.has_value() && bad == BadDate::refused) {
        bad_value(field, "a date such as Wed, 21 Oct 2026 07:28:00 GMT");
    }
    out = date;
}

bool FieldReader::read_enum(const Field& field, const EnumInfo& info, std::string& out) {
    if (!has_value(field)) return false;
    const auto same = [&](std::string_view value) {
        return info.any_case ? equal_ignoring_case(value, *field.value) : value == *field.value;
    };
    const auto found = std::ranges::find_if(info.values, same);
    if (found == info.values.end()) {
        const bool in_body = field.place == FieldPlace::body;
        fail_with(in_body ? Code::malformed_xml : info.code,
                  fmt::format("The value of {} must be one of: {}.", field.name,
                              fmt::join(info.values, ", ")));
        return false;
    }
    out = *found;
    return true;
}

void FieldReader::read(const Field& field, std::string& out, const EnumInfo& info) {
    if (!read_enum(field, info, out) && !failed()) missing(field);
}

void FieldReader::read(const Field& field, std::optional<std::string>& out, const EnumInfo& info) {
    std::string value;
    if (read_enum(field, info, value)) out = std::move(value);
}

void FieldReader::read_list(std::string_view header, std::vector<std::string>& out,
                            const EnumInfo& info) {
    for (const NamedText& line : view_.headers) {
        if (!equal_ignoring_case(line.name, header)) continue;
        for (const std::string_view part : split(line.value, ',')) {
            std::string value;
            if (read_enum({FieldPlace::header, header, std::string(part)}, info, value) &&
                std::ranges::find(out, value) == out.end()) {
                out.push_back(std::move(value));
            }
        }
    }
}

void FieldReader::read_metadata(std::string_view prefix, std::map<std::string, std::string>& out) {
    std::size_t bytes = 0;
    for (const NamedText& line : view_.headers) {
        if (line.name.size() <= prefix.size() ||
            !equal_ignoring_case(line.name.substr(0, prefix.size()), prefix)) {
            continue;
        }
        const std::string name = lower_case(line.name.substr(prefix.size()));
        bytes += name.size() + line.value.size();
        const auto [entry, added] = out.try_emplace(name, line.value);
        if (!added) entry->second.append(",").append(line.value);
    }
    if (bytes > user_metadata_bytes_max) {
        fail_with(Code::metadata_too_large,
                  fmt::format("The metadata headers hold {} bytes; {} are allowed.", bytes,
                              user_metadata_bytes_max));
    }
}

void FieldReader::refuse(const Field& field, std::string_view harmless) {
    if (!has_value(field)) return;
    const auto allowed = split(harmless, ' ');
    const bool same = std::ranges::any_of(
        allowed, [&](std::string_view value) { return equal_ignoring_case(value, *field.value); });
    if (same) return;
    fail_with(
        Code::not_implemented,
        fmt::format("{} with this value asks for a function that is not implemented.", field.name));
}

void FieldReader::refuse(XmlElement element, std::string_view name) {
    if (!element.child(name)) return;
    fail_with(Code::not_implemented,
              fmt::format("{} asks for a function that is not implemented.", name));
}

XmlElement FieldReader::body(std::string_view xml, std::string_view name, bool required) {
    if (failed()) return {};
    if (xml.empty()) {
        if (required) fail_with(Code::malformed_xml, "This request needs a body.");
        return {};
    }
    Result<XmlDocument> document = XmlDocument::parse(xml);
    if (!document.has_value()) {
        error_ = document.error();
        return {};
    }
    document_ = std::move(*document);
    if (document_->root().name() != name) {
        fail_with(Code::malformed_xml, fmt::format("The root of the XML must be {}.", name));
        return {};
    }
    return document_->root();
}

void FieldReader::check_list(std::string_view name, std::size_t size, std::size_t max) {
    if (size > 0 && size <= max) return;
    fail_with(
        Code::malformed_xml,
        fmt::format("The XML must have between 1 and {} elements {}; it has {}.", max, name, size));
}

void add_field(Reply& reply, std::string_view name, const std::optional<std::string>& value) {
    if (value.has_value()) reply.add_header(name, *value);
}

void add_field(Reply& reply, std::string_view name, const std::optional<std::int64_t>& value) {
    if (value.has_value()) reply.add_header(name, fmt::format("{}", *value));
}

void add_field(Reply& reply, std::string_view name, const std::optional<bool>& value) {
    if (value.has_value()) reply.add_header(name, *value ? "true" : "false");
}

void add_field(Reply& reply, std::string_view name, const std::optional<UnixNanos>& value,
               DateFormat format) {
    if (!value.has_value()) return;
    reply.add_header(
        name, format == DateFormat::http ? format_http_date(*value) : format_iso_date(*value));
}

void add_metadata(Reply& reply, std::string_view prefix,
                  const std::map<std::string, std::string>& metadata) {
    for (const auto& [name, value] : metadata) {
        reply.add_header(fmt::format("{}{}", prefix, name), value);
    }
}

}  // namespace weir::s3
