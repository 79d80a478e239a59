#include "backup/copy_file.h"

#include <algorithm>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "base/limits.h"

namespace weir::backup {
namespace {

constexpr std::size_t copy_bytes = 1 * MiB;

constexpr std::align_val_t alignment{io::File::direct_alignment_bytes};
struct DeleteAligned {
    void operator()(std::byte* bytes) const { ::operator delete[](bytes, alignment); }
};
using AlignedBytes = std::unique_ptr<std::byte[], DeleteAligned>;

bool is_zero(std::span<const std::byte> bytes) {
    return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte(0); });
}

}  // namespace

Result<std::uint64_t> copy_file(io::Disk& disk, const std::string& from, const std::string& to,
                                const std::atomic<bool>* cancel) {
    TRY(const std::unique_ptr<io::File> source, disk.open_to_read(from));
    TRY(const std::uint64_t size, source->size_bytes());
    const std::string unfinished = to + ".new";
    if (const Result<void> removed = disk.remove(unfinished);
        !removed && removed.error().code() != Code::not_found)
        return fail(removed.error());
    TRY(const std::unique_ptr<io::File> target, disk.create(unfinished));
    const std::size_t bytes_max = std::min<std::uint64_t>(copy_bytes, size);
    const AlignedBytes memory(static_cast<std::byte*>(::operator new[](bytes_max, alignment)));
    const std::span<std::byte> buffer(memory.get(), bytes_max);
    for (std::uint64_t at = 0; at < size; at += buffer.size()) {
        if (cancel != nullptr && cancel->load())
            return fail(Code::cancelled, "it was told to stop");
        const std::span<std::byte> bytes =
            buffer.first(std::min<std::uint64_t>(buffer.size(), size - at));
        TRY_VOID(source->read_at(at, bytes));
        if (is_zero(bytes)) continue;
        TRY_VOID(target->write_direct_at(at, bytes));
    }
    TRY_VOID(target->truncate(size));
    TRY_VOID(target->sync());
    TRY_VOID(disk.rename(unfinished, to));
    const std::size_t slash = to.rfind('/');
    TRY_VOID(io::sync_directory(disk, to.substr(0, slash)));
    return size;
}

Result<std::uint64_t> copy_files(io::Disk& disk, const std::string& from, const std::string& to,
                                 const std::atomic<bool>* cancel) {
    TRY_VOID(io::make_directories(disk, to));
    TRY(const std::vector<std::string> names, disk.list(from));
    std::uint64_t bytes = 0;
    for (const std::string& name : names) {
        if (name == "LOCK" || name.starts_with("LOG")) continue;  // RocksDB makes its own
        TRY(const std::uint64_t copied,
            copy_file(disk, from + "/" + name, to + "/" + name, cancel));
        bytes += copied;
    }
    return bytes;
}

}  // namespace weir::backup
