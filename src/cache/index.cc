#include "cache/index.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "cache/range_lock.h"

namespace weir::cache {

struct Index::Counters {
    std::uint64_t magic;
    std::uint64_t format;
    std::uint64_t used_bytes;
    std::uint64_t releases;
};

namespace {

constexpr std::uint64_t magic = 0x3158444948435257;  // "WRCHIDX1"
constexpr std::uint64_t format = 1;
constexpr std::size_t file_bytes = 4096;
const std::string file_name = "index";

// Bytes of the file as locks.
constexpr std::uint64_t members_byte = 0, evicting_byte = 1, names_begin = 16;

Result<void> write_new(File& file) {
    const std::uint64_t fields[] = {magic, format, 0, 0};
    std::string bytes(as_text(std::as_bytes(std::span(fields))));
    bytes.resize(file_bytes);
    TRY_VOID(file.resize(0));
    return file.write_at(0, as_bytes(bytes));
}

Result<bool> is_ours(const File& file) {
    TRY(const FileFacts facts, file.facts());
    if (facts.size_bytes != file_bytes) return false;
    std::uint64_t fields[2];
    TRY_VOID(file.read_at(0, std::as_writable_bytes(std::span(fields))));
    return fields[0] == magic && fields[1] == format;
}

}  // namespace

Result<Index> Index::open(const Folder& root) {
    TRY(File file, root.open_or_create(file_name));
    TRY(const bool alone, try_lock(file, LockKind::exclusive, members_byte));
    if (!alone) TRY_VOID(wait_lock(file, LockKind::shared, members_byte));
    TRY(const bool ours, is_ours(file));
    if (!ours && !alone)
        return fail(Code::corrupt,
                    fmt::format("{} is damaged while others use it: end them, and start again",
                                file.name()));
    if (!ours) TRY_VOID(write_new(file));
    void* mapped =
        ::mmap(nullptr, file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.descriptor(), 0);
    if (mapped == MAP_FAILED)
        return fail(errno_error(fmt::format("mapping {}", file.name()), errno));
    return Index(root, std::move(file), static_cast<Counters*>(mapped), alone);
}

Index::Index(Index&& other) noexcept
    : root_(other.root_),
      file_(std::move(other.file_)),
      counters_(std::exchange(other.counters_, nullptr)),
      alone_(other.alone_) {}

Index::~Index() {
    if (counters_ != nullptr) ::munmap(counters_, file_bytes);
}

void Index::set_used(std::uint64_t bytes) {
    CHECK(alone_);
    std::atomic_ref(counters_->used_bytes).store(bytes);
}

Result<void> Index::join() {
    TRY(const bool joined, try_lock(file_, LockKind::shared, members_byte));
    CHECK(joined);
    alone_ = false;
    return {};
}

std::uint64_t Index::used_bytes() const {
    // Below zero: a count was made while others were at work, and the next one mends it.
    const auto used = static_cast<std::int64_t>(counter());
    return static_cast<std::uint64_t>(std::max<std::int64_t>(used, 0));
}

std::uint64_t Index::add(std::uint64_t bytes) {
    std::atomic_ref(counters_->used_bytes).fetch_add(bytes);
    return used_bytes();
}

void Index::subtract(std::uint64_t bytes) {
    std::atomic_ref(counters_->used_bytes).fetch_sub(bytes);
}

std::uint64_t Index::counter() const { return std::atomic_ref(counters_->used_bytes).load(); }

void Index::correct(std::uint64_t counter, std::uint64_t found) {
    std::atomic_ref(counters_->used_bytes).fetch_add(found - counter);
}

std::uint64_t Index::releases() const { return std::atomic_ref(counters_->releases).load(); }
void Index::count_release() { std::atomic_ref(counters_->releases).fetch_add(1); }

Result<IndexLock> Index::lock(std::uint64_t byte) const {
    // Opened for each lock, which then excludes the other threads too.
    TRY(File file, root_->open(file_name));
    TRY_VOID(wait_lock(file, LockKind::exclusive, byte));
    return IndexLock(std::move(file).take());
}

Result<IndexLock> Index::lock_evicting() const { return lock(evicting_byte); }

Result<IndexLock> Index::lock_name(std::string_view id) const {
    // The same in every process, of whichever build: the first two digits.
    const std::optional<std::string> first = hex_decode(id.substr(0, 2));
    CHECK(first && first->size() == 1);
    return lock(names_begin + static_cast<unsigned char>(first->front()));
}

}  // namespace weir::cache
