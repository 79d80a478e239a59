#include <boost/asio/this_coro.hpp>
#include <chrono>

#include "net/blocking.h"
#include "net/wakeup.h"
#include "s3/proto/journal_request.h"
#include "s3/server/exchange.h"
#include "s3/server/journal_lines.h"
#include "s3/server/journal_streams.h"
#include "store/journal.h"

namespace weir::s3 {
namespace {

using SteadyClock = std::chrono::steady_clock;

// How soon a stream tries again that found the pool full.
constexpr std::chrono::milliseconds pause_while_pool_is_full(100);

// The body of one stream: reads what was committed, waits to be told that more was.
class JournalSource final : public http::BodySource {
  public:
    struct Parts {
        store::JournalReader reader;
        std::shared_ptr<net::Wakeup> wakeup;
        JournalStreams::Place place;
        std::unique_ptr<kv::Watch> watch;  // ends first, so that nobody announces any more
        JournalStreams& streams;
        store::ObjectStore& store;
        io::BlockingPool& pool;
        std::size_t buffer_bytes;
        std::chrono::seconds heartbeat;
        std::string request_id;
    };

    explicit JournalSource(Parts parts) : parts_(std::move(parts)) {}

    net::Task<Result<std::string>> next() override {
        if (ended_) co_return std::string();
        if (!std::exchange(begun_, true))
            co_return begin_line(parts_.reader.bucket(), parts_.reader.position());
        for (;;) {
            co_await parts_.wakeup->wait(look_again_);
            if (parts_.streams.closed()) co_return end("draining", parts_.reader.position());
            auto read = [this] { return parts_.reader.next(parts_.buffer_bytes); };
            const Result<store::JournalPage> page = co_await net::run_blocking(parts_.pool, read);
            if (!page && page.error().code() == Code::slow_down) {
                look_again_ = SteadyClock::now() + pause_while_pool_is_full;
                continue;
            }
            if (!page) co_return end(page.error());
            std::string lines = lines_of(*page);
            if (!lines.empty()) co_return lines;
        }
    }

  private:
    std::string lines_of(const store::JournalPage& page) {
        std::string lines;
        for (const store::JournalPage::Line& line : page.lines) lines += entry_line(line);
        const SteadyClock::time_point now = SteadyClock::now();
        // Only who has read everything may say that its follower knows everything.
        if (page.current && now >= heartbeat_due_) {
            lines += heartbeat_line(parts_.reader.position());
            heartbeat_due_ = now + parts_.heartbeat;
        }
        look_again_ = page.current ? heartbeat_due_ : now;
        return lines;
    }

    std::string end(std::string_view reason, kv::Sequence sequence) {
        ended_ = true;
        parts_.watch.reset();
        return end_line(reason, sequence);
    }

    std::string end(const Error& error) {
        const kv::Sequence position = parts_.reader.position();
        if (error.code() == Code::no_such_bucket) return end("deleted", position);
        if (error.code() == Code::journal_gone) return end("gone", position);
        parts_.store.context().log.error("request {}: the journal of {} breaks off: {}",
                                         parts_.request_id, parts_.reader.bucket().name,
                                         error.describe());
        return end("failed", position);
    }

    Parts parts_;
    SteadyClock::time_point look_again_ = SteadyClock::time_point::min();
    SteadyClock::time_point heartbeat_due_ = SteadyClock::time_point::min();
    bool begun_ = false;
    bool ended_ = false;
};

// Where a follower that fell off begins anew.
Result<void> add_place_to_begin(Exchange& exchange, const store::Bucket& bucket) {
    TRY(const kv::Sequence last,
        store::or_no_bucket(exchange.store.context().kv.last_sequence(bucket.partition)));
    exchange.error_details = {{"Sequence", std::to_string(last)},
                              {"Incarnation", incarnation_of(bucket)}};
    return {};
}

Result<store::JournalReader> open_reader(Exchange& exchange, const store::Bucket& bucket,
                                         const JournalRequest& request) {
    const bool other_life = request.incarnation && *request.incarnation != incarnation_of(bucket);
    Result<store::JournalReader> reader = fail(Code::journal_gone);
    if (!other_life)
        reader = store::JournalReader::open(exchange.store, bucket, request.prefix, request.after);
    if (!reader && reader.error().code() == Code::journal_gone)
        TRY_VOID(add_place_to_begin(exchange, bucket));
    return reader;
}

// Signature Version 2 does not sign these parameters: a request for the list of buckets would do
// for any journal.
bool is_signed(const Exchange& exchange) {
    return !exchange.identity.signature.access_key_id.empty();
}

}  // namespace

net::Task<Result<http::Response>> follow_journal(Exchange& exchange) {
    CO_TRY(const JournalRequest request, parse_journal_request(exchange.view));
    // For the log, and for errors that name it.
    exchange.place.bucket = request.bucket;
    exchange.view.bucket = exchange.place.bucket;
    if (!is_signed(exchange))
        co_return fail(Code::access_denied, "The journal needs Signature Version 4.");
    const net::Executor executor = co_await boost::asio::this_coro::executor;
    std::shared_ptr<net::Wakeup> wakeup = net::Wakeup::make(executor);
    CO_TRY(JournalStreams::Place place, exchange.journal_streams.enter(wakeup));
    std::unique_ptr<kv::Watch> watch;
    auto open = [&]() -> Result<store::JournalReader> {
        TRY(const store::Bucket bucket, own_bucket(exchange.call(), request.bucket));
        // Watched before it is read, so that nothing comes between.
        watch = exchange.store.context().kv.watch_journal(bucket.partition,
                                                          [wakeup] { wakeup->announce(); });
        return open_reader(exchange, bucket, request);
    };
    CO_TRY(store::JournalReader reader, co_await net::run_blocking(exchange.pool, open));
    http::Response response;
    response.fields.emplace_back("Content-Type", "application/x-ndjson");
    response.fields.emplace_back("Cache-Control", "no-store");
    response.source = std::make_unique<JournalSource>(
        JournalSource::Parts{.reader = std::move(reader),
                             .wakeup = std::move(wakeup),
                             .place = std::move(place),
                             .watch = std::move(watch),
                             .streams = exchange.journal_streams,
                             .store = exchange.store,
                             .pool = exchange.pool,
                             .buffer_bytes = exchange.limits.journal_buffer_bytes,
                             .heartbeat = request.heartbeat,
                             .request_id = exchange.request_id});
    co_return response;
}

}  // namespace weir::s3
