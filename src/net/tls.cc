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

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/random.h"

namespace weir::net {
namespace {

constexpr std::size_t read_buffer_bytes = 64 * 1024;

std::string openssl_reason() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    return reason == nullptr ? "unknown reason" : reason;
}

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
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    // Several records a system call.
    SSL_CTX_set_read_ahead(context.get(), 1);
    SSL_CTX_set_default_read_buffer_len(context.get(), read_buffer_bytes);
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

// Cleartext of one write: a record holds 16 KiB, several make a system call worth it.
constexpr std::size_t file_buffer_bytes = 256 * 1024;

class TlsStream final : public Stream {
  public:
    explicit TlsStream(SSL* ssl) : ssl_(ssl, SSL_free) {}

    Result<Step> handshake() override {
        ERR_clear_error();
        return outcome(SSL_accept(ssl_.get()), "TLS handshake", false);
    }

    Result<Step> read(std::span<std::byte> out) override {
        ERR_clear_error();
        return outcome(SSL_read(ssl_.get(), out.data(), clamp(out.size())), "receiving", true);
    }

    Result<Step> write(std::span<const iovec> buffers, bool) override {
        // One record for head and body where they are small; else each buffer by itself.
        std::size_t total = 0;
        for (const iovec& buffer : buffers) total += buffer.iov_len;
        if (buffers.size() > 1 && total <= joined_.size()) {
            std::size_t at = 0;
            for (const iovec& buffer : buffers) {
                std::memcpy(joined_.data() + at, buffer.iov_base, buffer.iov_len);
                at += buffer.iov_len;
            }
            return write_some(joined_.data(), total);
        }
        for (const iovec& buffer : buffers)
            if (buffer.iov_len > 0) return write_some(buffer.iov_base, buffer.iov_len);
        return Step{};
    }

    Result<Step> send_file(int file, std::uint64_t offset, std::size_t length) override {
        // What OpenSSL was given and could not send, it wants to be given again: the buffer
        // outlives the step.
        if (!buffer_) buffer_ = std::make_unique_for_overwrite<std::byte[]>(file_buffer_bytes);
        Step total;
        while (total.bytes < length) {
            if (buffered_.empty()) TRY_VOID(fill(file, offset + total.bytes, length - total.bytes));
            TRY(const Step step, write_some(buffered_.data(), buffered_.size()));
            total.bytes += step.bytes;
            total.want = step.want;
            buffered_ = buffered_.subspan(step.bytes);
            if (step.want != Want::none) return total;
        }
        // A connection that rests keeps no buffer.
        if (buffered_.empty()) buffer_.reset();
        return total;
    }

    void shutdown() override {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
    }

  private:
    Result<void> fill(int file, std::uint64_t offset, std::size_t length) {
        const std::size_t size = std::min(length, file_buffer_bytes);
        const ssize_t n = ::pread(file, buffer_.get(), size, static_cast<off_t>(offset));
        if (n < 0) return fail(Code::corrupt, "the file cannot be read");
        if (n == 0) return fail(Code::corrupt, "the file ends before the range that is being sent");
        buffered_ = {buffer_.get(), static_cast<std::size_t>(n)};
        return {};
    }

    static int clamp(std::size_t size) {
        return static_cast<int>(std::min<std::size_t>(size, 1 << 30));
    }

    Result<Step> write_some(const void* data, std::size_t size) {
        ERR_clear_error();
        return outcome(SSL_write(ssl_.get(), data, clamp(size)), "sending", false);
    }

    Result<Step> outcome(int n, std::string_view call, bool end_is_normal) {
        if (n > 0) return Step{.bytes = static_cast<std::size_t>(n), .want = Want::none};
        switch (SSL_get_error(ssl_.get(), n)) {
            case SSL_ERROR_WANT_READ:
                return Step{.bytes = 0, .want = Want::read};
            case SSL_ERROR_WANT_WRITE:
                return Step{.bytes = 0, .want = Want::write};
            case SSL_ERROR_ZERO_RETURN:
                if (end_is_normal) return Step{};
                return fail(Code::cancelled, fmt::format("{}: the peer is gone", call));
            case SSL_ERROR_SYSCALL:
                return fail(Code::cancelled, fmt::format("{}: the peer is gone", call));
            default:
                return fail(Code::invalid_request, fmt::format("{}: {}", call, openssl_reason()));
        }
    }

    std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
    std::array<std::byte, 16 * 1024> joined_;
    std::unique_ptr<std::byte[]> buffer_;  // of send_file
    std::span<const std::byte> buffered_;  // what of it waits to be sent
};

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
    SSL* ssl = nullptr;
    {
        MutexLock lock(mutex_);
        ssl = SSL_new(context_.get());
    }
    if (ssl == nullptr || SSL_set_fd(ssl, descriptor) != 1) {
        SSL_free(ssl);
        return fail(Code::internal_error, "OpenSSL: " + openssl_reason());
    }
    return std::make_unique<TlsStream>(ssl);
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
