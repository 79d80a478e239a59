#include <fmt/format.h>

#include "cli/command_line.h"
#include "inspect/data_directory.h"
#include "io/posix_disk.h"

namespace weir::cli {

int run_config(const std::vector<std::string>& arguments) {
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    fmt::print("{}", describe(loaded->settings));
    return done;
}

int run_env(const std::vector<std::string>& arguments) {
    const Result<Loaded> loaded = load(arguments);
    if (!loaded) return complain(loaded.error().message(), misused);
    io::PosixDisk disk;
    const Result<std::string> lines =
        inspect::DataDirectory::read_environment(disk, loaded->config.data);
    if (!lines)
        return complain(
            fmt::format("{} says nothing of a server yet; start one with: weir serve --data {}",
                        loaded->config.data, loaded->config.data),
            failed);
    fmt::print("{}", *lines);
    return done;
}

}  // namespace weir::cli
