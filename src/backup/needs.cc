#include "backup/needs.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>

#include "meta/keys.h"
#include "meta/records.h"

namespace weir::backup {
namespace {

template <typename Extents>
Result<void> add(const Extents& extents, Needs& needs) {
    for (const meta::Extent& extent : extents) {
        const std::optional<blob::BlobId> id = blob::BlobId::decode(extent.blob());
        if (!id) return fail(Code::corrupt, "a record names no blob; weir fsck tells which");
        Need& need = needs[*id];
        need.end_bytes = std::max(need.end_bytes, extent.offset() + extent.length());
        need.growing = need.growing || extent.slot();
    }
    return {};
}

using AddRow = std::function<Result<void>(const kv::Row& row)>;

Result<void> each_row(kv::Engine& kv, kv::PartitionId partition, char kind, const AddRow& add_row) {
    const Result<void> all =
        kv::each_row(kv, partition, kv::prefix_range(std::string(1, kind)), add_row);
    // The bucket was being created.
    if (!all && all.error().code() == Code::not_found) return {};
    return all;
}

// The object key of a row of versions.
std::string object_key(std::string_view row) {
    if (row.front() == meta::current_prefix) return std::string(row.substr(1));
    std::optional<meta::VersionRow> parsed = meta::parse_version_row(row);
    return parsed ? std::move(parsed->key) : std::string();
}

Result<void> add_version(kv::Engine& kv, kv::PartitionId partition, std::string_view row,
                         std::string_view value, Needs& needs) {
    TRY(const meta::ObjectRecord record, meta::decode<meta::ObjectRecord>(value));
    if (record.body() != meta::BODY_TABLE) return add(record.extents(), needs);
    TRY(const std::optional<std::string> bytes,
        kv.get(partition, meta::body_row(object_key(row), record.version())));
    if (!bytes) return fail(Code::corrupt, "an object lacks its part table; weir fsck tells which");
    TRY(const meta::PartTable table, meta::decode<meta::PartTable>(*bytes));
    return add(table.extents(), needs);
}

Result<void> add_bucket(kv::Engine& kv, kv::PartitionId partition, Needs& needs) {
    for (const char kind : {meta::current_prefix, meta::version_prefix})
        TRY_VOID(each_row(kv, partition, kind, [&](const kv::Row& row) {
            return add_version(kv, partition, row.key, row.value, needs);
        }));
    return each_row(kv, partition, meta::part_prefix, [&](const kv::Row& row) -> Result<void> {
        TRY(const meta::PartRecord part, meta::decode<meta::PartRecord>(row.value));
        return add(part.extents(), needs);
    });
}

}  // namespace

Result<Needs> find_needs(store::ObjectStore& store) {
    Needs needs;
    TRY_VOID(store.each_bucket([&](const store::Bucket& bucket) {
        return add_bucket(store.context().kv, bucket.partition, needs);
    }));
    return needs;
}

}  // namespace weir::backup
