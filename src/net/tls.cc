#include "net/tls.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/random.h"
#include "net/tls_stream.h"

namespace weir::net {
namespace {

// Which files were loaded: a change of either shows.
std::string fingerprint(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return "missing";
    return fmt::format("{}.{}.{}.{}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_size,
                       status.st_ino);
}

int select_http11(SSL*, const unsigned char** out, unsigned char* out_length,
                  const unsigned char* in, unsigned int in_length, void*) {
    static constexpr unsigned char http11[] = "\x08http/1.1";
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_length, http11, sizeof http11 - 1, in, in_length) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

Result<std::shared_ptr<SSL_CTX>> load_context(const std::string& certificate_path,
                                              const std::string& key_path) {
    ERR_clear_error();
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (!context) return fail(Code::internal_error, "OpenSSL: " + openssl_reason());
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                           SSL_OP_IGNORE_UNEXPECTED_EOF);
    prepare_for_streams(context.get());
    SSL_CTX_set_alpn_select_cb(context.get(), select_http11, nullptr);
    if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_path.c_str()) != 1)
        return fail(Code::invalid_argument, fmt::format("{} is no certificate in PEM form: {}",
                                                        certificate_path, openssl_reason()));
    if (SSL_CTX_use_PrivateKey_file(context.get(), key_path.c_str(), SSL_FILETYPE_PEM) != 1)
        return fail(Code::invalid_argument,
                    fmt::format("{} is no private key in PEM form that fits {}: {}", key_path,
                                certificate_path, openssl_reason()));
    if (SSL_CTX_check_private_key(context.get()) != 1)
        return fail(
            Code::invalid_argument,
            fmt::format("the key {} does not fit the certificate {}", key_path, certificate_path));
    return context;
}

bool add_extension(X509* certificate, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    if (extension == nullptr) return false;
    const bool added = X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

std::string alternative_names(const std::vector<std::string>& names) {
    std::string value;
    for (const std::string& name : names) {
        unsigned char address[16];
        const bool is_address = ::inet_pton(AF_INET, name.c_str(), address) == 1 ||
                                ::inet_pton(AF_INET6, name.c_str(), address) == 1;
        value += fmt::format("{}{}:{}", value.empty() ? "" : ",", is_address ? "IP" : "DNS", name);
    }
    return value;
}

bool sign(X509* certificate, EVP_PKEY* key, const std::vector<std::string>& names) {
    constexpr long valid_seconds = 10L * 365 * 24 * 3600;
    X509_set_version(certificate, X509_VERSION_3);
    const std::uint64_t serial = random_u64() >> 1;
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), valid_seconds);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("Weir self-signed"), -1, -1,
                               0);
    X509_set_issuer_name(certificate, name);
    return add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE") &&
           add_extension(certificate, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, NID_subject_alt_name, alternative_names(names)) &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

using FilePointer = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

Result<FilePointer> create_private(const std::string& path) {
    const mode_t before = ::umask(0077);
    FilePointer file(std::fopen(path.c_str(), "w"), std::fclose);
    const int error = errno;
    ::umask(before);
    if (!file) return fail(errno_error("creating " + path, error));
    return file;
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::load(const std::string& certificate_path,
                                                     const std::string& key_path) {
    auto tls = std::unique_ptr<TlsContext>(new TlsContext(certificate_path, key_path));
    TRY_VOID(tls->reload_if_changed());
    return tls;
}

Result<bool> TlsContext::reload_if_changed() {
    const std::string now = fingerprint(certificate_path_) + " " + fingerprint(key_path_);
    {
        MutexLock lock(mutex_);
        if (now == loaded_) return false;
    }
    TRY(std::shared_ptr<SSL_CTX> context, load_context(certificate_path_, key_path_));
    MutexLock lock(mutex_);
    context_ = std::move(context);
    loaded_ = now;
    return true;
}

Result<std::unique_ptr<Stream>> TlsContext::accept(int descriptor) {
    TlsSession ssl(nullptr, SSL_free);
    {
        MutexLock lock(mutex_);
        ssl.reset(SSL_new(context_.get()));
    }
    if (!ssl || SSL_set_fd(ssl.get(), descriptor) != 1)
        return fail(Code::internal_error, "OpenSSL: " + openssl_reason());
    SSL_set_accept_state(ssl.get());
    return tls_stream(std::move(ssl));
}

Result<void> make_self_signed(const std::string& certificate_path, const std::string& key_path,
                              const std::vector<std::string>& names) {
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, void (*)(X509*)> certificate(X509_new(), X509_free);
    if (!key || !certificate || !sign(certificate.get(), key.get(), names))
        return fail(Code::internal_error, "making a certificate: " + openssl_reason());
    TRY(const FilePointer key_file, create_private(key_path));
    TRY(const FilePointer certificate_file, create_private(certificate_path));
    if (PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
            1 ||
        PEM_write_X509(certificate_file.get(), certificate.get()) != 1 ||
        std::fflush(key_file.get()) != 0 || std::fflush(certificate_file.get()) != 0)
        return fail(Code::io_error, fmt::format("writing {} and {}", certificate_path, key_path));
    return {};
}

}  // namespace weir::net
