#include "cache/identity.h"

#include <fmt/format.h>

#include <algorithm>

#include "cache/fields.h"
#include "hash/hmac.h"

namespace weir::cache {
namespace {

constexpr std::size_t id_digits = 32;

}  // namespace

std::string ObjectIdentity::describe() const {
    return fmt::format("s3://{}/{} (ETag {})", bucket, key, etag);
}

std::string encode(const ObjectIdentity& identity) {
    FieldWriter writer;
    writer.text(identity.endpoint);
    writer.text(identity.bucket);
    writer.text(identity.key);
    writer.text(identity.etag);
    writer.text(identity.version_id);
    writer.number(identity.size_bytes);
    return std::move(writer).take();
}

Result<ObjectIdentity> decode_identity(std::string_view bytes) {
    FieldReader reader(bytes);
    ObjectIdentity identity;
    identity.endpoint = reader.text();
    identity.bucket = reader.text();
    identity.key = reader.text();
    identity.etag = reader.text();
    identity.version_id = reader.text();
    identity.size_bytes = reader.number();
    if (!reader.exact()) return fail(Code::corrupt, "not the identity of an object");
    return identity;
}

std::string entry_id(const ObjectIdentity& identity) {
    return hash::sha256_hex(encode(identity)).substr(0, id_digits);
}

bool is_entry_id(std::string_view name) {
    return name.size() == id_digits && std::ranges::all_of(name, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

}  // namespace weir::cache
