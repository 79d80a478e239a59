#pragma once
// A request's head, by Beast's parser, with what Beast lets pass and a server behind proxies must
// not: folded lines, Transfer-Encoding beside Content-Length, codings other than chunked, no Host
// or two. Private to http.
//
// One a connection, used again for each request without an allocation.

#include <memory>
#include <optional>
#include <span>

#include "base/limits.h"
#include "base/result.h"
#include "http/message.h"

namespace weir::http {

class HeadParser {
  public:
    explicit HeadParser(const Limits& limits);
    ~HeadParser();

    // How many of the bytes the head takes; nullopt: it is not whole yet. The bytes must be all
    // that came since the last head. After an error the connection cannot go on.
    Result<std::optional<std::size_t>> parse(std::span<const std::byte> bytes);

    // What was parsed last; it and its views are valid until the next parse().
    RequestHead& head();

  private:
    struct State;

    const Limits& limits_;
    std::unique_ptr<State> state_;
};

}  // namespace weir::http
