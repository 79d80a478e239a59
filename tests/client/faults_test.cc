// The client behind a proxy that drops, cuts, delays and lies.

#include <thread>

#include "client_fixture.h"

namespace weir::client::test {
namespace {

using Kind = Fault::Kind;

class Faults : public ClientTest {
  protected:
    // What happens to the first connections; the others are left alone.
    std::unique_ptr<FaultProxy> proxy(std::vector<Fault> faults) const {
        return std::make_unique<FaultProxy>(weir->endpoint().port, [faults](unsigned i) {
            return i < faults.size() ? faults[i] : Fault();
        });
    }
};

std::string slow_down(std::string_view more = "") {
    const std::string body =
        "<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>";
    return "HTTP/1.1 503 Slow Down\r\n" + std::string(more) +
           "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" +
           body;
}

TEST_F(Faults, ReadsGoOnWhereTheyStopped) {
    const std::string bytes = noise(3'000'000);
    put("k", bytes);
    const auto broken = proxy({{.kind = Kind::cut_reply, .bytes = 1'000'000},
                               {.kind = Kind::cut_reply, .bytes = 100},
                               {.kind = Kind::cut_reply, .bytes = 1'500'000},
                               {.kind = Kind::refuse},
                               {.kind = Kind::answer, .text = slow_down()},
                               {.kind = Kind::answer, .text = "no HTTP at all\r\n\r\n"},
                               {.kind = Kind::answer, .text = "HTTP/1.1 500 Oops\r\n\r\n"}});
    const auto client = through(*broken);
    std::vector<std::byte> memory(bytes.size());
    const auto got =
        client->s3->get_object({.bucket = bucket, .key = "k"}, Destination{.memory = memory});
    ASSERT_TRUE(got) << what(got);
    EXPECT_EQ(as_text(memory), bytes);
    EXPECT_TRUE(got->verified) << "across all its pieces";
    EXPECT_EQ(got->resumed, 2u);
    EXPECT_EQ(client->s3->stats().retries, 7u);
}

TEST_F(Faults, ReadsDoNotMixTwoVersions) {
    put("k", noise(3'000'000, 1));
    const auto broken = proxy({{.kind = Kind::cut_reply, .bytes = 1'000'000}});
    const auto client = through(*broken);
    bool changed = false;
    const auto got = client->s3->get_object({.bucket = bucket, .key = "k"},
                                            [&](std::uint64_t, auto) -> Result<void> {
                                                if (!changed) put("k", noise(3'000'000, 2));
                                                changed = true;
                                                return {};
                                            });
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), Code::conflict) << got.error().describe();
}

TEST_F(Faults, ASinksErrorIsNotTriedAgain) {
    put("k", noise(1000));
    unsigned calls = 0;
    const auto got = direct->s3->get_object({.bucket = bucket, .key = "k"},
                                            [&](std::uint64_t, auto) -> Result<void> {
                                                ++calls;
                                                return fail(Code::no_space, "the disk is full");
                                            });
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), Code::no_space);
    EXPECT_EQ(calls, 1u);
}

