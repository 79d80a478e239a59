#include "s3/server/journal_lines.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "meta/version.h"
#include "s3/proto/model_time.h"

namespace weir::s3 {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string_view operation_name(meta::JournalOperation operation) {
    switch (operation) {
        case meta::JOURNAL_PUT:
            return "put";
        case meta::JOURNAL_DELETE_MARKER:
            return "marker";
        case meta::JOURNAL_REMOVE:
            return "remove";
        case meta::JOURNAL_COPY:
            return "copy";
        case meta::JOURNAL_COMPLETE:
            return "complete";
        case meta::JOURNAL_RENAME:
            return "rename";
        case meta::JOURNAL_BUCKET:
            return "bucket";
        default:
            // Of a later release; what is current afterwards tells all that a follower needs.
            return "other";
    }
}

std::string version_text(const meta::Version& version) {
    return hex_encode(meta::encode_version(version));
}

}  // namespace

std::string incarnation_of(const store::Bucket& bucket) {
    return fmt::format("{:016x}", bucket.partition.value());
}

std::string begin_line(const store::Bucket& bucket, kv::Sequence sequence) {
    return line_of({{"begin", sequence}, {"incarnation", incarnation_of(bucket)}});
}

std::string entry_line(const store::JournalPage::Line& line) {
    const meta::JournalEntry& entry = line.entry;
    Json json{{"sequence", line.sequence}, {"operation", operation_name(entry.operation())}};
    if (!entry.key().empty()) {
        json["key"] = entry.key();
        json["version"] = version_text(entry.version());
    }
    json["time"] = format_iso_date(entry.time_nanos());
    if (entry.has_current()) {
        const meta::JournalEntry::Current& current = entry.current();
        json["current"] = version_text(current.version());
        json["etag"] = current.etag();
        json["size"] = current.size_bytes();
        json["last_modified"] = format_iso_date(current.last_modified_nanos());
        json["metadata"] = !current.no_user_metadata();
    }
    return line_of(json);
}

std::string heartbeat_line(kv::Sequence sequence) { return line_of({{"heartbeat", sequence}}); }

std::string end_line(std::string_view reason, kv::Sequence sequence) {
    return line_of({{"end", reason}, {"sequence", sequence}});
}

}  // namespace weir::s3
