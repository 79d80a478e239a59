#include "client/caller.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "s3/proto/amz_date.h"
#include "s3/proto/model_time.h"
#include "s3/proto/request_view.h"

namespace weir::client {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t error_body_bytes_max = 64 * KiB;

// Up to `bytes_max` of a body; entity_too_large where it is longer.
Result<std::string> read_body(http::ClientSession& session, std::size_t bytes_max) {
    constexpr std::size_t step_bytes = 16 * KiB;
    std::string body;
    for (;;) {
        const std::size_t size = body.size();
        body.resize(size + step_bytes);
        TRY(const std::size_t count,
            session.read_some(std::as_writable_bytes(std::span(body).subspan(size))));
        body.resize(size + count);
        if (count == 0) return body;
        if (body.size() > bytes_max)
            return fail(Code::entity_too_large,
                        fmt::format("the server's reply is longer than {} bytes", bytes_max));
    }
}

// Seconds, or a date.
std::optional<milliseconds> retry_after(const http::ReplyHead& head, UnixNanos now) {
    const std::string_view text = head.field("Retry-After").value_or("");
    std::uint64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    constexpr std::uint64_t seconds_max = 24 * 3600;
    if (!text.empty() && error == std::errc() && end == text.data() + text.size())
        return std::chrono::seconds(std::min(seconds, seconds_max));
    const std::optional<UnixNanos> date = s3::parse_date(text);
    if (!date || *date <= now) return std::nullopt;
    return milliseconds((*date - now) / 1'000'000);
}

bool is_success(unsigned status) { return status >= 200 && status < 300; }

}  // namespace

std::string Answer::field(std::string_view name) const {
    for (const auto& [field_name, value] : fields)
        if (s3::equal_ignoring_case(field_name, name)) return value;
    return "";
}

Caller::Caller(Core& core, Request request, const Call& call)
    : core_(core), request_(std::move(request)), call_(call) {}

void Caller::progressed() {
    progressed_ = Clock::now();
    tries_ = 0;
}

Caller::Clock::time_point Caller::deadline() const {
    return call_.timeout ? began_ + *call_.timeout
                         : progressed_ + milliseconds(core_.limits.call_timeout_ms);
}

net::Patience Caller::patience() const {
    net::Patience patience{
        .interrupts = interrupts(),
        .stall = request_.stall.value_or(milliseconds(
            request_.slow_answer ? core_.limits.call_timeout_ms : core_.limits.stall_timeout_ms))};
    if (call_.timeout) patience.deadline = deadline();
    return patience;
}

Failure Caller::broken(const Error& error) {
    const Code code = error.code();
    const bool again =
        code == Code::unavailable || code == Code::timeout || code == Code::invalid_encoding;
    return {.error = error,
            .again = again,
            .timed_out = code == Code::timeout,
            .may_have_happened = true};
}

Result<void> Caller::wait(const Failure& failure) {
    if (failure.at_once) return {};
    if (request_.once) return fail(failure.error);
    ++tries_;
    if (tries_ >= core_.limits.tries_max)
        return fail(failure.error.code(),
                    fmt::format("{} (tried {} times)", failure.error.message(), tries_));
    cost_ = failure.timed_out ? core_.limits.retry_cost_timeout : core_.limits.retry_cost;
    if (!core_.budget.take(cost_))
        return fail(failure.error.code(), fmt::format("{} (too many calls fail for another try)",
                                                      failure.error.message()));
    const milliseconds delay =
        std::max(backoff(core_.limits, tries_), failure.retry_after.value_or(milliseconds(0)));
    if (Clock::now() + delay >= deadline()) return fail(failure.error);
    core_.log.debug("{}: {}; again in {} ms", request_.describe(), failure.error.message(),
                    delay.count());
    if (!net::sleep_unless(interrupts(), delay))
        return fail(Code::cancelled, request_.describe() + " was interrupted");
    return {};
}

Result<void> Caller::run(const OnReply& on_reply, const Prepare& prepare) {
    for (;;) {
        if (prepare) prepare(request_);
        const std::expected<void, Failure> tried = try_once(on_reply);
        if (tried) {
            core_.budget.give_back(cost_ > 0 ? cost_ : core_.limits.retry_refund);
            return {};
        }
        if (!tried.error().again) return fail(tried.error().error);
        TRY_VOID(wait(tried.error()));
        may_have_happened_ |= tried.error().may_have_happened;
        ++core_.retries;
    }
}

Result<std::string> Caller::signed_head(const Endpoint& endpoint, const Credentials* credentials,
                                        const std::string& host) {
    if (credentials == nullptr) return head_text(request_, endpoint, host, {});
    const std::string timestamp = s3::format_amz_date(core_.clock.now());
    const s3::SigningKey key =
        core_.signing_key(*credentials, std::string_view(timestamp).substr(0, 8), endpoint.region);
    return head_text(request_, endpoint, host,
                     {.credentials = credentials,
                      .region = endpoint.region,
                      .key = &key,
                      .timestamp = timestamp});
}

std::expected<void, Failure> Caller::try_once(const OnReply& on_reply) {
    const Result<std::shared_ptr<const Credentials>> credentials = core_.credentials.current();
    if (!credentials) return std::unexpected(Failure{.error = credentials.error()});
    return send(core_.endpoint_in(core_.region_of(request_.bucket)), credentials->get(), on_reply);
}

