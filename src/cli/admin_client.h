#pragma once
// The running server's admin socket, from the command line: one blocking request at a time.

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

namespace weir::cli {

class AdminClient {
  public:
    explicit AdminClient(std::string data) : data_(std::move(data)) {}

    // `body` may be null. unavailable, with what to do, when no server runs there; the server's own
    // sentence otherwise.
    Result<nlohmann::json> request(const std::string& method, const std::string& path,
                                   const nlohmann::json& body);

  private:
    std::string data_;
};

}  // namespace weir::cli
