#include "mount/folder_listing.h"

#include <algorithm>
#include <utility>

namespace weir::mount {

FolderListing::FolderListing(const Store& store, Tree& tree, const Freshness& freshness,
                             const AttributeDefaults& defaults, NodeId folder)
    : store_(store),
      tree_(tree),
      defaults_(defaults),
      folder_(folder),
      asking_(tree),
      stamp_(freshness.now()) {}

FolderListing::~FolderListing() {
    if (gathering_) tree_.end_gathering(folder_, *gathering_);
}

// The path is taken after the moment, so that a move of the folder comes before both, or shows.
Result<void> FolderListing::begin() {
    TRY(const std::string path, tree_.path(folder_));
    request_.prefix = store_.folder_key(path);
    names_.emplace(request_.prefix, defaults_, store_.attributes_in_listings);
    TRY(gathering_, tree_.begin_gathering(folder_, asking_.asked(), stamp_));
    return {};
}

Result<FolderListing::Step> FolderListing::next(const client::Call& call) {
    if (!gathering_) TRY_VOID(begin());
    TRY(const ListedPage page, ask_page(store_, request_, call));
    names_->add(page);
    request_.go_on(page);
    ++pages_;
    Step step{.metadata_told = page.metadata_told};
    Tree::Part part{.children = names_->take(), .last = page.last};
    listed_ += part.children.size();
    if (!page.last && listed_ > tree_.folder_names_max()) {
        describe_folder(/*last=*/false);
        step.reached = Reached::bound;
        return step;
    }
    describe_folder(page.last);
    for (const Child& child : part.children) to_ = std::max(to_, child.name);
    TRY(Tree::Gathered gathered, tree_.gather(folder_, *gathering_, std::move(part)));
    step.replaced = std::move(gathered.replaced);
    step.reached = !gathered.counts ? Reached::forgotten
                   : page.last      ? Reached::whole
                                    : Reached::part;
    return step;
}

// By its own key, which comes first; without one it has what all have.
void FolderListing::describe_folder(bool last) {
    const std::optional<Child>& own = names_->own();
    if (folder_ == root_node || described_ || (!own && !last)) return;
    described_ = true;
    if (own && !own->attributes_known) return;
    tree_.describe(folder_, own ? own->attributes : defaults_.of(Kind::folder, 0), asking_.asked());
}

}  // namespace weir::mount
