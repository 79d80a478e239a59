#include "inspect/check.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/bytes.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "meta/version.h"
#include "store/orphans.h"
#include "store/partitions.h"
#include "store/verify.h"

namespace weir::inspect {
namespace {

// What the records say about one blob.
struct Use {
    std::uint64_t end_bytes = 0;        // no record reaches further
    std::uint64_t allocated_bytes = 0;  // on the disk
    std::uint64_t checksum_bytes = 0;   // that have checksums, so that some commit referred to them
    std::uint64_t home = 0;
    bool exclusive = false;
    std::set<std::string> referrers;
};

using store::Place;

class Checker {
  public:
    Checker(store::ObjectStore& store, const CheckOptions& options)
        : store_(store), context_(store.context()), options_(options) {}

    Result<CheckReport> run();

  private:
    using RowCheck = Result<void> (Checker::*)(const Place& place, const kv::Row& row);

    Result<void> check_place(const Place& place);
    Result<void> each_row(const Place& place, char kind, RowCheck visit);
    Result<void> check_version(const Place& place, const kv::Row& row);
    Result<void> check_record(const Place& place, const std::string& key,
                              const meta::ObjectRecord& record, const kv::Row& row);
    Result<void> check_body_row(const Place& place, const kv::Row& row);
    Result<void> check_upload(const Place& place, const kv::Row& row);
    Result<void> check_part(const Place& place, const kv::Row& row);
    Result<void> check_garbage(const Place& place, const kv::Row& row);
    Result<void> check_checksums(const Place& place, const kv::Row& row);
    Result<void> check_reference(const Place& place, const kv::Row& row);
    Result<void> check_blobs();
    Result<void> check_blob(const blob::BlobInfo& info);
    Result<void> check_missing();
    Result<void> check_unused_slots();
    Result<void> punch_gaps(const std::string& blob, const Use& use);
    template <typename Extents>
    void use(const Extents& extents);
    Result<bool> unchanged(const Place& place, const kv::Row& row);
    void find(Kind kind, std::string where, std::string what, bool repaired = false);
    void find_unreadable(std::string where, std::string what);
    bool may_repair() const { return options_.repair && report_.leaks_known; }
    bool cancelled() const { return options_.cancel != nullptr && options_.cancel->load(); }
    Result<void> go_on() const {
        return cancelled() ? fail(Code::cancelled, "the check was told to stop") : Result<void>();
    }
    Result<void> check_metadata();
    Result<bool> mend_row(const Place& place, const kv::Row& row);

