#pragma once
// What folders hold, asked of the store as little as possible and put into the Tree. One page of a
// listing answers all lookups in a folder, those of names that are not there too, where it is the
// whole; in a larger folder a lookup asks for its name alone, until somebody reads it all. A folder
// of more names than Tree::folder_names_max() is listed page by page by each who reads it.
//
// Keys that no path can be (an empty name, ".", "..", one that is too long, a file beside a folder
// of its name) are not shown; they are counted, and said once.
//
// Owned by Mount; safe from any thread. Whoever asks what another thread is asking waits for that
// answer, which may be as old as it takes. Failure: no_such_key for a name that is not there, else
// as S3Client's.

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "mount/freshness.h"
#include "mount/kernel.h"
#include "mount/questions.h"
#include "mount/shared_listings.h"
#include "mount/store.h"
#include "mount/tree.h"

namespace weir::mount {

// A folder that somebody reads name by name, from its beginning: what he is told hangs together,
// however long he takes. One thread's at a time.
struct FolderReading {
    // What was asked then or later will do.
    std::optional<Freshness::Clock::time_point> since = {};
    // Of a folder that is not kept whole: the names that were listed last, from behind this place.
    std::optional<Tree::Page> listed = {};
    std::string listed_after = {};
};

class Listing {
  public:
    Listing(const Store& store, Tree& tree, const Freshness& freshness,
            const AttributeDefaults& defaults, Kernel& kernel, Log& log)
        : store_(store),
          tree_(tree),
          freshness_(freshness),
          defaults_(defaults),
          kernel_(kernel),
          log_(log),
          listings_(
              store, tree, freshness, defaults,
              [this](NodeId folder, const FolderListing& listing, const FolderListing::Step& step) {
                  told(folder, listing, step);
              },
              log) {}
    Listing(const Listing&) = delete;
    Listing& operator=(const Listing&) = delete;

    // Ends what nobody waits for.
    void stop() { listings_.stop(); }

    enum class Looking {
        alone,
        in_turn,  // the names behind this one are next: where they are too old all are listed anew
    };
    // With attributes that were told, not guessed.
    Result<NodeInfo> lookup(NodeId folder, std::string_view name, const client::Call& call,
                            Looking looking = Looking::alone);
    // Names in the order of places after that place: as many as are known by then, but not none
    // before the last page. Attributes may be guesses.
    Result<Tree::Page> page(NodeId folder, std::string_view after, std::size_t names_max,
                            const client::Call& call, FolderReading& reading);
    // The same for one page alone: a large folder is not listed whole for it.
    Result<Tree::Page> some(NodeId folder, std::string_view after, std::size_t names_max,
                            const client::Call& call);
    // Asks for what nobody told yet.
    Result<NodeInfo> with_attributes(NodeInfo node, const client::Call& call) {
        return with_attributes(std::move(node), /*ahead=*/false, call);
    }
    // The same before somebody wants them. Nothing happens where somebody asks already.
    Result<void> learn_attributes(NodeId node, const client::Call& call);

    // What the store tells of files in listings is all that is to be known of them.
    bool tells_attributes() const { return store_.attributes_in_listings || metadata_told_.load(); }
    // Of the folders that were listed, as far as is known.
    std::uint64_t hidden_keys() const EXCLUDES(mutex_);

  private:
    void told(NodeId folder, const FolderListing& listing, const FolderListing::Step& step);
    Result<ListedPage> next_page(const PageRequest& request, const client::Call& call);
    Result<bool> ask_any(const std::string& prefix, FolderNames& names, const client::Call& call);
    Result<void> ask_one(NodeId folder, std::string_view name, const client::Call& call);
    // The page that begins behind a place, from the store.
    Result<Tree::Page> list(NodeId folder, std::string_view after, std::size_t names_max,
                            const client::Call& call);
    // nullopt: the folder was moved meanwhile.
    Result<std::optional<Tree::Page>> list_once(NodeId folder, std::string_view after,
                                                std::size_t names_max, const client::Call& call);
    Result<void> await_path(NodeId folder, const client::Call& call);
    Result<NodeInfo> with_attributes(NodeInfo node, bool ahead, const client::Call& call);
    // Of the node alone.
    Result<NodeInfo> ask_attributes(NodeInfo node, const client::Call& call);
    Result<Tree::Page> read_on(NodeId folder, std::string_view after, std::size_t names_max,
                               const client::Call& call, FolderReading& reading);
    enum class Extent {
        page,   // of a listing, or less
        whole,  // is listed when somebody reads it all; else a name is asked for alone
        pages,  // too much to be kept whole
    };
    Extent extent(NodeId folder) const EXCLUDES(mutex_);
    void set_extent(NodeId folder, Extent extent) EXCLUDES(mutex_);
    void tell_kernel(const std::vector<Tree::Replaced>& replaced);
    void count_hidden(NodeId folder, const std::vector<std::string>& keys) EXCLUDES(mutex_);

    const Store& store_;
    Tree& tree_;
    const Freshness& freshness_;
    const AttributeDefaults& defaults_;
    Kernel& kernel_;
    Log& log_;
    std::atomic<bool> metadata_told_ = false;  // by the last page
    Questions attributes_asked_;
    mutable Mutex mutex_;
    std::unordered_map<NodeId, std::size_t> hidden_ GUARDED_BY(mutex_);  // keys of each folder
    bool hidden_told_ GUARDED_BY(mutex_) = false;
    // Of folders of more than a page.
    std::unordered_map<NodeId, Extent> extents_ GUARDED_BY(mutex_);
    SharedListings listings_;  // the last: its threads use the others
};

}  // namespace weir::mount
