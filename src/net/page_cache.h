#pragma once
// What of a file the kernel's page cache holds: what is there a core sends by itself, for the rest
// it would wait for the disk.
//
// Private to net. Safe from any thread.

#include <cstdint>

namespace weir::net {

// Whether the whole range, which is not empty, lies in the page cache.
bool is_resident(int file, std::uint64_t offset, std::uint64_t length);

// The same on kernels before 6.5, which tell page by page: fifteen times as much work. They tell
// only of files that are ours, or that we may write; of others they say that they do.
bool is_resident_by_pages(int file, std::uint64_t offset, std::uint64_t length);

}  // namespace weir::net
