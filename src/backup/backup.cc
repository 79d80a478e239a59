#include "backup/backup.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <set>

#include "backup/copy_file.h"
#include "backup/layout.h"
#include "base/bytes.h"
#include "blob/local/store.h"
#include "inspect/opened_store.h"
#include "io/posix_disk.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/verify.h"

namespace weir::backup {
namespace {

class Run {
  public:
    Run(const Source& source, const BackupOptions& options, io::Disk& disk, Log& log)
        : source_(source), options_(options), disk_(disk), log_(log) {}

    Result<BackupReport> run() {
        TRY(layout_, Layout::open(disk_, options_.path, source_.directory.identity()));
        TRY_VOID(layout_->remove_unfinished());
        TRY(const std::vector<std::string> before, layout_->sets());
        if (!before.empty() && before.back() >= options_.name)
            return fail(Code::invalid_request,
                        fmt::format("{} holds a backup '{}', which is no older than this one",
                                    options_.path, before.back()));
        TRY(const std::string set, layout_->begin_set(options_.name));
        if (Result<void> made = make_set(set, before); !made) {
            if (const Result<void> removed = layout_->remove_set(set); !removed)
                log_.warn("backup: {}", removed.error().describe());
            return fail(std::move(made).error());
        }
        report_.name = options_.name;
        TRY_VOID(remove_old());
        return std::move(report_);
    }

  private:
    Result<void> make_set(const std::string& set, const std::vector<std::string>& before) {
        {
            const std::shared_ptr<void> paused = source_.pause_reclaiming();
            TRY_VOID(source_.kv.checkpoint(layout_->meta_path(set)));
            TRY_VOID(copy_blobs(set, before));
        }
        TRY_VOID(copy_directory_files(set));
        return layout_->finish_set(set, options_.name);
    }

    Result<void> copy_blobs(const std::string& set, const std::vector<std::string>& before) {
        TRY(const std::unique_ptr<inspect::OpenedStore> opened,
            inspect::open_store(layout_->meta_path(set), layout_->blobs_path(), disk_, log_));
        TRY(const Needs needs, find_needs(opened->store()));
        Needs old;
        if (!before.empty()) {
            TRY(old, layout_->read_needs(before.back()));
        }
        for (const auto& [id, need] : needs) {
            ++report_.blobs;
            report_.blob_bytes += need.end_bytes;
            const auto known = old.find(id);
            // A blob that no upload may write to never changes.
            const bool there = known != old.end() && !known->second.growing &&
                               disk_.stat(blob::local::blob_path(layout_->blobs_path(), id));
            if (!there) TRY_VOID(copy_blob(id));
        }
        TRY_VOID(verify_copied(opened->store()));
        return layout_->save_needs(set, needs);
    }

    Result<void> copy_blob(blob::BlobId id) {
        const std::string from = blob::local::blob_path(source_.directory.blobs_path(), id),
                          to = blob::local::blob_path(layout_->blobs_path(), id);
        TRY_VOID(io::make_directories(disk_, to.substr(0, to.rfind('/'))));
        const Result<std::uint64_t> bytes = copy_file(disk_, from, to, options_.cancel);
        if (!bytes && bytes.error().code() == Code::not_found) {
            damage(id, "is missing, and a record needs it");
            return {};
        }
        if (!bytes) return fail(bytes.error());
        ++report_.copied;
        report_.copied_bytes += *bytes;
        copied_.insert(id);
        return {};
    }

    void damage(blob::BlobId id, const std::string& what) {
        report_.damage.push_back(fmt::format("blob {}: {}", id.text(), what));
        log_.error("backup: blob {}: {}", id.text(), what);
    }

    // What was copied is what was written.
    Result<void> verify_copied(store::ObjectStore& store) {
        return store.each_bucket([&](const store::Bucket& bucket) -> Result<void> {
            std::vector<kv::Row> rows;
            TRY_VOID(kv::scan_all(store.context().kv, bucket.partition,
                                  kv::prefix_range(std::string(1, meta::checksum_prefix)),
                                  [&](std::string_view key, std::string_view value) {
                                      const auto id = blob::BlobId::decode(key.substr(1, 16));
                                      if (id && copied_.contains(*id))
                                          rows.push_back({std::string(key), std::string(value)});
                                      return true;
                                  }));
            for (const kv::Row& row : rows) TRY_VOID(verify_row(store, row));
            return {};
        });
    }

