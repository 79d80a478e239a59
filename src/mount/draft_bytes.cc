#include "mount/draft_bytes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/limits.h"

namespace weir::mount {
namespace {

// A file's holes are told by pages, or by larger blocks (ZFS).
std::uint64_t hole_bytes(int descriptor) {
    constexpr std::uint64_t block_bytes_max = MiB;
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    struct stat file{};
    if (::fstat(descriptor, &file) != 0) return page;
    const auto block = static_cast<std::uint64_t>(file.st_blksize);
    return std::has_single_bit(block) ? std::clamp(block, page, block_bytes_max) : page;
}

// Like pread(2), but that the file may be cut shorter meanwhile: what is not there is zeros.
Result<void> read_file(int descriptor, std::uint64_t offset, std::span<std::byte> out) {
    while (!out.empty()) {
        const ssize_t got = ::pread(descriptor, out.data(), out.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(errno_error("reading a file that is being written", errno));
        if (got == 0) break;
        out = out.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
    std::fill(out.begin(), out.end(), std::byte{0});
    return {};
}

}  // namespace

DraftBytes::DraftBytes(std::unique_ptr<cache::WriteFile> file, std::uint64_t size_bytes,
                       std::uint64_t base_valid_bytes, ReadBase base)
    : file_(std::move(file)),
      hole_bytes_(hole_bytes(file_->descriptor())),
      base_(std::move(base)),
      size_bytes_(size_bytes),
      base_valid_bytes_(base_valid_bytes) {}

Result<std::unique_ptr<DraftBytes>> DraftBytes::make(std::unique_ptr<cache::WriteFile> file,
                                                     std::uint64_t size_bytes,
                                                     std::uint64_t base_valid_bytes,
                                                     ReadBase base) {
    TRY(const std::uint64_t file_bytes, file->size_bytes());
    std::unique_ptr<DraftBytes> bytes(
        new DraftBytes(std::move(file), size_bytes, base_valid_bytes, std::move(base)));
    if (file_bytes > 0) TRY_VOID(bytes->adopt_data());
    if (file_bytes != size_bytes) TRY_VOID(bytes->file_->resize(size_bytes));
    return bytes;
}

Result<void> DraftBytes::adopt_data() {
    const MutexLock lock(mutex_);
    const int descriptor = file_->descriptor();
    std::uint64_t at = 0;
    while (at < size_bytes_) {
        const off_t data = ::lseek(descriptor, static_cast<off_t>(at), SEEK_DATA);
        if (data < 0 && errno == ENXIO) return {};  // holes to the end
        if (data < 0) return fail(errno_error("looking for data in a written file", errno));
        const off_t hole = ::lseek(descriptor, data, SEEK_HOLE);
        if (hole < 0) return fail(errno_error("looking for holes in a written file", errno));
        const Span span{static_cast<std::uint64_t>(data),
                        std::min(static_cast<std::uint64_t>(hole), size_bytes_)};
        dirty_.add(span);
        local_.add({span.begin, std::min(span.end, base_valid_bytes_)});
        at = static_cast<std::uint64_t>(hole);
    }
    return {};
}

std::uint64_t DraftBytes::size_bytes() const {
    const MutexLock lock(mutex_);
    return size_bytes_;
}

std::uint64_t DraftBytes::base_valid_bytes() const {
    const MutexLock lock(mutex_);
    return base_valid_bytes_;
}

bool DraftBytes::dirty() const {
    const MutexLock lock(mutex_);
    return !dirty_.empty();
}

bool DraftBytes::dirty_all(Span span) const {
    const MutexLock lock(mutex_);
    return dirty_.covers(span);
}

bool DraftBytes::dirty_any(Span span) const {
    const MutexLock lock(mutex_);
    return dirty_.touches(span);
}

std::vector<Span> DraftBytes::dirty_spans() const {
    const MutexLock lock(mutex_);
    return dirty_.all();
}

std::size_t DraftBytes::pieces() const {
    const MutexLock lock(mutex_);
    return std::max(dirty_.count(), local_.count());
}

bool DraftBytes::whole() const {
    const MutexLock lock(mutex_);
    return local_.covers({0, base_valid_bytes_});
}

Result<std::size_t> DraftBytes::read(std::uint64_t offset, std::span<std::byte> out) const {
    std::vector<Span> from_base;
    ReadBase base;
    {
        const MutexLock lock(mutex_);
        if (offset >= size_bytes_) return 0U;
        out = out.first(
            static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size_bytes_ - offset)));
        if (offset < base_valid_bytes_)
            from_base = local_.gaps({offset, std::min(offset + out.size(), base_valid_bytes_)});
        base = base_;
    }
    const auto part = [&](Span span) {
        return out.subspan(static_cast<std::size_t>(span.begin - offset),
                           static_cast<std::size_t>(span.bytes()));
    };
    std::uint64_t at = offset;
    const auto local_until = [&](std::uint64_t end) -> Result<void> {
        if (end <= at) return {};
        return read_file(file_->descriptor(), at, part({at, end}));
    };
    for (const Span& span : from_base) {
        TRY_VOID(local_until(span.begin));
        TRY_VOID(base(span.begin, part(span)));
        at = span.end;
    }
    TRY_VOID(local_until(offset + out.size()));
    return out.size();
}

// As far as the base counts.
Span DraftBytes::blocks_of(Span span) const {
    const std::uint64_t end = (span.end + hole_bytes_ - 1) / hole_bytes_ * hole_bytes_;
    return {span.begin / hole_bytes_ * hole_bytes_, std::min(base_valid_bytes_, end)};
}

// Of the blocks that the span holds in part, what is not here. They come whole, each by one write:
// a block that is no hole has all of its bytes, whatever ends this process.
std::vector<Span> DraftBytes::edges(Span span) const {
    std::vector<Span> edges;
    const auto add = [&](std::uint64_t at) REQUIRES(mutex_) {
        const Span block = blocks_of({at, at + 1});
        if (block.bytes() == 0 || (span.begin <= block.begin && block.end <= span.end)) return;
        const std::vector<Span> gaps = local_.gaps(block);
        edges.insert(edges.end(), gaps.begin(), gaps.end());
    };
    add(span.begin);
    if ((span.end - 1) / hole_bytes_ != span.begin / hole_bytes_) add(span.end - 1);
    return edges;
}

bool DraftBytes::needs_filling(Span span) const {
    const MutexLock lock(mutex_);
    const Span blocks = blocks_of(span);
    return blocks.bytes() > 0 && !local_.covers(blocks);
}

Result<void> DraftBytes::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (bytes.empty()) return {};
    const Span span{offset, offset + bytes.size()};
    if (!needs_filling(span)) {
        TRY_VOID(file_->write_at(offset, bytes));
        wrote(span);
        return {};
    }
    const MutexLock filling(filling_);
    std::vector<Span> needed;
    {
        const MutexLock lock(mutex_);
        needed = edges(span);
    }
    TRY_VOID(fetch(needed));
    TRY_VOID(file_->write_at(offset, bytes));
    wrote(span);
    return {};
}

