// A store whose rows are not what the product writes: reading, describing, checking and scrubbing
// say so and read no byte that is not there. Input: rows, each a byte for its kind, then numbers
// that choose what its record says, or, for some kinds, the record's own bytes.

#include <nlohmann/json.hpp>
#include <string>

#include "base/bytes.h"
#include "base/log.h"
#include "blob/memory/store.h"
#include "fuzz_input.h"
#include "inspect/check.h"
#include "inspect/describe.h"
#include "inspect/scrub.h"
#include "kv/memory/engine.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/object_store.h"

namespace weir {
namespace {

constexpr std::uint64_t blob_bytes = 1000;
const std::string key = "k";

class Rig {
  public:
    Rig() {
        CHECK(kv_.create_partition(meta::system_partition).has_value());
        Result<store::Bucket> made = store_.create_bucket("weights", "owner", "");
        CHECK(made.has_value());
        bucket = *std::move(made);
        const auto writer = blobs_.create({});
        CHECK(writer.has_value());
        const std::string bytes(blob_bytes, 'b');
        CHECK((*writer)->write_at(0, as_bytes(bytes)).has_value());
        CHECK((*writer)->seal(blob_bytes).has_value());
        blob = (*writer)->id().encode();
    }

    void put(std::string row, std::string value) {
        if (value.empty()) return;
        kv::Batch batch;
        batch.put(std::move(row), std::move(value));
        CHECK(kv::commit_and_wait(kv_, bucket.partition, std::move(batch)).has_value());
    }
    store::ObjectStore& store() { return store_; }

    store::Bucket bucket;
    std::string blob;

