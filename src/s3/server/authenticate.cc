#include "s3/server/authenticate.h"

#include <fmt/format.h>

#include "s3/proto/sigv2.h"

namespace weir::s3 {
namespace {

// botocore moves the headers of a presigned URL of version 2 into its query, where no verb looks
// for them: a copy would become a PUT of nothing, metadata would be lost.
Result<void> check_no_headers_in_query(const RequestView& view) {
    for (const NamedText& parameter : view.query) {
        if (!starts_with_ignoring_case(parameter.name, "x-amz-")) continue;
        return fail(Code::not_implemented,
                    fmt::format("A URL that is presigned with Signature Version 2 cannot carry the "
                                "header {} as a parameter. Presign it with Signature Version 4.",
                                parameter.name));
    }
    return {};
}

}  // namespace

Result<std::shared_ptr<const auth::AccessKey>> Authenticator::enabled_key(
    const std::string& id) const {
    std::shared_ptr<const auth::AccessKey> key = keys_.find(id);
    if (!key || !key->enabled) return fail(Code::invalid_access_key_id);
    return key;
}

SigningKey Authenticator::signing_key(const auth::AccessKey& key, const SignatureV4& signature) {
    const std::string name = fmt::format("{}/{}/{}", key.id, signature.date, signature.region);
    {
        MutexLock lock(mutex_);
        const auto found = cached_.find(name);
        if (found != cached_.end() && found->second.secret == key.secret) return found->second.key;
    }
    SigningKey derived = derive_signing_key(key.secret, signature.date, signature.region);
    MutexLock lock(mutex_);
    // Dates and regions are the client's to choose, so the cache begins anew rather than grow.
    if (cached_.size() >= cached_max) cached_.clear();
    cached_[name] = {key.secret, derived};
    return derived;
}

Result<Identity> Authenticator::identify_v4(const SignedRequest& request) {
    TRY(SignatureV4 signature, parse_signature_v4(request));
    TRY(const std::shared_ptr<const auth::AccessKey> key, enabled_key(signature.access_key_id));
    SigningKey derived = signing_key(*key, signature);
    TRY_VOID(verify_v4(request, signature, derived, clock_.now()));
    return Identity{.access_key_id = key->id,
                    .owner = key->owner,
                    .signature = std::move(signature),
                    .signing_key = std::move(derived)};
}

Result<Identity> Authenticator::identify_v2(const SignedRequest& request) {
    TRY(const SignatureV2 signature, parse_signature_v2(request));
    TRY(const std::shared_ptr<const auth::AccessKey> key, enabled_key(signature.access_key_id));
    TRY_VOID(verify_v2(request, signature, key->secret, clock_.now()));
    if (signature.in_query) TRY_VOID(check_no_headers_in_query(request.view));
    return Identity{
        .access_key_id = key->id, .owner = key->owner, .signature = {}, .signing_key = {}};
}

Result<Identity> Authenticator::identify(const SignedRequest& request) {
    TRY(const SignatureKind kind, signature_kind(request.view));
    switch (kind) {
        case SignatureKind::none:
            return fail(Code::access_denied);
        case SignatureKind::v4_header:
        case SignatureKind::v4_query:
            return identify_v4(request);
        case SignatureKind::v2_header:
        case SignatureKind::v2_query:
            return identify_v2(request);
    }
    return fail(Code::access_denied);
}

}  // namespace weir::s3
