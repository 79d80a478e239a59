#include "auth/key_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "auth/access_key.pb.h"
#include "base/random.h"
#include "hash/aead.h"
#include "meta/keys.h"

namespace weir::auth {
namespace {

constexpr std::uint32_t key_format = 1;
constexpr std::size_t id_length = 20, secret_length = 40;

bool is_word(std::string_view text, std::string_view also, std::size_t length_min,
             std::size_t length_max) {
    if (text.size() < length_min || text.size() > length_max) return false;
    return std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               also.find(c) != std::string_view::npos;
    });
}

std::string row_of(std::string_view id) {
    return std::string(1, meta::access_key_prefix) + std::string(id);
}

}  // namespace

AccessKey make_access_key(const std::string& owner, UnixNanos now) {
    return {.id = "tid_" + random_token(id_length),
            .owner = owner,
            .secret = "tsec_" + random_token(secret_length),
            .enabled = true,
            .created = now,
            .fixed = false};
}

Result<void> check_access_key(const AccessKey& key) {
    if (!is_word(key.id, "_-", 3, 128))
        return fail(Code::invalid_argument,
                    "An access key is 3 to 128 characters of A-Z a-z 0-9 _ and -.");
    if (!is_word(key.owner, "_-.@", 1, 64))
        return fail(Code::invalid_argument,
                    "An owner is 1 to 64 characters of A-Z a-z 0-9 _ - . and @.");
    const bool printable =
        std::ranges::all_of(key.secret, [](char c) { return c > ' ' && c <= '~'; });
    if (key.secret.size() < 8 || key.secret.size() > 128 || !printable)
        return fail(Code::invalid_argument,
                    "A secret is 8 to 128 printable characters without spaces.");
    return {};
}

Result<std::string> KeyStore::encode(const AccessKey& key) const {
    StoredAccessKey stored;
    stored.set_format(key_format);
    stored.set_owner(key.owner);
    TRY(std::string sealed, hash::aead_seal(master_key_, key.secret, key.id));
    stored.set_sealed_secret(std::move(sealed));
    stored.set_enabled(key.enabled);
    stored.set_created_nanos(key.created);
    return stored.SerializeAsString();
}

Result<AccessKey> KeyStore::decode(const std::string& id, std::string_view bytes) const {
    StoredAccessKey stored;
    if (!stored.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
        stored.format() != key_format)
        return fail(Code::corrupt, fmt::format("the row of access key {} cannot be read", id));
    Result<std::string> secret = hash::aead_open(master_key_, stored.sealed_secret(), id);
    if (!secret)
        return fail(
            Code::corrupt,
            fmt::format("the secret of access key {} does not open: secret.key is not the one it "
                        "was encrypted under",
                        id));
    return AccessKey{.id = id,
                     .owner = stored.owner(),
                     .secret = *std::move(secret),
                     .enabled = stored.enabled(),
                     .created = stored.created_nanos(),
                     .fixed = false};
}

Result<std::unique_ptr<KeyStore>> KeyStore::open(kv::Engine& kv, std::string master_key) {
    auto store = std::unique_ptr<KeyStore>(new KeyStore(kv, std::move(master_key)));
    auto keys = std::make_shared<Keys>();
    Result<void> outcome;
    TRY_VOID(kv::scan_all(kv, meta::system_partition,
                          kv::prefix_range(std::string(1, meta::access_key_prefix)),
                          [&](std::string_view row, std::string_view value) {
                              std::string id(row.substr(1));
                              Result<AccessKey> key = store->decode(id, value);
                              if (!key) {
                                  outcome = fail(std::move(key).error());
                                  return false;
                              }
                              (*keys)[id] = std::make_shared<AccessKey>(*std::move(key));
                              return true;
                          }));
    TRY_VOID(outcome);
    MutexLock lock(store->mutex_);
    store->keys_ = std::move(keys);
    return std::move(store);
}

std::shared_ptr<const AccessKey> KeyStore::find(const std::string& id) const {
    std::shared_ptr<const Keys> keys;
    {
        MutexLock lock(mutex_);
        keys = keys_;
    }
    const auto found = keys->find(id);
    return found == keys->end() ? nullptr : found->second;
}

void KeyStore::publish(const std::string& id, std::shared_ptr<const AccessKey> key) {
    MutexLock lock(mutex_);
    auto changed = std::make_shared<Keys>(*keys_);
    if (key) {
        (*changed)[id] = std::move(key);
    } else {
        changed->erase(id);
    }
    keys_ = std::move(changed);
}

Result<void> KeyStore::store(const std::string& id, const AccessKey* before,
                             const AccessKey* after) {
    const std::string row = row_of(id);
    TRY(std::optional<std::string> present, kv_.get(meta::system_partition, row));
    if (present.has_value() != (before != nullptr))
        return fail(Code::conflict, "The access key was changed by another server.");
    kv::Batch batch;
    batch.require(row, std::move(present));
    if (after != nullptr) {
        TRY(std::string bytes, encode(*after));
        batch.put(row, std::move(bytes));
    } else {
        batch.remove(row);
    }
    TRY_VOID(kv::commit_and_wait(kv_, meta::system_partition, std::move(batch)));
    publish(id, after == nullptr ? nullptr : std::make_shared<AccessKey>(*after));
    return {};
}

Result<void> KeyStore::add(const AccessKey& key) {
    TRY_VOID(check_access_key(key));
    MutexLock lock(change_mutex_);
    if (find(key.id))
        return fail(Code::invalid_argument,
                    fmt::format("The access key {} exists already.", key.id));
    if (size() >= keys_max)
        return fail(Code::invalid_argument,
                    fmt::format("There are {} access keys already.", keys_max));
    return store(key.id, nullptr, &key);
}

void KeyStore::add_fixed(AccessKey key) {
    key.fixed = true;
    const std::string id = key.id;
    publish(id, std::make_shared<AccessKey>(std::move(key)));
}

Result<void> KeyStore::set_enabled(const std::string& id, bool enabled) {
    MutexLock lock(change_mutex_);
    const std::shared_ptr<const AccessKey> before = find(id);
    if (!before) return fail(Code::not_found, fmt::format("There is no access key {}.", id));
    if (before->fixed)
        return fail(Code::invalid_argument,
                    fmt::format("The access key {} comes from the server's environment.", id));
    AccessKey after = *before;
    after.enabled = enabled;
    return store(id, before.get(), &after);
}

Result<void> KeyStore::remove(const std::string& id) {
    MutexLock lock(change_mutex_);
    const std::shared_ptr<const AccessKey> before = find(id);
    if (!before) return fail(Code::not_found, fmt::format("There is no access key {}.", id));
    if (before->fixed)
        return fail(Code::invalid_argument,
                    fmt::format("The access key {} comes from the server's environment.", id));
    return store(id, before.get(), nullptr);
}

std::vector<AccessKey> KeyStore::list() const {
    std::shared_ptr<const Keys> keys;
    {
        MutexLock lock(mutex_);
        keys = keys_;
    }
    std::vector<AccessKey> listed;
    for (const auto& [id, key] : *keys) {
        listed.push_back(*key);
        listed.back().secret.clear();
    }
    return listed;
}

std::size_t KeyStore::size() const {
    MutexLock lock(mutex_);
    return keys_->size();
}

}  // namespace weir::auth
