#include "request_source.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/bytes.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/random.h"
#include "hash/digester.h"
#include "hash/hmac.h"
#include "s3/proto/uri.h"

namespace weir::bench {
namespace {

constexpr std::string_view empty_sha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

}  // namespace

Body::Body(std::uint64_t bytes)
    : bytes_(bytes), block_(random_bytes(std::clamp<std::uint64_t>(bytes, 1, MiB))) {
    hash::Digester digester({hash::Algorithm::sha256, hash::Algorithm::crc32});
    for (std::uint64_t done = 0; done < bytes_;) {
        const std::string_view piece = at(done);
        digester.update(as_bytes(piece));
        done += piece.size();
    }
    const hash::Digests digests = digester.finish();
    sha256_ = hex_encode(*digests[hash::Algorithm::sha256]);
    crc32_ = base64_encode(*digests[hash::Algorithm::crc32]);
    file_ = ::memfd_create("body", 0);
    CHECK(file_ >= 0);
    CHECK(::write(file_, block_.data(), block_.size()) == static_cast<ssize_t>(block_.size()));
}

Body::~Body() { ::close(file_); }

std::string_view Body::at(std::uint64_t offset) const {
    const std::uint64_t in_block = offset % block_.size();
    return std::string_view(block_).substr(in_block,
                                           std::min(block_.size() - in_block, bytes_ - offset));
}

std::int64_t Body::file_offset(std::uint64_t offset) const {
    return static_cast<std::int64_t>(offset % block_.size());
}

RequestSource::RequestSource(const Options& options, const Body& body, Counter& counter,
                             std::uint64_t seed)
    : options_(options),
      body_(body),
      counter_(counter),
      random_(seed * 0x9e3779b97f4a7c15ULL + 1),
      host_(fmt::format("{}:{}", options.host, options.port)) {
    for (const std::string& target : options.targets)
        heads_.push_back(fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", target, host_));
}

std::optional<Request> RequestSource::next() {
    const std::uint64_t number = counter_.fetch_add(1, std::memory_order_relaxed);
    if (options_.operations != 0 && number >= options_.operations) return std::nullopt;
    if (options_.verb == Verb::targets) return Request{.head = heads_[number % heads_.size()]};
    return signed_request(number);
}

// The index of the key, or of the page of keys, that a request is about.
std::uint64_t RequestSource::pick(std::uint64_t number) {
    const bool pages = options_.verb == Verb::delete_objects || options_.verb == Verb::list;
    const std::uint64_t step = pages ? options_.page : 1;
    if (options_.count == 0) return options_.first + number * step;
    const std::uint64_t places = std::max<std::uint64_t>(1, options_.count / step);
    if (options_.random) {
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        random_ ^= random_ << 17;
        number = random_;
    }
    return options_.first + number % places * step;
}

std::string RequestSource::key(std::uint64_t index) const {
    return fmt::format("{}{:010}", options_.prefix, index);
}

std::string RequestSource::delete_list(std::uint64_t first) const {
    std::string xml =
        "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>";
    for (std::uint64_t i = 0; i < options_.page; ++i)
        xml += fmt::format("<Object><Key>{}</Key></Object>", key(first + i));
    return xml + "</Delete>";
}

Request RequestSource::signed_request(std::uint64_t number) {
    read_clock();
    const std::uint64_t index = pick(number);
    const std::string bucket = "/" + options_.bucket;
    const std::string path = bucket + "/" + s3::percent_encode(key(index), true);
    const std::string empty(empty_sha256);
    Request request;
    switch (options_.verb) {
        case Verb::put:
            request = sign("PUT", path, "",
                           {{"content-length", std::to_string(body_.bytes())},
                            {"x-amz-checksum-crc32", body_.crc32()},
                            {"x-amz-sdk-checksum-algorithm", "CRC32"}},
                           options_.sign_payload ? body_.sha256() : "UNSIGNED-PAYLOAD");
            request.sends_body = true;
            return request;
        case Verb::copy:
            return sign("PUT", path, "",
                        {{"content-length", "0"},
                         {"x-amz-copy-source", s3::percent_encode(options_.copy_source, true)}},
                        empty);
        case Verb::head:
            request = sign("HEAD", path, "", {}, empty);
            request.reply_is_head = true;
            return request;
        case Verb::del:
            return sign("DELETE", path, "", {}, empty);
        case Verb::list:
            request = sign("GET", bucket,
                           fmt::format("list-type=2&max-keys={}&prefix={}&start-after={}",
                                       options_.page, s3::percent_encode(options_.prefix, false),
                                       index == 0 ? "" : s3::percent_encode(key(index - 1), false)),
                           {}, empty);
            request.keys = options_.page;
            return request;
        case Verb::delete_objects: {
            std::string xml = delete_list(index);
            const std::string md5 = hash::digest(hash::Algorithm::md5, as_bytes(xml));
            request = sign("POST", bucket, "delete=",
                           {{"content-length", std::to_string(xml.size())},
                            {"content-md5", base64_encode(md5)}},
                           hash::sha256_hex(xml));
            request.text = std::move(xml);
            request.keys = options_.page;
            return request;
        }
        default:
            return sign("GET", path, "", {}, empty);
    }
}

// `headers` in the order of their names, those that every request has left away.
Request RequestSource::sign(std::string_view method, const std::string& path,
                            const std::string& query, std::vector<Header> headers,
                            const std::string& payload_sha256) {
    headers.push_back({"host", host_});
    headers.push_back({"x-amz-content-sha256", payload_sha256});
    headers.push_back({"x-amz-date", timestamp_});
    std::ranges::sort(headers, {}, &Header::name);

    std::string canonical = fmt::format("{}\n{}\n{}\n", method, path, query);
    std::string names;
    std::string head =
        fmt::format("{} {}{}{} HTTP/1.1\r\n", method, path, query.empty() ? "" : "?", query);
    for (const Header& header : headers) {
        canonical += fmt::format("{}:{}\n", header.name, header.value);
        if (!names.empty()) names += ';';
        names += header.name;
        head += fmt::format("{}: {}\r\n", header.name, header.value);
    }
    canonical += fmt::format("\n{}\n{}", names, payload_sha256);

    const std::string scope = fmt::format("{}/{}/s3/aws4_request", date_, options_.region);
    const std::string text =
        fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", timestamp_, scope, hash::sha256_hex(canonical));
    const std::string signature = hex_encode(hash::hmac_sha256(signing_key_.bytes, text));
    head += fmt::format(
        "authorization: AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}\r\n\r\n",
        options_.access_key_id, scope, names, signature);
    return {.head = std::move(head)};
}

void RequestSource::read_clock() {
    const std::int64_t now = std::time(nullptr);
    if (now == second_) return;
    second_ = now;
    timestamp_ = fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(now));
    std::string date = timestamp_.substr(0, 8);
    if (date == date_) return;
    date_ = std::move(date);
    signing_key_ = s3::derive_signing_key(options_.secret, date_, options_.region);
}

}  // namespace weir::bench
