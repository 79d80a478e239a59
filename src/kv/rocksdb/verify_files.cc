#include "kv/rocksdb/verify_files.h"

#include <rocksdb/metadata.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>

#include <algorithm>

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

}  // namespace

// Holds the database open for no longer than a look at its list: the visitor may sleep.
Result<void> verify_files(Current& current, const FileVisitor& visit) {
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
        if (!visit(path, file.size, wrong)) return {};
    }
    return {};
}

}  // namespace weir::kv::rocksdb
