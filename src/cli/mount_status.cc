#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "cli/command_line.h"
#include "cli/mount_table.h"
#include "io/socket_path.h"
#include "mount/status.h"

namespace weir::cli {
namespace {

using Json = nlohmann::json;

Result<std::string> ask(const std::string& socket, const char* path) {
    TRY(const io::SocketPath name, io::SocketPath::of(socket));
    httplib::Client client(name.text());
    client.set_address_family(AF_UNIX);
    constexpr time_t timeout_s = 10;
    client.set_read_timeout(timeout_s, 0);
    httplib::Request request;
    request.method = "GET";
    request.path = path;
    request.headers = {{"Host", "localhost"}};
    const httplib::Result reply = client.send(request);
    if (!reply || reply->status != 200)
        return fail(Code::unavailable, fmt::format("no daemon of this user answers at {}", socket));
    return reply->body;
}

// The daemon may be this user's, or root's who mounted for this user.
Result<std::string> ask_about(const std::string& folder, const char* path) {
    Result<std::string> reply = ask(mount::status_socket(mount::status_folder(), folder), path);
    if (reply || ::geteuid() == 0) return reply;
    return ask(mount::status_socket("/run/weir", folder), path);
}

std::string amount(std::uint64_t bytes) {
    if (bytes >= GiB) return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / GiB);
    if (bytes >= MiB) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / MiB);
    return fmt::format("{} B", bytes);
}

std::uint64_t count(const Json& json, const char* name) { return json.value(name, 0ULL); }

void print_files(const char* what, const Json& files) {
    for (const Json& file : files)
        fmt::print("  {:12} {}: {} of {}\n", what, file.value("path", ""),
                   amount(count(file, "done_bytes")), amount(count(file, "bytes")));
}

void print_reads(const Json& reads) {
    const std::uint64_t hit = count(reads, "hit_bytes"), missed = count(reads, "missed_bytes");
    fmt::print(
        "  {:12} {} read from the cache, {} from the store ({:.0f} % hits); {} fetched "
        "ahead; {} files opened for the kernel to read\n",
        "reads", amount(hit), amount(missed),
        hit + missed == 0 ? 0.0
                          : 100.0 * static_cast<double>(hit) / static_cast<double>(hit + missed),
        amount(count(reads, "fetched_ahead_bytes")), count(reads, "passthrough_opens"));
    print_files("fetching", reads.value("fetching", Json::array()));
    if (count(reads, "waiting_files") > 0)
        fmt::print("  {:12} {} more files\n", "waiting", count(reads, "waiting_files"));
}

void print_writes(const Json& writes) {
    print_files("writing", writes.value("writing", Json::array()));
    for (const Json& problem : writes.value("problems", Json::array()))
        fmt::print("  {:12} {}: {}\n", "NOT WRITTEN", problem.value("path", ""),
                   problem.value("problem", ""));
    if (count(writes, "abandoned") == 0) return;
    fmt::print(
        "  {:12} {} files that are not in the store; weir mount --kept, --recover, --discard\n",
        "kept", count(writes, "abandoned"));
    for (const Json& file : writes.value("kept", Json::array()))
        fmt::print("  {:12} {}/{}: {}\n", "NOT WRITTEN", file.value("bucket", ""),
                   file.value("key", ""), file.value("problem", ""));
}

void print_status(const Json& status) {
    const Json journal = status.value("journal", Json::object());
    const Json requests = status.value("requests", Json::object());
    const Json budgets = status.value("budgets", Json::object());
    fmt::print("{} at {} (daemon {})\n", status.value("source", ""), status.value("folder", ""),
               status.value("pid", 0));
    fmt::print("  {:12} {}{}{}\n", "endpoint", status.value("endpoint", ""),
               status.value("read_only", false) ? ", read-only" : "",
               status.value("passthrough", false) ? ", complete files are the kernel's" : "");
    const std::string problem = journal.value("problem", "");
    fmt::print("  {:12} {}{}{}\n", "journal", journal.value("state", ""),
               problem.empty() ? "" : ": ", problem);
    fmt::print("  {:12} {} sent, {} of them again; {} received, {} sent\n", "requests",
               count(requests, "sent"), count(requests, "retries"),
               amount(count(requests, "received_bytes")), amount(count(requests, "sent_bytes")));
    print_reads(status.value("reads", Json::object()));
    print_writes(status.value("writes", Json::object()));
    fmt::print("  {:12} {} of {} in {}\n", "cache", amount(count(budgets, "cache_bytes")),
               amount(count(budgets, "cache_bytes_max")), status.value("cache_folder", ""));
    fmt::print("  {:12} {} resident, buffers up to {}\n", "memory",
               amount(count(budgets, "memory_bytes")), amount(count(budgets, "memory_bytes_max")));
}

// This user's, or root's for this user: he may open its socket, or it is gone with its daemon.
bool is_own(const Mounted& mount) {
    if (mount.owner == ::geteuid()) return true;
    if (mount.owner != 0) return false;
    const std::string socket = mount::status_socket("/run/weir", mount.folder);
    return ::access(socket.c_str(), W_OK) == 0 || errno == ENOENT;
}

Result<std::vector<std::string>> folders_of(const std::vector<std::string>& arguments) {
    std::vector<std::string> folders;
    for (const std::string& argument : arguments) {
        TRY(std::string folder, real_folder(argument));
        folders.push_back(std::move(folder));
    }
    if (!folders.empty()) return folders;
    TRY(const std::vector<Mounted> all, mounted());
    for (const Mounted& each : all)
        if (is_own(each)) folders.push_back(each.folder);
    return folders;
}

// How one mount is shown; false if it has no daemon that answers.
bool show(const std::string& folder, bool as_json) {
    const Result<std::string> reply = ask_about(folder, "/status");
    const Json status = reply ? Json::parse(*reply, nullptr, false) : Json();
    if (!status.is_object()) {
        const bool dead = is_dead(folder);
        fmt::print(stderr, "weir: {}: {}\n", folder,
                   dead    ? "its daemon is gone; weir umount takes it away"
                   : reply ? "its daemon answered no JSON"
                           : std::string(reply.error().message()));
        return false;
    }
    if (as_json) {
        fmt::print("{}\n", status.dump());
    } else {
        print_status(status);
    }
    return true;
}

}  // namespace

int run_mount_status(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const bool as_json = take_switch(arguments, "--json");
    const bool as_metrics = take_switch(arguments, "--metrics");
    for (const std::string& argument : arguments)
        if (argument.starts_with('-') || (as_json && as_metrics))
            return complain("usage: weir mount status [DIR...] [--json | --metrics]", misused);
    const Result<std::vector<std::string>> folders = folders_of(arguments);
    if (!folders) return complain(folders.error().message(), failed);
    bool good = true;
    for (const std::string& folder : *folders) {
        if (!as_metrics) {
            good = show(folder, as_json) && good;
            continue;
        }
        const Result<std::string> metrics = ask_about(folder, "/metrics");
        good = metrics.has_value() && good;
        if (metrics)
            fmt::print("{}", *metrics);
        else
            complain(metrics.error().message(), failed);
    }
    if (folders->empty()) fmt::print(stderr, "weir: nothing of Weir's is mounted by this user\n");
    return good ? done : failed;
}

}  // namespace weir::cli
