#pragma once
// For tests: a home folder of its own, with the settings that are written into it.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "client/environment.h"

namespace weir::client::test {

class TemporaryFolder {
  public:
    TemporaryFolder() {
        char path[] = "/tmp/weir-home-XXXXXX";
        path_ = ::mkdtemp(path);
        std::filesystem::create_directory(path_ + "/.aws");
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    TemporaryFolder(const TemporaryFolder&) = delete;

    // Only its owner may read it.
    void write(const std::string& name, std::string_view text) const {
        const std::string path = path_ + "/" + name;
        // As editors do: another file, so that its change shows however coarse the clock is.
        std::filesystem::remove(path);
        std::ofstream(path) << text;
        std::filesystem::permissions(path, std::filesystem::perms(0600));
    }
    std::string path(const std::string& name) const { return path_ + "/" + name; }
    Environment environment() const { return {.home = path_, .system_file = path_ + "/env"}; }

  private:
    std::string path_;
};

}  // namespace weir::client::test
