#include "cache/write_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

#include "base/bytes.h"
#include "base/limits.h"
#include "cache/fields.h"
#include "cache/identity.h"
#include "cache/range_lock.h"
#include "cache/shelf.h"
#include "hash/crc.h"

namespace weir::cache {
namespace {

constexpr std::string_view magic = "WRWRITE1";
constexpr std::string_view suffixes[] = {".data", ".info", ".new"};

std::string info_name(const std::string& id) { return id + ".info"; }
std::string new_name(const std::string& id) { return id + ".new"; }

}  // namespace

Result<std::string> encode(const WriteInfo& info) {
    FieldWriter writer;
    writer.text(magic);
    writer.text(info.endpoint);
    writer.text(info.bucket);
    writer.text(info.key);
    writer.text(info.base_etag);
    writer.number(info.created_at);
    writer.number(info.metadata.size());
    for (const auto& [name, value] : info.metadata) {
        writer.text(name);
        writer.text(value);
    }
    std::string bytes = std::move(writer).take();
    append_be64(bytes, hash::crc64nvme(0, as_bytes(bytes)));
    if (bytes.size() > cache_dirty_info_bytes_max)
        return fail(Code::invalid_argument, "a written file's description is too large");
    return bytes;
}

Result<WriteInfo> decode_write_info(std::string_view bytes) {
    const Error bad(Code::corrupt, "not the description of a written file");
    constexpr std::size_t crc_bytes = 8;
    if (bytes.size() < crc_bytes || bytes.size() > cache_dirty_info_bytes_max) return fail(bad);
    const std::string_view body = bytes.substr(0, bytes.size() - crc_bytes);
    if (hash::crc64nvme(0, as_bytes(body)) != read_be64(bytes.substr(body.size())))
        return fail(bad);
    FieldReader reader(body);
    if (reader.text() != magic) return fail(bad);
    WriteInfo info;
    info.endpoint = reader.text();
    info.bucket = reader.text();
    info.key = reader.text();
    info.base_etag = reader.text();
    info.created_at = reader.number();
    for (std::uint64_t left = reader.number(); left > 0 && reader.whole(); --left) {
        std::string name = reader.text();
        info.metadata.emplace_back(std::move(name), reader.text());
    }
    if (!reader.exact()) return fail(bad);
    return info;
}

Result<WriteFiles> WriteFiles::open(const Folder& root, const Index& index) {
    TRY(Folder folder, root.open_folder("dirty", true));
    return WriteFiles(std::move(folder), index);
}

Result<File> WriteFiles::create(const std::string& id, const WriteInfo& info) const {
    TRY(const IndexLock lock, index_->lock_name(id));
    TRY(File data, folder_.create(data_name(id)));
    TRY(const bool ours, try_lock(data, LockKind::exclusive, in_use_byte));
    if (!ours) return fail(Code::unavailable, fmt::format("{} is in use", data.name()));
    TRY(const std::string bytes, encode(info));
    TRY(File description, folder_.create(info_name(id)));
    TRY_VOID(description.write_at(0, as_bytes(bytes)));
    return data;
}

Result<File> WriteFiles::adopt(const std::string& id) const {
    if (!is_entry_id(id)) return fail(Code::invalid_argument, "not the id of a written file");
    TRY(const IndexLock lock, index_->lock_name(id));
    TRY(File data, folder_.open(data_name(id)));
    TRY(const bool ours, try_lock(data, LockKind::exclusive, in_use_byte));
    if (!ours)
        return fail(Code::unavailable, fmt::format("another process has {} open", data.name()));
    return data;
}

Result<WriteInfo> WriteFiles::read_info(const std::string& id) const {
    TRY(const File file, folder_.open(info_name(id)));
    TRY(const FileFacts facts, file.facts());
    std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(
                          facts.size_bytes, cache_dirty_info_bytes_max + 1)),
                      '\0');
    TRY_VOID(file.read_at(0, std::as_writable_bytes(std::span(bytes))));
    Result<WriteInfo> info = decode_write_info(bytes);
    if (!info)
        return fail(info.error().code(),
                    fmt::format("{}: {}", file.name(), info.error().message()));
    return info;
}

