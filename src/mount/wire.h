#pragma once
// The few structures of the kernel's FUSE protocol that libfuse 3.14 does not know, as
// include/uapi/linux/fuse.h (7.40 and later) has them. Private to Session.

#include <sys/ioctl.h>

#include <cstdint>

namespace weir::mount::wire {

struct InHeader {
    std::uint32_t len;
    std::uint32_t opcode;
    std::uint64_t unique;
    std::uint64_t nodeid;
    std::uint32_t uid;
    std::uint32_t gid;
    std::uint32_t pid;
    std::uint32_t padding;
};
struct InitIn {
    std::uint32_t major;
    std::uint32_t minor;
    std::uint32_t max_readahead;
    std::uint32_t flags;
    std::uint32_t flags2;
};
struct OutHeader {
    std::uint32_t len;
    std::int32_t error;
    std::uint64_t unique;
};
struct InitOut {
    std::uint32_t major;
    std::uint32_t minor;
    std::uint32_t max_readahead;
    std::uint32_t flags;
    std::uint16_t max_background;
    std::uint16_t congestion_threshold;
    std::uint32_t max_write;
    std::uint32_t time_gran;
    std::uint16_t max_pages;
    std::uint16_t map_alignment;
    std::uint32_t flags2;
    std::uint32_t max_stack_depth;
    std::uint32_t unused[6];
};
static_assert(sizeof(InitOut) == 64);
struct OpenOut {
    std::uint64_t handle;
    std::uint32_t open_flags;
    std::int32_t backing_id;
};
struct BackingMap {
    std::int32_t descriptor;
    std::uint32_t flags;
    std::uint64_t padding;
};

inline constexpr std::uint32_t opcode_init = 26;
inline constexpr std::uint32_t init_ext = 1U << 30;          // flags2 counts
inline constexpr std::uint32_t init2_passthrough = 1U << 5;  // bit 37
inline constexpr std::uint32_t minor_with_passthrough = 40;
inline constexpr std::uint32_t open_direct_io = 1U << 0;
inline constexpr std::uint32_t open_keep_cache = 1U << 1;
inline constexpr std::uint32_t open_no_flush = 1U << 5;
inline constexpr std::uint32_t open_parallel_direct_writes = 1U << 6;
inline constexpr std::uint32_t open_passthrough = 1U << 7;
inline constexpr unsigned long backing_open = _IOW(229, 1, BackingMap);
inline constexpr unsigned long backing_close = _IOW(229, 2, std::uint32_t);

}  // namespace weir::mount::wire
