#pragma once
// Makes the requests: presigned targets as they were given, or any verb on numbered keys, signed
// here with Signature Version 4. One thread signs more than 100,000 of them a second.
//
// Each thread owns a RequestSource; they share one Counter, so that no key is taken twice. Nothing
// here fails: options were checked, and a wrong key is the server's to refuse.

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "options.h"
#include "s3/proto/sigv4.h"

namespace weir::bench {

// The bytes of every PUT: one random block, again and again, so that a large body needs no memory
// and stays in the processor's cache.
class Body {
  public:
    explicit Body(std::uint64_t bytes);
    ~Body();
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;

    std::uint64_t bytes() const { return bytes_; }
    const std::string& sha256() const { return sha256_; }
    const std::string& crc32() const { return crc32_; }
    // What comes at an offset, as far as the block goes; and where that is in file().
    std::string_view at(std::uint64_t offset) const;
    std::int64_t file_offset(std::uint64_t offset) const;
    int file() const { return file_; }

  private:
    std::uint64_t bytes_;
    std::string block_;
    std::string sha256_;
    std::string crc32_;
    int file_ = -1;
};

struct Request {
    std::string head;
    std::string text = {};    // a body of its own: the XML of DeleteObjects
    bool sends_body = false;  // the Body that all PUTs share
    bool reply_is_head = false;
    std::uint64_t keys = 1;  // that it asks for
};

using Counter = std::atomic<std::uint64_t>;

class RequestSource {
  public:
    // All of these must outlive it. `seed` is for the order of random keys.
    RequestSource(const Options& options, const Body& body, Counter& counter, std::uint64_t seed);

    // nullopt when all operations were given out.
    std::optional<Request> next();

  private:
    struct Header {
        std::string_view name;
        std::string value;
    };

    std::uint64_t pick(std::uint64_t number);
    std::string key(std::uint64_t index) const;
    Request signed_request(std::uint64_t number);
    Request sign(std::string_view method, const std::string& path, const std::string& query,
                 std::vector<Header> headers, const std::string& payload_sha256);
    std::string delete_list(std::uint64_t first) const;
    void read_clock();

    const Options& options_;
    const Body& body_;
    Counter& counter_;
    std::uint64_t random_;
    std::string host_;
    std::vector<std::string> heads_;  // of Verb::targets
    std::int64_t second_ = 0;
    std::string timestamp_;
    std::string date_;
    s3::SigningKey signing_key_;
};

}  // namespace weir::bench
