#pragma once
// One call until it succeeds or is given up: it signs, sends, reads the answer, and decides about
// another try as s3_client.h says. Private to client.
//
// Belongs to its call; one thread.

#include <chrono>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "client/core.h"
#include "client/request.h"
#include "client/service_error.h"
#include "http/client_session.h"

namespace weir::client {

// How a try failed.
struct Failure {
    Error error;
    bool again = false;    // worth another try,
    bool at_once = false;  // without a wait, since the cause is known and gone
    bool timed_out = false;
    bool may_have_happened = false;  // what was asked for
    std::optional<std::chrono::milliseconds> retry_after = {};
};

// A reply whose body was read.
struct Answer {
    unsigned status = 0;
    std::vector<std::pair<std::string, std::string>> fields = {};
    std::string body = {};

    // Empty if there is none.
    std::string field(std::string_view name) const;
};

class Caller {
  public:
    Caller(Core& core, Request request, const Call& call);

    // Reads the body of a reply that says 2xx to its end.
    using OnReply =
        std::function<std::expected<void, Failure>(http::ClientSession&, const http::ReplyHead&)>;
    // Changes the request before a try.
    using Prepare = std::function<void(Request&)>;

    Result<void> run(const OnReply& on_reply, const Prepare& prepare = {});
    // The same for a reply that is read into memory; an <Error> within a 200 is an error.
    Result<Answer> ask();

    // Has a try before the last one got so far that what it asked for may have happened?
    bool may_have_happened() const { return may_have_happened_; }
    // Bytes came: from here the tries are counted anew.
    void progressed();
    // The error of a session, as a failure of the try.
    static Failure broken(const Error& error);

  private:
    using Clock = std::chrono::steady_clock;

    std::expected<void, Failure> try_once(const OnReply& on_reply);
    std::expected<void, Failure> send(const Endpoint& endpoint, const Credentials* credentials,
                                      const OnReply& on_reply);
    Result<std::string> signed_head(const Endpoint& endpoint, const Credentials* credentials,
                                    const std::string& host);
    Failure refused(http::ClientSession& session, const http::ReplyHead& head,
                    const Endpoint& endpoint, const Credentials* credentials);
    Failure judge(const ServiceError& error, const http::ReplyHead& head);
    bool moved_elsewhere(const ServiceError& error, const http::ReplyHead& head,
                         const Endpoint& endpoint);
    bool other_credentials(const ServiceError& error, const Credentials* credentials);
    Result<void> wait(const Failure& failure);
    net::Interrupts interrupts() const { return {call_.interrupt, &core_.stop}; }
    net::Patience patience() const;
    Clock::time_point deadline() const;

    Core& core_;
    Request request_;
    const Call call_;
    const Clock::time_point began_ = Clock::now();
    Clock::time_point progressed_ = began_;
    unsigned tries_ = 0;  // since progress
    unsigned redirects_ = 0;
    unsigned cost_ = 0;          // of the last retry, which a success gives back
    bool fresh_ = false;         // no connection that rested
    bool looked_again_ = false;  // for credentials
    bool may_have_happened_ = false;
};

}  // namespace weir::client
