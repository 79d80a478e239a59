#pragma once
// Many pass at once, or one shuts it: writers of a file pass, who uploads it shuts the gate so that
// the bytes stand still. Who wants to shut goes before those who come later, so that a commit is
// not put off for ever by a busy writer.
//
// Owned by what it guards; safe from any thread.

#include <cstddef>

#include "base/mutex.h"

namespace weir::mount {

class Gate {
  public:
    class Pass {
      public:
        explicit Pass(Gate& gate) : gate_(gate) { gate_.enter(); }
        ~Pass() { gate_.leave(); }
        Pass(const Pass&) = delete;
        Pass& operator=(const Pass&) = delete;

      private:
        Gate& gate_;
    };
    class Shut {
      public:
        explicit Shut(Gate& gate) : gate_(gate) { gate_.shut(); }
        ~Shut() { gate_.open(); }
        Shut(const Shut&) = delete;
        Shut& operator=(const Shut&) = delete;

      private:
        Gate& gate_;
    };

  private:
    void enter() {
        const MutexLock lock(mutex_);
        while (shut_ || shutting_ > 0) changed_.wait(mutex_);
        ++inside_;
    }
    void leave() {
        const MutexLock lock(mutex_);
        if (--inside_ == 0) changed_.notify_all();
    }
    void shut() {
        const MutexLock lock(mutex_);
        ++shutting_;
        while (shut_ || inside_ > 0) changed_.wait(mutex_);
        --shutting_;
        shut_ = true;
    }
    void open() {
        const MutexLock lock(mutex_);
        shut_ = false;
        changed_.notify_all();
    }

    Mutex mutex_;
    ConditionVariable changed_;
    std::size_t inside_ GUARDED_BY(mutex_) = 0;
    std::size_t shutting_ GUARDED_BY(mutex_) = 0;
    bool shut_ GUARDED_BY(mutex_) = false;
};

}  // namespace weir::mount
