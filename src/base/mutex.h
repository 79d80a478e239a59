#pragma once
// std::mutex with clang's thread-safety annotations, so that -Wthread-safety proves which fields a
// lock guards (https://clang.llvm.org/docs/ThreadSafetyAnalysis.html). libstdc++'s own carries
// none.

#include <condition_variable>
#include <mutex>

#define GUARDED_BY(mutex) __attribute__((guarded_by(mutex)))
#define REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define EXCLUDES(...) __attribute__((locks_excluded(__VA_ARGS__)))

namespace weir {

class __attribute__((capability("mutex"))) Mutex {
  public:
    void lock() __attribute__((acquire_capability())) { mutex_.lock(); }
    void unlock() __attribute__((release_capability())) { mutex_.unlock(); }

  private:
    std::mutex mutex_;
};

class __attribute__((scoped_lockable)) MutexLock {
  public:
    explicit MutexLock(Mutex& mutex) __attribute__((acquire_capability(mutex))) : mutex_(mutex) {
        mutex_.lock();
    }
    ~MutexLock() __attribute__((release_capability())) { mutex_.unlock(); }
    MutexLock(const MutexLock&) = delete;
    MutexLock& operator=(const MutexLock&) = delete;

  private:
    Mutex& mutex_;
};

// wait() releases `mutex` while it sleeps; call it in a loop that re-checks what it waits for.
class ConditionVariable {
  public:
    void wait(Mutex& mutex) REQUIRES(mutex) { condition_.wait(mutex); }
    template <typename Rep, typename Period>
    bool wait_for(Mutex& mutex, std::chrono::duration<Rep, Period> timeout) REQUIRES(mutex) {
        return condition_.wait_for(mutex, timeout) == std::cv_status::no_timeout;
    }
    void notify_one() { condition_.notify_one(); }
    void notify_all() { condition_.notify_all(); }

  private:
    std::condition_variable_any condition_;
};

}  // namespace weir
