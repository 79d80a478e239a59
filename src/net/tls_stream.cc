#include "net/tls_stream.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace weir::net {
namespace {

constexpr std::size_t read_buffer_bytes = 64 * 1024;

// Cleartext of one write: a record holds 16 KiB, several make a system call worth it.
constexpr std::size_t file_buffer_bytes = 256 * 1024;

class TlsStream final : public Stream {
  public:
    explicit TlsStream(TlsSession ssl) : ssl_(std::move(ssl)) {}

    Result<Step> handshake() override {
        ERR_clear_error();
        const Result<Step> step = outcome(SSL_do_handshake(ssl_.get()), "TLS handshake", false);
        const long verified = SSL_get_verify_result(ssl_.get());
        if (!step && verified != X509_V_OK)
            return fail(Code::access_denied,
                        fmt::format("the peer's certificate is not trusted: {}",
                                    X509_verify_cert_error_string(verified)));
        return step;
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

    TlsSession ssl_;
    std::array<std::byte, 16 * 1024> joined_;
    std::unique_ptr<std::byte[]> buffer_;  // of send_file
    std::span<const std::byte> buffered_;  // what of it waits to be sent
};

}  // namespace

std::string openssl_reason() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    return reason == nullptr ? "unknown reason" : reason;
}

void prepare_for_streams(SSL_CTX* context) {
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    // Several records a system call.
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, read_buffer_bytes);
}

std::unique_ptr<Stream> tls_stream(TlsSession ssl) {
    return std::make_unique<TlsStream>(std::move(ssl));
}

}  // namespace weir::net
