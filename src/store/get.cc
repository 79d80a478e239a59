#include <fmt/format.h>

#include "base/bytes.h"
#include "base/check.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/object_store.h"
#include "store/verify.h"

namespace weir::store {
namespace {

using Row = std::optional<std::string>;

constexpr std::size_t read_step_bytes = 1 * MiB;

}  // namespace

std::vector<meta::Extent> cut_extents(
    const google::protobuf::RepeatedPtrField<meta::Extent>& extents, std::uint64_t offset,
    std::uint64_t length) {
    std::vector<meta::Extent> cut;
    std::uint64_t at = 0;
    const std::uint64_t end = offset + length;
    for (const meta::Extent& extent : extents) {
        const std::uint64_t begin_here = std::max(at, offset),
                            end_here = std::min(at + extent.length(), end);
        if (begin_here < end_here) {
            meta::Extent& piece = cut.emplace_back(extent);
            piece.set_offset(extent.offset() + (begin_here - at));
            piece.set_length(end_here - begin_here);
        }
        at += extent.length();
        if (at >= end) break;
    }
    return cut;
}

Result<void> read_range(const blob::Reader& reader, std::uint64_t offset, std::uint64_t length,
                        const ReadBytes& read) {
    std::vector<std::byte> buffer(std::min<std::uint64_t>(length, read_step_bytes));
    for (std::uint64_t done = 0; done < length;) {
        const std::span<std::byte> out =
            std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), length - done));
        TRY_VOID(reader.read_at(offset + done, out));
        TRY_VOID(read(out));
        done += out.size();
    }
    return {};
}

// What the rows say, each at a moment of its own: nullopt if they show no such version. `seen` is
// conditioned on them.
Result<std::optional<Found>> ObjectStore::look_up(const Bucket& bucket, const std::string& key,
                                                  const std::optional<meta::VersionName>& version,
                                                  Wait wait, kv::Batch& seen) {
    const auto read = [&](const std::string& row) -> Result<Row> {
        TRY(Row bytes, read_row(context_.kv, bucket.partition, row, wait));
        seen.require(row, bytes);
        return bytes;
    };
    TRY(Row bytes, read(meta::current_row(key)));
    if (!bytes) {
        TRY(bytes, read(meta::marker_row(key)));
    }
    if (!bytes) return std::nullopt;
    TRY(meta::ObjectRecord head, meta::decode<meta::ObjectRecord>(*bytes));
    if (!version) return Found{.record = std::move(head), .latest = true};
    const bool is_head = version->null ? head.null_version()
                                       : !head.null_version() &&
                                             meta::same_version(head.version(), version->version);
    if (is_head) return Found{.record = std::move(head), .latest = true};
    if (version->null && !head.has_null_at()) return std::nullopt;
    TRY(Row older, read(meta::version_row(key, version->null ? head.null_at() : version->version)));
    if (!older) return std::nullopt;
    TRY(meta::ObjectRecord record, meta::decode<meta::ObjectRecord>(*older));
    if (record.null_version() != version->null) return std::nullopt;
    return Found{.record = std::move(record), .latest = false};
}

Result<Found> ObjectStore::find(const Bucket& bucket, const std::string& key,
                                const std::optional<meta::VersionName>& version, Wait wait) {
    constexpr int looks_max = 100;
    for (int look = 0; look < looks_max; ++look) {
        kv::Batch seen;
        TRY(std::optional<Found> found, look_up(bucket, key, version, wait, seen));
        if (found) return *std::move(found);
        if (!version) return fail(Code::no_such_key);
        // A version moves between rows, and could be overlooked in each: only a commit that changes
        // nothing tells whether all that was seen was true at one moment.
        if (wait == Wait::no) return fail(Code::would_block);
        const Result<kv::Committed> at_one_moment =
            or_no_bucket(kv::commit_and_wait(context_.kv, bucket.partition, std::move(seen)));
        if (at_one_moment) return fail(Code::no_such_version);
        if (at_one_moment.error().code() != Code::conflict) return fail(at_one_moment.error());
    }
    return fail(Code::slow_down,
                "The key changes faster than it can be read. Please reduce your request rate.");
}

