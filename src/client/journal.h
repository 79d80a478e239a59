#pragma once
// What Weir's journal tells a follower, line by line (docs/JOURNAL.md): parsed here, asked for by
// S3Client::follow_journal.
//
// Plain values and pure functions; safe from any thread. invalid_encoding for a line that is no
// JSON object, or one of those below without what it must have; what a later release adds is
// JournalOther.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/result.h"

namespace weir::client {

// The stream tells what follows this sequence, in this life of the bucket's name.
struct JournalBegin {
    std::uint64_t sequence = 0;
    std::string incarnation = {};
    bool operator==(const JournalBegin&) const = default;
};

// The object that a key has now.
struct JournalObject {
    std::string version = {};
    std::string etag = {};  // without quotes
    std::uint64_t bytes = 0;
    UnixNanos last_modified = 0;
    bool metadata = true;  // it may have user metadata, which must be asked for
    bool operator==(const JournalObject&) const = default;
};

struct JournalEntry {
    std::uint64_t sequence = 0;
    std::string operation = {};
    std::string key = {};  // empty: of the bucket itself
    std::optional<JournalObject> current = {};
    bool operator==(const JournalEntry&) const = default;
};

// Everything up to this sequence was told, and nothing else had been committed.
struct JournalHeartbeat {
    std::uint64_t sequence = 0;
    bool operator==(const JournalHeartbeat&) const = default;
};

// The server ended the stream.
struct JournalEnd {
    std::string reason = {};  // "draining", "deleted", "gone", "failed"
    std::uint64_t sequence = 0;
    bool operator==(const JournalEnd&) const = default;
};

struct JournalOther {
    bool operator==(const JournalOther&) const = default;
};

using JournalLine =
    std::variant<JournalBegin, JournalEntry, JournalHeartbeat, JournalEnd, JournalOther>;

// Without its line end.
Result<JournalLine> parse_journal_line(std::string_view text);

// Where a follower is, for going on with another stream.
struct JournalPlace {
    std::uint64_t sequence = 0;
    std::string incarnation = {};
    bool operator==(const JournalPlace&) const = default;
};

struct JournalRequest {
    std::string bucket = {};
    std::string prefix = {};
    std::optional<JournalPlace> after = {};  // nullopt: from the end of the journal on
    std::chrono::seconds heartbeat{3};
    std::chrono::milliseconds silence{10'000};  // without a byte: the stream counts as broken
};

// Each line, in order, from the thread that called. An error ends the call with that error.
using JournalSink = std::function<Result<void>(const JournalLine&)>;

}  // namespace weir::client
