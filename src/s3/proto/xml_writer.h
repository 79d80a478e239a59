#pragma once
// Appends an S3 XML document to a string. Element names come from generated code only and are
// written as they are; text is escaped: what XML reserves, and control characters as S3 writes them
// (&#x1;), which only clients that did not ask for encoding-type=url ever see.
//
// Used by one thread. Nothing here fails. An absent optional writes nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace weir::s3 {

inline constexpr std::string_view xml_namespace_attribute =
    " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

class XmlWriter {
  public:
    // Writes the declaration. `out` must outlive the writer.
    explicit XmlWriter(std::string& out);

    void open_root(std::string_view name, std::string_view attributes = {});
    void open(std::string_view name);
    void close(std::string_view name);
    void text(std::string_view escaped);

    void element(std::string_view name, std::string_view value);
    void element(std::string_view name, const std::optional<std::string>& value);
    void element(std::string_view name, const std::optional<std::int64_t>& value);
    void element(std::string_view name, const std::optional<bool>& value);
    // ISO 8601.
    void element(std::string_view name, const std::optional<UnixNanos>& value);

  private:
    std::string& out_;
};

void append_xml_text(std::string& out, std::string_view text);

}  // namespace weir::s3
