#pragma once
// What the mount knows of one path: a node of the tree. Values that are copied out of the tree;
// read from any thread.

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "mount/attributes.h"

namespace weir::mount {

class Content;
class Draft;

// Never used a second time: what the kernel calls inode and generation in one.
using NodeId = std::uint64_t;
inline constexpr NodeId root_node = 1;  // as FUSE says

// Which version of an object; that of a folder that only keys beneath it imply is empty.
struct ObjectVersion {
    std::string etag = {};
    std::string version_id = {};  // where the store told one
    std::uint64_t bytes = 0;
    UnixNanos last_modified = 0;

    // Whether both hold the same bytes.
    bool same_bytes(const ObjectVersion& other) const {
        return etag == other.etag && bytes == other.bytes;
    }
};

// A name as a listing has it, whose order is that of keys: "/" follows that of a folder.
inline std::string place_of(const std::string& name, Kind kind) {
    return kind == Kind::folder ? name + "/" : name;
}

struct NodeInfo {
    NodeId id = 0;
    NodeId parent = 0;
    std::string name = {};
    Attributes attributes = {};
    // Were they told, or are they guesses until somebody asks (HEAD)?
    bool attributes_known = true;
    ObjectVersion version = {};
    // It has no name any more: it was removed, or its name is another node's now.
    bool unlinked = false;
    // What is being written, if anything is: then size and times are the draft's.
    std::shared_ptr<Draft> draft = {};

    bool folder() const { return attributes.kind == Kind::folder; }
    std::string place() const { return place_of(name, attributes.kind); }
};

}  // namespace weir::mount
