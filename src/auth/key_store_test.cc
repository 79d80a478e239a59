#include "auth/key_store.h"

#include <gtest/gtest.h>

#include "kv/memory/engine.h"
#include "meta/keys.h"

namespace weir::auth {
namespace {

class KeyStoreTest : public ::testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(kv_.create_partition(meta::system_partition)); }
    std::unique_ptr<KeyStore> open(const std::string& master_key = std::string(32, 'm')) {
        Result<std::unique_ptr<KeyStore>> store = KeyStore::open(kv_, master_key);
        EXPECT_TRUE(store);
        return *std::move(store);
    }
    kv::memory::Engine kv_;
};

TEST_F(KeyStoreTest, FindsKeysAgainAfterARestartAndKeepsSecretsOutOfTheRows) {
    const AccessKey key = make_access_key("anna", 7);
    EXPECT_TRUE(key.id.starts_with("tid_"));
    EXPECT_TRUE(key.secret.starts_with("tsec_"));
    ASSERT_TRUE(open()->add(key));
    const auto store = open();
    const std::shared_ptr<const AccessKey> found = store->find(key.id);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->secret, key.secret);
    EXPECT_EQ(found->owner, "anna");
    for (const kv::Row& row : kv_.rows(meta::system_partition))
        EXPECT_EQ(row.value.find(key.secret), std::string::npos);
    EXPECT_TRUE(store->list().front().secret.empty());
}

TEST_F(KeyStoreTest, TakesChangesInAtOnce) {
    const auto store = open();
    const AccessKey key = make_access_key("anna", 7);
    ASSERT_TRUE(store->add(key));
    EXPECT_EQ(store->add(key).error().code(), Code::invalid_argument);
    ASSERT_TRUE(store->set_enabled(key.id, false));
    EXPECT_FALSE(store->find(key.id)->enabled);
    EXPECT_FALSE(open()->find(key.id)->enabled);
    ASSERT_TRUE(store->set_enabled(key.id, true));
    ASSERT_TRUE(store->remove(key.id));
    EXPECT_FALSE(store->find(key.id));
    EXPECT_EQ(store->remove(key.id).error().code(), Code::not_found);
}

TEST_F(KeyStoreTest, RefusesAMasterKeyThatIsNotItsOwn) {
    ASSERT_TRUE(open()->add(make_access_key("anna", 7)));
    EXPECT_EQ(KeyStore::open(kv_, std::string(32, 'x')).error().code(), Code::corrupt);
}

TEST_F(KeyStoreTest, KeepsKeysOfTheEnvironmentOutOfTheDatabase) {
    const auto store = open();
    AccessKey key = make_access_key("root", 7);
    store->add_fixed(key);
    EXPECT_TRUE(store->find(key.id));
    EXPECT_EQ(store->remove(key.id).error().code(), Code::invalid_argument);
    EXPECT_FALSE(open()->find(key.id));
}

TEST_F(KeyStoreTest, RefusesNamesAndSecretsThatWouldNotTravel) {
    const auto store = open();
    AccessKey key = make_access_key("anna", 7);
    key.id = "a b";
    EXPECT_FALSE(store->add(key));
    key = make_access_key("", 7);
    EXPECT_FALSE(store->add(key));
    key = make_access_key("anna", 7);
    key.secret = "short";
    EXPECT_FALSE(store->add(key));
}

}  // namespace
}  // namespace weir::auth
