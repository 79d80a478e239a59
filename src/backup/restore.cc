#include "backup/restore.h"

#include <fmt/format.h>

#include "backup/copy_file.h"
#include "backup/layout.h"
#include "blob/local/store.h"
#include "inspect/data_directory.h"
#include "inspect/offline.h"

namespace weir::backup {
namespace {

Result<void> check_empty(io::Disk& disk, const std::string& path) {
    const Result<std::vector<std::string>> names = disk.list(path);
    if (!names && names.error().code() == Code::not_found) return {};
    if (!names) return fail(names.error());
    if (names->empty()) return {};
    return fail(Code::invalid_request,
                fmt::format("{} is not empty; restore into a new directory", path));
}

// Last FORMAT: a directory that has one is whole.
Result<void> copy_directory_files(const Layout& layout, const RestoreOptions& options,
                                  const std::string& set, io::Disk& disk) {
    const std::string from = layout.set_path(set), &to = options.target;
    const bool has_key = disk.stat(from + "/secret.key").has_value();
    if (!has_key && !options.secret_key_file)
        return fail(Code::invalid_request,
                    fmt::format("the backup '{}' was made without the key of the access keys' "
                                "secrets; give it by --secret-key FILE",
                                set));
    TRY_VOID(copy_file(disk, options.secret_key_file.value_or(from + "/secret.key"),
                       to + "/secret.key", nullptr));
    if (disk.stat(from + "/root-credentials"))
        TRY_VOID(copy_file(disk, from + "/root-credentials", to + "/root-credentials", nullptr));
    TRY_VOID(copy_file(disk, from + "/FORMAT", to + "/FORMAT", nullptr));
    return {};
}

}  // namespace

Result<RestoreReport> restore(const RestoreOptions& options, io::Disk& disk, Log& log) {
    TRY(const std::unique_ptr<Layout> layout, Layout::open(disk, options.backup, ""));
    RestoreReport report;
    TRY(report.set, layout->choose(options.set));
    TRY_VOID(check_empty(disk, options.target));
    TRY(const Needs needs, layout->read_needs(report.set));
    TRY_VOID(io::make_directories(disk, options.target));
    TRY_VOID(
        copy_files(disk, layout->meta_path(report.set), options.target + "/meta", options.cancel));
    for (const auto& [id, need] : needs) {
        const std::string from = blob::local::blob_path(layout->blobs_path(), id),
                          to = blob::local::blob_path(options.target + "/blobs", id);
        TRY_VOID(io::make_directories(disk, to.substr(0, to.rfind('/'))));
        const Result<std::uint64_t> copied = copy_file(disk, from, to, options.cancel);
        // The backup told of it when it was made; the check below tells again.
        if (!copied && copied.error().code() == Code::not_found) continue;
        if (!copied) return fail(copied.error());
        ++report.blobs;
        report.bytes += *copied;
    }
    TRY_VOID(copy_directory_files(*layout, options, report.set, disk));
    TRY(report.check, inspect::check_offline(options.target, {.read_bytes = true}, log));
    return report;
}

}  // namespace weir::backup