    Result<void> verify_row(store::ObjectStore& store, const kv::Row& row) {
        const std::optional<meta::ChecksumRow> run = meta::parse_checksum_row(row.key);
        if (!run) return fail(Code::corrupt, "a checksum row has a key that is not one");
        const std::optional<blob::BlobId> id = blob::BlobId::decode(run->blob);
        TRY(const meta::BlockChecksums blocks, meta::decode<meta::BlockChecksums>(row.value));
        TRY(const std::shared_ptr<const blob::Reader> reader, store.context().blobs.open(*id));
        TRY(const std::optional<std::string> wrong,
            store::verify_blocks(*reader, run->offset, blocks, [](std::uint64_t) {}));
        if (wrong) damage(*id, *wrong);
        return {};
    }

    Result<void> copy_directory_files(const std::string& set) {
        std::vector<std::string> names{"FORMAT", "root-credentials"};
        if (options_.with_secret_key) names.push_back("secret.key");
        for (const std::string& name : names) {
            const std::string from = source_.directory.path() + "/" + name;
            if (name == "root-credentials" && !disk_.stat(from)) continue;  // by environment
            TRY_VOID(copy_file(disk_, from, layout_->set_path(set) + "/" + name, nullptr));
        }
        // RocksDB has written there since the checkpoint: it was opened.
        TRY(const std::vector<std::string> files, disk_.list(layout_->meta_path(set)));
        for (const std::string& file : files) {
            TRY(const std::unique_ptr<io::File> opened,
                disk_.open_to_write(layout_->meta_path(set) + "/" + file));
            TRY_VOID(opened->sync());
        }
        TRY_VOID(io::sync_directory(disk_, layout_->meta_path(set)));
        return io::sync_directory(disk_, layout_->set_path(set));
    }

    // The sets that are too old, and then the blobs that no set needs.
    Result<void> remove_old() {
        TRY(std::vector<std::string> sets, layout_->sets());
        if (options_.keep == 0 || sets.size() <= options_.keep) return {};
        const std::size_t count = sets.size() - options_.keep;
        for (std::size_t i = 0; i < count; ++i) {
            TRY_VOID(layout_->remove_set(sets[i]));
            ++report_.sets_removed;
        }
        std::set<blob::BlobId> needed;
        for (std::size_t i = count; i < sets.size(); ++i) {
            TRY(const Needs needs, layout_->read_needs(sets[i]));
            for (const auto& [id, need] : needs) needed.insert(id);
        }
        TRY(const std::unique_ptr<blob::local::Store> pool,
            blob::local::Store::open({.root = layout_->blobs_path(), .writer = 0}, disk_, log_));
        std::vector<blob::BlobId> unneeded;
        TRY_VOID(pool->list({}, [&](const blob::BlobInfo& info) {
            if (!needed.contains(info.id)) unneeded.push_back(info.id);
            return true;
        }));
        for (const blob::BlobId id : unneeded) TRY_VOID(pool->remove(id));
        report_.blobs_removed = unneeded.size();
        return {};
    }

    const Source& source_;
    const BackupOptions& options_;
    io::Disk& disk_;
    Log& log_;
    std::unique_ptr<Layout> layout_;
    std::set<blob::BlobId> copied_;
    BackupReport report_;
};

}  // namespace

std::string set_name(UnixNanos now) {
    const auto seconds = static_cast<std::time_t>(now / nanos_per_second);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", parts,
                       now % nanos_per_second / (nanos_per_second / 1000));
}

Result<BackupReport> back_up_offline(const std::string& data, const BackupOptions& options,
                                     Log& log) {
    io::PosixDisk disk;
    TRY(const std::unique_ptr<inspect::DataDirectory> directory,
        inspect::DataDirectory::open(disk, data, false));
    TRY(const std::unique_ptr<inspect::OpenedStore> opened,
        inspect::open_store(directory->meta_path(), directory->blobs_path(), disk, log));
    const Source source{
        .directory = *directory, .kv = opened->kv(), .pause_reclaiming = [] { return nullptr; }};
    return back_up(source, options, disk, log);
}

Result<BackupReport> back_up(const Source& source, const BackupOptions& options, io::Disk& disk,
                             Log& log) {
    return Run(source, options, disk, log).run();
}

}  // namespace weir::backup
