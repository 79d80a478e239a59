#pragma once
// What a folder holds, from what a store lists: asked page by page, and turned into names. The
// turning is a pure function; asking is safe from any thread. Failure: as S3Client's.

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/s3_client.h"
#include "mount/store.h"
#include "mount/tree.h"

namespace weir::mount {

// Keys and prefixes, of now or as of a moment.
struct ListedPage {
    std::vector<client::ListedObject> objects = {};
    std::vector<std::string> version_ids = {};  // of the objects; "" for one that was deleted
    std::vector<std::string> folders = {};      // common prefixes
    bool metadata_told = false;                 // it is by this store
    // Where the next page begins; both empty: there is none.
    std::string next = {};
    std::string next_version = {};
    std::string decided = {};  // the last key of which it is known what it was at the moment
    bool last = true;

    // Is there an object, and not only what was deleted?
    bool any() const {
        return version_ids.empty() ? !objects.empty()
                                   : std::ranges::any_of(version_ids, [](const std::string& id) {
                                         return !id.empty();
                                     });
    }
};

struct PageRequest {
    std::string prefix = {};
    std::string delimiter = "/";
    std::string from = {};  // `next` of the page before
    std::string from_version = {};
    std::string decided = {};  // of the page before
    std::string after = {};    // the first page begins behind this key
    unsigned keys_max = 1000;

    void go_on(const ListedPage& page) {
        from = page.next;
        from_version = page.next_version;
        decided = page.decided;
    }
};

Result<ListedPage> ask_page(const Store& store, const PageRequest& request,
                            const client::Call& call);

// Names that no path can have are hidden: empty, ".", "..", too long, with a zero byte.
bool possible_name(std::string_view name);

// Makes names of pages of one folder.
class FolderNames {
  public:
    // `prefix` is the folder's key, "" or "a/b/".
    FolderNames(std::string prefix, const AttributeDefaults& defaults, bool attributes_in_listings)
        : prefix_(std::move(prefix)),
          defaults_(defaults),
          attributes_in_listings_(attributes_in_listings) {}

    void add(const ListedPage& page);
    // The folder's own key, if there is one.
    const std::optional<Child>& own() const { return own_; }
    // Is there a name behind that place (Child::place())?
    bool any_after(std::string_view place) const;
    // What came since it was called last, in the order of places. A file beside a folder of its
    // name is hidden, if that came meanwhile.
    std::vector<Child> take();
    // All that were hidden, or should have been.
    const std::vector<std::string>& hidden() const { return hidden_; }

  private:
    Child child_of(const client::ListedObject& object, std::string_view name, Kind kind) const;

    const std::string prefix_;
    const AttributeDefaults& defaults_;
    const bool attributes_in_listings_;
    std::optional<Child> own_;
    std::map<std::string, Child, std::less<>> children_;  // by place
    std::size_t folders_ = 0;                             // of them
    std::vector<std::string> before_folders_;  // files that were taken: a folder may follow
    std::vector<std::string> hidden_;
};

}  // namespace weir::mount
