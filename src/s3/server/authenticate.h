#pragma once
// Who signed a request. Everything is checked before a byte of the body is read: the key, the time,
// what must be signed, the signature. Derived signing keys are cached, since a client signs a day's
// requests with one.
//
// One Authenticator for the server; safe from any thread; never blocks.

#include <string>
#include <unordered_map>

#include "auth/key_store.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "s3/proto/signed_request.h"
#include "s3/proto/sigv4.h"

namespace weir::s3 {

struct Identity {
    std::string access_key_id;
    std::string owner;
    // How the body is vouched for; with SigV2, unsigned.
    SignatureV4 signature;
    SigningKey signing_key;  // of use for signed chunks
};

class Authenticator {
  public:
    Authenticator(const auth::KeyStore& keys, const Clock& clock) : keys_(keys), clock_(clock) {}

    // access_denied for an anonymous request, invalid_access_key_id, and whatever verify_v4 and
    // verify_v2 say.
    Result<Identity> identify(const SignedRequest& request);

  private:
    static constexpr std::size_t cached_max = 4096;
    struct Cached {
        std::string secret;  // a key may have been made anew under its old id
        SigningKey key;
    };

    Result<Identity> identify_v4(const SignedRequest& request);
    Result<Identity> identify_v2(const SignedRequest& request);
    Result<std::shared_ptr<const auth::AccessKey>> enabled_key(const std::string& id) const;
    SigningKey signing_key(const auth::AccessKey& key, const SignatureV4& signature);

    const auth::KeyStore& keys_;
    const Clock& clock_;
    Mutex mutex_;
    std::unordered_map<std::string, Cached> cached_ GUARDED_BY(mutex_);
};

}  // namespace weir::s3