Result<Body> ObjectStore::open_body(const Bucket& bucket, const std::string& key,
                                    const meta::ObjectRecord& record, std::uint64_t offset,
                                    std::uint64_t length, Wait wait) {
    CHECK(offset <= record.size_bytes() && length <= record.size_bytes() - offset);
    Body body;
    if (length == 0) return body;
    if (record.body() == meta::BODY_INLINE) {
        TRY(Row bytes,
            read_row(context_.kv, bucket.partition, meta::body_row(key, record.version()), wait));
        if (!bytes) return fail(Code::conflict, "the body went while its object was read");
        if (const std::optional<std::string> wrong = verify_inline(*bytes, record)) {
            const std::string where = fmt::format("{}/{}", bucket.name, key);
            damage_.note(where, *wrong);
            return fail(Code::corrupt, fmt::format("{}: {}", where, *wrong));
        }
        body.bytes = length == bytes->size() ? *std::move(bytes) : bytes->substr(offset, length);
        return body;
    }
    meta::PartTable table;
    if (record.body() == meta::BODY_TABLE) {
        TRY(const Row bytes,
            read_row(context_.kv, bucket.partition, meta::body_row(key, record.version()), wait));
        if (!bytes) return fail(Code::conflict, "the part table went while its object was read");
        TRY(table, meta::decode<meta::PartTable>(*bytes));
    }
    const auto& extents = record.body() == meta::BODY_TABLE ? table.extents() : record.extents();
    std::uint64_t covered = 0;
    for (const meta::Extent& extent : cut_extents(extents, offset, length)) {
        const std::optional<blob::BlobId> id = blob::BlobId::decode(extent.blob());
        if (!id || extent.transform() != 0)
            return fail(Code::corrupt, fmt::format("{}/{}: an extent that this program cannot read",
                                                   bucket.name, key));
        if (damage_.contains(extent.blob()))
            return fail(Code::corrupt,
                        fmt::format("{}/{}: blob {} is damaged", bucket.name, key, id->text()));
        std::shared_ptr<const blob::Reader> reader;
        if (wait == Wait::no) {
            reader = context_.blobs.try_open(*id);
            if (!reader) return fail(Code::would_block);
        } else {
            Result<std::shared_ptr<const blob::Reader>> opened = context_.blobs.open(*id);
            if (!opened && opened.error().code() == Code::not_found)
                return fail(Code::conflict,
                            fmt::format("blob {} went while its object was read", id->text()));
            if (!opened) return fail(std::move(opened).error());
            reader = *std::move(opened);
        }
        if (reader->size_bytes() < extent.offset() + extent.length())
            return fail(Code::corrupt,
                        fmt::format("{}/{}: blob {} ends at {}, the record needs {} bytes",
                                    bucket.name, key, id->text(), reader->size_bytes(),
                                    extent.offset() + extent.length()));
        body.pieces.push_back({.reader = std::move(reader),
                               .offset = extent.offset(),
                               .length = extent.length(),
                               .extent = extent});
        covered += extent.length();
    }
    if (covered != length)
        return fail(Code::corrupt, fmt::format("{}/{}: the extents cover {} of {} bytes",
                                               bucket.name, key, covered, length));
    return body;
}

Result<meta::PartTable> ObjectStore::part_table(const Bucket& bucket, const std::string& key,
                                                const meta::ObjectRecord& record) {
    TRY(const Row bytes,
        read_row(context_.kv, bucket.partition, meta::body_row(key, record.version()), Wait::yes));
    if (!bytes) return fail(Code::conflict, "the part table went while its object was read");
    TRY(meta::PartTable table, meta::decode<meta::PartTable>(*bytes));
    std::uint64_t left = record.size_bytes();
    bool fits = true;
    for (const meta::Part& part : table.parts()) {
        fits = fits && part.size_bytes() <= left;
        left -= std::min(left, part.size_bytes());
    }
    if (!fits || left > 0)
        return fail(Code::corrupt, fmt::format("{}/{}: the parts are not of the object's {} bytes",
                                               bucket.name, key, record.size_bytes()));
    return table;
}

Result<meta::Listing> ObjectStore::list(const Bucket& bucket, const meta::ListQuery& query) {
    return or_no_bucket(meta::list_objects(context_.kv, bucket.partition, query));
}

Result<meta::VersionsListing> ObjectStore::list_versions(const Bucket& bucket,
                                                         const meta::VersionsQuery& query) {
    return or_no_bucket(meta::list_versions(context_.kv, bucket.partition, query));
}

}  // namespace weir::store
