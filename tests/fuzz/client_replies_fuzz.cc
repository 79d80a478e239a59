// What a store answers a client, XML and headers: bounded, and nothing that would make a caller ask
// for the same page forever.

#include "client/replies.h"
#include "client/service_error.h"
#include "fuzz_input.h"

namespace weir::client {
namespace {

void check(std::string_view input) {
    const std::uint8_t which = fuzz::take_byte(input);
    switch (which % 8) {
        case 0:
            if (const auto reply = parse_list_objects(input)) {
                CHECK(reply->objects.size() <= input.size());
                for (const ListedObject& object : reply->objects)
                    CHECK(object.metadata_told || object.metadata.empty());
            }
            break;
        case 1:
            if (const auto reply = parse_list_versions(input))
                CHECK(!reply->truncated || !reply->next_key_marker.empty());
            break;
        case 2:
            if (const auto reply = parse_list_parts(input))
                CHECK(reply->parts.size() <= input.size());
            break;
        case 3:
            if (const auto reply = parse_list_uploads(input))
                CHECK(reply->uploads.size() <= input.size());
            break;
        case 4:
            if (const auto reply = parse_create_upload(input)) CHECK(!reply->empty());
            break;
        case 5: {
            const ServiceError error = parse_service_error(400, input);
            CHECK(info(error.code(true)).http_status != 0);
            CHECK(!error.error("GET", true).message().empty());
            break;
        }
        case 6:
            if (const auto range = parse_content_range(input))
                CHECK(range->first <= range->last && range->last < range->total);
            break;
        default:
            if (const auto crc = parse_crc64nvme(input)) CHECK(format_crc64nvme(*crc) == input);
    }
}

}  // namespace
}  // namespace weir::client

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::client::check(weir::fuzz::as_input(data, size));
    return 0;
}
