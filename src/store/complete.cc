// CompleteMultipartUpload. The upload is fenced first, so that its parts stand still; then they are
// checked against the client's list; then one commit makes the object, takes the upload and its
// parts away, and leaves what the list does not name to the reclaimer. No byte moves.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "base/check.h"
#include "base/random.h"
#include "hash/crc_combine.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/object_store.h"

namespace weir::store {
namespace {

using Chosen = std::vector<const ListedPart*>;

const meta::Checksum* find_checksum(const auto& checksums, std::string_view algorithm) {
    for (const meta::Checksum& checksum : checksums)
        if (checksum.algorithm() == algorithm) return &checksum;
    return nullptr;
}

// The stored part for each that the client lists, or what is wrong with the list.
Result<Chosen> choose_parts(const CompleteRequest& request, const std::vector<ListedPart>& stored) {
    if (request.parts.empty())
        return fail(Code::malformed_xml, "You must specify at least one part");
    Chosen chosen;
    std::uint32_t last = 0;
    for (std::size_t i = 0; i < request.parts.size(); ++i) {
        const CompleteRequest::Part& part = request.parts[i];
        // Of a part that is listed again, the last entry counts.
        if (i + 1 < request.parts.size() && request.parts[i + 1].part_number == part.part_number)
            continue;
        if (part.part_number <= last) return fail(Code::invalid_part_order);
        last = part.part_number;
        const auto found =
            std::ranges::lower_bound(stored, part.part_number, {}, &ListedPart::part_number);
        if (found == stored.end() || found->part_number != part.part_number ||
            found->record.etag() != part.etag)
            return fail(Code::invalid_part);
        for (const meta::Checksum& told : part.checksums) {
            const meta::Checksum* kept = find_checksum(found->record.checksums(), told.algorithm());
            if (kept != nullptr && kept->value() != told.value()) return fail(Code::invalid_part);
        }
        chosen.push_back(&*found);
    }
    for (std::size_t i = 0; i + 1 < chosen.size(); ++i)
        if (chosen[i]->record.size_bytes() < part_bytes_min) return fail(Code::entity_too_small);
    return chosen;
}

std::string multipart_etag(const Chosen& parts) {
    std::string digests;
    for (const ListedPart* part : parts) digests += hex_decode(part->record.etag()).value_or("");
    return fmt::format("{}-{}", hex_encode(hash::digest(hash::Algorithm::md5, as_bytes(digests))),
                       parts.size());
}

std::uint64_t combined_crc64nvme(const Chosen& parts) {
    std::uint64_t crc = 0;
    for (const ListedPart* part : parts)
        crc = hash::combine(hash::Algorithm::crc64nvme, crc, part->record.crc64nvme(),
                            part->record.size_bytes());
    return crc;
}

std::uint64_t read_crc(std::string_view bytes) {
    return bytes.size() == 4 ? read_be32(bytes) : read_be64(bytes);
}

// The object's checksum from those of its parts; nullopt if some part has none.
std::optional<meta::Checksum> object_checksum(const Chosen& parts, hash::Algorithm algorithm,
                                              meta::ChecksumType type) {
    const hash::AlgorithmInfo& info = hash::info(algorithm);
    meta::Checksum checksum;
    checksum.set_algorithm(std::string(info.name));
    std::string digests;
    std::uint64_t crc = 0;
    for (const ListedPart* part : parts) {
        const meta::Checksum* kept = find_checksum(part->record.checksums(), info.name);
        if (kept == nullptr) return std::nullopt;
        digests += kept->value();
        if (type == meta::CHECKSUM_TYPE_FULL_OBJECT)
            crc = hash::combine(algorithm, crc, read_crc(kept->value()), part->record.size_bytes());
    }
    if (type == meta::CHECKSUM_TYPE_COMPOSITE) {
        checksum.set_value(hash::digest(algorithm, as_bytes(digests)));
        return checksum;
    }
    std::string value;
    if (info.digest_bytes == 4) {
        append_be32(value, static_cast<std::uint32_t>(crc));
    } else {
        append_be64(value, crc);
    }
    checksum.set_value(std::move(value));
    return checksum;
}

Result<void> check_told(const CompleteRequest& request, const meta::UploadRecord& upload,
                        const meta::ObjectRecord& record) {
    if (request.size_bytes && *request.size_bytes != record.size_bytes())
        return fail(Code::invalid_request,
                    fmt::format("The provided 'x-amz-mp-object-size' header value {} does not "
                                "match what was computed: {}",
                                *request.size_bytes, record.size_bytes()));
    if (request.checksum_type && !upload.checksum_algorithm().empty() &&
        *request.checksum_type != upload.checksum_type())
        return fail(Code::invalid_request,
                    "The checksum type differs from the one the upload was created with.");
    for (const meta::Checksum& told : request.checksums) {
        const meta::Checksum* kept = find_checksum(record.checksums(), told.algorithm());
        if (kept == nullptr)
            return fail(
                Code::invalid_request,
                "The upload was created using another checksum algorithm than the object's.");
        if (kept->value() != told.value()) return fail(Code::checksum_mismatch);
    }
    return {};
}

void set_checksums(const Chosen& parts, const meta::UploadRecord& upload,
                   meta::ObjectRecord& record) {
    record.set_crc64nvme(combined_crc64nvme(parts));
    record.set_checksum_type(meta::CHECKSUM_TYPE_FULL_OBJECT);
    const std::optional<hash::Algorithm> named =
        hash::algorithm_by_name(upload.checksum_algorithm());
    if (named && *named != hash::Algorithm::crc64nvme) {
        if (std::optional<meta::Checksum> checksum =
                object_checksum(parts, *named, upload.checksum_type())) {
            *record.add_checksums() = *std::move(checksum);
            record.set_checksum_type(upload.checksum_type());
        }
        return;
    }
    meta::Checksum& checksum = *record.add_checksums();
    checksum.set_algorithm(std::string(hash::info(hash::Algorithm::crc64nvme).name));
    std::string value;
    append_be64(value, record.crc64nvme());
    checksum.set_value(std::move(value));
}

meta::PartTable make_table(const Chosen& parts) {
    meta::PartTable table;
    for (const ListedPart* listed : parts) {
        meta::Part& part = *table.add_parts();
        part.set_part_number(listed->part_number);
        part.set_size_bytes(listed->record.size_bytes());
        part.set_etag(listed->record.etag());
        *part.mutable_checksums() = listed->record.checksums();
    }
    return table;
}

std::vector<meta::Extent> all_extents(const Chosen& parts) {
    std::vector<meta::Extent> extents;
    for (const ListedPart* part : parts) {
        for (const meta::Extent& extent : part->record.extents())
            extents.emplace_back(extent).clear_slot();
    }
    return extents;
}

}  // namespace

Result<meta::ObjectRecord> ObjectStore::complete_fenced(const Bucket& bucket,
                                                        const CompleteRequest& request,
                                                        const Fenced& fenced, Fate& fate) {
    fate = Fate::not_committed;
    TRY(const std::vector<ListedPart> stored,
        read_parts(bucket, request.upload_id, 0, part_number_max));
    TRY(const Chosen chosen, choose_parts(request, stored));
    meta::ObjectRecord record;
    *record.mutable_headers() = fenced.upload.headers();
    record.set_etag(multipart_etag(chosen));
    record.set_parts_count(static_cast<std::uint32_t>(chosen.size()));
    record.set_upload_id(request.upload_id);
    std::uint64_t size_bytes = 0;
    for (const ListedPart* part : chosen) size_bytes += part->record.size_bytes();
    if (size_bytes > object_bytes_max) return fail(Code::entity_too_large);
    record.set_size_bytes(size_bytes);
    set_checksums(chosen, fenced.upload, record);
    TRY_VOID(check_told(request, fenced.upload, record));

    meta::PartTable table = make_table(chosen);
    const std::vector<meta::Extent> extents = all_extents(chosen);
    place_extents(extents, record, table);
    const int pieces = std::max(record.extents_size(), table.extents_size());
    if (static_cast<std::size_t>(pieces) > context_.limits.extents_per_object_max)
        return fail(Code::invalid_request,
                    fmt::format("The object would lie in {} pieces, {} are allowed. Copy its parts "
                                "anew, or upload them.",
                                pieces, context_.limits.extents_per_object_max));
    std::set<std::string> used;
    for (const meta::Extent& extent : extents) used.insert(extent.blob());
    const std::set<std::string> blobs = shared_blobs_.with_parts(request.upload_id);
    std::set<std::uint32_t> listed;
    for (const ListedPart* part : chosen) listed.insert(part->part_number);

    const auto build = [&](Transaction& transaction) -> Result<void> {
        const std::string row = meta::upload_row(request.key, request.upload_id);
        TRY(const std::optional<std::string> present, transaction.get(row));
        if (!present) return fail(Code::no_such_upload);
        if (present != fenced.bytes)
            return fail(Code::conflict, "another Complete or Abort took the upload over");
        transaction.batch().require(row, fenced.bytes);
        transaction.batch().remove(row);
        TRY(KeyChange change, KeyChange::read(transaction, request.key));
        if (request.precondition) TRY_VOID(request.precondition(change.object()));
        for (const ListedPart& part : stored) {
            transaction.batch().remove(meta::part_row(request.upload_id, part.part_number));
            if (listed.contains(part.part_number)) continue;
            for (const meta::Extent& extent : part.record.extents()) {
                const bool shared_with_object = extent.slot() && used.contains(extent.blob());
                shared_with_object ? transaction.discard_range(extent)
                                   : transaction.discard_blob(extent);
            }
        }
        for (const std::string& blob : blobs)
            if (!used.contains(blob)) transaction.discard_own_blob(blob);
        TRY_VOID(change.put(record, meta::JOURNAL_COMPLETE));
        transaction.batch().put(meta::body_row(request.key, record.version()), meta::encode(table));
        return {};
    };
    TRY_VOID(transact(context_, bucket.partition, build, &fate));
    std::map<std::string, SharedBlobs::Fate> fates;
    for (const std::string& blob : blobs) fates[blob] = {};
    for (const ListedPart& part : stored) {
        for (const meta::Extent& extent : part.record.extents()) {
            if (!used.contains(extent.blob())) continue;
            std::optional<std::uint64_t>& end_bytes = fates[extent.blob()].end_bytes;
            end_bytes = std::max(end_bytes.value_or(0), extent.offset() + extent.length());
        }
    }
    shared_blobs_.end(request.upload_id, fates, context_.log);
    return record;
}

// A client that never saw the reply to its Complete sends it again.
Result<std::optional<meta::ObjectRecord>> ObjectStore::completed_before(
    const Bucket& bucket, const std::string& key, const std::string& upload_id) {
    Result<Found> found = find(bucket, key, std::nullopt);
    if (!found && found.error().code() == Code::no_such_key) return std::nullopt;
    if (!found) return fail(std::move(found).error());
    if (found->record.upload_id() != upload_id) return std::nullopt;
    return std::move(found->record);
}

Result<meta::ObjectRecord> ObjectStore::complete_upload(const Bucket& bucket,
                                                        const CompleteRequest& request) {
    constexpr int attempts_max = 50;
    for (int attempt = 0;; ++attempt) {
        Result<Fenced> fenced = fence_upload(bucket, request.key, request.upload_id);
        if (!fenced) {
            if (fenced.error().code() != Code::no_such_upload)
                return fail(std::move(fenced).error());
            TRY(std::optional<meta::ObjectRecord> before,
                completed_before(bucket, request.key, request.upload_id));
            if (before) return *std::move(before);
            return fail(Code::no_such_upload);
        }
        Fate fate = Fate::not_committed;
        Result<meta::ObjectRecord> completed = complete_fenced(bucket, request, *fenced, fate);
        if (completed) return completed;
        const Code code = completed.error().code();
        bool overtaken = code == Code::conflict || code == Code::no_such_upload;
        // Whoever took the fence over may have taken the parts away while we looked at them.
        if (!overtaken && fate != Fate::unknown)
            overtaken = !reopen_upload(bucket, request.key, request.upload_id, *fenced);
        if (overtaken && attempt < attempts_max) {
            // Two that take the fence from each other in turn would never end.
            const std::uint64_t pause_ms_max = std::uint64_t(1) << std::min(attempt, 9);
            std::this_thread::sleep_for(std::chrono::milliseconds(random_u64() % pause_ms_max));
            continue;
        }
        return completed;
    }
}

}  // namespace weir::store
