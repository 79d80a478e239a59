#pragma once
// Who is asking: the first credentials of the environment, ~/.aws/credentials, ~/.aws/config and
// /etc/weir/env. Files are read again once they have changed, and once a server has refused what
// they held, so that renewed keys need no restart.
//
// A Credentials value holds a secret: it is never logged. A CredentialChain is owned by whoever
// makes the S3Client and outlives it; safe from any thread. Failure: access_denied, with the places
// that were looked at; invalid_argument for a file or a profile that cannot be used.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "client/environment.h"

namespace weir::client {

struct Credentials {
    std::string access_key_id = {};
    std::string secret_access_key = {};
    std::string session_token = {};  // empty: long-lived keys
    std::string source = {};         // where they were found, for messages

    bool operator==(const Credentials&) const = default;
};

class CredentialChain {
  public:
    // `profile` is empty for the environment's. Warns where others than the owner may read
    // /etc/weir/env.
    CredentialChain(Environment environment, std::string profile, Log& log);
    // These and no others.
    CredentialChain(Credentials fixed, Log& log);
    // Requests are not signed: only for those who ask for it.
    static std::unique_ptr<CredentialChain> anonymous(Log& log);

    // Null for anonymous.
    Result<std::shared_ptr<const Credentials>> current();
    // A server said that they are unknown or expired: the next current() looks again, whether or
    // not a file has changed. True if it found others, so that trying again is worth it.
    bool refused(const Credentials& credentials);

  private:
    Result<std::shared_ptr<const Credentials>> look() REQUIRES(mutex_);
    std::string fingerprint() const;
    void warn_if_readable_by_others() REQUIRES(mutex_);

    const Environment environment_;
    const std::string profile_;
    const bool fixed_ = false;
    Log& log_;
    Mutex mutex_;
    std::shared_ptr<const Credentials> found_ GUARDED_BY(mutex_);
    std::string looked_at_ GUARDED_BY(mutex_);  // the files' fingerprint when `found_` was found
    bool warned_ GUARDED_BY(mutex_) = false;
};

}  // namespace weir::client
