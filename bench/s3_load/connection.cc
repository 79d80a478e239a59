#include "connection.h"

#include "base/check.h"

namespace weir::bench {
namespace {

// A server may close a connection that it thinks idle just when the next request comes.
constexpr unsigned tries_max = 3;
constexpr std::size_t error_bytes_max = 600;

}  // namespace

void Tally::add(const Tally& other) {
    latencies.add(other.latencies);
    operations += other.operations;
    keys += other.keys;
    bytes += other.bytes;
    errors += other.errors;
    reconnects += other.reconnects;
    if (first_error.empty()) first_error = other.first_error;
}

Connection::Connection(const Options& options, const Body& body, RequestSource& source,
                       Tally& tally, int epoll)
    : options_(options), body_(body), source_(source), tally_(tally), epoll_(epoll) {
    connect();
}

void Connection::connect() {
    transport_ = dial(options_);
    epoll_event event = {.events = EPOLLIN, .data = {.ptr = this}};
    CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, transport_->descriptor(), &event) == 0);
    waits_to_send_ = false;
}

void Connection::reconnect() {
    ++tally_.reconnects;
    transport_.reset();  // which leaves the epoll set with it
    connect();
}

void Connection::watch(bool for_sending) {
    if (for_sending == waits_to_send_) return;
    waits_to_send_ = for_sending;
    epoll_event event = {.events = for_sending ? EPOLLIN | EPOLLOUT : EPOLLIN,
                         .data = {.ptr = this}};
    CHECK(::epoll_ctl(epoll_, EPOLL_CTL_MOD, transport_->descriptor(), &event) == 0);
}

void Connection::begin() {
    request_ = finishing_ ? std::nullopt : source_.next();
    if (!request_) return;
    head_sent_ = 0;
    body_sent_ = 0;
    reply_.begin(request_->reply_is_head);
    begun_ = Clock::now();
    if (!send()) on_closed();
}

bool Connection::sent() const {
    if (head_sent_ < request_->head.size() + request_->text.size()) return false;
    return !request_->sends_body || body_sent_ == body_.bytes();
}

bool Connection::send() {
    const std::string& head = request_->head;
    const std::string& text = request_->text;
    while (!sent()) {
        Moved moved;
        if (head_sent_ < head.size()) {
            moved = transport_->send(std::string_view(head).substr(head_sent_),
                                     !text.empty() || request_->sends_body);
            head_sent_ += moved.bytes;
        } else if (head_sent_ < head.size() + text.size()) {
            moved =
                transport_->send(std::string_view(text).substr(head_sent_ - head.size()), false);
            head_sent_ += moved.bytes;
        } else {
            moved = transport_->send_body(body_, body_sent_);
            body_sent_ += moved.bytes;
            tally_.bytes += moved.bytes;
        }
        if (moved.closed) return false;
        if (moved.blocked) {
            watch(true);
            return true;
        }
    }
    watch(false);
    return true;
}

void Connection::proceed() {
    if (!request_) return on_closed();
    const bool was_sending = !sent();
    if (was_sending && !send()) return on_closed();
    switch (reply_.read(*transport_, tally_.bytes)) {
        case ReplyReader::State::reading:
            return;
        case ReplyReader::State::done:
            return complete();
        case ReplyReader::State::closed:
            return on_closed();
        case ReplyReader::State::broken:
            fail("no HTTP: ");
            reconnect();
            return begin();
    }
}

void Connection::complete() {
    closed_in_vain_ = 0;
    if (reply_.good()) {
        ++tally_.operations;
        tally_.keys += request_->keys;
        tally_.latencies.record(
            static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - begun_).count()));
    } else {
        fail("");
    }
    if (reply_.closes() || !sent()) reconnect();
    begin();
}

void Connection::fail(std::string what) {
    ++tally_.errors;
    if (tally_.first_error.empty())
        tally_.first_error = std::move(what) + reply_.beginning().substr(0, error_bytes_max);
}

// An unanswered request is sent again; one whose reply broke off is an error.
void Connection::on_closed() {
    reconnect();
    if (!request_) return;
    if (reply_.anything() || ++closed_in_vain_ >= tries_max) {
        fail("closed: ");
        closed_in_vain_ = 0;
        return begin();
    }
    head_sent_ = 0;
    body_sent_ = 0;
    reply_.begin(request_->reply_is_head);
    if (!send()) watch(true);
}

}  // namespace weir::bench
