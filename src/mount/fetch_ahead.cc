// The parts of Fetcher that find out what to fetch by asking: the files of an index, the next small
// files of a folder, those that match a pattern.

#include <algorithm>
#include <iterator>
#include <ranges>
#include <utility>

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
    folder.asking = later([this, id = node.parent] { fetch_ahead(id); });
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
        const bool wanted = node.attributes.kind == Kind::file && !node.draft &&
                            node.version.bytes <= limits_.small_file_bytes_max &&
                            node.version.bytes > 0 && !complete_.contains(node.id);
        if (wanted && !queue_.add(Urgency::ahead, std::make_shared<FetchTask>(
                                                      FetchTask{.folder = id, .name = node.name})))
            break;
        folder.ahead = node.place();
    }
    changed_.notify_all();
}

void Fetcher::prefetch(std::vector<std::string> patterns) {
    if (patterns.empty()) return;
    const MutexLock lock(mutex_);
    patterns_ = std::move(patterns);
    searches_.push_back({.folder = root_node});
    changed_.notify_all();
}

void Fetcher::find_matching() {
    while (true) {
        Search at;
        {
            const MutexLock lock(mutex_);
            searching_ = !stopped_ && !searches_.empty() &&
                         queue_.waiting(Urgency::matching) < limits_.sweeps_max;
            if (!searching_) return;
            at = searches_.back();
        }
        const Result<Tree::Page> page = listing_.some(at.folder, at.after, page_names, call());
        const MutexLock lock(mutex_);
        if (page) {
            take_matching(*page);
        } else {
            log_.warn("what is in {:?} cannot be fetched ahead: {}", at.path,
                      page.error().describe());
            searches_.pop_back();
        }
        changed_.notify_all();
    }
}

// Of the last of the searches; what lies in its folders is next.
void Fetcher::take_matching(const Tree::Page& page) {
    Search at = std::move(searches_.back());
    searches_.pop_back();
    const std::uint64_t share = whole_bytes_max();
    std::vector<Search> within;
    bool left = !page.last;
    for (const NodeInfo& node : page.nodes) {
        std::string path = at.path.empty() ? node.name : at.path + "/" + node.name;
        const bool wanted = std::ranges::any_of(
            patterns_, [&](const std::string& pattern) { return matches(pattern, path); });
        if (node.folder()) {
            within.push_back({.folder = node.id, .path = std::move(path)});
        } else if (wanted && node.version.bytes <= share) {
            if (matching_bytes_ + node.version.bytes > share) {
                log_.warn("the cache has no room for all that is to be fetched ahead: not for {:?}",
                          path);
                return searches_.clear();
            }
            if (!queue_.add(Urgency::matching,
                            std::make_shared<FetchTask>(FetchTask{
                                .folder = at.folder, .name = node.name, .whole = true}))) {
                left = true;
                break;
            }
            matching_bytes_ += node.version.bytes;
        }
        at.after = node.place();
    }
    if (left) searches_.push_back(std::move(at));
    std::ranges::move(within | std::views::reverse, std::back_inserter(searches_));
}

}  // namespace weir::mount