void DraftBytes::wrote(Span span) {
    const MutexLock lock(mutex_);
    dirty_.add(span);
    local_.add({span.begin, std::min(span.end, base_valid_bytes_)});
    size_bytes_ = std::max(size_bytes_, span.end);
}

Result<void> DraftBytes::fill(Span span) {
    const MutexLock filling(filling_);
    std::vector<Span> missing;
    {
        const MutexLock lock(mutex_);
        span.end = std::min(span.end, base_valid_bytes_);
        if (span.bytes() == 0) return {};
        missing = local_.gaps(span);
    }
    return fetch(missing);
}

Result<void> DraftBytes::fetch(const std::vector<Span>& spans) {
    if (spans.empty()) return {};
    ReadBase base;
    {
        const MutexLock lock(mutex_);
        base = base_;
    }
    std::vector<std::byte> buffer;
    for (const Span& span : spans)
        for (std::uint64_t at = span.begin; at < span.end;) {
            const auto bytes = static_cast<std::size_t>(std::min(span.end - at, draft_piece_bytes));
            buffer.resize(std::max(buffer.size(), bytes));
            const auto piece = std::span(buffer).first(bytes);
            TRY_VOID(base(at, piece));
            TRY_VOID(file_->write_at(at, piece));
            const MutexLock lock(mutex_);
            local_.add({at, at + bytes});
            at += bytes;
        }
    return {};
}

Result<void> DraftBytes::resize(std::uint64_t size_bytes) {
    TRY_VOID(file_->resize(size_bytes));
    const MutexLock lock(mutex_);
    size_bytes_ = size_bytes;
    base_valid_bytes_ = std::min(base_valid_bytes_, size_bytes);
    dirty_.truncate(size_bytes);
    local_.truncate(size_bytes);
    return {};
}

void DraftBytes::rebase(ReadBase base) {
    const MutexLock lock(mutex_);
    base_ = std::move(base);
    dirty_.clear();
    // What lay past the old base is in the file, holes too.
    local_.add({base_valid_bytes_, size_bytes_});
    base_valid_bytes_ = size_bytes_;
}

void DraftBytes::reread(ReadBase base) {
    const MutexLock lock(mutex_);
    base_ = std::move(base);
}

void DraftBytes::join(Span span) {
    const MutexLock lock(mutex_);
    dirty_.add({span.begin, std::min(span.end, size_bytes_)});
}

}  // namespace weir::mount
