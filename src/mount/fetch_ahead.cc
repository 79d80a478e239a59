// The parts of Fetcher that find out what to fetch by asking: the files of an index, the next small
// files of a folder, those that match a pattern.

#include <algorithm>

#include "mount/fetcher.h"
#include "mount/weights.h"

namespace weir::mount {
namespace {

constexpr std::size_t in_turn_folders_max = 256;
constexpr std::size_t run_min = 2;  // files in turn until more are fetched
constexpr std::uint64_t index_bytes_max = 64 * MiB;
constexpr std::size_t page_names = 1024;

}  // namespace

void Fetcher::read_index(NodeId folder, const std::shared_ptr<Content>& content) {
    if (content->bytes() > index_bytes_max) return;
    std::string json(static_cast<std::size_t>(content->bytes()), '\0');
    const Result<std::size_t> read =
        content->read(0, std::as_writable_bytes(std::span(json)), call());
    if (!read) {
        log_.debug("{} cannot be read ahead: {}", content->key(), read.error().describe());
        return;
    }
    const std::vector<std::string> files = files_of_index(json);
    const MutexLock lock(mutex_);
    add_siblings(folder, files);
}

void Fetcher::in_turn(const NodeInfo& node) {
    if (in_turn_.size() >= in_turn_folders_max && !in_turn_.contains(node.parent)) in_turn_.clear();
    InTurn& folder = in_turn_[node.parent];
    folder.run = node.name > folder.last && !folder.last.empty() ? folder.run + 1 : 0;
    if (node.name < folder.last) folder.ahead.clear();
    folder.last = node.name;
    if (folder.run == 0) folder.step = limits_.small_files_ahead / 16;
    if (folder.run < run_min || folder.asking) return;
    // Half of what waits was read: the next.
    if (!folder.ahead.empty() && folder.run % std::max<std::size_t>(1, folder.step / 2) != 0)
        return;
    folder.asking = true;
    later([this, id = node.parent] { fetch_ahead(id); });
}

void Fetcher::fetch_ahead(NodeId id) {
    std::string after;
    std::size_t step = 0;
    {
        const MutexLock lock(mutex_);
        InTurn& folder = in_turn_[id];
        after = std::max(folder.ahead, folder.last);
        step = folder.step;
        folder.step = std::min(folder.step * 2, limits_.small_files_ahead);
    }
    const Result<Tree::Page> page = listing_.some(id, after, step, call());
    const MutexLock lock(mutex_);
    InTurn& folder = in_turn_[id];
    folder.asking = false;
    if (!page) return;
    for (const NodeInfo& node : page->nodes) {
        folder.ahead = node.place();
        if (node.attributes.kind != Kind::file || node.draft ||
            node.version.bytes > limits_.small_file_bytes_max || node.version.bytes == 0 ||
            complete_.contains(node.id))
            continue;
        queue_.add(Urgency::ahead,
                   std::make_shared<FetchTask>(FetchTask{.folder = id, .name = node.name}));
        changed_.notify_one();
    }
}

void Fetcher::prefetch(std::vector<std::string> patterns) {
    if (patterns.empty()) return;
    const MutexLock lock(mutex_);
    patterns_ = std::move(patterns);
    later([this] { find_matching(root_node, ""); });
}

void Fetcher::find_matching(NodeId folder, const std::string& path) {
    std::string after;
    FolderReading reading;
    while (true) {
        const Result<Tree::Page> page = listing_.page(folder, after, page_names, call(), reading);
        if (!page) {
            log_.warn("what is in {:?} cannot be fetched ahead: {}", path, page.error().describe());
            return;
        }
        const MutexLock lock(mutex_);
        for (const NodeInfo& node : page->nodes) {
            after = node.place();
            const std::string at = path.empty() ? node.name : path + "/" + node.name;
            if (node.folder()) {
                later([this, id = node.id, at] { find_matching(id, at); });
                continue;
            }
            const bool wanted = std::ranges::any_of(
                patterns_, [&](const std::string& pattern) { return matches(pattern, at); });
            if (wanted)
                queue_.add(Urgency::ahead,
                           std::make_shared<FetchTask>(
                               FetchTask{.folder = folder, .name = node.name, .whole = true}));
        }
        changed_.notify_all();
        if (page->last) return;
    }
}

}  // namespace weir::mount
