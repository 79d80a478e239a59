#pragma once
// The files below a folder, links followed; in the order that a listing of them as keys would have.
// Folders are read as the walk comes to them.
//
// As Tree says. A root that is not there has nothing in it.

#include <sys/types.h>

#include <string>
#include <vector>

#include "cli/s3/tree.h"

namespace weir::cli {

class LocalTree final : public Tree {
  public:
    LocalTree(std::string root, OnProblem on_problem);

    Result<std::optional<Entry>> next() override;

  private:
    struct Child {
        std::string name;  // a folder's ends in '/'
        Entry entry = {};
        dev_t device = 0;
        ino_t inode = 0;
    };
    // A folder that the walk is in; its children from the last to the first.
    struct Level {
        std::string prefix;  // empty, or ends in '/'
        dev_t device = 0;
        ino_t inode = 0;
        std::vector<Child> children = {};
    };

    void enter(std::string prefix, dev_t device, ino_t inode);
    void add(Level& level, const std::string& name);
    bool is_inside(const Child& child) const;

    const std::string root_;
    const OnProblem on_problem_;
    bool begun_ = false;
    std::vector<Level> levels_;
};

}  // namespace weir::cli
