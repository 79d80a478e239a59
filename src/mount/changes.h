#pragma once
// What others changed, from the journal into the Tree and on to the kernel.
//
// Owned by Mount, outlived by what it is given. Called from the follower's thread, which may wait
// for the kernel: whoever answers the kernel never waits for that thread.

#include "mount/attributes.h"
#include "mount/follower.h"
#include "mount/kernel.h"
#include "mount/store.h"
#include "mount/tree.h"

namespace weir::mount {

class Changes final : public ChangeListener {
  public:
    Changes(const Store& store, const AttributeDefaults& defaults, Tree& tree, Kernel& kernel)
        : store_(store), defaults_(defaults), tree_(tree), kernel_(kernel) {}

    void all_changed() override;
    void changed(const client::JournalEntry& entry) override;
    void lost() override;

  private:
    // The kernel asks again for every name.
    void forget_names();

    const Store& store_;
    const AttributeDefaults& defaults_;
    Tree& tree_;
    Kernel& kernel_;
};

}  // namespace weir::mount
