// The journal's stream as its follower reads it: the lines are the same however the stream is cut;
// what was read is written and read again as the same.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/journal.h"
#include "client/line_splitter.h"
#include "fuzz_input.h"
#include "s3/proto/model_time.h"

namespace weir::client {
namespace {

using Json = nlohmann::json;

constexpr std::size_t line_bytes_max = 512;

struct Lines {
    std::vector<std::string> lines;
    bool failed = false;
    bool operator==(const Lines&) const = default;
};

Lines split(std::string_view text, std::size_t piece_bytes) {
    Lines told;
    LineSplitter splitter(line_bytes_max);
    while (!text.empty() && !told.failed) {
        const std::string_view piece = text.substr(0, piece_bytes);
        text.remove_prefix(piece.size());
        told.failed = !splitter.feed(piece, [&](std::string_view line) -> Result<void> {
            told.lines.emplace_back(line);
            return {};
        });
    }
    return told;
}

std::string text_of(const JournalLine& line) {
    if (const auto* begin = std::get_if<JournalBegin>(&line))
        return Json{{"begin", begin->sequence}, {"incarnation", begin->incarnation}}.dump();
    if (const auto* heartbeat = std::get_if<JournalHeartbeat>(&line))
        return Json{{"heartbeat", heartbeat->sequence}}.dump();
    if (const auto* end = std::get_if<JournalEnd>(&line))
        return Json{{"end", end->reason}, {"sequence", end->sequence}}.dump();
    const auto* entry = std::get_if<JournalEntry>(&line);
    if (entry == nullptr) return R"({"other":true})";
    Json json{{"sequence", entry->sequence}, {"operation", entry->operation}, {"key", entry->key}};
    if (entry->current) {
        json["current"] = entry->current->version;
        json["etag"] = entry->current->etag;
        json["size"] = entry->current->bytes;
        json["last_modified"] = s3::format_iso_date(entry->current->last_modified);
        json["metadata"] = entry->current->metadata;
    }
    return json.dump();
}

void check_line(std::string_view text) {
    Result<JournalLine> line = parse_journal_line(text);
    if (!line) {
        CHECK(line.error().code() == Code::invalid_encoding);
        return;
    }
    const Result<JournalLine> again = parse_journal_line(text_of(*line));
    CHECK(again.has_value());
    if (auto* entry = std::get_if<JournalEntry>(&*line); entry != nullptr && entry->current) {
        // Written to the millisecond.
        constexpr UnixNanos nanos_per_milli = 1'000'000;
        entry->current->last_modified -= entry->current->last_modified % nanos_per_milli;
    }
    CHECK(*again == *line);
}

void check(std::string_view input) {
    const std::size_t piece_bytes = fuzz::take_byte(input) + 1U;
    const Lines whole = split(input, input.size() + 1), cut = split(input, piece_bytes);
    CHECK(whole == cut);
    for (const std::string& line : whole.lines) {
        CHECK(!line.empty() && line.size() <= line_bytes_max);
        check_line(line);
    }
}

}  // namespace
}  // namespace weir::client

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::client::check(weir::fuzz::as_input(data, size));
    return 0;
}
