#include "meta/records.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/limits.h"

namespace weir::meta {

namespace {

// Of an object or a blob: far more than there is, and so few that sums of two do not wrap around.
constexpr std::uint64_t bytes_max = std::uint64_t{1} << 62;
// Whoever verifies a block has all of it in memory.
constexpr std::uint64_t block_bytes_max = 64 * MiB;

template <typename Record>
bool is_sound(const Record& record) {
    if constexpr (requires { record.extents(); }) {
        std::uint64_t bytes = 0;
        for (const Extent& extent : record.extents()) {
            if (extent.offset() > bytes_max || extent.length() > bytes_max - bytes) return false;
            bytes += extent.length();
        }
    }
    return true;
}

bool is_sound(const BlockChecksums& blocks) {
    const std::uint64_t block_bytes = blocks.block_bytes();
    return block_bytes > 0 && block_bytes <= block_bytes_max && blocks.length() > 0 &&
           blocks.length() <= bytes_max &&
           (blocks.length() - 1) / block_bytes + 1 ==
               static_cast<std::uint64_t>(blocks.crc64nvme_size());
}

}  // namespace

template <typename Record>
std::string encode(Record record) {
    record.set_format(record_format);
    std::string bytes;
    CHECK(record.SerializeToString(&bytes));
    return bytes;
}

template <typename Record>
Result<Record> decode(std::string_view bytes) {
    Record record;
    if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        return fail(Code::corrupt, fmt::format("a {} of {} bytes does not parse",
                                               record.GetTypeName(), bytes.size()));
    if (record.format() != record_format)
        return fail(Code::corrupt,
                    fmt::format("a {} has format {}, this program reads {}", record.GetTypeName(),
                                record.format(), record_format));
    if (!is_sound(record))
        return fail(Code::corrupt,
                    fmt::format("a {} tells of bytes that cannot be", record.GetTypeName()));
    return record;
}

#define WEIR_INSTANTIATE(Record)                 \
    template std::string encode<Record>(Record); \
    template Result<Record> decode<Record>(std::string_view)

WEIR_INSTANTIATE(ObjectRecord);
WEIR_INSTANTIATE(PartTable);
WEIR_INSTANTIATE(BucketEntry);
WEIR_INSTANTIATE(BucketFence);
WEIR_INSTANTIATE(UploadRecord);
WEIR_INSTANTIATE(PartRecord);
WEIR_INSTANTIATE(BlockChecksums);
WEIR_INSTANTIATE(Garbage);
WEIR_INSTANTIATE(JournalEntry);

}  // namespace weir::meta
