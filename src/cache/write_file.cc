#include "cache/write_file.h"

#include <utility>

#include "base/bytes.h"
#include "base/random.h"

namespace weir::cache {
namespace {

constexpr std::size_t id_bytes = 16;
constexpr std::uint64_t page_bytes = 4096;

// What a write of the range may add to a file: each page that it touches.
std::uint64_t pages_of(std::uint64_t offset, std::size_t bytes) {
    const std::uint64_t begin = offset / page_bytes * page_bytes;
    return (offset + bytes - begin + page_bytes - 1) / page_bytes * page_bytes;
}

}  // namespace

Result<std::unique_ptr<WriteFile>> WriteFile::create(const WriteFiles& files, Budget& budget,
                                                     WriteInfo info) {
    const std::string id = hex_encode(random_bytes(id_bytes));
    TRY(const std::string encoded, encode(info));
    const std::uint64_t info_bytes = pages_of(0, encoded.size());
    TRY_VOID(budget.reserve(info_bytes));
    Result<File> file = budget.with_room(info_bytes, [&] { return files.create(id, info); });
    if (!file) {
        // Half of it may be there; what cannot be removed now is swept when a cache is opened.
        static_cast<void>(files.remove(id));
        budget.release(info_bytes);
        return fail(file.error());
    }
    return std::unique_ptr<WriteFile>(
        new WriteFile(files, budget, id, *std::move(file), std::move(info), 0));
}

Result<std::unique_ptr<WriteFile>> WriteFile::adopt(const WriteFiles& files, Budget& budget,
                                                    const std::string& id) {
    TRY(File file, files.adopt(id));
    TRY(WriteInfo info, files.read_info(id));
    TRY(const FileFacts facts, file.facts());
    return std::unique_ptr<WriteFile>(
        new WriteFile(files, budget, id, std::move(file), std::move(info), facts.allocated_bytes));
}

WriteFile::~WriteFile() { budget_->note_release(); }

WriteInfo WriteFile::info() const {
    const MutexLock lock(mutex_);
    return info_;
}

Result<void> WriteFile::set_info(WriteInfo info) {
    const MutexLock lock(mutex_);
    const bool durable = info_durable_;
    TRY_VOID(
        budget_->with_room(page_bytes, [&] { return files_->write_info(id_, info, durable); }));
    info_ = std::move(info);
    info_durable_ = false;
    return {};
}

Result<void> WriteFile::set_expendable() {
    const MutexLock lock(mutex_);
    info_durable_ = false;
    return files_->remove_info(id_);
}

Result<void> WriteFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
    return file_.read_at(offset, out);
}

Result<void> WriteFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (bytes.empty()) return {};
    const std::uint64_t reserved = pages_of(offset, bytes.size());
    TRY_VOID(budget_->reserve(reserved));
    // Not under the lock: writers of other places need not wait.
    Result<void> written =
        budget_->with_room(reserved, [&] { return file_.write_at(offset, bytes); });
    const MutexLock lock(mutex_);
    Result<void> recounted = recount(reserved);
    return written ? recounted : written;
}

Result<void> WriteFile::resize(std::uint64_t size_bytes) {
    const MutexLock lock(mutex_);
    TRY_VOID(file_.resize(size_bytes));
    return recount(0);
}

Result<void> WriteFile::recount(std::uint64_t reserved) {
    const Result<FileFacts> facts = file_.facts();
    if (!facts) {
        counted_bytes_ += reserved;
        return fail(facts.error());
    }
    // Only ever less than was reserved, or what others reserved while they write; what a write
    // through the descriptor added is more, and past refusing.
    const std::uint64_t before = counted_bytes_ + reserved;
    budget_->adjust(before, facts->allocated_bytes);
    counted_bytes_ = facts->allocated_bytes;
    return {};
}

Result<void> WriteFile::sync() {
    TRY_VOID(file_.sync());
    const MutexLock lock(mutex_);
    if (info_durable_) return {};
    TRY_VOID(files_->sync_info(id_));
    info_durable_ = true;
    return {};
}

Result<std::uint64_t> WriteFile::size_bytes() const {
    TRY(const FileFacts facts, file_.facts());
    return facts.size_bytes;
}

Result<void> WriteFile::remove() {
    const MutexLock lock(mutex_);
    TRY_VOID(budget_->remove_write(id_, counted_bytes_ + page_bytes));
    counted_bytes_ = 0;
    return {};
}

void WriteFile::forget() {
    const MutexLock lock(mutex_);
    budget_->release(page_bytes);
    counted_bytes_ = 0;
}

}  // namespace weir::cache
