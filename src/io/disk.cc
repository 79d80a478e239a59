#include "io/disk.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/bytes.h"

namespace weir::io {
namespace {

std::string parent_of(const std::string& path) {
    const std::string parent = std::filesystem::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

}  // namespace

Result<std::string> Disk::read_file(const std::string& path, std::size_t bytes_max) {
    TRY(const std::unique_ptr<File> file, open_to_read(path));
    TRY(const std::uint64_t size, file->size_bytes());
    if (size > bytes_max)
        return fail(Code::corrupt, fmt::format("{} has {} bytes, at most {} were expected", path,
                                               size, bytes_max));
    std::string contents(size, '\0');
    TRY_VOID(file->read_at(0, std::as_writable_bytes(std::span(contents))));
    return contents;
}

Result<void> Disk::replace_file(const std::string& path, std::string_view contents) {
    const std::string temporary = path + ".new";
    // What an earlier attempt left behind.
    if (Result<void> removed = remove(temporary);
        !removed && removed.error().code() != Code::not_found)
        return removed;
    TRY(const std::unique_ptr<File> file, create(temporary));
    TRY_VOID(file->write_at(0, as_bytes(contents)));
    TRY_VOID(file->sync());
    TRY_VOID(rename(temporary, path));
    return sync_directory(*this, parent_of(path));
}

Result<void> sync_directory(Disk& disk, const std::string& path) {
    TRY(const std::unique_ptr<Directory> directory, disk.open_directory(path));
    return directory->sync();
}

Result<void> make_directories(Disk& disk, const std::string& path) {
    const std::string parent = parent_of(path);
    const Result<Stat> there = disk.stat(path);
    if (!there && there.error().code() != Code::not_found) return fail(there.error());
    if (there) {
        // Its parents are durable, since they were synced before it was made; it may not be. Where
        // we may not open the parent, it was not us who made it.
        const Result<std::unique_ptr<Directory>> directory = disk.open_directory(parent);
        if (directory) return (*directory)->sync();
        if (directory.error().code() == Code::io_error) return {};
        return fail(directory.error());
    }
    if (parent != path) TRY_VOID(make_directories(disk, parent));
    TRY_VOID(disk.make_directory(path));
    return sync_directory(disk, parent);
}

}  // namespace weir::io
