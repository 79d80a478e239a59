#include "inspect/describe.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "meta/version.h"
#include "store/partitions.h"

namespace weir::inspect {
namespace {

using nlohmann::json;

constexpr std::uint64_t blobs_max = 10'000;

std::string_view name_of(meta::BodyKind body) {
    switch (body) {
        case meta::BODY_EMPTY:
            return "empty";
        case meta::BODY_INLINE:
            return "inline";
        case meta::BODY_EXTENTS:
            return "extents";
        case meta::BODY_TABLE:
            return "table";
        default:
            return "of a kind that this program does not know";
    }
}

std::string blob_text(std::string_view blob) {
    const std::optional<blob::BlobId> id = blob::BlobId::decode(blob);
    return id ? id->text() : "no blob id: " + hex_encode(blob);
}

template <typename Extents>
json describe_extents(const Extents& extents) {
    json out = json::array();
    for (const meta::Extent& extent : extents) {
        json described{{"blob", blob_text(extent.blob())},
                       {"offset", extent.offset()},
                       {"length", extent.length()},
                       {"home", fmt::format("{:x}", extent.home())}};
        if (!extent.referrer().empty()) described["referrer"] = hex_encode(extent.referrer());
        out.push_back(std::move(described));
    }
    return out;
}

json describe_record(const meta::ObjectRecord& record) {
    json out{{"version_id", meta::version_id(record)},
             {"delete_marker", record.delete_marker()},
             {"last_modified_nanos", record.last_modified_nanos()},
             {"size_bytes", record.size_bytes()},
             {"etag", record.etag()},
             {"crc64nvme", fmt::format("{:016x}", record.crc64nvme())},
             {"body", name_of(record.body())},
             {"parts", record.parts_count()},
             {"revision", record.revision()},
             {"extents", describe_extents(record.extents())}};
    for (const meta::Checksum& checksum : record.checksums())
        out["checksums"][checksum.algorithm()] = base64_encode(checksum.value());
    return out;
}

std::optional<std::string> text_of(const json& question, const char* name) {
    const auto found = question.find(name);
    if (found == question.end() || !found->is_string()) return std::nullopt;
    return found->get<std::string>();
}

Result<json> describe_object(store::ObjectStore& store, const json& question) {
    const std::optional<std::string> bucket_name = text_of(question, "bucket"),
                                     key = text_of(question, "key"),
                                     version_text = text_of(question, "version_id");
    if (!bucket_name || !key)
        return fail(Code::invalid_argument, "an object has a bucket and a key");
    std::optional<meta::VersionName> version;
    if (version_text) version = meta::parse_version_id(*version_text);
    if (version_text && !version)
        return fail(Code::invalid_argument, fmt::format("'{}' is no version id", *version_text));
    TRY(const store::Bucket bucket, store.find_bucket(*bucket_name));
    TRY(const store::Found found, store.find(bucket, *key, version));
    json out = describe_record(found.record);
    out["bucket"] = bucket.name;
    out["partition"] = fmt::format("{:x}", bucket.partition.value());
    out["key"] = *key;
    out["latest"] = found.latest;
    if (found.record.body() == meta::BODY_TABLE) {
        TRY(const meta::PartTable table, store.part_table(bucket, *key, found.record));
        out["extents"] = describe_extents(table.extents());
    }
    return out;
}

Result<blob::BlobId> blob_of(const std::optional<std::string>& text) {
    const std::optional<blob::BlobId> id = text ? blob::BlobId::parse(*text) : std::nullopt;
    if (!id) return fail(Code::invalid_argument, "a blob is named by 32 hexadecimal digits");
    return *id;
}

// The rows about a blob in one partition.
Result<void> describe_rows(kv::Engine& kv, const store::Place& place, blob::BlobId id, json& out) {
    const std::string blob = id.encode();
    TRY_VOID(kv::scan_all(kv, place.partition, kv::prefix_range(meta::checksum_rows(blob)),
                          [&](std::string_view key, std::string_view value) {
                              const auto row = meta::parse_checksum_row(key);
                              const auto blocks = meta::decode<meta::BlockChecksums>(value);
                              out["runs"].push_back({{"bucket", place.name},
                                                     {"offset", row ? row->offset : 0},
                                                     {"length", blocks ? blocks->length() : 0},
                                                     {"readable", row && blocks}});
                              return true;
                          }));
    return kv::scan_all(
        kv, place.partition, kv::prefix_range(meta::reference_rows(blob)),
        [&](std::string_view key, std::string_view) {
            out["referrers"].push_back(
                {{"bucket", place.name}, {"referrer", hex_encode(key.substr(1 + blob.size()))}});
            return true;
        });
}

Result<json> describe_blob(store::ObjectStore& store, const json& question) {
    TRY(const blob::BlobId id, blob_of(text_of(question, "blob")));
    TRY(const std::shared_ptr<const blob::Reader> reader, store.context().blobs.open(id));
    json out{{"blob", id.text()},       {"volume", id.volume},
             {"region", id.region},     {"writer", id.writer},
             {"sequence", id.sequence}, {"size_bytes", reader->size_bytes()},
             {"runs", json::array()},   {"referrers", json::array()}};
    TRY(const std::vector<store::Place> places, store::every_place(store.context().kv));
    for (const store::Place& place : places) {
        const Result<void> described = describe_rows(store.context().kv, place, id, out);
        // Being created, or deleted and drained meanwhile.
        if (!described && described.error().code() != Code::not_found)
            return fail(described.error());
    }
    return out;
}

Result<json> list_blobs(store::ObjectStore& store, const json& question) {
    blob::BlobId from;
    if (question.contains("from")) {
        TRY(from, blob_of(text_of(question, "from")));
    }
    const std::uint64_t count_max = std::min(question.value("max", blobs_max), blobs_max);
    json blobs = json::array();
    json next;
    TRY_VOID(store.context().blobs.list(from, [&](const blob::BlobInfo& info) {
        if (blobs.size() == count_max) {
            next = info.id.text();
            return false;
        }
        blobs.push_back({{"blob", info.id.text()},
                         {"size_bytes", info.size_bytes},
                         {"allocated_bytes", info.allocated_bytes}});
        return true;
    }));
    return json{{"blobs", std::move(blobs)}, {"next", std::move(next)}};
}

}  // namespace

Result<json> describe(store::ObjectStore& store, const json& question) {
    const std::string what = text_of(question, "what").value_or("");
    if (what == "object") return describe_object(store, question);
    if (what == "blob") return describe_blob(store, question);
    if (what == "blobs") return list_blobs(store, question);
    return fail(Code::invalid_argument, "what is asked about is an object, a blob or the blobs");
}

}  // namespace weir::inspect
