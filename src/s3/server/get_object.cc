// GetObject and HeadObject. Answered on the network core where memory holds what is needed, on the
// blocking pool where not; the bytes themselves go from the page cache to the socket.

#include <fmt/format.h>

#include <algorithm>

#include "net/blocking.h"
#include "s3/proto/model_object.h"
#include "s3/proto/range.h"
#include "s3/server/exchange.h"
#include "s3/server/local_blob.h"
#include "s3/server/preconditions.h"
#include "s3/server/settled.h"
#include "store/verify.h"

namespace weir::s3 {
namespace {

// Of a verified reply, before its head is sent.
constexpr std::uint64_t told_bytes_max = 8 * MiB;

struct Selection {
    ByteRange range;
    bool partial = false;
    std::optional<std::int64_t> parts_count;
    std::optional<meta::Part> part;  // the one that was asked for by number
};

// Bytes of part `number`: of an object that was not uploaded in parts, part 1 is all of it.
Result<Selection> select_part(const Exchange& exchange, const store::Bucket& bucket,
                              const std::string& key, const meta::ObjectRecord& record,
                              std::int64_t number, store::Wait wait) {
    TRY_VOID(check_part_number(number));
    if (record.parts_count() == 0) {
        if (number != 1) return fail(Code::invalid_part);
        return Selection{.range = {0, record.size_bytes()},
                         .partial = record.size_bytes() > 0,
                         .parts_count = {},
                         .part = {}};
    }
    if (wait == store::Wait::no) return fail(Code::would_block);
    TRY(const meta::PartTable table, exchange.store.part_table(bucket, key, record));
    std::uint64_t offset = 0;
    for (int i = 0; i < table.parts_size(); ++i) {
        const std::uint64_t size = table.parts(i).size_bytes();
        if (i + 1 == number)
            return Selection{.range = {offset, size},
                             .partial = true,
                             .parts_count = table.parts_size(),
                             .part = table.parts(i)};
        offset += size;
    }
    return fail(Code::invalid_part);
}

Result<Selection> select_bytes(Exchange& exchange, const store::Bucket& bucket,
                               const GetObjectRequest& request, const meta::ObjectRecord& record,
                               store::Wait wait) {
    if (request.part_number) {
        if (request.range)
            return fail(Code::invalid_request,
                        "Cannot specify both Range header and partNumber query parameter");
        return select_part(exchange, bucket, request.key, record, *request.part_number, wait);
    }
    if (request.range) {
        Result<std::optional<ByteRange>> range = parse_range(*request.range, record.size_bytes());
        if (!range) {
            exchange.error_details = {{"RangeRequested", *request.range},
                                      {"ActualObjectSize", std::to_string(record.size_bytes())}};
            exchange.error_headers = {
                {"Content-Range", unsatisfied_content_range(record.size_bytes())}};
            return fail(std::move(range).error());
        }
        if (*range)
            return Selection{.range = **range, .partial = true, .parts_count = {}, .part = {}};
    }
    return Selection{
        .range = {0, record.size_bytes()}, .partial = false, .parts_count = {}, .part = {}};
}

template <typename Message>
void describe_object(const meta::ObjectRecord& record, const GetObjectRequest& request,
                     Message& message) {
    const meta::ObjectHeaders& headers = record.headers();
    const auto shown = [](const std::optional<std::string>& override_value, bool has,
                          const std::string& kept) -> std::optional<std::string> {
        if (override_value) return override_value;
        if (has) return kept;
        return std::nullopt;
    };
    message.accept_ranges = "bytes";
    message.last_modified = record.last_modified_nanos();
    message.etag = quoted(record.etag());
    message.content_type =
        shown(request.response_content_type, true,
              headers.has_content_type() ? headers.content_type() : "binary/octet-stream");
    message.cache_control =
        shown(request.response_cache_control, headers.has_cache_control(), headers.cache_control());
    message.content_disposition =
        shown(request.response_content_disposition, headers.has_content_disposition(),
              headers.content_disposition());
    message.content_encoding = shown(request.response_content_encoding,
                                     headers.has_content_encoding(), headers.content_encoding());
    message.content_language = shown(request.response_content_language,
                                     headers.has_content_language(), headers.content_language());
    message.expires = shown(request.response_expires, headers.has_expires(), headers.expires());
    if (!headers.storage_class().empty()) message.storage_class = headers.storage_class();
    for (const meta::NamedValue& entry : headers.user_metadata())
        message.metadata[entry.name()] = entry.value();
}

// A delete marker answers as if nothing were there, and says that it is one.
std::unexpected<Error> refuse_delete_marker(Exchange& exchange, const meta::ObjectRecord& record,
                                            bool by_version) {
    exchange.error_headers = {{"x-amz-delete-marker", "true"},
                              {"x-amz-version-id", meta::version_id(record)}};
    return fail(by_version ? Code::method_not_allowed : Code::no_such_key);
}

// Compares what comes next with its checksums, before it is sent.
http::FileRange verified(const Exchange& exchange, const store::Body::Piece& piece,
                         http::FileRange file) {
    auto verifier = std::make_shared<store::RangeVerifier>(
        exchange.store.context().kv, exchange.store.damage(), piece.extent, piece.reader);
    file.check = [verifier, start = piece.offset, file_start = file.offset](std::uint64_t offset,
                                                                            std::uint64_t length) {
        return verifier->verify(start + (offset - file_start), length);
    };
    return file;
}

Result<http::Response> attach_body(const Exchange& exchange, const store::Bucket& bucket,
                                   const std::string& key, const meta::ObjectRecord& record,
                                   ByteRange selected, http::Response response, store::Wait wait) {
    if (exchange.verify_reads && wait == store::Wait::no) return fail(Code::would_block);
    TRY(store::Body body,
        exchange.store.open_body(bucket, key, record, selected.offset, selected.length, wait));
    response.body = std::move(body.bytes);
    for (const store::Body::Piece& piece : body.pieces) {
        std::optional<blob::FileRange> file = piece.reader->file_range(piece.offset, piece.length);
        if (!file) return fail(Code::internal_error, "the engine has no file to send from");
        http::FileRange range{.descriptor = std::move(file->descriptor),
                              .offset = file->offset,
                              .length = file->length,
                              .check = {}};
        response.files.push_back(exchange.verify_reads ? verified(exchange, piece, std::move(range))
                                                       : std::move(range));
    }
    if (!exchange.verify_reads) return response;
    // While an error can still be told.
    if (!response.files.empty()) {
        const http::FileRange& first = response.files.front();
        TRY_VOID(first.check(first.offset, std::min(first.length, told_bytes_max)));
    }
    return response;
}

Result<http::Response> answer(Exchange& exchange, const GetObjectRequest& request, bool head_only,
                              store::Wait wait) {
    TRY(const store::Bucket bucket, own_bucket(exchange.call(), request.bucket, wait));
    if (request.expected_bucket_owner && *request.expected_bucket_owner != bucket.owner)
        return fail(Code::access_denied);
    TRY(const std::optional<meta::VersionName> version, version_name(request.version_id));
    TRY(const store::Found found, exchange.store.find(bucket, request.key, version, wait));
    const meta::ObjectRecord& record = found.record;
    if (record.delete_marker()) return refuse_delete_marker(exchange, record, version.has_value());
    TRY(const meta::Versioning versioning, exchange.store.versioning(bucket, wait));

    GetObjectReply message;
    describe_object(record, request, message);
    message.version_id = shown_version_id(record, versioning);
    const Conditions conditions{.if_match = request.if_match,
                                .if_none_match = request.if_none_match,
                                .if_modified_since = request.if_modified_since,
                                .if_unmodified_since = request.if_unmodified_since};
    if (Result<void> holds = check_read(conditions, state_of(record)); !holds) {
        if (holds.error().code() != Code::not_modified) return fail(std::move(holds).error());
        Reply reply;
        write(message, reply);
        reply.status = 304;
        return to_response(std::move(reply));
    }
    TRY(const Selection selection, select_bytes(exchange, bucket, request, record, wait));
    message.parts_count = selection.parts_count;
    if (selection.partial) {
        message.content_range = content_range(selection.range, record.size_bytes());
        if (selection.part && request.checksum_mode) {
            show_checksums(selection.part->checksums(), meta::CHECKSUM_TYPE_FULL_OBJECT, 0,
                           message);
            message.checksum_type = checksum_type_name(record.checksum_type());
        }
    } else if (request.checksum_mode) {
        // The object's never with a part of its bytes: clients check what they got against it.
        show_checksums(record, message);
        message.checksum_type = checksum_type_name(record.checksum_type());
    }
    Reply reply;
    write(message, reply);
    if (selection.partial) reply.status = 206;
    if (head_only && asks_for_blob(exchange.head)) {
        TRY(const store::Body body,
            exchange.store.open_body(bucket, request.key, record, 0, record.size_bytes(), wait));
        if (const auto where = locate_blob(body, record.size_bytes()))
            reply.add_header(blob_header, *where);
    }
    http::Response response = to_response(std::move(reply));
    response.content_length = selection.range.length;
    if (head_only) return response;
    return attach_body(exchange, bucket, request.key, record, selection.range, std::move(response),
                       wait);
}

}  // namespace

net::Task<Result<http::Response>> get_object(Exchange& exchange) {
    const bool head_only = exchange.operation == Operation::HeadObject;
    // The two requests have the same members; HeadObject's is parsed as what it asks for.
    CO_TRY(const GetObjectRequest request, parse<GetObjectRequest>(exchange.view));
    Result<http::Response> response = answer(exchange, request, head_only, store::Wait::no);
    if (response) co_return response;
    const Code code = response.error().code();
    if (code != Code::would_block && code != Code::conflict) co_return response;
    auto work = [&] {
        return settled([&] { return answer(exchange, request, head_only, store::Wait::yes); });
    };
    co_return co_await net::run_blocking(exchange.pool, work);
}

}  // namespace weir::s3