std::expected<void, Failure> Caller::send(const Endpoint& endpoint, const Credentials* credentials,
                                          const OnReply& on_reply) {
    const Result<std::string> text =
        signed_head(endpoint, credentials, endpoint.host_header(request_.bucket));
    if (!text) return std::unexpected(Failure{.error = text.error()});
    Result<Lease> lease =
        core_.connections.take(endpoint.connect_host(request_.bucket), patience(), fresh_);
    if (!lease) {
        Failure failure = broken(lease.error());
        failure.may_have_happened = false;
        return std::unexpected(failure);
    }
    http::ClientSession& session = lease->session();
    http::Outgoing outgoing{.head = *text,
                            .is_head = request_.method == "HEAD",
                            .expects_continue = request_.expects_continue};
    if (request_.source != nullptr) {
        if (const FileSource* file = request_.source->file()) {
            outgoing.file = file->descriptor;
            outgoing.file_offset = file->offset;
            outgoing.file_length = file->length;
        } else {
            outgoing.pieces = *request_.source->pieces();
        }
    }
    ++core_.requests;
    const Result<const http::ReplyHead*> head = session.ask(outgoing);
    if (request_.source != nullptr && session.body_sent())
        core_.bytes_out += request_.source->bytes();
    if (!head) {
        Failure failure = broken(head.error());
        failure.error = Error(head.error().code(),
                              fmt::format("{}: {}", request_.describe(), head.error().message()));
        // Closed while it rested, most likely before the request was seen.
        if (lease->reused() && !session.reply_began() && head.error().code() == Code::unavailable)
            failure.at_once = fresh_ = true;
        return std::unexpected(failure);
    }
    fresh_ = false;
    if (is_success((*head)->status)) return on_reply(session, **head);
    return std::unexpected(refused(session, **head, endpoint, credentials));
}

bool Caller::moved_elsewhere(const ServiceError& error, const http::ReplyHead& head,
                             const Endpoint& endpoint) {
    const bool says_so = head.status == 301 || head.status == 307 || head.status == 308 ||
                         error.s3_code == "AuthorizationHeaderMalformed" ||
                         error.s3_code == "IllegalLocationConstraintException" ||
                         (head.status == 400 && error.s3_code.empty());
    const std::string region(head.field("x-amz-bucket-region").value_or(error.region));
    if (!says_so || region.empty() || region == endpoint.region || request_.bucket.empty() ||
        redirects_ >= core_.limits.redirects_max)
        return false;
    ++redirects_;
    core_.remember_region(request_.bucket, region);
    return true;
}

bool Caller::other_credentials(const ServiceError& error, const Credentials* credentials) {
    if (credentials == nullptr || looked_again_) return false;
    const Code code = error.code(!request_.key.empty());
    // A HEAD is refused without saying why.
    const bool about_them = code == Code::invalid_access_key_id || code == Code::invalid_token ||
                            (error.s3_code.empty() && code == Code::access_denied);
    if (!about_them) return false;
    looked_again_ = true;
    return core_.credentials.refused(*credentials);
}

Failure Caller::judge(const ServiceError& error, const http::ReplyHead& head) {
    Failure failure{.error = error.error(request_.describe(), !request_.key.empty()),
                    .again = error.may_retry()};
    if (request_.false_digest && failure.error.code() == Code::bad_digest) failure.again = false;
    failure.may_have_happened = head.status == 500 || head.status == 502 || head.status == 504;
    failure.timed_out = head.status == 504;
    failure.retry_after = retry_after(head, core_.clock.now());
    return failure;
}

Failure Caller::refused(http::ClientSession& session, const http::ReplyHead& head,
                        const Endpoint& endpoint, const Credentials* credentials) {
    // Why is good to know; what happened is known without it.
    const std::string body = read_body(session, error_body_bytes_max).value_or("");
    ServiceError error = parse_service_error(head.status, body);
    if (error.request_id.empty()) error.request_id = head.field("x-amz-request-id").value_or("");
    Failure failure = judge(error, head);
    if (moved_elsewhere(error, head, endpoint) || other_credentials(error, credentials)) {
        failure.again = failure.at_once = true;
        return failure;
    }
    if (head.status >= 300 && head.status < 400 && head.status != 304) {
        failure.again = false;
        failure.error = Error(
            Code::invalid_request,
            fmt::format("{}: the bucket is not at {} but at {}; name that endpoint and its "
                        "region (HTTP {})",
                        request_.describe(), endpoint.url(),
                        head.field("Location").value_or("a place it does not tell"), head.status));
    }
    return failure;
}

Result<Answer> Caller::ask() {
    Answer answer;
    const auto read = [&](http::ClientSession& session,
                          const http::ReplyHead& head) -> std::expected<void, Failure> {
        answer = Answer{.status = head.status};
        for (const http::Field& field : head.fields)
            answer.fields.emplace_back(field.name, field.value);
        Result<std::string> body = read_body(session, core_.limits.reply_xml_bytes_max);
        if (!body) return std::unexpected(broken(body.error()));
        core_.bytes_in += body->size();
        answer.body = *std::move(body);
        // A copy or a completion that began well and went wrong.
        if (!request_.slow_answer) return {};
        ServiceError error = parse_service_error(head.status, answer.body);
        if (error.s3_code.empty()) return {};
        Failure failure = judge(error, head);
        failure.may_have_happened = true;
        return std::unexpected(failure);
    };
    TRY_VOID(run(read));
    return answer;
}

}  // namespace weir::client
