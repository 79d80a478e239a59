#include "meta/records.h"

#include <fmt/format.h>

#include "base/check.h"

namespace weir::meta {

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
