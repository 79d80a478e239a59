#pragma once
// The commands of `weir` beside `serve`, one function each. Each prints its result to standard
// output, or one sentence to standard error, and returns the exit code: 0 done, 1 failed, 2 wrong
// usage.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::cli {

struct Command {
    std::string_view name;
    std::string_view usage;
    std::string_view help;
    int (*run)(const std::vector<std::string>& arguments);
};

std::span<const Command> commands();

// Runs it, or prints what it does for --help.
int run(const Command& command, const std::vector<std::string>& arguments);

int print_usage();
// "weir: sentence", and the code.
int complain(std::string_view sentence, int code);

}  // namespace weir::cli
