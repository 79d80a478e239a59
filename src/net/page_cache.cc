#include "net/page_cache.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <optional>
#include <string>

namespace weir::net {
namespace {

// Whether the byte can be had at once.
bool is_there(int file, std::uint64_t offset) {
    char byte;
    const iovec buffer{.iov_base = &byte, .iov_len = 1};
    return ::preadv2(file, &buffer, 1, static_cast<off_t>(offset), RWF_NOWAIT) == 1;
}

// Whether every page of the range has a place in the page cache, perhaps still being read; nullopt
// where the kernel (before 6.5) cannot tell.
std::optional<bool> is_cached(int file, std::uint64_t offset, std::uint64_t length) {
    constexpr long cachestat_number = 451;  // the C library does not know it yet
    static const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    struct {
        std::uint64_t offset, length;
    } const range{offset, length};
    struct {
        std::uint64_t cached, dirty, written_back, evicted, recently_evicted;
    } pages{};
    if (::syscall(cachestat_number, file, &range, &pages, 0) != 0) return std::nullopt;
    return pages.cached >= (offset + length - 1) / page_bytes - offset / page_bytes + 1;
}

}  // namespace

// To ask for what is not there makes the kernel read just that, out of order, so the ends are asked
// for last.
bool is_resident(int file, std::uint64_t offset, std::uint64_t length) {
    return is_cached(file, offset, length).value_or(true) && is_there(file, offset) &&
           is_there(file, offset + length - 1);
}

OpenedAgain::OpenedAgain(int file)
    : file_(file),
      own_(::open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_RDONLY | O_CLOEXEC)) {}

OpenedAgain::~OpenedAgain() {
    if (own_ >= 0) ::close(own_);
}

}  // namespace weir::net
