#include "mount/fetch_queue.h"

#include <algorithm>
#include <utility>

namespace weir::mount {

bool FetchQueue::add(Urgency urgency, std::shared_ptr<FetchTask> task) {
    if (waiting(urgency) >= tasks_max_) return false;
    of(urgency).push_back(std::move(task));
    return true;
}

bool FetchQueue::sweeping(const Content* content, Urgency urgency) {
    for (std::size_t i = 0; i < urgencies; ++i) {
        Queue& queue = queues_[i];
        const auto found = std::ranges::find_if(queue, [&](const auto& task) {
            return task->whole && task->content.get() == content && !task->failed;
        });
        if (found == queue.end()) continue;
        if (i <= static_cast<std::size_t>(urgency)) return true;
        std::shared_ptr<FetchTask> task = *found;
        queue.erase(found);
        of(urgency).push_back(std::move(task));
        return true;
    }
    return false;
}

bool FetchQueue::waits(NodeId folder, const std::string& name) const {
    return std::ranges::any_of(queues_, [&](const Queue& queue) {
        return std::ranges::any_of(
            queue, [&](const auto& task) { return task->folder == folder && task->name == name; });
    });
}

std::optional<FetchQueue::Work> FetchQueue::take(std::uint64_t part_bytes) {
    for (Queue& queue : queues_) {
        for (auto at = queue.begin(); at != queue.end();) {
            FetchTask& task = **at;
            if (task.failed || (task.content && task.next >= task.end)) {
                at = queue.erase(at);
                continue;
            }
            if (!task.content) {
                if (!std::exchange(task.taken, true)) return Work{.task = *at, .range = {}};
                ++at;
                continue;
            }
            const std::uint64_t begin = task.next;
            task.next = std::min(task.end, begin - begin % part_bytes + part_bytes);
            return Work{.task = *at,
                        .range = {begin, task.next - begin},
                        .first = task.whole && begin == 0};
        }
    }
    return std::nullopt;
}

std::size_t FetchQueue::size() const {
    std::size_t size = 0;
    for (const Queue& queue : queues_) size += queue.size();
    return size;
}

std::vector<std::shared_ptr<Content>> FetchQueue::contents() const {
    std::vector<std::shared_ptr<Content>> contents;
    for (const Queue& queue : queues_)
        for (const auto& task : queue)
            if (task->content && task->content->entry() &&
                std::ranges::find(contents, task->content) == contents.end())
                contents.push_back(task->content);
    return contents;
}

void FetchQueue::clear() {
    for (Queue& queue : queues_) queue.clear();
}

}  // namespace weir::mount
