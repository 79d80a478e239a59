#pragma once
// Access keys: who may sign, for which owner, with which secret. They lie in the engine (rows `k`,
// secrets encrypted under a key that is not in the database) and, all of them, in memory, where
// every request looks its key up.
//
// Owned by main(). find() is safe from any thread and never blocks; the others may block on the
// disk. A change is in force for the next find() once the call returns.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "kv/engine.h"

namespace weir::auth {

struct AccessKey {
    std::string id;
    std::string owner;
    std::string secret;  // never logged
    bool enabled = true;
    UnixNanos created = 0;
    // Given by the environment for this start: not in the database, not to be changed.
    bool fixed = false;
};

// What the root credentials of a new store and `weir keys create` look like.
AccessKey make_access_key(const std::string& owner, UnixNanos now);
// 3 to 128 of A-Z a-z 0-9 _ - for ids; 8 to 128 printable characters for secrets; 1 to 64 of those
// of ids, . and @ for owners. invalid_argument says which.
Result<void> check_access_key(const AccessKey& key);

class KeyStore {
  public:
    static constexpr std::size_t keys_max = 100'000;

    // Reads every key. corrupt if `master_key` (32 bytes) is not the one that the secrets were
    // encrypted under.
    static Result<std::unique_ptr<KeyStore>> open(kv::Engine& kv, std::string master_key);

    // nullptr: no such key.
    std::shared_ptr<const AccessKey> find(const std::string& id) const;

    // A key that exists already is invalid_argument.
    Result<void> add(const AccessKey& key);
    // For this start only, in place of whatever is stored under its id.
    void add_fixed(AccessKey key);
    // not_found.
    Result<void> set_enabled(const std::string& id, bool enabled);
    Result<void> remove(const std::string& id);
    // In the order of ids; secrets left out.
    std::vector<AccessKey> list() const;
    std::size_t size() const;

  private:
    using Keys = std::map<std::string, std::shared_ptr<const AccessKey>, std::less<>>;

    KeyStore(kv::Engine& kv, std::string master_key)
        : kv_(kv), master_key_(std::move(master_key)) {}

    Result<std::string> encode(const AccessKey& key) const;
    Result<AccessKey> decode(const std::string& id, std::string_view bytes) const;
    Result<void> store(const std::string& id, const AccessKey* before, const AccessKey* after);
    void publish(const std::string& id, std::shared_ptr<const AccessKey> key);

    kv::Engine& kv_;
    const std::string master_key_;
    Mutex change_mutex_;  // one change at a time
    mutable Mutex mutex_;
    std::shared_ptr<const Keys> keys_ GUARDED_BY(mutex_) = std::make_shared<Keys>();
};

}  // namespace weir::auth
