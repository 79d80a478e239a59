// PutObject and UploadPart: the requests that bring bytes. Headers are judged before the body is
// asked for; the body is hashed and written while it arrives; then one hop to the blocking pool
// makes it durable and commits it. What is all in memory is committed without a hop.

#include <fmt/format.h>

#include "base/bytes.h"
#include "net/blocking.h"
#include "s3/proto/model_multipart.h"
#include "s3/proto/model_object.h"
#include "s3/proto/names.h"
#include "s3/server/exchange.h"
#include "s3/server/payload.h"
#include "s3/server/preconditions.h"

namespace weir::s3 {
namespace {

meta::Checksum to_checksum(hash::Algorithm algorithm, const hash::Digests& digests) {
    meta::Checksum checksum;
    checksum.set_algorithm(std::string(hash::info(algorithm).name));
    checksum.set_value(*digests[algorithm]);
    return checksum;
}

hash::AlgorithmSet with_md5(hash::AlgorithmSet algorithms) {
    algorithms.insert(hash::Algorithm::md5);
    return algorithms;
}

struct FinishedPut {
    store::StoredBody body;
    store::PutRequest request;
};

Result<FinishedPut> finish_put(const PutObjectRequest& request, const Payload& payload,
                               meta::ObjectHeaders& headers, store::BodyWriter& writer) {
    FinishedPut finished;
    TRY(finished.body, writer.finish());
    const hash::Digests& digests = finished.body.digests;
    TRY_VOID(payload.verify(digests));
    const hash::Algorithm kept = payload.checks().checksum.value_or(hash::Algorithm::crc64nvme);
    finished.request = {
        .key = request.key,
        .headers = std::move(headers),
        .etag = hex_encode(*digests[hash::Algorithm::md5]),
        .checksums = {to_checksum(kept, digests)},
        .precondition = write_precondition(request.if_match, request.if_none_match)};
    return finished;
}

// A body that is all in memory is committed from the core, without a thread that waits; a lost
// race, and what has to be read from the disk, is left to one that may.
net::Task<Result<meta::ObjectRecord>> commit_from_memory(Exchange& exchange,
                                                         const store::Bucket& bucket,
                                                         FinishedPut& finished) {
    store::ObjectStore& store = exchange.store;
    Result<store::ObjectStore::PreparedPut> prepared =
        store.prepare_put(bucket, finished.request, finished.body);
    Result<void> committed;
    if (prepared) {
        auto start = [&](std::function<void(Result<void>)> done) {
            store.commit_put(bucket, *prepared, std::move(done));
        };
        committed = co_await net::when_done<Result<void>>(start);
    } else {
        committed = fail(std::move(prepared).error());
    }
    if (committed) co_return std::move(prepared->record);
    const Error failure = std::move(committed).error();
    const bool undecided = failure.code() == Code::would_block || failure.code() == Code::conflict;
    if (!undecided && !prepared) co_return fail(failure);
    auto settle = [&]() -> Result<meta::ObjectRecord> {
        if (undecided) return store.put(bucket, finished.request, std::move(finished.body));
        TRY(const bool applied, store.was_put(bucket, *prepared, failure));
        if (!applied) return fail(failure);
        return std::move(prepared->record);
    };
    co_return co_await net::run_blocking(exchange.pool, settle);
}

// Refuses early what the commit would refuse anyway, before the body travels.
Result<store::Bucket> open_for_put(const Exchange& exchange, const PutObjectRequest& request,
                                   store::Wait wait) {
    TRY(store::Bucket bucket, own_bucket(exchange.call(), request, wait));
    if (const store::Precondition precondition =
            write_precondition(request.if_match, request.if_none_match)) {
        Result<store::Found> found = exchange.store.find(bucket, request.key, std::nullopt, wait);
        if (!found && found.error().code() != Code::no_such_key)
            return fail(std::move(found).error());
        TRY_VOID(precondition(found && !found->record.delete_marker() ? &found->record : nullptr));
    }
    return bucket;
}

// The algorithm whose digest the part is kept with: the client's, or the upload's.
Result<std::optional<hash::Algorithm>> part_algorithm(const BodyChecks& checks,
                                                      const meta::UploadRecord& upload) {
    const std::optional<hash::Algorithm> of_upload =
        hash::algorithm_by_name(upload.checksum_algorithm());
    if (checks.checksum && of_upload && *checks.checksum != *of_upload)
        return fail(Code::invalid_request,
                    fmt::format("Checksum Type mismatch occurred, expected checksum Type: {}, "
                                "actual checksum Type: {}",
                                to_lower(hash::info(*of_upload).name),
                                to_lower(hash::info(*checks.checksum).name)));
    return checks.checksum ? checks.checksum : of_upload;
}

struct OpenPart {
    store::Bucket bucket;
    std::optional<hash::Algorithm> algorithm;
    std::optional<store::BodyWriter> writer;
};

Result<OpenPart> open_part(const Exchange& exchange, const UploadPartRequest& request,
                           const store::PartId& part, const Payload& payload) {
    OpenPart open;
    TRY(open.bucket, own_bucket(exchange.call(), request));
    TRY(const meta::UploadRecord upload,
        exchange.store.find_upload(open.bucket, request.key, request.upload_id));
    TRY(open.algorithm, part_algorithm(payload.checks(), upload));
    hash::AlgorithmSet algorithms = with_md5(payload.checks().algorithms);
    if (open.algorithm) algorithms.insert(*open.algorithm);
    TRY(store::BodyWriter writer,
        exchange.store.begin_part(open.bucket, part, *payload.size_bytes(), algorithms));
    open.writer.emplace(std::move(writer));
    return open;
}

Result<Reply> commit_part(const Exchange& exchange, const store::PartId& part,
                          const Payload& payload, OpenPart& open) {
    TRY(store::StoredBody body, open.writer->finish());
    TRY_VOID(payload.verify(body.digests));
    const std::string etag = hex_encode(*body.digests[hash::Algorithm::md5]);
    std::vector<meta::Checksum> checksums;
    if (open.algorithm) checksums.push_back(to_checksum(*open.algorithm, body.digests));
    TRY(const meta::PartRecord record,
        exchange.store.put_part(open.bucket, part, etag, std::move(checksums), std::move(body)));
    UploadPartReply message;
    message.etag = quoted(record.etag());
    show_checksums(record.checksums(), meta::CHECKSUM_TYPE_FULL_OBJECT, 0, message);
    Reply reply;
    write(message, reply);
    return reply;
}

// On failure what was written is removed, which may take a while, where that may block.
net::Task<Result<void>> receive(Exchange& exchange, Payload& payload, store::BodyWriter& writer) {
    Result<void> received = co_await payload.write_to(writer);
    if (received) co_return received;
    auto discard = [&writer]() -> Result<void> {
        writer.discard();
        return {};
    };
    // No room in the pool: then here.
    if (!co_await net::run_blocking(exchange.pool, discard)) writer.discard();
    co_return received;
}

}  // namespace

net::Task<Result<http::Response>> put_object(Exchange& exchange) {
    CO_TRY_VOID(check_object_key(exchange.view.key));
    CO_TRY(const PutObjectRequest request, parse<PutObjectRequest>(exchange.view));
    CO_TRY(Payload payload, Payload::from(exchange));
    CO_TRY(meta::ObjectHeaders headers, object_headers(request));
    Result<store::Bucket> bucket = open_for_put(exchange, request, store::Wait::no);
    if (!bucket && bucket.error().code() == Code::would_block) {
        auto open = [&] { return open_for_put(exchange, request, store::Wait::yes); };
        bucket = co_await net::run_blocking(exchange.pool, open);
    }
    if (!bucket) co_return fail(std::move(bucket).error());
    store::BodyWriter writer = exchange.store.begin_body(*bucket, payload.size_bytes(),
                                                         with_md5(payload.checks().algorithms));
    CO_TRY_VOID(co_await receive(exchange, payload, writer));
    Result<meta::ObjectRecord> record = fail(Code::internal_error);
    if (writer.in_memory()) {
        CO_TRY(FinishedPut finished, finish_put(request, payload, headers, writer));
        record = co_await commit_from_memory(exchange, *bucket, finished);
    } else {
        auto commit = [&]() -> Result<meta::ObjectRecord> {
            TRY(FinishedPut finished, finish_put(request, payload, headers, writer));
            return exchange.store.put(*bucket, finished.request, std::move(finished.body));
        };
        record = co_await net::run_blocking(exchange.pool, commit);
    }
    if (!record) co_return fail(std::move(record).error());
    PutObjectReply message;
    message.etag = quoted(record->etag());
    message.version_id = made_version_id(*record);
    message.checksum_type = checksum_type_name(record->checksum_type());
    show_checksums(*record, message);
    Reply reply;
    write(message, reply);
    co_return to_response(std::move(reply));
}

net::Task<Result<http::Response>> upload_part(Exchange& exchange) {
    CO_TRY(const UploadPartRequest request, parse<UploadPartRequest>(exchange.view));
    CO_TRY_VOID(check_part_number(request.part_number));
    CO_TRY(Payload payload, Payload::from(exchange));
    // Where a part lies depends on its length.
    if (!payload.size_bytes()) co_return fail(Code::missing_content_length);
    const store::PartId part{.key = request.key,
                             .upload_id = request.upload_id,
                             .part_number = static_cast<std::uint32_t>(request.part_number)};
    auto begin = [&] { return open_part(exchange, request, part, payload); };
    CO_TRY(OpenPart open, co_await net::run_blocking(exchange.pool, begin));
    CO_TRY_VOID(co_await receive(exchange, payload, *open.writer));
    auto commit = [&] { return commit_part(exchange, part, payload, open); };
    CO_TRY(Reply reply, co_await net::run_blocking(exchange.pool, commit));
    co_return to_response(std::move(reply));
}

}  // namespace weir::s3
