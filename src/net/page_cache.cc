#include "net/page_cache.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace weir::net {
namespace {

struct Pages {
    std::uint64_t begin = 0, count = 0;
};

std::uint64_t page_bytes() {
    static const auto bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

Pages pages_of(std::uint64_t offset, std::uint64_t length) {
    const std::uint64_t first = offset / page_bytes();
    return {.begin = first * page_bytes(),
            .count = (offset + length - 1) / page_bytes() - first + 1};
}

// How many pages of the range have a place in the page cache, perhaps still being read; nullopt
// where the kernel cannot tell.
std::optional<std::uint64_t> cached_pages(int file, std::uint64_t offset, std::uint64_t length) {
    constexpr long cachestat_number = 451;  // the C library does not know it yet
    struct {
        std::uint64_t offset, length;
    } const range{offset, length};
    struct {
        std::uint64_t cached, dirty, written_back, evicted, recently_evicted;
    } pages{};
    if (::syscall(cachestat_number, file, &range, &pages, 0) != 0) return std::nullopt;
    return pages.cached;
}

// Whether the byte can be had at once.
bool is_there(int file, std::uint64_t offset) {
    char byte;
    const iovec buffer{.iov_base = &byte, .iov_len = 1};
    return ::preadv2(file, &buffer, 1, static_cast<off_t>(offset), RWF_NOWAIT) == 1;
}

}  // namespace

// To ask for a byte that is not there makes the kernel read it, out of order, so the ends are asked
// for last.
bool is_resident(int file, std::uint64_t offset, std::uint64_t length) {
    const std::optional<std::uint64_t> cached = cached_pages(file, offset, length);
    if (!cached) return is_resident_by_pages(file, offset, length);
    return *cached >= pages_of(offset, length).count && is_there(file, offset) &&
           is_there(file, offset + length - 1);
}

// A mapping that nobody touches costs no page.
bool is_resident_by_pages(int file, std::uint64_t offset, std::uint64_t length) {
    const Pages pages = pages_of(offset, length);
    const std::uint64_t bytes = pages.count * page_bytes();
    void* const mapped =
        ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, static_cast<off_t>(pages.begin));
    if (mapped == MAP_FAILED) return false;
    std::vector<unsigned char> present(pages.count);
    const bool told = ::mincore(mapped, bytes, present.data()) == 0;
    ::munmap(mapped, bytes);
    return told && std::ranges::all_of(present, [](unsigned char page) { return (page & 1) != 0; });
}

}  // namespace weir::net
