#include "store/object_store.h"

namespace weir::store {

Result<KeyChange::Removed> ObjectStore::remove(const Bucket& bucket, const RemoveRequest& request) {
    KeyChange::Removed removed;
    TRY_VOID(transact(context_, bucket.partition, [&](Transaction& transaction) -> Result<void> {
        TRY(KeyChange change, KeyChange::read(transaction, request.key));
        if (!request.version) {
            if (request.precondition) TRY_VOID(request.precondition(change.object()));
            TRY(removed, change.remove());
            return {};
        }
        TRY(const std::optional<KeyChange::Target> target, change.find_version(*request.version));
        if (request.precondition)
            TRY_VOID(request.precondition(target ? &target->record : nullptr));
        if (!target) {
            removed = {};
            return {};
        }
        TRY(removed, change.remove_version(*target));
        return {};
    }));
    return removed;
}

}  // namespace weir::store
