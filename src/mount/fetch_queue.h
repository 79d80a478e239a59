#pragma once
// Files, and parts of them, that wait to be fetched ahead, by what is most likely to be waited for
// next. Not synchronized: Fetcher's lock.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/entry.h"
#include "mount/content.h"
#include "mount/node.h"

namespace weir::mount {

enum class Urgency : std::uint8_t { window, sweep, sibling, ahead, matching };
inline constexpr std::size_t urgencies = 5;

// One file, from `next` to `end`; threads take parts of it.
struct FetchTask {
    std::shared_ptr<Content> content = {};  // null until a thread has looked it up by name
    NodeId folder = 0;
    std::string name = {};
    std::uint64_t next = 0;
    std::uint64_t end = 0;
    bool whole = false;    // a sweep: the checksum is asked for first
    bool sibling = false;  // of one that is open: it waits for room
    bool taken = false;    // a thread looks it up
    bool failed = false;
};

class FetchQueue {
  public:
    // Of each urgency.
    explicit FetchQueue(std::size_t tasks_max) : tasks_max_(tasks_max) {}

    // False if too many of that urgency wait.
    bool add(Urgency urgency, std::shared_ptr<FetchTask> task);
    // Is all of the file being fetched, or about to be? Then it is fetched as `urgency` at least.
    bool sweeping(const Content* content, Urgency urgency);
    bool waits(NodeId folder, const std::string& name) const;

    // What a thread does next: the part of the task's file, or (length 0) looking it up.
    struct Work {
        std::shared_ptr<FetchTask> task;
        cache::ByteRange range;
        bool first = false;  // of a whole file
    };
    std::optional<Work> take(std::uint64_t part_bytes);

    std::size_t size() const;
    std::size_t waiting(Urgency urgency) const {
        return queues_[static_cast<std::size_t>(urgency)].size();
    }
    std::vector<std::shared_ptr<Content>> contents() const;
    void clear();

  private:
    using Queue = std::deque<std::shared_ptr<FetchTask>>;

    Queue& of(Urgency urgency) { return queues_[static_cast<std::size_t>(urgency)]; }

    const std::size_t tasks_max_;
    Queue queues_[urgencies];
};

}  // namespace weir::mount