TEST_F(Faults, ChangedBytesAreNoticed) {
    const std::string bytes = noise(500'000);
    put("k", bytes);
    const auto lying = proxy({{.kind = Kind::flip, .bytes = 400'000}});
    const auto client = through(*lying);
    std::vector<std::byte> memory(bytes.size());
    const auto got =
        client->s3->get_object({.bucket = bucket, .key = "k"}, Destination{.memory = memory});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), Code::corrupt);
}

TEST_F(Faults, WritesAreTriedAgain) {
    const std::string bytes = noise(3'000'000);
    const auto broken = proxy({{.kind = Kind::cut_request, .bytes = 50},
                               {.kind = Kind::cut_request, .bytes = 1'000'000},
                               {.kind = Kind::answer, .text = slow_down()},
                               {.kind = Kind::lose_reply},
                               {.kind = Kind::refuse}});
    const auto client = through(*broken);
    const auto put =
        client->s3->put_object({.bucket = bucket, .key = "k"}, Source(as_bytes(bytes)));
    ASSERT_TRUE(put) << what(put);
    EXPECT_EQ(get("k"), bytes);
}

TEST_F(Faults, AConditionalWriteWhoseReplyWasLostSucceeded) {
    // The reply of a small body, so that the first thing that comes back is it.
    const std::string bytes = noise(1000);
    const auto losing = proxy({{.kind = Kind::lose_reply}});
    const auto client = through(*losing);
    const auto put = client->s3->put_object(
        {.bucket = bucket, .key = "k", .conditions = {.if_absent = true}}, Source(as_bytes(bytes)));
    ASSERT_TRUE(put) << what(put);
    const auto head = direct->s3->head_object({.bucket = bucket, .key = "k"});
    EXPECT_EQ(head->etag, put->etag);

    // If-Match, too: the first try changed what the second is compared with.
    const auto again = proxy({{.kind = Kind::lose_reply}});
    const auto second = through(*again);
    const auto replaced = second->s3->put_object(
        {.bucket = bucket, .key = "k", .conditions = {.if_match = head->etag}},
        Source(as_bytes("other")));
    ASSERT_TRUE(replaced) << what(replaced);
    EXPECT_EQ(get("k"), "other");
}

TEST_F(Faults, AConditionalWriteThatSomebodyElseWonFailed) {
    put("k", "theirs");
    const auto broken = proxy({{.kind = Kind::lose_reply}});
    const auto client = through(*broken);
    const auto put =
        client->s3->put_object({.bucket = bucket, .key = "k", .conditions = {.if_absent = true}},
                               Source(as_bytes("ours!!")));
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code(), Code::precondition_failed);
    EXPECT_EQ(get("k"), "theirs");
}

TEST_F(Faults, LostRepliesOfOtherWrites) {
    put("k", "bytes");
    const auto head = direct->s3->head_object({.bucket = bucket, .key = "k"});
    const auto lost = [&] { return proxy({{.kind = Kind::lose_reply}}); };
    {
        const auto losing = lost();
        const auto client = through(*losing);
        const auto renamed = client->s3->rename_object(
            {.bucket = bucket, .key = "there", .source_key = "k", .source_if_match = head->etag});
        EXPECT_TRUE(renamed) << what(renamed);
        EXPECT_EQ(get("there"), "bytes");
    }
    {
        const auto losing = lost();
        const auto client = through(*losing);
        const auto copied = client->s3->copy_object({.bucket = bucket,
                                                     .key = "copy",
                                                     .source_bucket = bucket,
                                                     .source_key = "there",
                                                     .conditions = {.if_absent = true}});
        EXPECT_TRUE(copied) << what(copied);
    }
    {
        const auto losing = lost();
        const auto client = through(*losing);
        const auto deleted =
            client->s3->delete_object({.bucket = bucket, .key = "copy", .if_match = head->etag});
        EXPECT_TRUE(deleted) << what(deleted);
        EXPECT_FALSE(direct->s3->head_object({.bucket = bucket, .key = "copy"}));
    }
    {
        const auto upload = direct->s3->create_upload({.bucket = bucket, .key = "parts"});
        const auto part = direct->s3->upload_part(
            {.bucket = bucket, .key = "parts", .upload_id = upload->upload_id, .part_number = 1},
            Source(as_bytes("part")));
        const auto losing = lost();
        const auto client = through(*losing);
        const auto completed = client->s3->complete_upload({.bucket = bucket,
                                                            .key = "parts",
                                                            .upload_id = upload->upload_id,
                                                            .parts = {*part},
                                                            .conditions = {.if_absent = true}});
        EXPECT_TRUE(completed) << what(completed);
        EXPECT_EQ(get("parts"), "part");
    }
}

TEST_F(Faults, RestingConnectionsThatEndedAreNoFailure) {
    // The server goes while a second request is on its way.
    FaultProxy closing(weir->endpoint().port,
                       [](unsigned) { return Fault{.kind = Kind::die_at_second}; });
    ClientLimits limits;
    limits.tries_max = 1;
    const auto client = through(closing, limits);
    for (int i = 0; i < 5; ++i) {
        const auto head = client->s3->head_bucket({.bucket = bucket});
        EXPECT_TRUE(head) << i << what(head);
    }
    EXPECT_EQ(closing.connections(), 5u);
}

TEST_F(Faults, GivesUpWhereNothingHelps) {
    FaultProxy storm(weir->endpoint().port,
                     [](unsigned) { return Fault{.kind = Kind::answer, .text = slow_down()}; });
    ClientLimits limits;
    limits.tries_max = 4;
    const auto client = through(storm, limits);
    const auto listed = client->s3->list_objects({.bucket = bucket});
    ASSERT_FALSE(listed);
    EXPECT_EQ(listed.error().code(), Code::slow_down);
    EXPECT_TRUE(listed.error().message().starts_with("SlowDown: Reduce your rate (GET s3://"))
        << listed.error().message();
    EXPECT_EQ(storm.connections(), 4u);

    // The budget is one of all calls.
    limits.retry_budget = 20;
    const auto poor = through(storm, limits);
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(poor->s3->list_objects({.bucket = bucket}));
    EXPECT_EQ(poor->s3->stats().retries, 4u);
}

TEST_F(Faults, RespectsRetryAfter) {
    const auto patient = proxy({{.kind = Kind::answer, .text = slow_down("Retry-After: 1\r\n")}});
    const auto client = through(*patient);
    const auto began = std::chrono::steady_clock::now();
    EXPECT_TRUE(client->s3->list_objects({.bucket = bucket}));
    EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(990));
    // Too late for the call: its error at once.
    const auto long_time =
        proxy({{.kind = Kind::answer, .text = slow_down("Retry-After: 9999\r\n")}});
    const auto other = through(*long_time);
    const auto listed =
        other->s3->list_objects({.bucket = bucket}, {.timeout = std::chrono::milliseconds(60'000)});
    ASSERT_FALSE(listed);
    EXPECT_EQ(listed.error().code(), Code::slow_down);
}

TEST_F(Faults, OtherRefusalsAreFinal) {
    const auto proxied = proxy({});
    const auto client = through(*proxied);
    EXPECT_FALSE(client->s3->head_object({.bucket = bucket, .key = "none"}));
    EXPECT_EQ(client->s3->stats().requests, 1u);
}

TEST_F(Faults, LyingLengths) {
    const std::string bytes = noise(1000);
    put("k", bytes);
    const auto lying = proxy(
        {{.kind = Kind::answer, .text = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort"},
         {.kind = Kind::answer,
          .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdefg\r\n"},
         {.kind = Kind::answer,
          .text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde"}});
    const auto client = through(*lying);
    std::string got_bytes;
    const auto got = client->s3->get_object({.bucket = bucket, .key = "k"},
                                            [&](std::uint64_t, std::span<const std::byte> piece) {
                                                got_bytes += as_text(piece);
                                                return Result<void>();
                                            });
    // Bytes came of something without an ETag: nobody can go on with it.
    ASSERT_FALSE(got);
    EXPECT_EQ(got_bytes, "short");
    EXPECT_EQ(got.error().code(), Code::unavailable);
    const auto head = client->s3->head_object({.bucket = bucket, .key = "k"});
    EXPECT_TRUE(head) << what(head);
}

TEST_F(Faults, StalledRepliesTimeOut) {
    put("k", noise(1'000'000));
    const auto stalling = proxy(
        {{.kind = Kind::stall_reply, .bytes = 300'000}, {.kind = Kind::stall_reply, .bytes = 0}});
    ClientLimits limits;
    limits.stall_timeout_ms = 200;
    const auto client = through(*stalling, limits);
    std::vector<std::byte> memory(1'000'000);
    const auto got =
        client->s3->get_object({.bucket = bucket, .key = "k"}, Destination{.memory = memory});
    ASSERT_TRUE(got) << what(got);
    EXPECT_EQ(as_text(memory), noise(1'000'000));

    const auto again = proxy({{.kind = Kind::stall_reply, .bytes = 0}});
    const auto other = through(*again);
    const auto timed_out = other->s3->head_object({.bucket = bucket, .key = "k"},
                                                  {.timeout = std::chrono::milliseconds(100)});
    ASSERT_FALSE(timed_out);
    EXPECT_EQ(timed_out.error().code(), Code::timeout);
}

TEST_F(Faults, AnotherThreadEndsACall) {
    const auto stalling = proxy({{.kind = Kind::stall_reply, .bytes = 0}});
    const auto client = through(*stalling);
    net::Interrupt interrupt;
    std::thread other([&] {
        while (stalling->connections() == 0) std::this_thread::yield();
        interrupt.interrupt();
    });
    const auto listed = client->s3->list_objects({.bucket = bucket}, {.interrupt = &interrupt});
    other.join();
    ASSERT_FALSE(listed);
    EXPECT_EQ(listed.error().code(), Code::cancelled);
}

TEST_F(Faults, RedirectsOfARegionAreFollowed) {
    const std::string moved =
        "HTTP/1.1 301 Moved Permanently\r\nx-amz-bucket-region: eu-west-1\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n";
    const auto redirecting = proxy({{.kind = Kind::answer, .text = moved}});
    const auto client = through(*redirecting);
    EXPECT_TRUE(client->s3->list_objects({.bucket = bucket}));
    EXPECT_EQ(client->s3->stats().requests, 2u);
    FaultProxy circle(weir->endpoint().port, [](unsigned i) {
        return Fault{
            .kind = Kind::answer,
            .text = "HTTP/1.1 307 Temporary Redirect\r\nx-amz-bucket-region: r-" +
                    std::to_string(i) +
                    "\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n"};
    });
    const auto dizzy = through(circle);
    const auto listed = dizzy->s3->list_objects({.bucket = bucket});
    ASSERT_FALSE(listed);
    EXPECT_NE(listed.error().message().find("elsewhere.example"), std::string::npos);
    EXPECT_EQ(circle.connections(), ClientLimits().redirects_max + 1);
}

TEST_F(Faults, AnErrorWithinA200IsAnError) {
    put("k", "bytes");
    const std::string error =
        "<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>m</Message></Error>";
    const std::string reply =
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(error.size()) +
        "\r\n\r\n" + error;
    const auto wrong = proxy({{.kind = Kind::answer, .text = reply}});
    const auto client = through(*wrong);
    const auto copied = client->s3->copy_object(
        {.bucket = bucket, .key = "copy", .source_bucket = bucket, .source_key = "k"});
    EXPECT_TRUE(copied) << what(copied);
    EXPECT_EQ(client->s3->stats().retries, 1u);
    EXPECT_EQ(get("copy"), "bytes");
}

}  // namespace
}  // namespace weir::client::test
