#include "cli/s3/s3_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "base/limits.h"

namespace weir::cli {
namespace {

using Take = Result<void> (*)(S3Line& line, const std::string& value);

struct Option {
    unsigned verbs;
    std::string_view name;
    std::string_view value;  // what stands for it in the usage; empty: a switch
    std::string_view help;
    Take take;
};

std::unexpected<Error> wrong(std::string message) {
    return fail(Code::invalid_argument, std::move(message));
}

template <std::string client::EndpointOptions::* member>
Result<void> endpoint(S3Line& line, const std::string& value) {
    if (value.empty()) return wrong("it must not be empty");
    line.endpoint.*member = value;
    return {};
}

template <bool S3Line::* member>
Result<void> on(S3Line& line, const std::string&) {
    line.*member = true;
    return {};
}

template <bool MoveOptions::* member>
Result<void> move_on(S3Line& line, const std::string&) {
    line.move.*member = true;
    return {};
}

template <bool ReportOptions::* member>
Result<void> report_on(S3Line& line, const std::string&) {
    line.report.*member = true;
    return {};
}

Result<void> include(S3Line& line, const std::string& value) {
    line.filter.include(value);
    return {};
}

Result<void> exclude(S3Line& line, const std::string& value) {
    line.filter.exclude(value);
    return {};
}

Result<void> content_type(S3Line& line, const std::string& value) {
    if (value.empty()) return wrong("it must not be empty");
    line.move.content_type = value;
    return {};
}

Result<void> metadata(S3Line& line, const std::string& value) {
    const std::size_t equals = value.find('=');
    std::string name = value.substr(0, equals);
    if (equals == std::string::npos || name.empty())
        return wrong(fmt::format("'{}' is not NAME=VALUE", value));
    std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    line.move.metadata[name] = value.substr(equals + 1);
    return {};
}

Result<std::uint64_t> number(const std::string& value, std::uint64_t min, std::uint64_t max) {
    std::uint64_t parsed = 0;
    const char* end_of_value = value.data() + value.size();
    const auto [end, error] = std::from_chars(value.data(), end_of_value, parsed);
    if (value.empty() || error != std::errc() || end != end_of_value || parsed < min ||
        parsed > max)
        return wrong(fmt::format("'{}' is no number from {} to {}", value, min, max));
    return parsed;
}

Result<void> parallelism(S3Line& line, const std::string& value) {
    TRY(const std::uint64_t count, number(value, 1, copy_parallelism_max));
    line.move.parallelism = static_cast<std::size_t>(count);
    return {};
}

Result<void> part_mib(S3Line& line, const std::string& value) {
    TRY(const std::uint64_t mib, number(value, part_bytes_min / MiB, copy_part_bytes_max / MiB));
    line.move.part_bytes = mib * MiB;
    return {};
}

constexpr unsigned all = verb_ls | verb_cp | verb_sync | verb_rm;
constexpr unsigned moves = verb_cp | verb_sync;

constexpr std::array table{
    Option{verb_ls | verb_cp | verb_rm, "recursive", "", "everything below, not one object",
           on<&S3Line::recursive>},
    Option{moves | verb_rm, "include", "GLOB",
           "takes what matches after all; the last of --include and --exclude that matches decides",
           include},
    Option{moves | verb_rm, "exclude", "GLOB",
           "leaves out what matches; names are those below the source, * matches '/' too", exclude},
    Option{verb_sync, "delete", "",
           "deletes at the destination what the source does not have, once all of it was listed",
           on<&S3Line::delete_others>},
    Option{verb_sync, "size-only", "", "the same size is the same file", on<&S3Line::size_only>},
    Option{verb_sync, "exact-timestamps", "",
           "down: fetches also what is newer in the bucket and has the same size",
           on<&S3Line::exact_timestamps>},
    Option{moves | verb_rm, "dry-run", "", "says what would be done, and does nothing",
           report_on<&ReportOptions::dry_run>},
    Option{moves, "resume", "",
           "goes on with an upload that broke off; a failure leaves it for the next time",
           move_on<&MoveOptions::resume>},
    Option{moves, "if-absent", "", "replaces nothing: what is there already fails",
           move_on<&MoveOptions::if_absent>},
    Option{moves, "mtime", "", "keeps the file's time in the metadata 'mtime', and takes it there",
           move_on<&MoveOptions::keep_mtime>},
    Option{moves, "content-type", "TYPE", "of the objects that are written", content_type},
    Option{moves, "metadata", "NAME=VALUE", "of the objects that are written; may be given again",
           metadata},
    Option{moves, "parallelism", "N", "requests of one large file at a time; 16", parallelism},
    Option{moves, "part-mib", "N", "MiB of a part of a large file; 8", part_mib},
    Option{verb_ls, "json", "", "one JSON object a line", on<&S3Line::json>},
    Option{verb_ls, "summarize", "", "adds how many objects there are, and their size",
           on<&S3Line::summarize>},
    Option{moves | verb_rm, "quiet", "", "says nothing but what failed",
           report_on<&ReportOptions::quiet>},
    Option{moves | verb_rm, "verbose", "", "a line for each file",
           report_on<&ReportOptions::verbose>},
    Option{all, "endpoint", "URL", "the S3 endpoint; else AWS_ENDPOINT_URL, ~/.aws, /etc/weir/env",
           endpoint<&client::EndpointOptions::url>},
    Option{all, "region", "NAME", "the region that requests are signed for",
           endpoint<&client::EndpointOptions::region>},
    Option{all, "profile", "NAME", "the profile of ~/.aws; else AWS_PROFILE",
           endpoint<&client::EndpointOptions::profile>},
    Option{all, "ca-file", "FILE", "certificates that the endpoint's is signed by",
           endpoint<&client::EndpointOptions::ca_file>},
};

// "--name", "--name value" or "--name=value"; `at` is left at the last argument that was taken.
Result<void> take_option(S3Line& line, S3Verb verb, const std::vector<std::string>& arguments,
                         std::size_t& at) {
    const std::string& flag = arguments[at];
    const std::size_t equals = flag.find('=');
    const std::string given = flag.substr(0, equals);
    const auto option = std::ranges::find_if(table, [&](const Option& each) {
        return (each.verbs & verb) != 0 && given.substr(2) == each.name;
    });
    if (option == table.end())
        return wrong(fmt::format("{} is no option here; --help shows them", given));
    std::string value;
    if (option->value.empty()) {
        if (equals != std::string::npos) return wrong(fmt::format("{} takes no value", given));
    } else if (equals != std::string::npos) {
        value = flag.substr(equals + 1);
    } else {
        if (at + 1 == arguments.size()) return wrong(fmt::format("{} takes a value", given));
        value = arguments[++at];
    }
    const Result<void> taken = option->take(line, value);
    if (!taken) return wrong(fmt::format("{}: {}", given, taken.error().message()));
    return {};
}

Result<void> check(S3Verb verb, const S3Line& line) {
    if (verb == verb_sync && line.exact_timestamps && line.move.keep_mtime)
        return wrong("--exact-timestamps compares with the object's time, which --mtime replaces");
    if (verb == verb_sync && line.exact_timestamps && line.size_only)
        return wrong("--exact-timestamps and --size-only exclude each other");
    if (line.report.quiet && line.report.verbose)
        return wrong("--quiet and --verbose exclude each other");
    if ((verb == verb_rm || verb == verb_cp) && !line.recursive && !line.filter.empty())
        return wrong("--include and --exclude choose among many: add --recursive");
    return {};
}

}  // namespace

Result<S3Line> parse_s3_line(S3Verb verb, const std::vector<std::string>& arguments) {
    S3Line line;
    bool options_end = false;
    for (std::size_t at = 0; at < arguments.size(); ++at) {
        const std::string& argument = arguments[at];
        if (!options_end && argument == "--") {
            options_end = true;
        } else if (!options_end && argument.starts_with("--")) {
            TRY_VOID(take_option(line, verb, arguments, at));
        } else if (!options_end && argument.size() > 1 && argument.starts_with('-')) {
            return wrong(fmt::format("{} is no option here; --help shows them", argument));
        } else {
            TRY(Location place, parse_location(argument));
            line.places.push_back(std::move(place));
        }
    }
    TRY_VOID(check(verb, line));
    return line;
}

bool asks_for_help(const std::vector<std::string>& arguments) {
    for (const std::string& argument : arguments) {
        if (argument == "--") return false;
        if (argument == "--help" || argument == "-h") return true;
    }
    return false;
}

std::string describe_s3_options(S3Verb verb) {
    std::string out;
    for (const Option& option : table) {
        if ((option.verbs & verb) == 0) continue;
        const std::string flag =
            fmt::format("--{}{}{}", option.name, option.value.empty() ? "" : " ", option.value);
        out += fmt::format("  {:23} {}\n", flag, option.help);
    }
    return out;
}

}  // namespace weir::cli
