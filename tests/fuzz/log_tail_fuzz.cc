// The end of RocksDB's write-ahead log: a log that we wrote is whole, one whose last record a power
// cut tore is torn and never worse, one that was damaged before its end is damaged and never merely
// torn. Any other bytes get some verdict. Input: a byte of choices, a number, then for each record
// its size and its bytes; or the log's own bytes.

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "fuzz_input.h"
#include "hash/crc.h"
#include "kv/rocksdb/log_tail.h"

namespace weir::kv::rocksdb {
namespace {

using End = LogVerdict::End;
constexpr std::size_t block_bytes = 32 * 1024, header_bytes = 7, sector_bytes = 512;

const std::string& folder() {
    static const std::string made = [] {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "weir_log_tail_XXXXXX").string();
        CHECK(::mkdtemp(pattern.data()) != nullptr);
        return pattern;
    }();
    return made;
}

LogVerdict judge(std::string_view log) {
    std::ofstream(folder() + "/000001.log", std::ios::binary) << log;
    Result<LogVerdict> verdict = judge_logs(folder());
    CHECK(verdict.has_value());
    if (verdict->end != End::whole) CHECK(!verdict->file.empty() && verdict->offset < log.size());
    return *std::move(verdict);
}

// A log as RocksDB writes it, and where each record begins.
class LogWriter {
  public:
    void record(std::string_view bytes) {
        fill_block();
        begins.push_back(text.size());
        bool first = true;
        do {
            fill_block();
            const std::size_t room = block_bytes - text.size() % block_bytes - header_bytes;
            const std::string_view piece = bytes.substr(0, room);
            bytes.remove_prefix(piece.size());
            const bool last = bytes.empty();
            fragment(first ? (last ? 1 : 2) : (last ? 4 : 3), piece);
            first = false;
        } while (!bytes.empty());
    }

    std::string text;
    std::vector<std::size_t> begins;

  private:
    void fill_block() {
        const std::size_t left = block_bytes - text.size() % block_bytes;
        if (left < header_bytes) text.append(left, '\0');
    }
    void fragment(int type, std::string_view piece) {
        const std::string typed = static_cast<char>(type) + std::string(piece);
        const std::uint32_t crc = hash::crc32c(0, as_bytes(typed));
        append_le((crc >> 15 | crc << 17) + 0xa282ead8U, 4);
        append_le(static_cast<std::uint32_t>(piece.size()), 2);
        text += typed;
    }
    void append_le(std::uint32_t value, int bytes) {
        for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i & 0xff);
    }
};

// Whole sectors behind `at` as a power cut leaves them: never written.
void check_torn(const LogWriter& log, std::uint64_t choice) {
    const std::size_t begin = log.begins.back(), end = log.text.size();
    const std::size_t sectors = end / sector_bytes - begin / sector_bytes + 1;
    std::string torn = log.text;
    std::size_t longest = 0;
    for (std::size_t i = 0; i < sectors; ++i) {
        if ((choice >> i % 64 & 1) == 0) continue;
        const std::size_t from = std::max(begin, (begin / sector_bytes + i) * sector_bytes);
        const std::size_t to = std::min(end, (begin / sector_bytes + i + 1) * sector_bytes);
        if (from >= to) continue;
        torn.replace(from, to - from, to - from, '\0');
        longest = std::max(longest, to - from);
    }
    const LogVerdict verdict = judge(torn);
    if (torn == log.text) CHECK(verdict.end == End::whole);
    if (verdict.end != End::whole) CHECK(verdict.offset == begin);
    if (longest >= 8) CHECK(verdict.end != End::damaged);
}

// A bit of a record that others follow.
void check_damaged(const LogWriter& log, std::uint64_t choice) {
    if (log.begins.size() < 2) return;
    const std::size_t which = static_cast<std::size_t>(choice % (log.begins.size() - 1));
    const std::size_t begin = log.begins[which];
    // In its first header or bytes, before the filling of a block.
    const std::size_t span = std::min(log.begins[which + 1] - begin, header_bytes);
    std::string damaged = log.text;
    char& at = damaged[begin + static_cast<std::size_t>(choice / 256 % span)];
    at = static_cast<char>(at ^ (1 << choice / 65536 % 8));
    const LogVerdict verdict = judge(damaged);
    CHECK(verdict.end == End::damaged && verdict.offset == begin);
}

void check(std::string_view input) {
    const std::uint8_t choice = fuzz::take_byte(input);
    if (choice % 4 == 0) {
        judge(input);
        return;
    }
    const std::uint64_t number = fuzz::take_number(input);
    LogWriter log;
    while (!input.empty() && log.text.size() < 3 * block_bytes) {
        // Records of a byte, of a sector or two, or of several blocks.
        const std::size_t repeated = std::size_t{1} << fuzz::take_byte(input) % 9;
        const std::string_view bytes = fuzz::take_text(input);
        std::string record;
        for (std::size_t i = 0; i < repeated; ++i) record += bytes;
        // A row that holds a log of its own makes a torn record look like a damaged one, which is
        // the side to err on: here no byte can be the type of a record's first fragment.
        for (char& c : record)
            if (c == 1 || c == 2) c = 'r';
        log.record(record);
    }
    if (log.begins.empty()) return;
    CHECK(judge(log.text).end == End::whole);
    CHECK(judge(log.text + std::string(choice, '\0')).end == End::whole);
    check_torn(log, number);
    check_damaged(log, number);
}

}  // namespace
}  // namespace weir::kv::rocksdb

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::kv::rocksdb::check(weir::fuzz::as_input(data, size));
    return 0;
}
