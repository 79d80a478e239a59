// weir mount --kept, --discard: what mounts could not write, and is in a cache until it is
// recovered or nobody wants it.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/clock.h"
#include "base/log.h"
#include "cache/cache.h"
#include "cli/command_line.h"
#include "mount/status.h"

namespace weir::cli {
namespace {

constexpr const char* usage = "usage: weir mount --kept | --discard ID... [--cache DIR]";

std::string time_of(UnixNanos time) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                       fmt::gmtime(static_cast<std::time_t>(time / nanos_per_second)));
}

// Not made where there is none.
Result<std::unique_ptr<cache::Cache>> open_cache(std::string folder, const Clock& clock, Log& log) {
    if (folder.empty()) {
        TRY(folder, cache::default_cache_path());
    }
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error))
        return fail(Code::not_found,
                    fmt::format("there is no cache in {}: name it by --cache DIR", folder));
    // The least bound of all processes counts: not this one's.
    constexpr std::uint64_t no_bound = std::uint64_t{1} << 62;
    return cache::Cache::open({.path = folder, .cache_bytes = no_bound}, clock, log);
}

int list(const cache::Cache& cache) {
    const auto all = cache.abandoned_writes();
    if (!all) return complain(all.error().message(), failed);
    for (const cache::AbandonedWrite& each : *all) {
        const mount::KeptFile file = mount::kept_file(each);
        fmt::print("{}  {}  {} bytes  {} {}/{}  {}\n", file.id, time_of(file.created_at),
                   file.bytes, file.endpoint, file.bucket, file.key, file.problem);
    }
    if (all->empty()) fmt::print(stderr, "nothing is kept\n");
    return done;
}

Result<void> discard(cache::Cache& cache, const std::string& id) {
    TRY(const std::vector<cache::AbandonedWrite> all, cache.abandoned_writes());
    if (std::ranges::find(all, id, &cache::AbandonedWrite::id) == all.end())
        return fail(Code::not_found,
                    fmt::format("nothing is kept as {}: see weir mount --kept", id));
    TRY(const std::unique_ptr<cache::WriteFile> file, cache.adopt_write(id));
    return file->remove();
}

}  // namespace

int run_mount_kept(const std::vector<std::string>& given) {
    std::vector<std::string> arguments = given;
    const std::string folder = take_flag(arguments, "--cache").value_or("");
    const bool lists = take_switch(arguments, "--kept");
    const bool discards = take_switch(arguments, "--discard");
    const bool named = std::ranges::none_of(
        arguments, [](const std::string& argument) { return argument.starts_with('-'); });
    if (lists == discards || !named || discards == arguments.empty())
        return complain(usage, misused);
    const SystemClock clock;
    const std::shared_ptr<Log> log = stderr_log();
    log->set_level(spdlog::level::warn);
    const auto cache = open_cache(folder, clock, *log);
    if (!cache) return complain(cache.error().message(), failed);
    if (lists) return list(**cache);
    for (const std::string& id : arguments)
        if (const Result<void> gone = discard(**cache, id); !gone)
            return complain(gone.error().message(), failed);
    return done;
}

}  // namespace weir::cli
