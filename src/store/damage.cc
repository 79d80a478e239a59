#include "store/damage.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "meta/keys.h"

namespace weir::store {
namespace {

std::string name_of(std::string_view blob) {
    const std::optional<blob::BlobId> id = blob::BlobId::decode(blob);
    return id ? id->text() : hex_encode(blob);
}

}  // namespace

Result<void> Damage::load() {
    return kv::each_row(context_.kv, meta::system_partition,
                        kv::prefix_range(std::string(1, meta::damage_prefix)),
                        [&](const kv::Row& row) -> Result<void> {
                            std::string blob = row.key.substr(1);
                            context_.log.error("blob {} is known to be damaged, and not served: {}",
                                               name_of(blob), row.value);
                            MutexLock lock(mutex_);
                            known_.insert(std::move(blob));
                            known_count_ = known_.size();
                            return {};
                        });
}

void Damage::forget_gone() {
    for (const std::string& blob : blobs()) {
        const std::optional<blob::BlobId> id = blob::BlobId::decode(blob);
        const auto reader = id ? context_.blobs.open(*id) : fail(Code::not_found);
        if (!reader && reader.error().code() == Code::not_found) forget(blob);
    }
}

bool Damage::contains(std::string_view blob) const {
    if (known_count_.load(std::memory_order_relaxed) == 0) return false;
    MutexLock lock(mutex_);
    return known_.contains(blob);
}

void Damage::add(std::string_view blob, std::string_view what) {
    note("blob " + name_of(blob), what);
    {
        MutexLock lock(mutex_);
        if (known_.contains(blob)) return;
        if (known_.size() >= context_.limits.damaged_blobs_max) {
            context_.log.error("blob {} is damaged and served all the same: only {} are remembered",
                               name_of(blob), known_.size());
            return;
        }
        known_.emplace(blob);
        known_count_ = known_.size();
    }
    kv::Batch batch;
    batch.put(meta::damage_row(blob), std::string(what));
    if (const Result<kv::Committed> kept =
            kv::commit_and_wait(context_.kv, meta::system_partition, std::move(batch));
        !kept)
        context_.log.error("that blob {} is damaged will be forgotten with this start: {}",
                           name_of(blob), kept.error().describe());
}

void Damage::note(std::string_view where, std::string_view what) {
    count();
    context_.log.error("damaged: {}: {}", where, what);
}

void Damage::forget(std::string_view blob) {
    kv::Batch batch;
    batch.remove(meta::damage_row(blob));
    if (const Result<kv::Committed> forgotten =
            kv::commit_and_wait(context_.kv, meta::system_partition, std::move(batch));
        !forgotten) {
        context_.log.warn("blob {} stays known as damaged: {}", name_of(blob),
                          forgotten.error().describe());
        return;
    }
    MutexLock lock(mutex_);
    if (const auto known = known_.find(blob); known != known_.end()) known_.erase(known);
    known_count_ = known_.size();
}

void Damage::is_whole(std::string_view blob) {
    forget(blob);
    context_.log.info("blob {} is whole again", name_of(blob));
}

std::vector<std::string> Damage::blobs() const {
    MutexLock lock(mutex_);
    return {known_.begin(), known_.end()};
}

}  // namespace weir::store
