#pragma once
// What the mount asks of the kernel besides answering it: to forget what it believes, and to read a
// file by itself. Session implements it; without a mount (tests) nothing happens.
//
// Safe from any thread, but never while a lock is held that answering the kernel needs: it may be
// waiting for such an answer.

#include <cstdint>
#include <string>

#include "mount/node.h"

namespace weir::mount {

using BackingId = std::int32_t;  // 0: none

class Kernel {
  public:
    virtual ~Kernel() = default;

    // A name means something else now, or nothing.
    virtual void forget_name(NodeId folder, const std::string& name) = 0;
    // The same of a folder, which is most likely what it was. Kernels before 6.2 would take it from
    // whoever is in it, and what is mounted beneath it: they believe it until its time is up.
    virtual void doubt_folder(NodeId folder, const std::string& name) = 0;
    // Attributes, and pages from `offset` on, of a node; offset < 0: attributes only.
    virtual void forget_pages(NodeId node, std::int64_t offset) = 0;

    // Whether files can be handed to the kernel.
    virtual bool passthrough() const = 0;
    // 0 if the kernel refuses this file: then it is served as any other.
    virtual BackingId open_backing(int descriptor) = 0;
    virtual void close_backing(BackingId id) = 0;
};

}  // namespace weir::mount
