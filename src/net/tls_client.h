#pragma once
// TLS of connections that we make: whom we trust, and that the peer is who we asked for (host name
// or address). Sessions are resumed.
//
// Owned by whoever makes connections and outlives them; safe from any thread.

#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/result.h"
#include "net/stream.h"

struct ssl_ctx_st;
struct ssl_st;
struct ssl_session_st;

namespace weir::net {

class TlsClientContext {
  public:
    // `ca_file` holds certificates in PEM form; empty: the system's. invalid_argument, naming the
    // file, where it holds none.
    static Result<std::unique_ptr<TlsClientContext>> load(const std::string& ca_file);

    // TLS 1.2 or newer. The handshake fails with access_denied where the certificate is not trusted
    // or is not `host`'s, which is a name or an address.
    Result<std::unique_ptr<Stream>> connect(int descriptor, const std::string& host);

  private:
    static constexpr std::size_t sessions_max = 64;  // hosts; more make it forget

    explicit TlsClientContext(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}
    static int keep_session(ssl_st* ssl, ssl_session_st* session);

    const std::shared_ptr<ssl_ctx_st> context_;
    Mutex mutex_;
    std::map<std::string, std::shared_ptr<ssl_session_st>> sessions_ GUARDED_BY(mutex_);
};

}  // namespace weir::net
