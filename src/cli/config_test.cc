#include "cli/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace weir::cli {
namespace {

class ConfigTest : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "weir_config_XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    void TearDown() override {
        std::filesystem::remove_all(folder_);
        for (const char* name :
             {"WEIR_LISTEN", "WEIR_CONFIG", "WEIR_ROOT_ACCESS_KEY", "WEIR_DOMAIN"})
            ::unsetenv(name);
    }
    std::string file(const std::string& contents) {
        const std::string path = folder_ + "/weir.toml";
        std::ofstream(path) << contents;
        return path;
    }
    static Setting find(const Loaded& loaded, const std::string& name) {
        return *std::ranges::find(loaded.settings, name, &Setting::name);
    }
    std::string folder_;
};

TEST_F(ConfigTest, TakesTheFlagBeforeTheEnvironmentBeforeTheFileBeforeTheDefault) {
    const std::string path = file(
        "listen = '127.0.0.1:1'\nregion = 'eu-1'\ndomain = ['a.test', 'b.test']\nconnections-max = "
        "7\n");
    ::setenv("WEIR_LISTEN", "127.0.0.1:2", 1);
    const Result<Loaded> loaded = load_config(*parse_flags({"--config", path, "--data=/x"}));
    ASSERT_TRUE(loaded) << loaded.error().message();
    EXPECT_EQ(loaded->config.listen, "127.0.0.1:2");
    EXPECT_EQ(find(*loaded, "listen").source, "WEIR_LISTEN");
    EXPECT_EQ(loaded->config.region, "eu-1");
    EXPECT_EQ(find(*loaded, "region").source, path);
    EXPECT_EQ(loaded->config.data, "/x");
    EXPECT_EQ(loaded->config.domains, (std::vector<std::string>{"a.test", "b.test"}));
    EXPECT_EQ(loaded->config.limits.connections_max, 7u);
    EXPECT_EQ(find(*loaded, "tls").source, "default");
    const Result<Loaded> flagged = load_config(*parse_flags({"--listen", "127.0.0.1:3"}));
    EXPECT_EQ(flagged->config.listen, "127.0.0.1:3");
}

TEST_F(ConfigTest, NamesWhatIsWrong) {
    EXPECT_NE(parse_flags({"--lisen", "x"}).error().message().find("--lisen"), std::string::npos);
    EXPECT_FALSE(parse_flags({"stray"}));
    EXPECT_FALSE(parse_flags({"--listen"}));
    EXPECT_FALSE(parse_flags({"--root-secret-key", "x"}));
    EXPECT_NE(load_config(*parse_flags({"--threads", "many"})).error().message().find("'many'"),
              std::string::npos);
    EXPECT_FALSE(load_config(*parse_flags({"--tls", "perhaps"})));
    EXPECT_FALSE(load_config(*parse_flags({"--tls-cert", "a"})));
    EXPECT_NE(load_config(*parse_flags({"--config", file("lisen = 'x'\n")}))
                  .error()
                  .message()
                  .find("'lisen'"),
              std::string::npos);
    EXPECT_FALSE(load_config(*parse_flags({"--config", file("listen = \n")})));
    EXPECT_FALSE(load_config(*parse_flags({"--config", file("[listen]\na = 1\n")})));
    const Result<Loaded> empty = load_config(*parse_flags({"--config", file("listen = []\n")}));
    ASSERT_FALSE(empty);
    EXPECT_NE(empty.error().message().find("'listen'"), std::string::npos);
    EXPECT_TRUE(load_config(*parse_flags({"--config", file("domain = []\n")})));
    EXPECT_FALSE(load_config(*parse_flags({"--config", folder_ + "/missing.toml"})));
}

TEST_F(ConfigTest, KeepsSecretsToItself) {
    ::setenv("WEIR_ROOT_ACCESS_KEY", "tid_x", 1);
    EXPECT_FALSE(load_config({}));
    ::setenv("WEIR_ROOT_SECRET_KEY", "hush-hush", 1);
    const Result<Loaded> loaded = load_config({});
    ::unsetenv("WEIR_ROOT_SECRET_KEY");
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->config.root_secret_key, "hush-hush");
    EXPECT_EQ(describe(loaded->settings).find("hush-hush"), std::string::npos);
    EXPECT_EQ(find(*loaded, "root-secret-key").value, "set");
}

}  // namespace
}  // namespace weir::cli
