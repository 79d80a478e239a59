#pragma once
// TLS by OpenSSL, directly on the socket's descriptor. A TlsContext holds the certificate that new
// connections get; reload_if_changed() takes a renewed one in without a restart.
//
// Owned by main(); safe from any thread.

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "net/stream.h"

struct ssl_ctx_st;

namespace weir::net {

class TlsContext {
  public:
    // PEM files; the certificate's may hold a chain. Fails with a sentence that names the file.
    static Result<std::unique_ptr<TlsContext>> load(const std::string& certificate_path,
                                                    const std::string& key_path);

    // True if the files are not those that were loaded last and now are; an error leaves the old
    // ones in use.
    Result<bool> reload_if_changed();

    Result<std::unique_ptr<Stream>> accept(int descriptor);

  private:
    TlsContext(std::string certificate_path, std::string key_path)
        : certificate_path_(std::move(certificate_path)), key_path_(std::move(key_path)) {}

    const std::string certificate_path_, key_path_;
    Mutex mutex_;
    std::shared_ptr<ssl_ctx_st> context_ GUARDED_BY(mutex_);
    std::string loaded_ GUARDED_BY(mutex_);  // times and sizes of the files
};

// Makes a key and a certificate for `names` (host names and addresses) that is its own authority;
// the key's file is 0600.
Result<void> make_self_signed(const std::string& certificate_path, const std::string& key_path,
                              const std::vector<std::string>& names);

}  // namespace weir::net
