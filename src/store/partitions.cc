#include "store/partitions.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "meta/keys.h"
#include "meta/records.h"

namespace weir::store {
namespace {

using MakePlace = std::function<Result<Place>(std::string_view key, std::string_view value)>;

Result<void> add_places(kv::Engine& kv, char kind, const MakePlace& make,
                        std::vector<Place>& places) {
    Result<void> outcome;
    TRY_VOID(kv::scan_all(kv, meta::system_partition, kv::prefix_range(std::string(1, kind)),
                          [&](std::string_view key, std::string_view value) {
                              Result<Place> place = make(key, value);
                              if (!place) {
                                  outcome = fail(std::move(place).error());
                                  return false;
                              }
                              places.push_back(*std::move(place));
                              return true;
                          }));
    return outcome;
}

Result<Place> drained_place(std::string_view key, std::string_view) {
    if (key.size() != 9) return fail(Code::corrupt, "a drain row has a key that is not one");
    const std::uint64_t id = read_be64(key.substr(1));
    return Place{.name = fmt::format("deleted bucket {:x}", id),
                 .partition = kv::PartitionId(id),
                 .drained = true};
}

Result<Place> bucket_place(std::string_view, std::string_view value) {
    TRY(const meta::BucketEntry entry, meta::decode<meta::BucketEntry>(value));
    return Place{.name = entry.name(),
                 .partition = kv::PartitionId(entry.partition()),
                 .half_made = entry.state() == meta::BUCKET_CREATING};
}

}  // namespace

Result<std::vector<Place>> drained_places(kv::Engine& kv) {
    std::vector<Place> places;
    TRY_VOID(add_places(kv, meta::drain_prefix, drained_place, places));
    return places;
}

Result<std::vector<Place>> every_place(kv::Engine& kv) {
    std::vector<Place> places;
    // Buckets first: one that is deleted in between is seen twice rather than never.
    TRY_VOID(add_places(kv, meta::bucket_prefix, bucket_place, places));
    TRY_VOID(add_places(kv, meta::drain_prefix, drained_place, places));
    return places;
}

}  // namespace weir::store
