// x-amz-copy-source and x-amz-rename-source: what is accepted names an object that may exist, and
// written again it names the same.

#include <string>

#include "fuzz_input.h"
#include "s3/proto/copy_source.h"
#include "s3/proto/names.h"
#include "s3/proto/uri.h"
#include "s3/proto/utf8.h"

namespace weir::s3 {
namespace {

bool same(const Result<CopySource>& a, const CopySource& b) {
    return a && a->bucket == b.bucket && a->key == b.key && a->version_id == b.version_id;
}

void check_names(const CopySource& source) {
    CHECK(!source.bucket.empty() && source.bucket.find('/') == std::string::npos);
    CHECK(is_utf8_text(source.bucket) && check_object_key(source.key).has_value());
    CHECK(is_utf8_text(source.version_id.value_or("")));
    std::string text = percent_encode(source.bucket, /*keep_slash=*/false) + "/" +
                       percent_encode(source.key, /*keep_slash=*/true);
    if (source.version_id) text += "?versionId=" + percent_encode(*source.version_id, false);
    CHECK(same(parse_copy_source(text), source));
    CHECK(same(parse_copy_source("/" + text), source));
    if (!source.version_id) CHECK(same(parse_rename_source("/" + text, "other"), source));
}

void check(std::string_view header) {
    if (const Result<CopySource> source = parse_copy_source(header)) {
        check_names(*source);
    } else {
        CHECK(source.error().code() == Code::invalid_argument ||
              source.error().code() == Code::key_too_long);
    }
    const Result<CopySource> renamed = parse_rename_source(header, "weights");
    if (!renamed) return;
    check_names(*renamed);
    CHECK(!renamed->version_id && (header.starts_with('/') || renamed->bucket == "weights"));
}

}  // namespace
}  // namespace weir::s3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::s3::check(weir::fuzz::as_input(data, size));
    return 0;
}
