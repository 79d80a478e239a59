#include <functional>
#include <string_view>
#include <unordered_set>

#include "base/mutex.h"
#include "store/object_store.h"

namespace weir::store {
namespace {

Result<KeyChange::Removed> build_remove(Transaction& transaction, const RemoveRequest& request) {
    TRY(KeyChange change, KeyChange::read(transaction, request.key));
    if (!request.version) {
        // With conditions, a key that never was gets no delete marker either.
        if (request.precondition && change.head() == nullptr) return KeyChange::Removed{};
        if (request.precondition) TRY_VOID(request.precondition(change.head()));
        return change.remove();
    }
    TRY(const std::optional<KeyChange::Target> target, change.find_version(*request.version));
    if (request.precondition) TRY_VOID(request.precondition(target ? &target->record : nullptr));
    if (!target) return KeyChange::Removed{};
    return change.remove_version(*target);
}

// Counts commits that are under way, so that one thread can wait for many.
class Countdown {
  public:
    void add() {
        MutexLock lock(mutex_);
        ++open_;
    }
    void done() {
        MutexLock lock(mutex_);
        if (--open_ == 0) none_open_.notify_all();
    }
    void wait() {
        MutexLock lock(mutex_);
        while (open_ > 0) none_open_.wait(mutex_);
    }

  private:
    Mutex mutex_;
    ConditionVariable none_open_;
    std::size_t open_ GUARDED_BY(mutex_) = 0;
};

}  // namespace

Result<KeyChange::Removed> ObjectStore::remove(const Bucket& bucket, const RemoveRequest& request) {
    KeyChange::Removed removed;
    TRY_VOID(transact(context_, bucket.partition, [&](Transaction& transaction) -> Result<void> {
        TRY(removed, build_remove(transaction, request));
        return {};
    }));
    return removed;
}

std::vector<Result<KeyChange::Removed>> ObjectStore::remove_many(
    const Bucket& bucket, const std::vector<RemoveRequest>& requests) {
    std::vector<Result<KeyChange::Removed>> outcomes(requests.size(), KeyChange::Removed());
    const Result<Fence> fence = read_fence(context_.kv, bucket.partition);
    if (!fence) {
        outcomes.assign(requests.size(), fail(fence.error()));
        return outcomes;
    }
    // A key's second entry is for the state that the first one leaves.
    std::vector<Result<kv::Committed>> commits(requests.size(), fail(Code::conflict));
    std::unordered_set<std::string_view> keys;
    Countdown countdown;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        if (!keys.insert(requests[i].key).second) continue;
        Transaction transaction(context_, bucket.partition, *fence);
        outcomes[i] = build_remove(transaction, requests[i]);
        if (!outcomes[i]) {
            commits[i] = kv::Committed();
            continue;
        }
        transaction.finish();
        countdown.add();
        context_.kv.commit(bucket.partition, std::move(transaction.batch()),
                           [&countdown, &commit = commits[i]](Result<kv::Committed> done) {
                               commit = std::move(done);
                               countdown.done();
                           });
    }
    countdown.wait();
    for (std::size_t i = 0; i < requests.size(); ++i) {
        if (commits[i]) continue;
        // A lost race is run again by itself.
        const Code code = commits[i].error().code();
        if (code == Code::conflict || code == Code::slow_down) {
            outcomes[i] = remove(bucket, requests[i]);
        } else {
            outcomes[i] = fail(or_no_bucket(std::move(commits[i])).error());
        }
    }
    return outcomes;
}

}  // namespace weir::store
