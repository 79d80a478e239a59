// How metadata is asked of stores that list it only in a way of their own.

#include "client_fixture.h"

namespace weir::client::test {
namespace {

std::string reply(const std::string& server, const std::string& metadata) {
    const std::string body = "<ListBucketResult><Contents><Key>a</Key><Size>1</Size>" + metadata +
                             "</Contents></ListBucketResult>";
    return "HTTP/1.1 200 OK\r\nServer: " + server +
           "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
}

const std::string plain = reply("MinIO", "");
const std::string told =
    reply("MinIO", "<UserMetadata><X-Amz-Meta-Mode>33152</X-Amz-Meta-Mode></UserMetadata>");
const std::string malformed =
    reply("MinIO", "<UserMetadata><X-Amz-Meta-A!b>v</X-Amz-Meta-A!b></UserMetadata>");
const std::string refused =
    "HTTP/1.1 501 Not Implemented\r\nServer: MinIO\r\nConnection: close\r\n"
    "Content-Length: 0\r\n\r\n";

class ListedMetadata : public ClientTest {
  protected:
    // A store that answers so, one request after the other.
    void answers(std::vector<std::string> texts) {
        proxy = std::make_unique<FaultProxy>(
            weir->endpoint().port, [texts = std::move(texts)](unsigned connection) {
                if (connection >= texts.size()) return Fault{.kind = Fault::Kind::refuse};
                return Fault{.kind = Fault::Kind::answer, .text = texts[connection]};
            });
        client = through(*proxy);
    }
    ListedObject list(bool metadata = true) {
        const auto listed = client->s3->list_objects({.bucket = bucket, .metadata = metadata});
        EXPECT_TRUE(listed) << what(listed);
        return listed ? listed->objects.at(0) : ListedObject{};
    }
    // Of each request, whether it asked as MinIO has it.
    std::vector<bool> asked() {
        std::vector<bool> asked;
        for (const std::string& request : proxy->asked())
            asked.push_back(request.substr(0, request.find('\r')).contains("metadata=true"));
        return asked;
    }

    std::unique_ptr<FaultProxy> proxy;
    std::unique_ptr<TestClient> client;
};

using Asked = std::vector<bool>;

TEST_F(ListedMetadata, OfMinioIsThereFromTheFirstPageOn) {
    answers({plain, told, told});
    for (int i = 0; i < 2; ++i) {
        const ListedObject object = list();
        EXPECT_TRUE(object.metadata_told);
        EXPECT_EQ(object.metadata.at("mode"), "33152");
    }
    EXPECT_EQ(asked(), (Asked{false, true, true}));
}

TEST_F(ListedMetadata, IsNotAskedForWhereNobodyWantsIt) {
    answers({plain, plain, told});
    EXPECT_FALSE(list(/*metadata=*/false).metadata_told);
    EXPECT_FALSE(list(/*metadata=*/false).metadata_told);
    EXPECT_TRUE(list().metadata_told);  // from what answered before it is known who answers
    EXPECT_EQ(asked(), (Asked{false, false, true}));
}

TEST_F(ListedMetadata, ThatIsNoXmlIsDoneWithout) {
    answers({plain, malformed, malformed, plain, told});
    EXPECT_FALSE(list().metadata_told);
    EXPECT_FALSE(list().metadata_told);
    EXPECT_TRUE(list().metadata_told);  // another page may be well
    EXPECT_EQ(asked(), (Asked{false, true, true, false, true}));
}

TEST_F(ListedMetadata, IsDoneWithoutWhereTheFirstQuestionIsRefused) {
    answers({plain, refused});
    EXPECT_EQ(list().key, "a");
    EXPECT_EQ(asked(), (Asked{false, true}));
}

TEST_F(ListedMetadata, OfOtherStoresIsNotAskedForByQuery) {
    const std::string other = reply("nginx", "");
    answers({other, other, plain, told, other, other});
    EXPECT_FALSE(list().metadata_told);
    EXPECT_FALSE(list().metadata_told);
    EXPECT_TRUE(list().metadata_told);   // it is MinIO from here on,
    EXPECT_FALSE(list().metadata_told);  // and then no more
    EXPECT_FALSE(list().metadata_told);
    EXPECT_EQ(asked(), (Asked{false, false, false, true, true, false}));
}

TEST_F(ListedMetadata, OfWeirIsToldOfEachObject) {
    put("without", "x");
    ASSERT_TRUE(direct->s3->put_object(
        {.bucket = bucket, .key = "with", .headers = {.metadata = {{"mode", "33152"}}}}, Source()));
    const auto listed = direct->s3->list_objects({.bucket = bucket, .metadata = true});
    ASSERT_TRUE(listed) << what(listed);
    ASSERT_EQ(listed->objects.size(), 2u);
    for (const ListedObject& object : listed->objects) EXPECT_TRUE(object.metadata_told);
    const auto unasked = direct->s3->list_objects({.bucket = bucket});
    ASSERT_TRUE(unasked) << what(unasked);
    for (const ListedObject& object : unasked->objects) EXPECT_FALSE(object.metadata_told);
}

}  // namespace
}  // namespace weir::client::test
