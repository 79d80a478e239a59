#pragma once
// HTTP messages as handlers see them. A RequestHead's views are valid until the handler's coroutine
// ends.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/byte_budget.h"
#include "net/task.h"

namespace weir::http {

struct Field {
    std::string_view name;
    std::string_view value;  // without outer white space
};

struct RequestHead {
    std::string_view method;
    std::string_view target;    // as it was sent
    std::vector<Field> fields;  // in order, repeated ones as they came
    std::string_view peer;
    bool keep_alive = true;
    bool chunked = false;
    bool expects_continue = false;
    bool knows_chunks = true;  // HTTP/1.0 does not
    std::optional<std::uint64_t> content_length;

    // The first of that name, whatever its case.
    std::optional<std::string_view> field(std::string_view name) const;
};

// Part of an open file.
struct FileRange {
    std::shared_ptr<const int> descriptor;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    // Called on the blocking pool before those bytes of the file are sent, in order; a failure ends
    // the reply there. None: they are sent as they are.
    std::function<Result<void>(std::uint64_t offset, std::uint64_t length)> check = {};
};

// A body whose length nobody knows before its end: the server asks for a piece, sends it, and asks
// for the next, so a client that reads slowly is asked to wait, and nothing piles up.
//
// Belongs to its reply, on its core.
class BodySource {
  public:
    virtual ~BodySource() = default;
    // The next piece, sent at once; empty: the end. May take as long as it likes until the handler
    // was told to drain. A failure breaks the reply off.
    virtual net::Task<Result<std::string>> next() = 0;
};

// How a reply went, for logs and metrics.
struct Sent {
    std::uint64_t bytes_in = 0;  // of bodies, without heads and chunk lines
    std::uint64_t bytes_out = 0;
    bool complete = false;
};

struct Response {
    unsigned status = 200;
    std::vector<std::pair<std::string, std::string>>
        fields;                    // without Content-Length, Date, Server, Connection
    std::string body;              // or
    std::vector<FileRange> files;  // sent in order, or
    std::unique_ptr<BodySource> source;
    // For HEAD: the length that GET would have.
    std::optional<std::uint64_t> content_length;
    io::ByteBudget::Share memory;  // of what bounds bodies in memory, if something does
    bool close = false;            // the connection ends after this reply
    std::function<void(const Sent&)> on_sent;
};

}  // namespace weir::http
