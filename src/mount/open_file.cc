#include "mount/open_file.h"

#include <utility>

namespace weir::mount {

Result<FileHandle> OpenFiles::add(OpenFile file) {
    const MutexLock lock(mutex_);
    if (files_.size() >= files_max_)
        return fail(Code::slow_down, "too many files are open on this mount");
    const FileHandle handle = next_++;
    Uses& uses = uses_[file.node];
    ++uses.opens;
    uses.commits += file.commits ? 1 : 0;
    files_.emplace(handle, std::move(file));
    return handle;
}

Result<OpenFile> OpenFiles::get(FileHandle handle) const {
    const MutexLock lock(mutex_);
    const auto found = files_.find(handle);
    if (found == files_.end()) return fail(Code::io_error, "no open file has this handle");
    return found->second;
}

Result<OpenFile> OpenFiles::take(FileHandle handle) {
    const MutexLock lock(mutex_);
    auto file = files_.extract(handle);
    if (file.empty()) return fail(Code::io_error, "no open file has this handle");
    const auto uses = uses_.find(file.mapped().node);
    uses->second.commits -= file.mapped().commits ? 1 : 0;
    if (--uses->second.opens == 0) uses_.erase(uses);
    return std::move(file.mapped());
}

void OpenFiles::set_content(NodeId node, const std::shared_ptr<Content>& content) {
    const MutexLock lock(mutex_);
    if (!uses_.contains(node)) return;
    for (auto& [handle, file] : files_)
        if (file.node == node) file.content = content;
}

std::shared_ptr<Content> OpenFiles::content_of(FileHandle handle,
                                               const std::shared_ptr<Content>& content) {
    const MutexLock lock(mutex_);
    const auto found = files_.find(handle);
    if (found == files_.end()) return content;
    if (!found->second.content) found->second.content = content;
    return found->second.content;
}

std::size_t OpenFiles::count() const {
    const MutexLock lock(mutex_);
    return files_.size();
}

bool OpenFiles::any_of(NodeId node) const {
    const MutexLock lock(mutex_);
    return uses_.contains(node);
}

bool OpenFiles::any_commits(NodeId node) const {
    const MutexLock lock(mutex_);
    const auto uses = uses_.find(node);
    return uses != uses_.end() && uses->second.commits > 0;
}

}  // namespace weir::mount
