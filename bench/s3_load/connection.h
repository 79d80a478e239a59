#pragma once
// One connection with one request at a time, made again when the server closes it. A Tally is what
// a thread's connections did.
//
// Used by its thread alone. What goes wrong is counted, and the first such thing kept as text.

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "histogram.h"
#include "reply_reader.h"
#include "request_source.h"
#include "transport.h"

namespace weir::bench {

using Clock = std::chrono::steady_clock;

struct Tally {
    Histogram latencies;
    std::uint64_t operations = 0;  // replies that were good
    std::uint64_t keys = 0;        // that these asked for
    std::uint64_t bytes = 0;       // of bodies, either way, as they moved
    std::uint64_t errors = 0;
    std::uint64_t reconnects = 0;
    std::string first_error;

    void add(const Tally& other);
};

class Connection {
  public:
    Connection(const Options& options, const Body& body, RequestSource& source, Tally& tally,
               int epoll);

    // Takes a request and begins to send it.
    void begin();
    // What epoll says can be done.
    void proceed();
    // No new requests from now on.
    void finish() { finishing_ = true; }
    bool idle() const { return !request_; }

  private:
    void connect();
    void reconnect();
    void watch(bool for_sending);
    bool send();  // false: closed
    bool sent() const;
    void complete();
    void fail(std::string what);
    void on_closed();

    const Options& options_;
    const Body& body_;
    RequestSource& source_;
    Tally& tally_;
    int epoll_;
    std::unique_ptr<Transport> transport_;
    std::optional<Request> request_;
    ReplyReader reply_;
    Clock::time_point begun_;
    std::size_t head_sent_ = 0;
    std::uint64_t body_sent_ = 0;
    bool waits_to_send_ = false;
    bool finishing_ = false;
    unsigned closed_in_vain_ = 0;  // times in a row that the request was not answered
};

}  // namespace weir::bench
