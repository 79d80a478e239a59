#include "kv/rocksdb/verify_files.h"

#include <fmt/format.h>
#include <rocksdb/metadata.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <filesystem>

#include "kv/rocksdb/log_tail.h"

namespace weir::kv::rocksdb {
namespace {

using Files = std::vector<::rocksdb::LiveFileMetaData>;

Result<Files> live_files(Current& current) {
    TRY(const Current::Use database, current.use());
    Files files;
    database->db().GetLiveFilesMetaData(&files);
    return files;
}

// As the database reads tables, but without its caches.
Result<::rocksdb::Options> reading_options(Current& current) {
    TRY(const Current::Use database, current.use());
    ::rocksdb::BlockBasedTableOptions table;
    table.no_block_cache = true;
    ::rocksdb::Options options = database->db().GetOptions();
    options.env = ::rocksdb::Env::Default();  // the database's own goes with it
    options.table_factory.reset(::rocksdb::NewBlockBasedTableFactory(table));
    return options;
}

::rocksdb::Status verify_table(const ::rocksdb::Options& options, const std::string& path) {
    ::rocksdb::SstFileReader reader(options);
    const ::rocksdb::Status opened = reader.Open(path);
    if (!opened.ok()) return opened;
    ::rocksdb::ReadOptions read;
    read.fill_cache = false;
    return reader.VerifyChecksum(read);
}

Result<bool> verify_tables(Current& current, const FileVisitor& visit) {
    TRY(const ::rocksdb::Options options, reading_options(current));
    TRY(const Files files, live_files(current));
    for (const ::rocksdb::LiveFileMetaData& file : files) {
        const std::string path = file.db_path + file.name;
        const ::rocksdb::Status status = verify_table(options, path);
        std::optional<std::string> wrong;
        if (!status.ok()) {
            // Replaced by a compaction while it was read?
            const auto same = [&](const auto& live) { return live.name == file.name; };
            TRY(const Files now, live_files(current));
            if (std::ranges::none_of(now, same)) continue;
            // No descriptor left, say: nothing that the file could help.
            if (const Error error = to_error(status, "reading " + path);
                error.code() != Code::corrupt && error.code() != Code::io_error)
                return fail(error);
            wrong = status.ToString();
        }
        if (!visit(path, file.size, wrong)) return false;
    }
    return true;
}

struct CheckedLog {
    std::filesystem::path path;
    std::uint64_t bytes = 0;
    std::optional<std::string> wrong;
};

// nullopt if it is gone: what it held is in tables.
Result<std::optional<CheckedLog>> look(const std::filesystem::path& path) {
    const Result<LogState> state = read_log(path);
    std::error_code error;
    if (!state && !std::filesystem::exists(path, error) && !error) return std::nullopt;
    if (!state && state.error().code() != Code::io_error) return fail(state.error());
    CheckedLog log{.path = path, .bytes = state ? state->bytes : 0, .wrong = {}};
    if (!state) log.wrong = state.error().message();
    if (state && state->damage)
        log.wrong = fmt::format("the log is damaged at byte {}", *state->damage);
    return log;
}

Result<std::vector<CheckedLog>> look_at_all(const std::string& folder) {
    TRY(const std::vector<std::filesystem::path> paths, log_paths(folder));
    std::vector<CheckedLog> logs;
    for (const std::filesystem::path& path : paths) {
        TRY(std::optional<CheckedLog> log, look(path));
        if (log) logs.push_back(*std::move(log));
    }
    return logs;
}

bool is_damaged(const CheckedLog& log) { return log.wrong.has_value(); }

// What looks damaged may be a record that was being written. All that the logs hold is in memory
// too: once that is in tables nobody writes these logs any more, and nobody needs them.
Result<void> write_tables_and_look_again(Database& database, std::vector<CheckedLog>& logs) {
    ::rocksdb::DB& db = database.db();
    const auto told = [](const ::rocksdb::Status& status) -> Result<void> {
        if (status.ok()) return {};
        return fail(to_error(status, "writing what a damaged log holds into tables"));
    };
    TRY_VOID(told(db.DisableFileDeletions()));
    Result<void> outcome = told(db.Flush(::rocksdb::FlushOptions(), database.families()));
    for (CheckedLog& log : logs) {
        if (!outcome) break;
        if (!is_damaged(log)) continue;
        const Result<std::optional<CheckedLog>> again = look(log.path);
        if (!again) outcome = fail(again.error());
        log.wrong = again && *again ? (*again)->wrong : std::nullopt;
        if (log.wrong) *log.wrong += "; what it held was in memory, and is in tables now";
    }
    TRY_VOID(told(db.EnableFileDeletions(/*force=*/false)));
    return outcome;
}

Result<std::vector<CheckedLog>> verify_logs(Current& current) {
    TRY(const Current::Use database, current.use());
    // Until it is opened anew its log may end in what failed.
    if (database->stopped()) return std::vector<CheckedLog>();
    TRY(std::vector<CheckedLog> logs, look_at_all(database->db().GetName()));
    if (std::ranges::none_of(logs, is_damaged)) return logs;
    const Result<void> looked = write_tables_and_look_again(*database, logs);
    // Half a record, of a write that failed meanwhile, or damage: nobody can tell, so neither is
    // said.
    if (database->stopped()) {
        const auto damaged = std::ranges::find_if(logs, is_damaged);
        return fail(Code::unavailable,
                    fmt::format("The database stopped writing while {} was read, which may be "
                                "damaged. Look again once it writes.",
                                damaged == logs.end() ? "its log" : damaged->path.string()));
    }
    TRY_VOID(looked);
    return logs;
}

}  // namespace

// Holds the database open for no longer than a look at its list and at its logs: the visitor may
// sleep.
Result<void> verify_files(Current& current, const FileVisitor& visit) {
    TRY(const bool go_on, verify_tables(current, visit));
    if (!go_on) return {};
    TRY(const std::vector<CheckedLog> logs, verify_logs(current));
    for (const CheckedLog& log : logs)
        if (!visit(log.path.string(), log.bytes, log.wrong)) break;
    return {};
}

}  // namespace weir::kv::rocksdb
