#pragma once
// A reply's head, by Beast's parser, with what must be beyond doubt: where its body ends. Private
// to http.
//
// One a connection, used again for each reply; one thread. Failure: invalid_encoding, after which
// the connection cannot go on.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "http/message.h"

namespace weir::http {

// Views are valid until the next reply of the connection.
struct ReplyHead {
    unsigned status = 0;
    std::vector<Field> fields;  // in order, repeated ones as they came
    bool keep_alive = true;
    bool chunked = false;
    std::optional<std::uint64_t> content_length;

    // The first of that name, whatever its case.
    std::optional<std::string_view> field(std::string_view name) const;
};

class ReplyParser {
  public:
    explicit ReplyParser(const ClientLimits& limits);
    ~ReplyParser();

    // How many of the bytes the head takes; nullopt: it is not whole yet. The bytes must be all
    // that came since the last head.
    Result<std::optional<std::size_t>> parse(std::span<const std::byte> bytes);

    // What was parsed last.
    const ReplyHead& head() const;

  private:
    struct State;

    const ClientLimits& limits_;
    std::unique_ptr<State> state_;
};

}  // namespace weir::http
