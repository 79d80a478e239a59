#pragma once
// A number of the calling thread, for what is kept several times so that cores do not share a cache
// line: modulo their number it says which is this thread's. Private to kv/rocksdb.

#include <cstddef>
#include <functional>
#include <thread>

namespace weir::kv::rocksdb {

inline std::size_t thread_slot() {
    thread_local const std::size_t slot = std::hash<std::thread::id>()(std::this_thread::get_id());
    return slot;
}

}  // namespace weir::kv::rocksdb
