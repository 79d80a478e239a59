#pragma once
// Texts and numbers one after the other, as the small files of a cache hold them: a text is its
// length in four bytes and its bytes, a number is eight. What is read was written by anybody.
//
// Values of one thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace weir::cache {

class FieldWriter {
  public:
    void text(std::string_view value) {
        append_be32(bytes_, static_cast<std::uint32_t>(value.size()));
        bytes_ += value;
    }
    void number(std::uint64_t value) { append_be64(bytes_, value); }
    std::string take() && { return std::move(bytes_); }

  private:
    std::string bytes_;
};

// What is missing reads as nothing, and whole() is false from then on.
class FieldReader {
  public:
    explicit FieldReader(std::string_view bytes) : rest_(bytes) {}

    std::string text() {
        if (!has(4)) return {};
        const std::size_t size = read_be32(rest_);
        rest_.remove_prefix(4);
        if (!has(size)) return {};
        std::string value(rest_.substr(0, size));
        rest_.remove_prefix(size);
        return value;
    }
    std::uint64_t number() {
        if (!has(8)) return 0;
        const std::uint64_t value = read_be64(rest_);
        rest_.remove_prefix(8);
        return value;
    }
    // Everything asked for was there.
    bool whole() const { return whole_; }
    // And nothing else is.
    bool exact() const { return whole_ && rest_.empty(); }

  private:
    bool has(std::size_t bytes) {
        whole_ = whole_ && rest_.size() >= bytes;
        return whole_;
    }

    std::string_view rest_;
    bool whole_ = true;
};

}  // namespace weir::cache
