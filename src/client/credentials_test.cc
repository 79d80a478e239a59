#include "client/credentials.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "client/temporary_files.h"

namespace weir::client {
namespace {

class CredentialsTest : public ::testing::Test {
  protected:
    // "id from place", or the error.
    std::string found(const std::string& profile = "") {
        CredentialChain chain(environment, profile, log);
        return show(chain.current());
    }
    static std::string show(const Result<std::shared_ptr<const Credentials>>& credentials) {
        if (!credentials)
            return std::string(info(credentials.error().code()).name) + ": " +
                   std::string(credentials.error().message());
        if (*credentials == nullptr) return "anonymous";
        EXPECT_EQ((*credentials)->secret_access_key, "secret/+=");
        return (*credentials)->access_key_id + " from " + (*credentials)->source;
    }
    static std::string keys(const std::string& id) {
        return "aws_access_key_id = " + id + "\naws_secret_access_key=secret/+=\n";
    }

    const test::TemporaryFolder folder;
    Environment environment = folder.environment();
    std::ostringstream logged;
    Log log{"test", std::make_shared<spdlog::sinks::ostream_sink_mt>(logged)};
};

TEST_F(CredentialsTest, AreTheFirstOfFourPlaces) {
    const std::string nothing = found();
    EXPECT_TRUE(nothing.starts_with("access_denied: no credentials were found")) << nothing;
    for (const std::string& place :
         {std::string("AWS_ACCESS_KEY_ID"), folder.path(".aws/credentials"),
          folder.path(".aws/config"), folder.path("env")})
        EXPECT_NE(nothing.find(place), std::string::npos) << place << " in " << nothing;
    folder.write("env",
                 "# comment\nexport AWS_ACCESS_KEY_ID=\"a\"\n"
                 "AWS_SECRET_ACCESS_KEY='secret/+='\nAWS_ENDPOINT_URL=http://x\n");
    EXPECT_EQ(found(), "a from " + folder.path("env"));
    EXPECT_EQ(logged.str(), "");
    folder.write(".aws/config", "[default]\n" + keys("b"));
    EXPECT_EQ(found(), "b from profile 'default' of " + folder.path(".aws/config"));
    folder.write(".aws/credentials", "[default]\n" + keys("c") + "[other]\n" + keys("d"));
    EXPECT_EQ(found(), "c from profile 'default' of " + folder.path(".aws/credentials"));
    environment.variables["AWS_PROFILE"] = "other";
    EXPECT_TRUE(found().starts_with("d from"));
    environment.variables["AWS_ACCESS_KEY_ID"] = "e";
    EXPECT_TRUE(found().starts_with("invalid_argument: the environment has only one of"))
        << found();
    environment.variables["AWS_SECRET_ACCESS_KEY"] = "secret/+=";
    EXPECT_EQ(found(), "e from the environment");
    EXPECT_TRUE(found("default").starts_with("c from")) << "who names a profile means it";
}

TEST_F(CredentialsTest, SayWhatIsWrongWithAProfile) {
    EXPECT_TRUE(found("none").starts_with("invalid_argument: there is no profile 'none'"));
    folder.write(".aws/config", "[profile sso]\nsso_session = x\n");
    EXPECT_NE(found("sso").find("gets its keys by sso_session"), std::string::npos);
    folder.write(".aws/credentials", "[default\n");
    EXPECT_NE(found().find("credentials, line 1: "), std::string::npos) << found();
}

TEST_F(CredentialsTest, WarnOnceOfASystemFileThatOthersMayRead) {
    folder.write("env", "AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=secret/+=\n");
    std::filesystem::permissions(folder.path("env"), std::filesystem::perms(0644));
    CredentialChain chain(environment, "", log);
    EXPECT_TRUE(chain.current());
    EXPECT_NE(logged.str().find("chmod 600"), std::string::npos);
    EXPECT_EQ(logged.str().find("secret/+="), std::string::npos);
    const std::size_t size = logged.str().size();
    folder.write("env", "AWS_ACCESS_KEY_ID=bb\nAWS_SECRET_ACCESS_KEY=secret/+=\n");
    std::filesystem::permissions(folder.path("env"), std::filesystem::perms(0644));
    EXPECT_TRUE(show(chain.current()).starts_with("bb from"));
    EXPECT_EQ(logged.str().size(), size);
}

TEST_F(CredentialsTest, AreReadAgainOnceTheyChangedOrWereRefused) {
    folder.write(".aws/credentials", "[default]\n" + keys("a"));
    CredentialChain chain(environment, "", log);
    const auto first = chain.current();
    ASSERT_TRUE(first);
    EXPECT_EQ((*chain.current()).get(), first->get()) << "not read again for nothing";
    EXPECT_FALSE(chain.refused(**first)) << "there are no others";
    folder.write(".aws/credentials", "[default]\n" + keys("b"));
    EXPECT_TRUE(chain.refused(**first));
    EXPECT_TRUE(show(chain.current()).starts_with("b from"));
    EXPECT_TRUE(chain.refused(**first)) << "another call found them already";
    folder.write(".aws/credentials", "[default]\n" + keys("c"));
    EXPECT_TRUE(show(chain.current()).starts_with("c from"));
}

TEST_F(CredentialsTest, CanBeGivenOrLeftOut) {
    CredentialChain fixed(Credentials{.access_key_id = "x", .secret_access_key = "secret/+="}, log);
    EXPECT_EQ(show(fixed.current()), "x from ");
    EXPECT_FALSE(fixed.refused(**fixed.current()));
    EXPECT_EQ(show(CredentialChain::anonymous(log)->current()), "anonymous");
}

}  // namespace
}  // namespace weir::client
