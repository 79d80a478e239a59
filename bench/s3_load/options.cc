#include "options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <map>

namespace weir::bench {
namespace {

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::vector<std::string> lines_of(const std::string& path) {
    std::vector<std::string> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        if (!line.empty()) lines.push_back(line);
    return lines;
}

void split_address(const std::string& address, Options& options) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string::npos) throw CLI::ValidationError("--address", "is HOST:PORT");
    options.host = address.substr(0, colon);
    options.port = static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1)));
}

void check(const Options& options) {
    if (options.verb == Verb::targets && options.targets.empty())
        throw CLI::ValidationError("--targets", "names a file with one target a line");
    if (options.verb != Verb::targets && (options.access_key_id.empty() || options.secret.empty()))
        throw CLI::ValidationError("AWS_ACCESS_KEY_ID", "and AWS_SECRET_ACCESS_KEY must be set");
    if (options.random && options.count == 0)
        throw CLI::ValidationError("--random", "needs --count");
    if (options.connections < options.threads || options.threads == 0)
        throw CLI::ValidationError("--threads", "each needs a connection");
    if (options.page == 0) throw CLI::ValidationError("--page", "is at least 1");
}

}  // namespace

Options parse_options(int argc, char** argv) {
    Options options;
    options.access_key_id = variable("AWS_ACCESS_KEY_ID");
    options.secret = variable("AWS_SECRET_ACCESS_KEY");
    std::string address;
    std::string targets;
    const std::map<std::string, Verb> verbs = {
        {"targets", Verb::targets}, {"get", Verb::get},    {"head", Verb::head},
        {"put", Verb::put},         {"delete", Verb::del}, {"delete-objects", Verb::delete_objects},
        {"copy", Verb::copy},       {"list", Verb::list},
    };

    CLI::App app(
        "Loads an S3 server and prints one line of JSON: what it did and how long it took");
    app.add_option("--address", address, "HOST:PORT, the host as a number")->required();
    app.add_flag("--tls", options.tls, "TLS; the certificate is not looked at");
    app.add_option("--connections", options.connections, "kept alive, one request each at a time");
    app.add_option("--threads", options.threads, "that share the connections");
    app.add_option("--warmup", options.warmup_s, "seconds before the window begins");
    app.add_option("--seconds", options.seconds, "of the window");
    app.add_flag("--whole", options.whole, "the window lasts until the last reply");
    app.add_option("--operations", options.operations, "this many requests, instead of seconds");
    app.add_option("--verb", options.verb, "what is asked for")
        ->transform(CLI::CheckedTransformer(verbs));
    app.add_option("--targets", targets, "a file of presigned targets, one a line");
    app.add_option("--bucket", options.bucket, "");
    app.add_option("--prefix", options.prefix, "of the keys");
    app.add_option("--first", options.first, "number of the first key");
    app.add_option("--count", options.count, "of the keys; after the last comes the first");
    app.add_flag("--random", options.random, "any of the keys, not one after the other");
    app.add_option("--body-bytes", options.body_bytes, "of each PUT");
    app.add_flag("--unsigned-payload{false}", options.sign_payload, "PUT without SHA-256");
    app.add_option("--page", options.page, "keys of one DeleteObjects or one listing");
    app.add_option("--copy-source", options.copy_source, "BUCKET/KEY");
    app.add_option("--region", options.region, "that requests are signed for");
    try {
        app.parse(argc, argv);
        split_address(address, options);
        if (!targets.empty()) options.targets = lines_of(targets);
        check(options);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error));
    }
    options.whole = options.whole || options.operations != 0;
    if (options.whole) options.warmup_s = 0;
    return options;
}

}  // namespace weir::bench
