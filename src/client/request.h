#pragma once
// One S3 request as the operations write it, and its text as it is sent. Private to client.
//
// A plain value; head_text() is pure. invalid_argument for words that cannot be sent.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "client/credentials.h"
#include "client/endpoint.h"
#include "client/requests.h"
#include "client/source.h"
#include "s3/proto/sigv4.h"

namespace weir::client {

struct Request {
    std::string method = "GET";
    std::string bucket = {};
    std::string key = {};
    std::vector<std::pair<std::string, std::string>> query = {};
    std::vector<std::pair<std::string, std::string>> headers = {};
    const Source* source = nullptr;   // what is sent; null: nothing
    std::string payload_sha256 = {};  // 64 digits; empty: that of nothing, or UNSIGNED-PAYLOAD
    bool expects_continue = false;
    // The server works before it answers (copies, completions), and may find an error after its
    // 200.
    bool slow_answer = false;
    // A digest that does not match says something of the server, and is not tried again.
    bool false_digest = false;
    // No other try, and a stall of its own: for streams, whose reader decides how to go on.
    bool once = false;
    std::optional<std::chrono::milliseconds> stall = {};

    void add_header(std::string name, std::string value) {
        headers.emplace_back(std::move(name), std::move(value));
    }
    // Nothing where the value is empty.
    void add_if(std::string name, const std::string& value) {
        if (!value.empty()) add_header(std::move(name), value);
    }
    void add_query(std::string name, std::string value) {
        query.emplace_back(std::move(name), std::move(value));
    }
    void add_etag(std::string name, const std::string& etag) {
        if (!etag.empty()) add_header(std::move(name), "\"" + etag + "\"");
    }
    void add_conditions(const WriteConditions& conditions);
    void add_object_headers(const ObjectHeaders& object);

    // "GET s3://bucket/key", for messages.
    std::string describe() const;
};

// Who signs: nothing for anonymous requests.
struct Signer {
    const Credentials* credentials = nullptr;
    std::string_view region = {};
    const s3::SigningKey* key = nullptr;
    std::string_view timestamp = {};
};

// All of the head, its empty line included. `host` is the value of Host.
Result<std::string> head_text(const Request& request, const Endpoint& endpoint,
                              const std::string& host, const Signer& signer);

// "/bucket/key", encoded, for x-amz-copy-source.
std::string copy_source(const std::string& bucket, const std::string& key,
                        const std::string& version_id);

}  // namespace weir::client
