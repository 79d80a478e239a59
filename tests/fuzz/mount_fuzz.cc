// What a mount reads of others' objects: user metadata as attributes, the index of a model's files,
// names; and what a crash left beside a written file. Input: a byte that says which, then the text;
// metadata as lines of name and value.

#include <string>

#include "base/limits.h"
#include "fuzz_input.h"
#include "mount/attributes.h"
#include "mount/draft_description.h"
#include "mount/folder_page.h"
#include "mount/weights.h"

namespace weir::mount {
namespace {

constexpr AttributeDefaults defaults{.uid = 1, .gid = 2};

// What was read can be written, and reads as the same.
void check_metadata(std::string_view input) {
    Metadata metadata;
    while (!input.empty()) {
        const std::string_view line = fuzz::take_line(input);
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        metadata[std::string(line.substr(0, colon))] = line.substr(colon + 1);
    }
    for (const Kind kind : {Kind::file, Kind::folder}) {
        const Attributes attributes = attributes_of(metadata, kind, nanos_per_second, defaults);
        CHECK((attributes.kind == Kind::folder) == (kind == Kind::folder));
        CHECK((attributes.permissions & ~07777) == 0);
        const auto written = metadata_of(attributes, metadata);
        if (!written) {
            CHECK(written.error().code() == Code::no_space);
            continue;
        }
        Attributes again = attributes_of(*written, kind, nanos_per_second, defaults);
        if (attributes.ctime == 0) again.ctime = 0;  // none is not written
        CHECK(again == attributes);
    }
}

void check_index(std::string_view json) {
    for (const std::string& file : files_of_index(json)) CHECK(possible_name(file));
}

void check_names(std::string_view name) {
    for (const std::string& sibling : numbered_siblings(name)) {
        CHECK(sibling != name);
        CHECK(sibling.ends_with(name.substr(name.rfind("-of-"))));
    }
    if (const auto xattr = xattr_of_metadata_name(name))
        CHECK(xattr_to_metadata_name(*xattr) == name);
    if (const auto time = parse_time(name)) CHECK(parse_time(format_time(*time)) == *time);
}

// What lies beside a file that a crash left behind: an ETag, then fields.
void check_description(std::string_view input) {
    cache::WriteInfo info{.endpoint = "e",
                          .bucket = "b",
                          .key = "k",
                          .base_etag = std::string(fuzz::take_line(input)),
                          .metadata = {},
                          .created_at = 1};
    while (!input.empty()) {
        const std::string_view line = fuzz::take_line(input);
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        info.metadata.emplace_back(line.substr(0, colon), line.substr(colon + 1));
    }
    const Result<DraftDescription> description = read_description(info);
    if (!description) {
        CHECK(description.error().code() == Code::corrupt);
        return;
    }
    CHECK(description->base_valid_bytes <= (description->base ? description->base->bytes : 0));
    const Result<cache::WriteInfo> written = write_info(*description);
    if (!written) {
        CHECK(written.error().code() == Code::no_space);
        return;
    }
    const DraftDescription again = *read_description(*written);
    CHECK(again.key == description->key && again.replaces == description->replaces);
    CHECK(again.base_valid_bytes == description->base_valid_bytes);
    CHECK(again.metadata.headers.content_type == description->metadata.headers.content_type);
}

}  // namespace
}  // namespace weir::mount

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view input = weir::fuzz::as_input(data, size);
    switch (weir::fuzz::take_byte(input)) {
        case 'm':
            weir::mount::check_metadata(input);
            break;
        case 'd':
            weir::mount::check_description(input);
            break;
        case 'i':
            weir::mount::check_index(input);
            break;
        default:
            weir::mount::check_names(input);
    }
    return 0;
}
