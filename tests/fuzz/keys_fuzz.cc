// The keys of rows, versions and blob ids: each is read back as it was written, rows sort as the
// object keys sort, and no key's rows lie among another's.

#include <string>

#include "base/bytes.h"
#include "blob/store.h"
#include "fuzz_input.h"
#include "meta/keys.h"
#include "meta/version.h"

namespace weir::meta {
namespace {

// Any bytes: what is read as a row of a kind is one that we would have written.
void check_rows(std::string_view row) {
    if (const auto parsed = parse_version_row(row))
        CHECK(version_row(parsed->key, parsed->version) == row);
    if (const auto parsed = parse_upload_row(row))
        CHECK(upload_row(parsed->key, parsed->upload_id) == row);
    if (parse_part_row(row)) CHECK(row.front() == part_prefix && row.size() >= 7);
    if (const auto time = parse_garbage_row(row))
        CHECK(garbage_row(*time, read_be64(row.substr(9))) == row);
    if (const auto parsed = parse_checksum_row(row))
        CHECK(checksum_row(parsed->blob, parsed->offset) == row);
    std::string_view rest = row;
    if (const auto key = take_escaped(rest)) {
        std::string again;
        append_escaped(again, *key);
        CHECK(again + std::string(rest) == row);
    }
    if (const auto version = decode_version(row)) CHECK(encode_version(*version) == row);
    if (const auto id = blob::BlobId::decode(row)) {
        CHECK(id->encode() == row);
        CHECK(blob::BlobId::parse(id->text()) == id);
    }
    if (const auto id = blob::BlobId::parse(row)) CHECK(blob::BlobId::parse(id->text()) == id);
    if (const auto name = parse_version_id(row); name && !name->null) {
        ObjectRecord record;
        *record.mutable_version() = name->version;
        const auto again = parse_version_id(version_id(record));
        CHECK(again && !again->null && same_version(again->version, name->version));
    }
}

Version take_version(std::string_view& input) {
    Version version;
    version.set_time_nanos(fuzz::take_number(input));
    version.set_region(static_cast<std::uint32_t>(fuzz::take_byte(input)) << 8);
    version.set_writer(static_cast<std::uint32_t>(fuzz::take_number(input)));
    return version;
}

void check_order(std::string_view a, std::string_view b) {
    if (a == b) return;
    const std::string a_rows = version_rows(a), b_rows = version_rows(b);
    CHECK((a < b) == (a_rows < b_rows));
    CHECK(!a_rows.starts_with(b_rows) && !b_rows.starts_with(a_rows));
    CHECK((a <= b) == (rows_from(version_prefix, a) <= b_rows));
    CHECK((a < b) == (current_row(a) < current_row(b)));
}

void check_versions(std::string_view key, const Version& a, const Version& b) {
    const std::string row = version_row(key, a);
    const auto parsed = parse_version_row(row);
    CHECK(parsed && parsed->key == key && same_version(parsed->version, a));
    CHECK(row.starts_with(version_rows(key)));
    // The newest first.
    CHECK((encode_version(a) < encode_version(b)) == (row > version_row(key, b)));
    const Version next = next_version(0, &a, {.region = 1, .writer = 2});
    if (a.time_nanos() != ~std::uint64_t{0}) CHECK(encode_version(a) < encode_version(next));
}

void check_uploads(std::string_view key, std::string_view upload_id, std::uint32_t number) {
    const auto upload = parse_upload_row(upload_row(key, upload_id));
    CHECK(upload && upload->key == key && upload->upload_id == upload_id);
    CHECK(parse_part_row(part_row(upload_id, number)) == number);
    CHECK(part_row(upload_id, number).starts_with(part_rows(upload_id)));
}

void check(std::string_view input) {
    check_rows(input);
    const std::string_view a = fuzz::take_text(input), b = fuzz::take_text(input);
    check_order(a, b);
    const Version older = take_version(input), newer = take_version(input);
    check_versions(a, older, newer);
    check_uploads(a, b, newer.writer());
}

}  // namespace
}  // namespace weir::meta

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::meta::check(weir::fuzz::as_input(data, size));
    return 0;
}
