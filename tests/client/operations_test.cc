// Each operation of the client, against a real Weir.

#include <algorithm>
#include <set>

#include "client_fixture.h"
#include "hash/crc.h"

namespace weir::client::test {
namespace {

class Operations : public ClientTest {};

const std::string odd_key = "models/llama 3+\xc3\xa9~(1)/%2F//../\xf0\x9f\xa6\x99.safetensors";

TEST_F(Operations, PutHeadGet) {
    const std::string bytes = noise(3'000'001);
    const ObjectHeaders headers{.content_type = "application/x-weights",
                                .metadata = {{"owner", "a  b"}, {"mode", "0644"}}};
    const auto put = direct->s3->put_object({.bucket = bucket, .key = odd_key, .headers = headers},
                                            Source(as_bytes(bytes)));
    ASSERT_TRUE(put) << what(put);
    const auto head = direct->s3->head_object({.bucket = bucket, .key = odd_key});
    ASSERT_TRUE(head) << what(head);
    EXPECT_EQ(head->bytes, bytes.size());
    EXPECT_EQ(head->etag, put->etag);
    EXPECT_EQ(head->etag.find('"'), std::string::npos);
    EXPECT_EQ(head->headers.content_type, headers.content_type);
    EXPECT_EQ(head->headers.metadata.at("mode"), "0644");
    EXPECT_GT(head->last_modified, 0u);
    EXPECT_EQ(head->crc64nvme, hash::crc64nvme(0, as_bytes(bytes)));
    EXPECT_EQ(put->crc64nvme, *head->crc64nvme);
    EXPECT_EQ(get(odd_key), bytes);

    std::vector<std::byte> memory(bytes.size());
    std::atomic<std::uint64_t> received = 0;
    const auto got = direct->s3->get_object({.bucket = bucket, .key = odd_key},
                                            Destination{.memory = memory, .received = &received});
    ASSERT_TRUE(got) << what(got);
    EXPECT_TRUE(got->verified);
    EXPECT_EQ(received.load(), bytes.size());
    EXPECT_EQ(as_text(memory), bytes);
}

TEST_F(Operations, GetRanges) {
    const std::string bytes = noise(100'000);
    put("k", bytes);
    for (const ByteSpan span : {ByteSpan{0, 1}, ByteSpan{99'999, 1}, ByteSpan{5, 70'000},
                                ByteSpan{99'000, 5'000}, ByteSpan{0, 1'000'000}}) {
        std::vector<std::byte> memory(span.length);
        const auto got =
            direct->s3->get_object({.bucket = bucket, .key = "k", .range = span, .crc64nvme = true},
                                   Destination{.memory = memory});
        ASSERT_TRUE(got) << what(got);
        const std::string expected = bytes.substr(span.offset, span.length);
        EXPECT_EQ(got->bytes, expected.size());
        EXPECT_EQ(got->offset, span.offset);
        EXPECT_EQ(got->object.bytes, bytes.size());
        EXPECT_EQ(as_text(std::span(memory).first(got->bytes)), expected);
        EXPECT_EQ(got->crc64nvme, hash::crc64nvme(0, as_bytes(expected)));
    }
    const auto beyond =
        direct->s3->get_object({.bucket = bucket, .key = "k", .range = ByteSpan{100'000, 1}},
                               [](auto, auto) { return Result<void>(); });
    ASSERT_FALSE(beyond);
    EXPECT_EQ(beyond.error().code(), Code::invalid_range);
    std::byte one{};
    const auto too_small =
        direct->s3->get_object({.bucket = bucket, .key = "k"}, Destination{.memory = {&one, 1}});
    ASSERT_FALSE(too_small);
    EXPECT_EQ(too_small.error().code(), Code::entity_too_large);
}

TEST_F(Operations, EmptyObjects) {
    put("empty", "");
    EXPECT_EQ(get("empty"), "");
    const auto got =
        direct->s3->get_object({.bucket = bucket, .key = "empty"}, Destination{.memory = {}});
    ASSERT_TRUE(got) << what(got);
    EXPECT_EQ(got->bytes, 0u);
    EXPECT_EQ(got->object.bytes, 0u);
}

TEST_F(Operations, SayWhatIsWrong) {
    const auto missing = direct->s3->head_object({.bucket = bucket, .key = "none"});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code(), Code::no_such_key);
    EXPECT_NE(missing.error().message().find("s3://" + bucket + "/none, HTTP 404, request id "),
              std::string::npos)
        << missing.error().message();
    EXPECT_EQ(missing.error().message().find("unknown"), std::string::npos);
    const auto no_bucket = direct->s3->list_objects({.bucket = "no-such-bucket"});
    ASSERT_FALSE(no_bucket);
    EXPECT_EQ(no_bucket.error().code(), Code::no_such_bucket);
    EXPECT_TRUE(no_bucket.error().message().starts_with("NoSuchBucket: "));
    EXPECT_EQ(direct->s3->head_bucket({.bucket = "no-such-bucket"}).error().code(),
              Code::no_such_bucket);
    EXPECT_TRUE(direct->s3->head_bucket({.bucket = bucket}));
    const auto again = direct->s3->create_bucket({.bucket = bucket});
    // AWS's first region answers 200 to its owner; Weir says that it is there.
    if (!again) EXPECT_EQ(again.error().code(), Code::bucket_already_owned_by_you);
    EXPECT_EQ(direct->s3->stats().retries, 0u) << "nothing of that gets better";

    Credentials wrong = weir->credentials();
    wrong.secret_access_key += "x";
    TestClient stranger(weir->endpoint(), wrong);
    const auto refused = stranger.s3->list_buckets();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::signature_does_not_match);
    EXPECT_EQ(refused.error().message().find(wrong.secret_access_key), std::string::npos);
}

TEST_F(Operations, Conditions) {
    put("k", "one");
    const auto head = direct->s3->head_object({.bucket = bucket, .key = "k"});
    const auto put_if = [&](const WriteConditions& conditions) {
        const auto put = direct->s3->put_object(
            {.bucket = bucket, .key = "k", .conditions = conditions}, Source(as_bytes("two")));
        return put ? std::string("ok") : std::string(info(put.error().code()).name);
    };
    EXPECT_EQ(put_if({.if_absent = true}), "precondition_failed");
    EXPECT_EQ(put_if({.if_match = "0123456789abcdef0123456789abcdef"}), "precondition_failed");
    EXPECT_EQ(put_if({.if_match = head->etag}), "ok");
    EXPECT_EQ(direct->s3->head_object({.bucket = bucket, .key = "k", .if_match = head->etag})
                  .error()
                  .code(),
              Code::precondition_failed);
    const auto now = direct->s3->head_object({.bucket = bucket, .key = "k"});
    EXPECT_EQ(direct->s3->head_object({.bucket = bucket, .key = "k", .if_none_match = now->etag})
                  .error()
                  .code(),
              Code::not_modified);
}

TEST_F(Operations, List) {
    std::set<std::string> keys{odd_key, "a b/c", "a+b/d", "z&<>\"'"};
    for (int i = 0; i < 25; ++i) keys.insert("many/" + std::to_string(i));
    for (const std::string& key : keys) put(key, key);
    std::set<std::string> listed;
    ListObjectsRequest request{.bucket = bucket, .max_keys = 7};
    unsigned pages = 0;
    do {
        const auto page = direct->s3->list_objects(request);
        ASSERT_TRUE(page) << what(page);
        for (const ListedObject& object : page->objects) {
            EXPECT_TRUE(listed.insert(object.key).second);
            EXPECT_EQ(object.bytes, object.key.size());
            EXPECT_EQ(object.etag.size(), 32u);
        }
        request.continuation_token = page->continuation_token;
        ++pages;
    } while (!request.continuation_token.empty());
    EXPECT_EQ(listed, keys);
    EXPECT_EQ(pages, 5u);
    const auto folders = direct->s3->list_objects({.bucket = bucket, .delimiter = "/"});
    ASSERT_TRUE(folders) << what(folders);
    EXPECT_EQ(folders->common_prefixes,
              (std::vector<std::string>{"a b/", "a+b/", "many/", "models/"}));
    EXPECT_EQ(direct->s3->list_objects({.bucket = bucket, .prefix = "a b/"})->objects.size(), 1u);
    const auto versions = direct->s3->list_versions({.bucket = bucket, .prefix = "many/"});
    ASSERT_TRUE(versions) << what(versions);
    EXPECT_EQ(versions->versions.size(), 25u);
    EXPECT_TRUE(versions->versions[0].latest);
    const auto buckets = direct->s3->list_buckets();
    ASSERT_TRUE(buckets) << what(buckets);
    EXPECT_TRUE(std::ranges::any_of(buckets->buckets,
                                    [&](const BucketInfo& found) { return found.name == bucket; }));
}

TEST_F(Operations, CopyRenameDelete) {
    put(odd_key, "bytes");
    const auto copied = direct->s3->copy_object(
        {.bucket = bucket, .key = "copy", .source_bucket = bucket, .source_key = odd_key});
    ASSERT_TRUE(copied) << what(copied);
    EXPECT_EQ(get("copy"), "bytes");
    const auto replaced =
        direct->s3->copy_object({.bucket = bucket,
                                 .key = "copy",
                                 .source_bucket = bucket,
                                 .source_key = "copy",
                                 .replace_headers = ObjectHeaders{.metadata = {{"mtime", "12"}}}});
    ASSERT_TRUE(replaced) << what(replaced);
    EXPECT_EQ(
        direct->s3->head_object({.bucket = bucket, .key = "copy"})->headers.metadata.at("mtime"),
        "12");
    const auto renamed = direct->s3->rename_object(
        {.bucket = bucket, .key = "there", .source_key = odd_key, .source_if_match = copied->etag});
    ASSERT_TRUE(renamed) << what(renamed);
    EXPECT_EQ(get("there"), "bytes");
    const auto onto = direct->s3->rename_object({.bucket = bucket,
                                                 .key = "copy",
                                                 .source_key = "there",
                                                 .conditions = {.if_absent = true}});
    ASSERT_FALSE(onto);
    EXPECT_EQ(onto.error().code(), Code::precondition_failed);
    EXPECT_TRUE(direct->s3->delete_object({.bucket = bucket, .key = "there"}));
    EXPECT_TRUE(direct->s3->delete_object({.bucket = bucket, .key = "there"})) << "as S3 has it";
    put("x/1", "1");
    put("x/2 &", "2");
    const auto deleted = direct->s3->delete_objects(
        {.bucket = bucket, .objects = {{"x/1"}, {"x/2 &"}, {"copy"}, {"never"}}});
    ASSERT_TRUE(deleted) << what(deleted);
    EXPECT_TRUE(deleted->failures.empty());
    EXPECT_TRUE(direct->s3->list_objects({.bucket = bucket})->objects.empty());
}

TEST_F(Operations, UploadInParts) {
    const std::string bytes = noise(2 * part_bytes_min + 1000);
    const auto created = direct->s3->create_upload(
        {.bucket = bucket, .key = odd_key, .headers = {.metadata = {{"a", "b"}}}});
    ASSERT_TRUE(created) << what(created);
    std::vector<UploadedPart> parts;
    for (unsigned i = 0; i < 3; ++i) {
        const auto part = direct->s3->upload_part(
            {.bucket = bucket,
             .key = odd_key,
             .upload_id = created->upload_id,
             .part_number = i + 1},
            Source(as_bytes(std::string_view(bytes).substr(i * part_bytes_min, part_bytes_min))));
        ASSERT_TRUE(part) << what(part);
        parts.push_back(*part);
    }
    const auto listed =
        direct->s3->list_parts({.bucket = bucket, .key = odd_key, .upload_id = created->upload_id});
    ASSERT_TRUE(listed) << what(listed);
    ASSERT_EQ(listed->parts.size(), 3u);
    EXPECT_EQ(listed->parts[2].bytes, 1000u);
    EXPECT_EQ(listed->parts[2].crc64nvme, parts[2].crc64nvme);
    const auto uploads = direct->s3->list_uploads({.bucket = bucket});
    ASSERT_TRUE(uploads) << what(uploads);
    ASSERT_EQ(uploads->uploads.size(), 1u);
    EXPECT_EQ(uploads->uploads[0].key, odd_key);
    const auto completed = direct->s3->complete_upload({.bucket = bucket,
                                                        .key = odd_key,
                                                        .upload_id = created->upload_id,
                                                        .parts = parts,
                                                        .conditions = {.if_absent = true}});
    ASSERT_TRUE(completed) << what(completed);
    EXPECT_EQ(get(odd_key), bytes);
    const auto head = direct->s3->head_object({.bucket = bucket, .key = odd_key});
    EXPECT_EQ(head->crc64nvme, hash::crc64nvme(0, as_bytes(bytes)));
    EXPECT_EQ(head->headers.metadata.at("a"), "b");

    const auto other = direct->s3->create_upload({.bucket = bucket, .key = "other"});
    const auto copied = direct->s3->upload_part_copy({.bucket = bucket,
                                                      .key = "other",
                                                      .upload_id = other->upload_id,
                                                      .part_number = 1,
                                                      .source_bucket = bucket,
                                                      .source_key = odd_key,
                                                      .range = ByteSpan{10, 100}});
    ASSERT_TRUE(copied) << what(copied);
    EXPECT_EQ(copied->bytes, 100u);
    EXPECT_TRUE(direct->s3->abort_upload(
        {.bucket = bucket, .key = "other", .upload_id = other->upload_id}));
    EXPECT_TRUE(direct->s3->list_uploads({.bucket = bucket})->uploads.empty());
}

TEST_F(Operations, KeepConnections) {
    for (int i = 0; i < 20; ++i) put("k" + std::to_string(i), "bytes");
    EXPECT_EQ(direct->s3->stats().connections, 1u);
    EXPECT_EQ(direct->s3->stats().connections_open, 1u);
}

TEST_F(Operations, StopEndsThem) {
    direct->s3->stop();
    const auto stopped = direct->s3->list_buckets();
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code(), Code::cancelled);
}

class OperationsOverTls : public ::testing::Test {};

TEST_F(OperationsOverTls, PutGet) {
    const WeirProcess weir(/*tls=*/true);
    ASSERT_TRUE(weir.endpoint().tls);
    TestClient client(weir.endpoint(), weir.credentials());
    const auto created = client.s3->create_bucket({.bucket = "tls"});
    ASSERT_TRUE(created) << created.error().describe();
    std::string bytes(5'000'000, 'x');
    for (int i = 0; i < 3; ++i) {
        const auto put =
            client.s3->put_object({.bucket = "tls", .key = "k"}, Source(as_bytes(bytes)));
        ASSERT_TRUE(put) << put.error().describe();
        std::vector<std::byte> memory(bytes.size());
        const auto got =
            client.s3->get_object({.bucket = "tls", .key = "k"}, Destination{.memory = memory});
        ASSERT_TRUE(got) << got.error().describe();
        EXPECT_TRUE(got->verified);
        EXPECT_EQ(as_text(memory), bytes);
    }
    Endpoint untrusted = weir.endpoint();
    untrusted.ca_file.clear();
    TestClient other(untrusted, weir.credentials());
    const auto refused = other.s3->list_buckets();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::access_denied) << refused.error().describe();
}

}  // namespace
}  // namespace weir::client::test
