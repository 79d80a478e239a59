#pragma once
// For tests: no kernel that asks, and what it would have been told to forget.

#include <string>
#include <vector>

#include "mount/kernel.h"

namespace weir::mount {

class NoKernel final : public Kernel {
  public:
    void forget_name(NodeId, const std::string& name) override { forgotten.push_back(name); }
    void doubt_folder(NodeId, const std::string&) override {}
    void forget_pages(NodeId, std::int64_t) override {}
    bool passthrough() const override { return false; }
    BackingId open_backing(int) override { return 0; }
    void close_backing(BackingId) override {}

    std::vector<std::string> forgotten = {};
};

}  // namespace weir::mount
