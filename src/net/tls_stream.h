#pragma once
// One TLS connection as a Stream, whichever end it is: what TlsContext and TlsClientContext share.
// Private to net.
//
// A Stream belongs to its connection; the functions are safe from any thread.

#include <memory>
#include <string>

#include "net/stream.h"

struct ssl_st;
struct ssl_ctx_st;

namespace weir::net {

using TlsSession = std::unique_ptr<ssl_st, void (*)(ssl_st*)>;

// What OpenSSL last complained of on this thread.
std::string openssl_reason();

// What TlsStream expects of a context.
void prepare_for_streams(ssl_ctx_st* context);

// On a descriptor, and told whether it accepts or connects.
std::unique_ptr<Stream> tls_stream(TlsSession ssl);

}  // namespace weir::net