Result<void> WriteFiles::write_info(const std::string& id, const WriteInfo& info,
                                    bool replaces_durable) const {
    TRY(const std::string bytes, encode(info));
    TRY(File file, folder_.create(new_name(id)));
    TRY_VOID(file.write_at(0, as_bytes(bytes)));
    if (replaces_durable) TRY_VOID(file.sync());
    return folder_.rename(new_name(id), folder_, info_name(id));
}

// The folder too: the names of data and description are in it.
Result<void> WriteFiles::sync_info(const std::string& id) const {
    TRY(File file, folder_.open(info_name(id)));
    TRY_VOID(file.sync());
    return folder_.sync();
}

Result<void> WriteFiles::remove_info(const std::string& id) const {
    TRY_VOID(folder_.remove(info_name(id)));
    return {};
}

// The description last: data without one would be found and belong to nothing.
Result<void> WriteFiles::remove(const std::string& id) const {
    TRY_VOID(folder_.remove(data_name(id)));
    TRY_VOID(folder_.remove(new_name(id)));
    TRY_VOID(folder_.remove(info_name(id)));
    return {};
}

Result<std::vector<std::string>> WriteFiles::ids() const {
    TRY(const std::vector<std::string> names, folder_.names());
    std::set<std::string> ids;
    for (const std::string_view name : names)
        for (const std::string_view suffix : suffixes)
            if (name.ends_with(suffix) && is_entry_id(name.substr(0, name.size() - suffix.size())))
                ids.emplace(name.substr(0, name.size() - suffix.size()));
    return std::vector<std::string>(ids.begin(), ids.end());
}

Result<std::vector<AbandonedWrite>> WriteFiles::abandoned() const {
    TRY(const std::vector<std::string> all, ids());
    std::vector<AbandonedWrite> abandoned;
    for (const std::string& id : all) {
        // In use, or gone meanwhile; the lock goes again with the file.
        const Result<File> data = adopt(id);
        if (!data &&
            (data.error().code() == Code::unavailable || data.error().code() == Code::not_found))
            continue;
        const Result<FileFacts> facts = data ? data->facts() : fail(data.error());
        Result<WriteInfo> info = facts ? read_info(id) : fail(facts.error());
        // Expendable; or the process ended while it made the file, before there was a byte.
        const bool empty = facts && facts->size_bytes == 0;
        if (!info && (info.error().code() == Code::not_found ||
                      (empty && info.error().code() == Code::corrupt)))
            continue;
        abandoned.push_back(
            {.id = id, .info = std::move(info), .size_bytes = facts ? facts->size_bytes : 0});
    }
    return abandoned;
}

Result<void> WriteFiles::sweep() const {
    TRY(const std::vector<std::string> all, ids());
    for (const std::string& id : all) {
        const Result<File> data = folder_.open(data_name(id));
        const Result<WriteInfo> info = read_info(id);
        // Data whose description is damaged stays: it is somebody's, who may know what it was.
        const Result<FileFacts> facts = data ? data->facts() : fail(data.error());
        const bool empty =
            !info && info.error().code() == Code::corrupt && facts && facts->size_bytes == 0;
        const bool has_data = !empty && (data || data.error().code() != Code::not_found);
        const bool has_info = info || info.error().code() != Code::not_found;
        // What cannot be removed is no file, and takes no bytes of the budget.
        if (!has_data || !has_info) static_cast<void>(remove(id));
    }
    return {};
}

Result<std::uint64_t> WriteFiles::count() const {
    TRY(const std::vector<std::string> all, ids());
    std::uint64_t bytes = 0;
    for (const std::string& id : all)
        for (const std::string_view suffix : suffixes) {
            const Result<File> file = folder_.open(id + std::string(suffix));
            if (!file &&
                (file.error().code() == Code::not_found || file.error().code() == Code::corrupt))
                continue;
            if (!file) return fail(file.error());
            TRY(const FileFacts facts, file->facts());
            bytes += facts.allocated_bytes;
        }
    return bytes;
}

}  // namespace weir::cache
