// Records as they lie in rows: what decodes is of this format and is encoded to what decodes to the
// same. An access key whose row was changed keeps its secret or does not open. Input: a byte that
// says which record, its bytes.

#include <algorithm>
#include <memory>
#include <string>

#include "auth/key_store.h"
#include "fuzz_input.h"
#include "kv/memory/engine.h"
#include "meta/keys.h"
#include "meta/records.h"

namespace weir {
namespace {

template <typename Record>
void check_record(std::string_view bytes) {
    const Result<Record> record = meta::decode<Record>(bytes);
    if (!record) {
        CHECK(record.error().code() == Code::corrupt);
        return;
    }
    CHECK(record->format() == meta::record_format);
    const std::string written = meta::encode(*record);
    const Result<Record> again = meta::decode<Record>(written);
    CHECK(again.has_value() && meta::encode(*again) == written);
    Record newer = *record;
    newer.set_format(meta::record_format + 1);
    CHECK(!meta::decode<Record>(newer.SerializeAsString()).has_value());
}

struct Stored {
    std::string row, value;
};

// The row of an access key as the product writes it.
Stored stored_access_key(const std::string& master_key) {
    kv::memory::Engine kv;
    CHECK(kv.create_partition(meta::system_partition).has_value());
    const auto keys = auth::KeyStore::open(kv, master_key);
    CHECK(keys.has_value());
    CHECK((*keys)->add({.id = "tid_fuzz", .owner = "owner", .secret = "tsec_fuzz_secret"}));
    const std::vector<kv::Row> rows = kv.rows(meta::system_partition);
    CHECK(rows.size() == 1);
    return {rows[0].key, rows[0].value};
}

// Some bytes of the row replaced: where, then what.
void check_access_key(std::string_view input) {
    static const std::string master_key(32, 'm');
    static const Stored stored = stored_access_key(master_key);
    std::string value = stored.value;
    const std::size_t at = fuzz::take_byte(input) % value.size();
    value.replace(at, std::min(input.size(), value.size() - at), input);
    if (value.empty()) return;
    kv::memory::Engine kv;
    CHECK(kv.create_partition(meta::system_partition).has_value());
    kv::Batch batch;
    batch.put(stored.row, value);
    CHECK(kv::commit_and_wait(kv, meta::system_partition, std::move(batch)).has_value());
    const auto keys = auth::KeyStore::open(kv, master_key);
    if (!keys) {
        CHECK(keys.error().code() == Code::corrupt);
        return;
    }
    const auto key = (*keys)->find("tid_fuzz");
    CHECK(key != nullptr && key->secret == "tsec_fuzz_secret");
}

void check(std::string_view input) {
    switch (fuzz::take_byte(input) % 10) {
        case 0:
            return check_record<meta::ObjectRecord>(input);
        case 1:
            return check_record<meta::PartTable>(input);
        case 2:
            return check_record<meta::BucketEntry>(input);
        case 3:
            return check_record<meta::BucketFence>(input);
        case 4:
            return check_record<meta::UploadRecord>(input);
        case 5:
            return check_record<meta::PartRecord>(input);
        case 6:
            return check_record<meta::BlockChecksums>(input);
        case 7:
            return check_record<meta::Garbage>(input);
        case 8:
            return check_record<meta::JournalEntry>(input);
        default:
            return check_access_key(input);
    }
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::check(weir::fuzz::as_input(data, size));
    return 0;
}
