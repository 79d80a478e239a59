#include "kv/rocksdb/verify_files.h"

#include <rocksdb/metadata.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>

#include <algorithm>

namespace weir::kv::rocksdb {
namespace {

std::vector<::rocksdb::LiveFileMetaData> live_files(Database& database) {
    std::vector<::rocksdb::LiveFileMetaData> files;
    database.db().GetLiveFilesMetaData(&files);
    return files;
}

// As the database reads tables, but without its caches.
::rocksdb::Options reading_options(Database& database) {
    ::rocksdb::BlockBasedTableOptions table;
    table.no_block_cache = true;
    ::rocksdb::Options options = database.db().GetOptions();
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

Result<void> verify_files(Database& database, const FileVisitor& visit) {
    const ::rocksdb::Options options = reading_options(database);
    for (const ::rocksdb::LiveFileMetaData& file : live_files(database)) {
        const std::string path = file.db_path + file.name;
        const ::rocksdb::Status status = verify_table(options, path);
        std::optional<std::string> wrong;
        if (!status.ok()) {
            // Replaced by a compaction while it was read?
            const auto same = [&](const auto& live) { return live.name == file.name; };
            if (std::ranges::none_of(live_files(database), same)) continue;
            wrong = status.ToString();
        }
        if (!visit(path, file.size, wrong)) return {};
    }
    return {};
}

}  // namespace weir::kv::rocksdb
