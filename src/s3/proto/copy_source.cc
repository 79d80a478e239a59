#include "s3/proto/copy_source.h"

#include "s3/proto/names.h"
#include "s3/proto/uri.h"
#include "s3/proto/utf8.h"

namespace weir::s3 {
namespace {

constexpr std::string_view version_mark = "?versionId=";

Result<std::string> decode(std::string_view raw) {
    std::optional<std::string> decoded = percent_decode(raw, /*plus_is_space=*/true);
    if (!decoded || !is_utf8_text(*decoded))
        return fail(Code::invalid_argument, "Invalid copy source encoding.");
    return *std::move(decoded);
}

}  // namespace

Result<CopySource> parse_copy_source(std::string_view header) {
    CopySource source;
    const std::size_t mark = header.rfind(version_mark);
    if (mark != std::string_view::npos) {
        TRY(source.version_id, decode(header.substr(mark + version_mark.size())));
        header = header.substr(0, mark);
    }
    TRY(const std::string path, decode(header));
    std::string_view rest = path;
    if (rest.starts_with('/')) rest.remove_prefix(1);
    const std::size_t slash = rest.find('/');
    if (slash == 0 || slash == std::string_view::npos || slash + 1 == rest.size())
        return fail(Code::invalid_argument,
                    "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    source.bucket = rest.substr(0, slash);
    source.key = rest.substr(slash + 1);
    TRY_VOID(check_object_key(source.key));
    return source;
}

Result<CopySource> parse_rename_source(std::string_view header, std::string_view bucket) {
    if (header.starts_with('/')) {
        TRY(CopySource source, parse_copy_source(header));
        if (source.version_id)
            return fail(Code::invalid_argument,
                        "A rename takes the current version of its source.");
        return source;
    }
    CopySource source{.bucket = std::string(bucket)};
    TRY(source.key, decode(header));
    TRY_VOID(check_object_key(source.key));
    return source;
}

}  // namespace weir::s3
