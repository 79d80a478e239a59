// The small files of a cache: the state of an entry and the description of a written file. What is
// accepted is what the product writes, and what it says lies within the file. Input: a byte that
// says which, then the file's bytes; or, for a state that we wrote, fields to write it from and a
// place to damage.

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "base/limits.h"
#include "cache/state_layout.h"
#include "cache/write_files.h"
#include "fuzz_input.h"

namespace weir::cache {
namespace {

void check_layout(const StateFacts& facts, std::uint64_t file_bytes) {
    const StateLayout& layout = facts.layout;
    CHECK(layout.bits_offset >= sizeof(StateHeader) && layout.bits_offset % 8 == 0);
    CHECK(layout.bits_offset + (layout.blocks + 63) / 64 * 8 <= layout.crcs_offset);
    CHECK(layout.crcs_offset + layout.blocks * 8 <= layout.file_bytes);
    CHECK(layout.file_bytes == file_bytes);
    CHECK(layout.blocks * facts.block_bytes >= facts.identity.size_bytes);
    CHECK(layout.blocks == 0 ||
          (layout.blocks - 1) * facts.block_bytes < facts.identity.size_bytes);
}

void check_any_state(std::string_view input) {
    const std::uint64_t file_bytes = fuzz::take_number(input);
    const auto parsed = parse_state(as_bytes(input.substr(0, state_head_bytes_max)), file_bytes);
    if (!parsed) {
        CHECK(parsed.error().code() == Code::corrupt);
        return;
    }
    check_layout(*parsed, file_bytes);
    CHECK(*decode_identity(encode(parsed->identity)) == parsed->identity);
}

ObjectIdentity take_identity(std::string_view& input) {
    ObjectIdentity identity;
    for (std::string* field : {&identity.endpoint, &identity.bucket, &identity.key, &identity.etag,
                               &identity.version_id})
        *field = fuzz::take_text(input);
    identity.size_bytes = fuzz::take_number(input) % (object_bytes_max + 1);
    return identity;
}

void check_our_state(std::string_view input) {
    const ObjectIdentity identity = take_identity(input);
    const NewState state{.identity = identity,
                         .block_bytes = cache_block_bytes_min << fuzz::take_byte(input) % 16,
                         .data = {.inode = 1, .born_nanos = 2},
                         .boot_id = {3, 4},
                         .last_use = 5};
    std::string head = new_state_head(state);
    const auto layout =
        state_layout(identity.size_bytes, state.block_bytes, encode(identity).size());
    CHECK(layout.has_value());
    const auto parsed = parse_state(as_bytes(head), layout->file_bytes);
    CHECK(parsed.has_value() && parsed->identity == identity && parsed->data == state.data);
    check_layout(*parsed, layout->file_bytes);
    CHECK(!parse_state(as_bytes(head), layout->file_bytes + state_page_bytes).has_value());
    // One byte of what never changes.
    const std::uint64_t place = fuzz::take_number(input);
    const std::uint8_t change = fuzz::take_byte(input);
    const std::size_t fixed = offsetof(StateHeader, boot_id);
    const std::size_t identity_bytes = head.size() - sizeof(StateHeader);
    std::size_t at = static_cast<std::size_t>(place % (fixed + identity_bytes));
    if (at >= fixed) at = at - fixed + sizeof(StateHeader);
    head[at] = static_cast<char>(head[at] ^ change);
    CHECK(parse_state(as_bytes(head), layout->file_bytes).has_value() == (change == 0));
}

void check_write_info(std::string_view input) {
    const auto parsed = decode_write_info(input);
    if (!parsed) {
        CHECK(parsed.error().code() == Code::corrupt);
        return;
    }
    CHECK(*encode(*parsed) == input);
}

void check_our_write_info(std::string_view input) {
    WriteInfo info;
    for (std::string* field : {&info.endpoint, &info.bucket, &info.key, &info.base_etag})
        *field = fuzz::take_text(input);
    info.created_at = fuzz::take_number(input);
    while (!input.empty() && info.metadata.size() < 100) {
        std::string name(fuzz::take_text(input));
        info.metadata.emplace_back(std::move(name), fuzz::take_text(input));
    }
    const Result<std::string> bytes = encode(info);
    CHECK(bytes.has_value() && *decode_write_info(*bytes) == info);
    check_write_info(bytes->substr(0, bytes->size() - 1));
}

void check(std::string_view input) {
    switch (fuzz::take_byte(input) % 4) {
        case 0:
            return check_any_state(input);
        case 1:
            return check_our_state(input);
        case 2:
            return check_write_info(input);
        default:
            return check_our_write_info(input);
    }
}

}  // namespace
}  // namespace weir::cache

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::cache::check(weir::fuzz::as_input(data, size));
    return 0;
}