    store::ObjectStore& store_;
    const store::Context& context_;
    const CheckOptions& options_;
    std::uint64_t low_water_ = 0;
    std::vector<Place> places_;
    std::unordered_map<std::string, Use> uses_;                // by blob
    std::unordered_set<std::string> garbage_;                  // blobs that wait for the reclaimer
    std::unordered_set<std::string> known_;                    // blobs that are there
    std::set<std::pair<std::uint64_t, std::string>> uploads_;  // partition, upload id
    CheckReport report_;
};

std::string blob_name(std::string_view blob) {
    const std::optional<blob::BlobId> id = blob::BlobId::decode(blob);
    return "blob " + (id ? id->text() : hex_encode(blob));
}

Result<CheckReport> Checker::run() {
    // First: blobs made after this are not judged.
    low_water_ = store_.in_flight().low_water();
    TRY_VOID(check_metadata());
    TRY(places_, store::every_place(context_.kv));
    for (const Place& place : places_) {
        if (!place.drained) ++report_.buckets;
        TRY_VOID(check_place(place));
        for (const char kind : {meta::current_prefix, meta::marker_prefix, meta::version_prefix})
            TRY_VOID(each_row(place, kind, &Checker::check_version));
        TRY_VOID(each_row(place, meta::upload_prefix, &Checker::check_upload));
        TRY_VOID(each_row(place, meta::part_prefix, &Checker::check_part));
        TRY_VOID(each_row(place, meta::garbage_prefix, &Checker::check_garbage));
        TRY_VOID(each_row(place, kv::bulk_prefix, &Checker::check_body_row));
    }
    TRY_VOID(check_blobs());
    TRY_VOID(check_missing());
    for (const Place& place : places_) {
        TRY_VOID(each_row(place, meta::checksum_prefix, &Checker::check_checksums));
        TRY_VOID(each_row(place, meta::reference_prefix, &Checker::check_reference));
    }
    TRY_VOID(check_unused_slots());
    return std::move(report_);
}

// The files of the database, as the database itself checks them.
Result<void> Checker::check_metadata() {
    if (!options_.read_bytes) return {};
    TRY_VOID(context_.kv.verify_files([this](const std::string& file, std::uint64_t bytes,
                                             const std::optional<std::string>& wrong) {
        report_.bytes_read += bytes;
        if (wrong) find_unreadable(file, *wrong);
        return !cancelled();
    }));
    return go_on();
}

// What cannot be read may have referred to anything: from here on nothing counts as leaked.
void Checker::find_unreadable(std::string where, std::string what) {
    report_.leaks_known = false;
    find(Kind::damage, std::move(where), std::move(what));
}

void Checker::find(Kind kind, std::string where, std::string what, bool repaired) {
    if (kind == Kind::leak && !report_.leaks_known) return;
    ++(kind == Kind::damage ? report_.damage : report_.leaks);
    if (repaired) ++report_.repaired;
    if (report_.findings.size() < options_.findings_max)
        report_.findings.push_back({kind, std::move(where), std::move(what), repaired});
}

Result<void> Checker::check_place(const Place& place) {
    const auto fence = context_.kv.get(place.partition, meta::fence_row);
    if (!fence && fence.error().code() != Code::not_found) return fail(fence.error());
    if (!fence && options_.offline && !place.drained && !place.half_made)
        find_unreadable(place.name, "all its rows are missing");
    return {};
}

Result<void> Checker::each_row(const Place& place, char kind, RowCheck visit) {
    const Result<void> all =
        kv::each_row(context_.kv, place.partition, kv::prefix_range(std::string(1, kind)),
                     [&](const kv::Row& row) -> Result<void> {
                         TRY_VOID(go_on());
                         return (this->*visit)(place, row);
                     });
    if (all) return {};
    // Deleted and drained meanwhile, or told by check_place().
    if (all.error().code() == Code::not_found) return {};
    if (all.error().code() != Code::corrupt) return all;
    find_unreadable(place.name, all.error().describe());
    return {};
}

Result<bool> Checker::unchanged(const Place& place, const kv::Row& row) {
    if (options_.offline) return true;
    TRY(const std::optional<std::string> now, context_.kv.get(place.partition, row.key));
    return now == row.value;
}

Result<bool> Checker::mend_row(const Place& place, const kv::Row& row) {
    if (!may_repair() || !options_.offline) return false;
    kv::Batch batch;
    batch.require(row.key, row.value);
    batch.remove(row.key);
    TRY_VOID(kv::commit_and_wait(context_.kv, place.partition, std::move(batch)));
    return true;
}

template <typename Extents>
void Checker::use(const Extents& extents) {
    for (const meta::Extent& extent : extents) {
        Use& use = uses_[extent.blob()];
        use.end_bytes = std::max(use.end_bytes, extent.offset() + extent.length());
        use.home = extent.home();
        if (extent.referrer().empty()) {
            use.exclusive = true;
        } else {
            use.referrers.insert(extent.referrer());
        }
    }
}

Result<void> Checker::check_version(const Place& place, const kv::Row& row) {
    ++report_.versions;
    std::string key = row.key.substr(1);
    if (row.key.front() == meta::version_prefix) {
        std::optional<meta::VersionRow> parsed = meta::parse_version_row(row.key);
        if (!parsed) {
            find_unreadable(place.name, "a version row has a key that is not one");
            return {};
        }
        key = std::move(parsed->key);
    }
    const Result<meta::ObjectRecord> record = meta::decode<meta::ObjectRecord>(row.value);
    if (!record) {
        find_unreadable(fmt::format("{}/{}", place.name, key), record.error().describe());
        return {};
    }
    if (row.key.front() == meta::marker_prefix) {
        TRY(const std::optional<std::string> object,
            context_.kv.get(place.partition, meta::current_row(key)));
        TRY(const bool still, unchanged(place, row));
        if (object && still)
            find(Kind::damage, fmt::format("{}/{}", place.name, key),
                 "an object and a delete marker are both current");
    }
    return check_record(place, key, *record, row);
}

Result<void> Checker::check_record(const Place& place, const std::string& key,
                                   const meta::ObjectRecord& record, const kv::Row& row) {
    const std::string where = fmt::format("{}/{} ({})", place.name, key, meta::version_id(record));
    use(record.extents());
    std::uint64_t covered = 0;
    for (const meta::Extent& extent : record.extents()) covered += extent.length();
    std::optional<std::string> wrong;
    const bool has_row = record.body() == meta::BODY_INLINE || record.body() == meta::BODY_TABLE ||
                         record.parts_count() > 0;
    Result<std::optional<std::string>> body = std::nullopt;
    if (has_row) {
        body = context_.kv.get(place.partition, meta::body_row(key, record.version()));
        wrong = store::verify_body_row(body, record);
    }
    if (record.body() == meta::BODY_TABLE && wrong) {
        TRY(const bool still, unchanged(place, row));
        if (still) find_unreadable(where, *wrong);
        return {};
    }
    if (record.body() == meta::BODY_TABLE) {
        TRY(const meta::PartTable table, meta::decode<meta::PartTable>(**body));
        use(table.extents());
        for (const meta::Extent& extent : table.extents()) covered += extent.length();
    }
    const bool in_extents =
        record.body() == meta::BODY_EXTENTS || record.body() == meta::BODY_TABLE;
    if (!wrong && in_extents && covered != record.size_bytes())
        wrong = fmt::format("its extents cover {} of {} bytes", covered, record.size_bytes());
    if (!wrong) return {};
    TRY(const bool still, unchanged(place, row));
    if (still) find(Kind::damage, where, *wrong);
    return {};
}

Result<void> Checker::check_body_row(const Place& place, const kv::Row& row) {
    std::string_view rest = std::string_view(row.key).substr(1);
    const std::optional<std::string> key = meta::take_escaped(rest);
    const std::optional<meta::Version> version = key ? meta::decode_version(rest) : std::nullopt;
    if (!version) {
        find(Kind::damage, place.name, "a body row has a key that is not one");
        return {};
    }
    for (const std::string& owner : {meta::current_row(*key), meta::version_row(*key, *version)}) {
        TRY(const std::optional<std::string> bytes, context_.kv.get(place.partition, owner));
        if (!bytes) continue;
        const Result<meta::ObjectRecord> record = meta::decode<meta::ObjectRecord>(*bytes);
        if (record && meta::same_version(record->version(), *version)) return {};
    }
    TRY(const bool still, unchanged(place, row));
    if (!still) return {};
    TRY(const bool mended, mend_row(place, row));
    find(Kind::leak, fmt::format("{}/{}", place.name, *key), "a body row without its version",
         mended);
    return {};
}

Result<void> Checker::check_upload(const Place& place, const kv::Row& row) {
    ++report_.uploads;
    const std::optional<meta::UploadRow> parsed = meta::parse_upload_row(row.key);
    const Result<meta::UploadRecord> record = meta::decode<meta::UploadRecord>(row.value);
    if (!parsed || !record) {
        find_unreadable(place.name, "an upload row that cannot be read");
        return {};
    }
    uploads_.emplace(place.partition.value(), parsed->upload_id);
    return {};
}

Result<void> Checker::check_part(const Place& place, const kv::Row& row) {
    std::string_view rest = std::string_view(row.key).substr(1);
    const std::optional<std::string> upload_id = meta::take_escaped(rest);
    const Result<meta::PartRecord> part = meta::decode<meta::PartRecord>(row.value);
    if (!upload_id || !part) {
        find_unreadable(place.name, "a part row that cannot be read");
        return {};
    }
    use(part->extents());
    if (uploads_.contains({place.partition.value(), *upload_id}) || place.drained ||
        !options_.offline)
        return {};
    TRY(const bool mended, mend_row(place, row));
    find(Kind::leak, place.name, fmt::format("a part of upload {}, which is gone", *upload_id),
         mended);
    return {};
}

Result<void> Checker::check_garbage(const Place& place, const kv::Row& row) {
    const Result<meta::Garbage> garbage = meta::decode<meta::Garbage>(row.value);
    if (!garbage) {
        find_unreadable(place.name, "a garbage row that cannot be read");
        return {};
    }
    for (const meta::Extent& extent : garbage->blobs()) {
        garbage_.insert(extent.blob());
        if (!extent.referrer().empty()) uses_[extent.blob()].referrers.insert(extent.referrer());
    }
    return {};
}

Result<void> Checker::check_blobs() {
    Result<void> outcome;
    TRY_VOID(context_.blobs.list({}, [&](const blob::BlobInfo& info) {
        outcome = check_blob(info);
        return outcome.has_value();
    }));
    return outcome;
}

Result<void> Checker::check_blob(const blob::BlobInfo& info) {
    ++report_.blobs;
    report_.blob_bytes += info.size_bytes;
    const std::string blob = info.id.encode();
    known_.insert(blob);
    if (const auto used = uses_.find(blob); used != uses_.end() && used->second.end_bytes > 0) {
        used->second.allocated_bytes = info.allocated_bytes;
        if (info.size_bytes < used->second.end_bytes)
            find(Kind::damage, blob_name(blob),
                 fmt::format("ends at {}, records need {} bytes", info.size_bytes,
                             used->second.end_bytes));
        return {};
    }
    if (garbage_.contains(blob)) return {};
    const bool young =
        !options_.offline && info.id.writer == options_.writer && info.id.sequence >= low_water_;
    if (young) return {};
    // Live, a record may have moved past the scan; a blob that has no checksums was never
    // committed.
    TRY(const bool committed, store::is_committed(store_, info.id));
    if (committed && !options_.offline) return {};
    if (may_repair()) {
        TRY_VOID(context_.blobs.remove(info.id));
        // So that its checksums go too.
        known_.erase(blob);
    }
    find(Kind::leak, blob_name(blob),
         fmt::format("{} bytes that nothing refers to", info.allocated_bytes), may_repair());
    return {};
}

Result<void> Checker::check_missing() {
    for (const auto& [blob, use] : uses_) {
        if (use.end_bytes == 0 || known_.contains(blob)) continue;
        const std::optional<blob::BlobId> id = blob::BlobId::decode(blob);
        // Live, the blob may be younger than the list, or its object deleted since; then its
        // checksums are gone too.
        if (id && !options_.offline) {
            if (context_.blobs.open(*id)) continue;
            TRY(const bool committed, store::is_committed(store_, *id));
            if (!committed) continue;
        }
        find(Kind::damage, blob_name(blob), "is missing, and a record needs it");
    }
    return {};
}

// Of a blob that parts share, those that never were committed when the server died keep their
// space.
Result<void> Checker::check_unused_slots() {
    // What a file system may allocate beyond the bytes; a slot that matters is larger.
    constexpr std::uint64_t slack_bytes = 1 * MiB;
    if (!options_.offline) return {};
    for (const auto& [blob, use] : uses_) {
        if (use.allocated_bytes <= use.checksum_bytes + slack_bytes) continue;
        if (may_repair()) TRY_VOID(punch_gaps(blob, use));
        find(Kind::leak, blob_name(blob),
             fmt::format("{} bytes of parts that were never committed",
                         use.allocated_bytes - use.checksum_bytes),
             may_repair());
    }
    return {};
}

Result<void> Checker::punch_gaps(const std::string& blob, const Use& use) {
    const std::optional<blob::BlobId> id = blob::BlobId::decode(blob);
    if (!id) return {};
    TRY(const std::shared_ptr<const blob::Reader> reader, context_.blobs.open(*id));
    std::uint64_t covered_to = 0;
    const auto punch_to = [&](std::uint64_t end) -> Result<void> {
        if (end <= covered_to) return {};
        return context_.blobs.punch(*id, covered_to, end - covered_to);
    };
    TRY_VOID(kv::each_row(
        context_.kv, kv::PartitionId(use.home), kv::prefix_range(meta::checksum_rows(blob)),
        [&](const kv::Row& row) -> Result<void> {
            const auto run = meta::parse_checksum_row(row.key);
            if (!run) return fail(Code::corrupt, "a checksum row has a key that is not one");
            TRY(const auto blocks, meta::decode<meta::BlockChecksums>(row.value));
            TRY_VOID(punch_to(std::min(run->offset, reader->size_bytes())));
            covered_to = std::max(covered_to, run->offset + blocks.length());
            return {};
        }));
    TRY_VOID(punch_to(reader->size_bytes()));
    return context_.blobs.trim(*id);
}

Result<void> Checker::check_checksums(const Place& place, const kv::Row& row) {
    const std::optional<meta::ChecksumRow> run = meta::parse_checksum_row(row.key);
    const std::string blob = run ? run->blob : std::string();
    const std::optional<blob::BlobId> id = blob::BlobId::decode(blob);
    const Result<meta::BlockChecksums> blocks = meta::decode<meta::BlockChecksums>(row.value);
    if (!id || !blocks) {
        find_unreadable(place.name, "a checksum row that cannot be read");
        return {};
    }
    if (!known_.contains(blob)) {
        if (!options_.offline || garbage_.contains(blob) || uses_.contains(blob)) return {};
        TRY(const bool mended, mend_row(place, row));
        find(Kind::leak, blob_name(blob), "checksums of a blob that is gone", mended);
        return {};
    }
    const auto used = uses_.find(blob);
    if (used == uses_.end() || used->second.end_bytes == 0) return {};
    used->second.checksum_bytes += blocks->length();
    if (!options_.read_bytes || run->offset >= used->second.end_bytes) return {};
    TRY(const std::shared_ptr<const blob::Reader> reader, context_.blobs.open(*id));
    Result<std::optional<std::string>> wrong =
        store::verify_blocks(*reader, run->offset, *blocks,
                             [this](std::uint64_t bytes) { report_.bytes_read += bytes; });
    if (wrong && !*wrong) return {};
    TRY(const bool still, unchanged(place, row));
    if (!still) return {};
    const std::string what = wrong ? **wrong : wrong.error().describe();
    store_.damage().add(blob, what);
    find(Kind::damage, blob_name(blob), what);
    return {};
}

Result<void> Checker::check_reference(const Place& place, const kv::Row& row) {
    const std::string blob = row.key.substr(1, 16),
                      referrer = row.key.size() > 17 ? row.key.substr(17) : "";
    const auto used = uses_.find(blob);
    if (used != uses_.end() && used->second.referrers.contains(referrer)) return {};
    // Live, a copy may be under way.
    if (!options_.offline) return {};
    TRY(const bool mended, mend_row(place, row));
    find(Kind::leak, blob_name(blob), "a reference to it that nobody holds", mended);
    return {};
}

}  // namespace

Result<CheckReport> check(store::ObjectStore& store, const CheckOptions& options) {
    return Checker(store, options).run();
}

}  // namespace weir::inspect
