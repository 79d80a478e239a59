#include "client/journal.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "s3/proto/model_time.h"

namespace weir::client {
namespace {

using Json = nlohmann::json;

std::unexpected<Error> wrong(std::string_view name) {
    return fail(Code::invalid_encoding,
                fmt::format("a line of the journal is not what it should be: '{}'", name));
}

Result<std::uint64_t> number_of(const Json& json, const char* name) {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_number_unsigned()) return wrong(name);
    return found->get<std::uint64_t>();
}

Result<std::string> text_of(const Json& json, const char* name) {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_string()) return wrong(name);
    return found->get<std::string>();
}

Result<JournalObject> object_of(const Json& json) {
    JournalObject object;
    TRY(object.version, text_of(json, "current"));
    TRY(object.etag, text_of(json, "etag"));
    TRY(object.bytes, number_of(json, "size"));
    TRY(const std::string date, text_of(json, "last_modified"));
    const std::optional<UnixNanos> last_modified = s3::parse_date(date);
    if (!last_modified) return wrong("last_modified");
    object.last_modified = *last_modified;
    const auto metadata = json.find("metadata");
    object.metadata = metadata == json.end() || *metadata != Json(false);
    return object;
}

Result<JournalLine> entry_of(const Json& json) {
    JournalEntry entry;
    TRY(entry.sequence, number_of(json, "sequence"));
    TRY(entry.operation, text_of(json, "operation"));
    if (json.contains("key")) {
        TRY(entry.key, text_of(json, "key"));
    }
    if (json.contains("etag")) {
        TRY(entry.current, object_of(json));
    }
    return entry;
}

}  // namespace

Result<JournalLine> parse_journal_line(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_object())
        return fail(Code::invalid_encoding, "a line of the journal is no JSON object");
    if (json.contains("begin")) {
        JournalBegin begin;
        TRY(begin.sequence, number_of(json, "begin"));
        TRY(begin.incarnation, text_of(json, "incarnation"));
        return begin;
    }
    if (json.contains("heartbeat")) {
        TRY(const std::uint64_t sequence, number_of(json, "heartbeat"));
        return JournalHeartbeat{sequence};
    }
    if (json.contains("end")) {
        JournalEnd end;
        TRY(end.reason, text_of(json, "end"));
        TRY(end.sequence, number_of(json, "sequence"));
        return end;
    }
    if (json.contains("operation")) return entry_of(json);
    return JournalOther{};
}

}  // namespace weir::client
