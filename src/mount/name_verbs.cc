// lookup, forget, readdir: names.

#include "mount/file_system.h"

namespace weir::mount {
namespace {

constexpr std::size_t page_names = 1024;

}  // namespace

Result<FileSystem::Looked> FileSystem::lookup(NodeId folder, std::string_view name,
                                              const client::Call& call) {
    const Result<NodeInfo> found = ground_.listing.lookup(folder, name, call);
    if (!found && found.error().code() != Code::no_such_key) return std::unexpected(found.error());
    TRY(const auto known, ground_.tree.known(folder, name, ground_.freshness));
    const Freshness::Stamp stamp = known ? known->stamp : Freshness::Stamp{};
    if (!found) return Looked{.believe = ground_.freshness.kernel_may_believe(stamp)};
    TRY_VOID(ground_.tree.looked_up(found->id));
    return Looked{.found = answered(*found, stamp)};
}

void FileSystem::forget(NodeId node, std::uint64_t count) { ground_.tree.forget(node, count); }

Result<void> FileSystem::readdir(NodeId folder, std::string_view after, bool plus,
                                 const TakeName& take, const client::Call& call,
                                 FolderReading& reading) {
    std::string from(after);
    while (true) {
        TRY(const Tree::Page page, ground_.listing.page(folder, from, page_names, call, reading));
        for (const NodeInfo& node : page.nodes) {
            if (!take(answered(node, page.stamp))) return {};
            // Of one whose attributes are guesses the kernel is told the name alone.
            if (plus && (node.attributes_known || node.draft))
                TRY_VOID(ground_.tree.looked_up(node.id));
            from = node.name;
        }
        if (page.last) return {};
    }
}

}  // namespace weir::mount
