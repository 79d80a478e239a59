// What `weir cp` makes of what a bucket holds: a key is a name below a folder that stays below it,
// in one way, or is refused; what a person names is a place that reads the same again. (A file's
// time is mount_fuzz's.)

#include <filesystem>
#include <string>

#include "cli/s3/local_name.h"
#include "cli/s3/location.h"
#include "fuzz_input.h"

namespace weir::cli {
namespace {

void check_name(std::string_view name) {
    if (!check_local_name(name)) return;
    CHECK(name.find('\0') == std::string_view::npos);
    const std::filesystem::path path(local_path("/root/folder", name));
    // Nothing in it needs to be resolved, so no two names are one file.
    CHECK(path.lexically_normal() == path);
    CHECK(path.lexically_relative("/root/folder") == std::filesystem::path(name));
    CHECK(path.native().starts_with("/root/folder/"));
    for (const std::filesystem::path& part : path) CHECK(part != ".." && part != ".");
}

void check_location(std::string_view text) {
    const auto location = parse_location(text);
    if (!location) return;
    CHECK(parse_location(location->text()) == *location);
    CHECK(location->is_s3() == text.starts_with("s3://"));
}

}  // namespace
}  // namespace weir::cli

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = weir::fuzz::as_input(data, size);
    weir::cli::check_name(input);
    weir::cli::check_location(input);
    return 0;
}
