#include "net/tls_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "net/tls_stream.h"

namespace weir::net {
namespace {

// Where distributions keep the authorities, for a program whose OpenSSL was built for another one.
constexpr const char* bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

bool is_address(const std::string& host) {
    unsigned char address[16];
    return ::inet_pton(AF_INET, host.c_str(), address) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), address) == 1;
}

bool is_readable(const char* path) { return ::access(path, R_OK) == 0; }

void trust_system(SSL_CTX* context) {
    SSL_CTX_set_default_verify_paths(context);  // and SSL_CERT_FILE, SSL_CERT_DIR
    if (is_readable(X509_get_default_cert_file())) return;
    for (const char* bundle : bundles)
        if (is_readable(bundle) && SSL_CTX_load_verify_file(context, bundle) == 1) break;
    ERR_clear_error();
}

// Whom a connection was made to: a name, or an address.
std::string peer_of(SSL* ssl) {
    X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
    if (const char* name = X509_VERIFY_PARAM_get0_host(parameters, 0)) return name;
    char* address = X509_VERIFY_PARAM_get1_ip_asc(parameters);
    std::string peer = address == nullptr ? "" : address;
    OPENSSL_free(address);
    return peer;
}

bool expect_peer(SSL* ssl, const std::string& host) {
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host.c_str()) == 1 &&
           SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

Result<std::unique_ptr<TlsClientContext>> TlsClientContext::load(const std::string& ca_file) {
    ERR_clear_error();
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    if (!context) return fail(Code::internal_error, "OpenSSL: " + openssl_reason());
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    prepare_for_streams(context.get());
    static constexpr unsigned char http11[] = "\x08http/1.1";
    SSL_CTX_set_alpn_protos(context.get(), http11, sizeof http11 - 1);
    if (ca_file.empty()) {
        trust_system(context.get());
    } else if (SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) != 1) {
        return fail(Code::invalid_argument, fmt::format("{} holds no certificates in PEM form: {}",
                                                        ca_file, openssl_reason()));
    }
    auto tls = std::unique_ptr<TlsClientContext>(new TlsClientContext(context));
    SSL_CTX_set_app_data(context.get(), tls.get());
    SSL_CTX_set_session_cache_mode(context.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context.get(), keep_session);
    return tls;
}

int TlsClientContext::keep_session(SSL* ssl, SSL_SESSION* session) {
    auto* self = static_cast<TlsClientContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    MutexLock lock(self->mutex_);
    if (self->sessions_.size() >= sessions_max) self->sessions_.clear();
    self->sessions_[peer_of(ssl)] = std::shared_ptr<SSL_SESSION>(session, SSL_SESSION_free);
    return 1;  // it is ours now
}

Result<std::unique_ptr<Stream>> TlsClientContext::connect(int descriptor, const std::string& host) {
    ERR_clear_error();
    TlsSession ssl(SSL_new(context_.get()), SSL_free);
    if (!ssl || SSL_set_fd(ssl.get(), descriptor) != 1 || !expect_peer(ssl.get(), host))
        return fail(Code::internal_error, "OpenSSL: " + openssl_reason());
    SSL_set_connect_state(ssl.get());
    MutexLock lock(mutex_);
    if (const auto found = sessions_.find(peer_of(ssl.get())); found != sessions_.end())
        SSL_set_session(ssl.get(), found->second.get());
    return tls_stream(std::move(ssl));
}

}  // namespace weir::net
