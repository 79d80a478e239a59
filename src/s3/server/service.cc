#include "s3/server/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "base/bytes.h"
#include "base/random.h"
#include "net/blocking.h"
#include "s3/proto/error_reply.h"
#include "s3/server/access_log.h"
#include "s3/server/payload.h"
#include "s3/server/verbs.h"

namespace weir::s3 {
namespace {

constexpr std::string_view host_id = "weir";
// What a reply in XML counts for before it is there.
constexpr std::size_t small_reply_bytes = 64 * KiB;

// Unique enough to be found in a log, cheap enough for every request.
std::string new_request_id() {
    thread_local std::uint64_t next = random_u64();
    next += 0x9e3779b97f4a7c15ULL;
    return fmt::format("{:016X}", next);
}

// Fields of one name are one field, their values joined (RFC 9110 5.3): signatures read them so,
// and what is signed must be what the verbs see.
void add_header(Exchange& exchange, const http::Field& field) {
    std::vector<NamedText>& headers = exchange.view.headers;
    const auto known = std::ranges::find_if(headers, [&](const NamedText& header) {
        return equal_ignoring_case(header.name, field.name);
    });
    if (known == headers.end()) {
        headers.push_back({field.name, field.value});
        return;
    }
    std::string& joined = exchange.joined_fields[known->name];
    if (joined.empty()) joined = known->value;
    joined += ',';
    joined += field.value;
    known->value = joined;
}

// Signatures sort parameters of one name by value, verbs read the first: what is signed must not
// depend on an order that it does not vouch for.
Result<void> check_parameters_once(Exchange& exchange) {
    std::vector<std::string_view> names;
    for (const NamedText& parameter : exchange.view.query) names.push_back(parameter.name);
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice == names.end()) return {};
    exchange.error_details = {{"ArgumentName", std::string(*twice)}};
    return fail(Code::invalid_argument,
                fmt::format("The query parameter {} may be given only once.", *twice));
}

void add_ids(http::Response& response, const std::string& request_id) {
    response.fields.emplace_back("x-amz-request-id", request_id);
    response.fields.emplace_back("x-amz-id-2", host_id);
}

}  // namespace

http::Response to_response(Reply reply) {
    http::Response response;
    response.status = reply.status;
    for (auto& [name, value] : reply.headers)
        if (!equal_ignoring_case(name, "Content-Length"))
            response.fields.emplace_back(std::move(name), std::move(value));
    response.body = std::move(reply.body);
    return response;
}

Service::Service(Parts parts)
    : parts_(std::move(parts)),
      authenticator_(parts_.keys, parts_.clock),
      request_metrics_(parts_.metrics) {}

Result<void> Service::read_head(Exchange& exchange) {
    TRY(exchange.target, parse_target(exchange.head.target));
    const std::string_view host = exchange.head.field("Host").value_or("");
    exchange.place = find_place(exchange.target.path, host, parts_.domains);
    RequestView& view = exchange.view;
    view.method = exchange.head.method;
    view.host = host;
    view.bucket = exchange.place.bucket;
    view.key = exchange.place.key;
    for (const auto& [name, value] : exchange.target.query) view.query.push_back({name, value});
    for (const http::Field& field : exchange.head.fields) add_header(exchange, field);
    return {};
}

net::Task<Result<http::Response>> Service::run(Exchange& exchange) {
    CO_TRY_VOID(read_head(exchange));
    const SignedRequest request{.view = exchange.view,
                                .path = exchange.target.path,
                                .raw_path = exchange.target.raw_path,
                                .bucket_in_host = exchange.place.bucket_in_host};
    CO_TRY(exchange.identity, authenticator_.identify(request));
    CO_TRY_VOID(check_parameters_once(exchange));
    CO_TRY(exchange.operation, route(exchange.view));
    co_return co_await dispatch(exchange);
}

