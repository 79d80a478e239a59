#pragma once
// All of a folder, asked of the store page by page; what a page tells is in the Tree before the
// next one is asked for. Private to SharedListings and Listing.
//
// Owned by who lists; one thread's at a time. Where it ends before the last page, the Tree forgets
// that the folder was being gathered. Failure: as S3Client's; stale for a folder that is gone. What
// failed may be tried again.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "mount/folder_page.h"
#include "mount/freshness.h"
#include "mount/store.h"
#include "mount/tree.h"

namespace weir::mount {

class FolderListing {
  public:
    FolderListing(const Store& store, Tree& tree, const Freshness& freshness,
                  const AttributeDefaults& defaults, NodeId folder);
    ~FolderListing();
    FolderListing(const FolderListing&) = delete;
    FolderListing& operator=(const FolderListing&) = delete;

    enum class Reached {
        part,
        whole,
        bound,      // it has more names than are kept of a folder
        forgotten,  // some of what was listed is not known any more
    };
    struct Step {
        Reached reached = Reached::part;
        bool metadata_told = false;
        std::vector<Tree::Replaced> replaced = {};  // for the kernel
    };
    // Not again once it has reached anything but a part.
    Result<Step> next(const client::Call& call);

    // What was there then, or came later, is in the answer.
    const Freshness::Stamp& stamp() const { return stamp_; }
    // What is there up to this place is known.
    const std::string& to() const { return to_; }
    std::size_t pages() const { return pages_; }
    const std::vector<std::string>& hidden() const { return names_->hidden(); }

  private:
    Result<void> begin();
    void describe_folder(bool last);

    const Store& store_;
    Tree& tree_;
    const AttributeDefaults& defaults_;
    const NodeId folder_;
    const Asking asking_;
    const Freshness::Stamp stamp_;
    std::optional<Tree::GatheringId> gathering_ = {};
    PageRequest request_;
    std::optional<FolderNames> names_ = {};  // once it has begun
    std::size_t listed_ = 0;
    std::size_t pages_ = 0;
    bool described_ = false;
    std::string to_ = {};
};

}  // namespace weir::mount
