#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "client/caller.h"
#include "client/journal.h"
#include "client/line_splitter.h"
#include "client/state.h"

namespace weir::client {
namespace {

Request journal_request(const JournalRequest& wanted) {
    Request request{.once = true, .stall = wanted.silence};
    request.add_query("weir-journal", "");
    request.add_query("bucket", wanted.bucket);
    if (!wanted.prefix.empty()) request.add_query("prefix", wanted.prefix);
    if (wanted.after) {
        request.add_query("after", std::to_string(wanted.after->sequence));
        request.add_query("incarnation", wanted.after->incarnation);
    }
    request.add_query("heartbeat", std::to_string(wanted.heartbeat.count()));
    return request;
}

// Others answer to what they take for ListBuckets, or with a page for people.
bool is_journal(const http::ReplyHead& head) {
    return head.field("Content-Type").value_or("").starts_with("application/x-ndjson");
}

// The lines of one reply.
class JournalStream {
  public:
    explicit JournalStream(const JournalSink& sink) : sink_(sink) {}

    // To its end.
    Result<void> read(http::ClientSession& session) {
        constexpr std::size_t piece_bytes = 16 * KiB;
        std::array<std::byte, piece_bytes> piece;
        for (;;) {
            TRY(const std::size_t count, session.read_some(piece));
            if (count == 0) return {};
            TRY_VOID(lines_.feed(as_text(std::span(piece).first(count)),
                                 [this](std::string_view line) { return take(line); }));
        }
    }

  private:
    Result<void> take(std::string_view text) {
        TRY(const JournalLine line, parse_journal_line(text));
        return sink_(line);
    }

    const JournalSink& sink_;
    LineSplitter lines_{journal_line_bytes_max};
};

}  // namespace

Error S3Client::follow_journal(const JournalRequest& request, const JournalSink& sink,
                               const Call& call) {
    Caller caller(state_->core, journal_request(request), call);
    const auto on_reply = [&](http::ClientSession& session,
                              const http::ReplyHead& head) -> std::expected<void, Failure> {
        if (!is_journal(head))
            return std::unexpected(Failure{
                .error = Error(Code::not_implemented, "The server has no journal to follow.")});
        const Result<void> read = JournalStream(sink).read(session);
        if (!read) return std::unexpected(Failure{.error = read.error()});
        return {};
    };
    const Result<void> ended = caller.run(on_reply);
    return ended ? Error(Code::unavailable, "the journal's stream broke off") : ended.error();
}

}  // namespace weir::client
