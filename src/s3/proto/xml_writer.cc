#include "s3/proto/xml_writer.h"

#include <fmt/format.h>

#include <iterator>

#include "s3/proto/model_time.h"

namespace weir::s3 {

void append_xml_text(std::string& out, std::string_view text) {
    std::size_t done = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool control = byte < 0x20 && byte != '\t' && byte != '\n';
        if (!control && byte != '&' && byte != '<' && byte != '>' && byte != '"') continue;
        out.append(text.substr(done, i - done));
        done = i + 1;
        if (control) {
            fmt::format_to(std::back_inserter(out), "&#x{:X};", byte);
        } else {
            out.append(byte == '&'   ? "&amp;"
                       : byte == '<' ? "&lt;"
                       : byte == '>' ? "&gt;"
                                     : "&quot;");
        }
    }
    out.append(text.substr(done));
}

XmlWriter::XmlWriter(std::string& out) : out_(out) {
    out_.append("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

void XmlWriter::open_root(std::string_view name, std::string_view attributes) {
    out_.append("<").append(name).append(attributes).append(">");
}

void XmlWriter::open(std::string_view name) { out_.append("<").append(name).append(">"); }

void XmlWriter::close(std::string_view name) { out_.append("</").append(name).append(">"); }

void XmlWriter::text(std::string_view escaped) { append_xml_text(out_, escaped); }

void XmlWriter::element(std::string_view name, std::string_view value) {
    open(name);
    text(value);
    close(name);
}

void XmlWriter::element(std::string_view name, const std::optional<std::string>& value) {
    if (value.has_value()) element(name, std::string_view(*value));
}

void XmlWriter::element(std::string_view name, const std::optional<std::int64_t>& value) {
    if (!value.has_value()) return;
    open(name);
    fmt::format_to(std::back_inserter(out_), "{}", *value);
    close(name);
}

void XmlWriter::element(std::string_view name, const std::optional<bool>& value) {
    if (value.has_value()) element(name, std::string_view(*value ? "true" : "false"));
}

void XmlWriter::element(std::string_view name, const std::optional<UnixNanos>& value) {
    if (value.has_value()) element(name, std::string_view(format_iso_date(*value)));
}

}  // namespace weir::s3
