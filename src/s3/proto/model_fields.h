#pragma once
// What the generated parsers and writers are made of: one line of generated code per member of the
// model, each a call of these. Not for use elsewhere.
//
// A FieldReader belongs to one parse on one thread and keeps the first error it meets; after that
// it reads nothing. Rules, all of S3's making:
//   - An empty value of anything but a string says nothing, as if it were absent.
//   - A bad value is invalid_argument in a header or query and malformed_xml in the body, and the
//   message names it.
//   - What asks for a function that Weir does not have is not_implemented, naming it, never passed
//   over.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "s3/proto/reply.h"
#include "s3/proto/request_view.h"
#include "s3/proto/xml_reader.h"

namespace weir::s3 {

enum class FieldPlace { header, query, body };

// One value as it came, with where and under which name, for messages.
struct Field {
    FieldPlace place;
    std::string_view name;
    std::optional<std::string> value = {};
};

struct EnumInfo {
    std::string_view name;
    std::span<const std::string_view> values;
    Code code;      // of a value that is none of them
    bool any_case;  // then the member holds the model's spelling
};

struct IntegerRange {
    std::int64_t min;
    std::int64_t max;
};

enum class BadDate { refused, ignored };

class FieldReader {
  public:
    explicit FieldReader(const RequestView& view) : view_(view) {}

    Field header(std::string_view name) const;
    Field query(std::string_view name) const;
    static Field element(XmlElement parent, std::string_view name);

    // Optional members stay empty where the field is absent; plain ones are required.
    void read(const Field& field, std::string& out);
    void read(const Field& field, std::optional<std::string>& out);
    void read(const Field& field, std::int64_t& out, IntegerRange range);
    void read(const Field& field, std::optional<std::int64_t>& out, IntegerRange range);
    void read(const Field& field, std::optional<bool>& out);
    void read(const Field& field, std::optional<UnixNanos>& out, BadDate bad);
    void read(const Field& field, std::string& out, const EnumInfo& info);
    void read(const Field& field, std::optional<std::string>& out, const EnumInfo& info);
    // "a, b" in one header or in several.
    void read_list(std::string_view header, std::vector<std::string>& out, const EnumInfo& info);
    // x-amz-meta-*: names in lower case, values as they came, repeated ones joined with a comma.
    void read_metadata(std::string_view prefix, std::map<std::string, std::string>& out);

    // A member of the model that Weir does not serve: any value but `harmless` (alternatives,
    // separated by spaces) is not_implemented. An element with children is its own value.
    void refuse(const Field& field, std::string_view harmless);
    void refuse(XmlElement element, std::string_view name);

    // The root of the body if there is one; its name must be `name`.
    XmlElement body(std::string_view xml, std::string_view name, bool required);
    void check_list(std::string_view name, std::size_t size, std::size_t max);
    void missing(const Field& field);

    bool failed() const { return error_.has_value(); }
    const Error& error() const { return *error_; }

  private:
    void fail_with(Code code, std::string message);
    void bad_value(const Field& field, std::string_view expected);
    bool read_integer(const Field& field, IntegerRange range, std::int64_t& out);
    bool read_enum(const Field& field, const EnumInfo& info, std::string& out);
    bool has_value(const Field& field) const;

    const RequestView& view_;
    std::optional<XmlDocument> document_;
    std::optional<Error> error_;
};

enum class DateFormat { http, iso };

void add_field(Reply& reply, std::string_view name, const std::optional<std::string>& value);
void add_field(Reply& reply, std::string_view name, const std::optional<std::int64_t>& value);
void add_field(Reply& reply, std::string_view name, const std::optional<bool>& value);
void add_field(Reply& reply, std::string_view name, const std::optional<UnixNanos>& value,
               DateFormat format);
void add_metadata(Reply& reply, std::string_view prefix,
                  const std::map<std::string, std::string>& metadata);

}  // namespace weir::s3