  private:
    Limits limits_;
    std::shared_ptr<Log> log_ = null_log();
    ManualClock clock_{1'700'000'000 * nanos_per_second};
    kv::memory::Engine kv_{{.short_pages_percent = 0}, limits_};
    blob::memory::Store blobs_;
    store::ObjectStore store_{store::Context{.kv = kv_,
                                             .blobs = blobs_,
                                             .clock = clock_,
                                             .log = *log_,
                                             .limits = limits_,
                                             .settings = {},
                                             .source = {.region = 0, .writer = 1}}};
};

// Small, near the blob's end, near the end of what 64 bits hold, or anything.
std::uint64_t take_size(std::string_view& input) {
    const std::uint8_t choice = fuzz::take_byte(input);
    switch (choice % 5) {
        case 0:
            return choice / 5;
        case 1:
            return blob_bytes - 20 + choice / 5;
        case 2:
            return 0 - static_cast<std::uint64_t>(choice / 5);
        case 3:
            return (std::uint64_t{1} << 32) - 20 + choice / 5;
        default:
            return fuzz::take_number(input);
    }
}

template <typename Message>
void take_extents(std::string_view& input, const Rig& rig, Message& to) {
    for (int count = fuzz::take_byte(input) % 4; count > 0; --count) {
        meta::Extent& extent = *to.add_extents();
        const std::uint8_t choice = fuzz::take_byte(input);
        extent.set_blob(choice % 16 == 15 ? std::string(choice % 20, 'x') : rig.blob);
        if (choice % 16 == 14) extent.set_referrer("r");
        extent.set_transform(choice % 16 == 13 ? 1 : 0);
        extent.set_offset(take_size(input));
        extent.set_length(take_size(input));
        extent.set_home(rig.bucket.partition.value());
    }
}

meta::ObjectRecord take_object(std::string_view& input, const Rig& rig) {
    meta::ObjectRecord record;
    const std::uint8_t choice = fuzz::take_byte(input);
    record.mutable_version()->set_time_nanos(1 + choice / 64);
    record.set_body(static_cast<meta::BodyKind>(choice % 5));
    record.set_delete_marker(choice % 32 == 31);
    record.set_parts_count(choice / 32);
    record.set_size_bytes(take_size(input));
    take_extents(input, rig, record);
    return record;
}

meta::BlockChecksums take_blocks(std::string_view& input) {
    meta::BlockChecksums blocks;
    blocks.set_block_bytes(static_cast<std::uint32_t>(take_size(input)));
    blocks.set_length(take_size(input));
    for (int count = fuzz::take_byte(input) % 8; count > 0; --count)
        blocks.add_crc64nvme(fuzz::take_number(input));
    return blocks;
}

void put_row(std::string_view& input, Rig& rig) {
    meta::Version version;
    switch (fuzz::take_byte(input) % 9) {
        case 0:
            return rig.put(meta::current_row(key), meta::encode(take_object(input, rig)));
        case 1: {
            const meta::ObjectRecord record = take_object(input, rig);
            return rig.put(meta::version_row(key, record.version()), meta::encode(record));
        }
        case 2: {
            meta::PartTable table;
            version.set_time_nanos(1 + fuzz::take_byte(input) % 4);
            take_extents(input, rig, table);
            return rig.put(meta::body_row(key, version), meta::encode(table));
        }
        case 3: {
            const std::uint64_t offset = take_size(input);
            return rig.put(meta::checksum_row(rig.blob, offset), meta::encode(take_blocks(input)));
        }
        case 4: {
            meta::PartRecord part;
            part.set_size_bytes(take_size(input));
            take_extents(input, rig, part);
            return rig.put(meta::part_row("u", fuzz::take_byte(input)), meta::encode(part));
        }
        case 5: {
            meta::UploadRecord upload;
            upload.set_owner("owner");
            return rig.put(meta::upload_row(key, "u"), meta::encode(upload));
        }
        case 6:
            return rig.put(meta::current_row(key), std::string(fuzz::take_text(input)));
        case 7: {
            version.set_time_nanos(1 + fuzz::take_byte(input) % 4);
            return rig.put(meta::body_row(key, version), std::string(fuzz::take_text(input)));
        }
        default: {
            const std::string row(fuzz::take_text(input));
            if (row.empty() || row.front() == kv::journal_prefix || row == meta::fence_row) return;
            return rig.put(row, std::string(fuzz::take_text(input)));
        }
    }
}

void read_range(Rig& rig, const meta::ObjectRecord& record, std::uint64_t offset,
                std::uint64_t length) {
    const Result<store::Body> body = rig.store().open_body(rig.bucket, key, record, offset, length);
    if (!body) return;
    std::uint64_t bytes = body->bytes.size();
    for (const store::Body::Piece& piece : body->pieces) {
        // More than the blob holds is no body.
        CHECK(piece.offset <= blob_bytes && piece.length <= blob_bytes - piece.offset);
        std::string out(piece.length, '\0');
        CHECK(piece.reader->read_at(piece.offset, std::as_writable_bytes(std::span(out))));
        bytes += piece.length;
    }
    CHECK(bytes == length);
}

void check(std::string_view input) {
    Rig rig;
    const std::uint64_t first = take_size(input), second = take_size(input);
    for (int rows = 0; !input.empty() && rows < 16; ++rows) put_row(input, rig);
    store::ObjectStore& store = rig.store();
    if (const Result<store::Found> found = store.find(rig.bucket, key, std::nullopt);
        found && !found->record.delete_marker()) {
        const meta::ObjectRecord& record = found->record;
        const std::uint64_t size = record.size_bytes();
        read_range(rig, record, 0, size);
        const std::uint64_t offset = size == 0 ? 0 : first % size;
        read_range(rig, record, offset, second % (size - offset + (size - offset != ~0ULL)));
        if (const auto table = store.part_table(rig.bucket, key, record)) {
            std::uint64_t bytes = 0;
            for (const meta::Part& part : table->parts()) bytes += part.size_bytes();
            CHECK(bytes == size);
        }
    }
    for (const nlohmann::json& question :
         {nlohmann::json{{"what", "object"}, {"bucket", "weights"}, {"key", key}},
          nlohmann::json{{"what", "blob"}, {"blob", blob::BlobId::decode(rig.blob)->text()}}})
        if (const auto told = inspect::describe(store, question)) (void)told->dump();
    (void)store.list(rig.bucket, {});
    (void)store.list_versions(rig.bucket, {});
    (void)inspect::check(store, {.read_bytes = true, .offline = true});
    (void)inspect::scrub(store, {.bytes_per_second = 0, .on_damage = {}});
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::check(weir::fuzz::as_input(data, size));
    return 0;
}
