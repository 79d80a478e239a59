#pragma once
// A name of a unix socket that fits into its address, which holds 107 bytes: a longer one by way of
// its folder's descriptor. Valid while this lives; safe from any thread.

#include <string>

#include "base/result.h"

namespace weir::io {

class SocketPath {
  public:
    // Fails where the folder cannot be opened, or the last part of the path alone is too long.
    static Result<SocketPath> of(const std::string& path);
    ~SocketPath();
    SocketPath(SocketPath&& other) noexcept;
    SocketPath& operator=(SocketPath&&) = delete;

    const std::string& text() const { return text_; }

  private:
    SocketPath(int folder, std::string text) : folder_(folder), text_(std::move(text)) {}

    int folder_;  // -1: none was needed
    std::string text_;
};

}  // namespace weir::io
