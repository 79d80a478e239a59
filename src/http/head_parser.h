#pragma once
// A request's head, by Beast's parser, with what Beast lets pass and a server behind proxies must
// not: folded lines, Transfer-Encoding beside Content-Length, codings other than chunked. Private
// to http.
//
// One a connection, used again for each request.

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

    struct Parsed {
        RequestHead head;          // views into the parser
        std::size_t consumed = 0;  // of the bytes
    };
    // nullopt: the head is not whole yet. The bytes must be all that came since the last head.
    Result<std::optional<Parsed>> parse(std::span<const std::byte> bytes);

  private:
    struct State;

    const Limits& limits_;
    std::unique_ptr<State> state_;
};

}  // namespace weir::http
