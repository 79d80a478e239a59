// lookup, forget, readdir: names.

#include "mount/file_system.h"

namespace weir::mount {

Result<FileSystem::Looked> FileSystem::lookup(NodeId folder, std::string_view name,
                                              const client::Call& call) {
    const Listing::Looking looking = ground_.attributes_ahead.looks_up(folder, name);
    const Result<NodeInfo> found = ground_.listing.lookup(folder, name, call, looking);
    if (!found && found.error().code() != Code::no_such_key) return std::unexpected(found.error());
    TRY(const auto known, ground_.tree.known(folder, name, ground_.freshness));
    const Freshness::Stamp stamp =
        known && known->node.has_value() == found.has_value() ? known->stamp : Freshness::Stamp{};
    if (!found) return Looked{.believe = ground_.freshness.kernel_may_believe(stamp)};
    TRY_VOID(ground_.tree.looked_up(found->id));
    return Looked{.found = answered(*found, stamp)};
}

void FileSystem::forget(NodeId node, std::uint64_t count) { ground_.tree.forget(node, count); }

Result<void> FileSystem::readdir(NodeId folder, std::string_view after, bool plus,
                                 std::size_t names, const TakeName& take, const client::Call& call,
                                 FolderReading& reading) {
    std::string from(after);
    while (true) {
        TRY(Tree::Page page, ground_.listing.page(folder, from, names, call, reading));
        if (!page.nodes.empty()) from = page.nodes.back().place();
        bool any = false;
        for (NodeInfo& node : page.nodes) {
            // Of one whose attributes are guesses the kernel is told the name alone; so it is of
            // one that was forgotten since it was listed.
            const bool known = plus && (node.attributes_known || node.draft);
            const bool counted = known && ground_.tree.looked_up(node.id);
            Answered answer = answered(std::move(node), page.stamp);
            if (known && !counted) {
                answer.node.attributes_known = false;
                answer.node.draft.reset();
            }
            const Taken taken = take(answer);
            any |= taken == Taken::taken;
            if (taken != Taken::taken && counted) ground_.tree.forget(answer.node.id, 1);
            if (taken == Taken::no_room) return {};
        }
        if (any || page.last) return {};
    }
}

}  // namespace weir::mount