net::Task<Result<http::Response>> Service::dispatch(Exchange& exchange) {
    switch (exchange.operation) {
        case Operation::GetObject:
        case Operation::HeadObject:
            co_return co_await get_object(exchange);
        case Operation::PutObject:
            co_return co_await put_object(exchange);
        case Operation::UploadPart:
            co_return co_await upload_part(exchange);
        case Operation::FollowJournal:
            co_return co_await follow_journal(exchange);
        default:
            break;
    }
    const Verb verb = verb_of(exchange.operation);
    if (verb == nullptr) co_return fail(not_implemented(exchange.operation));
    Payload::Whole xml;
    // An empty one too: it may not be the one that was signed.
    if (has_xml_body(exchange.operation)) {
        CO_TRY(Payload payload, Payload::from(exchange));
        CO_TRY(xml, co_await payload.read_whole(parts_.limits.xml_body_bytes_max));
    }
    // What was only read can be asked for again; what was changed is told, whatever it costs.
    io::ByteBudget::Share memory = parts_.xml_memory.share();
    const bool only_reads = exchange.view.method == "GET";
    auto work = [&]() -> Result<Reply> {
        if (only_reads) TRY_VOID(memory.grow_to(small_reply_bytes));
        return verb(exchange.call(xml.bytes));
    };
    CO_TRY(Reply reply, co_await net::run_blocking(exchange.pool, work));
    if (only_reads) {
        CO_TRY_VOID(memory.grow_to(reply.body.capacity()));
    } else {
        memory.grow_anyway_to(reply.body.capacity());
    }
    http::Response response = to_response(std::move(reply));
    response.memory = std::move(memory);
    co_return response;
}

http::Response Service::write_failure(const Exchange& exchange, const Error& error) {
    std::vector<NamedText> details;
    for (const auto& [name, value] : exchange.error_details) details.push_back({name, value});
    // A target that could not be parsed may hold any bytes.
    std::string_view resource = exchange.target.path;
    if (resource.empty()) resource = "/";
    if (error.code() == Code::no_such_bucket || error.code() == Code::bucket_not_empty)
        details.push_back({"BucketName", exchange.view.bucket});
    if (error.code() == Code::no_such_key || error.code() == Code::no_such_version)
        details.push_back({"Key", exchange.view.key});
    const CodeInfo& row = info(error.code());
    if (row.http_status >= 500 && error.code() != Code::not_implemented &&
        error.code() != Code::slow_down)
        parts_.log.error("request {}: {}", exchange.request_id, error.describe());
    if (error.code() == Code::corrupt) parts_.store.damage().count();
    http::Response response =
        to_response(write_error(error, {.resource = resource,
                                        .request_id = exchange.request_id,
                                        .host_id = host_id,
                                        .head_request = exchange.head.method == "HEAD",
                                        .details = details}));
    for (const auto& field : exchange.error_headers) response.fields.push_back(field);
    return response;
}

void Service::finish(const Exchange& exchange, const Error* error, UnixNanos begin,
                     http::Response& response) {
    // The exchange ends before the reply is sent: what the log needs of it is written now, but for
    // what sending tells.
    const unsigned status = response.status;
    const Operation operation = exchange.operation;
    std::shared_ptr<const std::string> line;
    if (parts_.access_log)
        line = std::make_shared<std::string>(begin_access_line(exchange, status, error, begin));
    response.on_sent = [this, line, status, operation, begin](const http::Sent& sent) {
        const UnixNanos end = parts_.clock.now();
        const double seconds =
            end > begin ? static_cast<double>(end - begin) / nanos_per_second : 0;
        request_metrics_.done(operation, status, seconds, sent.bytes_in, sent.bytes_out);
        if (line) parts_.access_log->info("{}", end_access_line(*line, begin, end, sent));
    };
}

net::Task<http::Response> Service::handle(const http::RequestHead& head, http::BodyReader& body) {
    const UnixNanos begin = parts_.clock.now();
    Exchange exchange{.head = head,
                      .body = body,
                      .pool = parts_.pool,
                      .buffers = parts_.buffers,
                      .lanes = parts_.lanes,
                      .xml_memory = parts_.xml_memory,
                      .journal_streams = parts_.journal_streams,
                      .limits = parts_.limits,
                      .store = parts_.store,
                      .region = parts_.region,
                      .verify_reads = parts_.verify_reads,
                      .request_id = new_request_id()};
    Result<http::Response> response = fail(Code::internal_error);
    try {
        response = co_await run(exchange);
    } catch (const std::exception& exception) {
        // A bug, ours or a library's: the request fails, the server does not.
        parts_.log.error("request {}: exception: {}", exchange.request_id, exception.what());
    }
    http::Response out =
        response ? *std::move(response) : write_failure(exchange, response.error());
    add_ids(out, exchange.request_id);
    finish(exchange, response ? nullptr : &response.error(), begin, out);
    co_return out;
}

http::Response Service::refuse(const Error& error) {
    const std::string request_id = new_request_id();
    http::Response response = to_response(
        write_error(error, {.resource = "/", .request_id = request_id, .host_id = host_id}));
    response.close = true;
    add_ids(response, request_id);
    return response;
}

}  // namespace weir::s3
