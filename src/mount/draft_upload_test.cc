// What uploads in parts leave behind, in the store and for another process, where something goes
// wrong on the way.

#include <gtest/gtest.h>

#include <thread>

#include "mount/draft_rig.h"
#include "mount/fault_proxy.h"
#include "net/interrupt.h"

namespace weir::mount {
namespace {

const std::string no_such_upload =
    "HTTP/1.1 404 Not Found\r\nContent-Length: 40\r\n\r\n"
    "<Error><Code>NoSuchUpload</Code></Error>";
const std::string no_rename = "HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n";

// Over a proxy, and a pool that can be waited for.
class DraftUploads : public DraftRig {
  protected:
    std::size_t uploads() {
        const auto listed = store.client().list_uploads({.bucket = bucket});
        EXPECT_TRUE(listed) << listed.error().describe();
        return listed ? listed->uploads.size() : 0;
    }
    bool there(const std::string& key) {
        return store.client().head_object({.bucket = bucket, .key = key}).has_value();
    }
    // Fails once, at the first request that holds the words, and counts what was sent till then.
    void fail_at(Draft& file, FaultProxy::Fault fault) {
        // The proxy's thread may still be in interrupt() when all is over here.
        const auto interrupt = std::make_shared<net::Interrupt>();
        fault.then = [interrupt] { interrupt->interrupt(); };
        proxy.set(std::move(fault));
        EXPECT_EQ(file.commit({.interrupt = interrupt.get(), .timeout = {}}).error().code(),
                  Code::cancelled);
        proxy.pass_all();
        EXPECT_TRUE(file.changed());
        sent = file.parts_sent();
    }
    void give_text(const std::string& key, const std::string& bytes,
                   const Metadata& metadata = {}) {
        const auto put = store.client().put_object({.bucket = bucket,
                                                    .key = key,
                                                    .headers = {.content_type = "text/weights",
                                                                .cache_control = "no-cache",
                                                                .metadata = metadata}},
                                                   client::Source(bytes_of(bytes)));
        ASSERT_TRUE(put) << put.error().describe();
    }
    void expect_text(const std::string& key) {
        const client::ObjectHeaders headers = store.head(bucket, key).headers;
        EXPECT_EQ(headers.content_type, "text/weights");
        EXPECT_EQ(headers.cache_control, "no-cache");
    }

    FaultProxy proxy{store.port()};
    io::BlockingPool pool{4, 64};
    std::unique_ptr<client::S3Client> client = store.client_at(proxy.port());
    client::Transfers transfers{*client, pool};
    DraftGround faulty = ground_of(*client, transfers, pool);
    std::uint64_t sent = 0;
    std::string all = noise(3 * part_bytes);
};

TEST_F(DraftUploads, HeadersOfALargeObjectStay) {
    give_text("large", noise(3 * part_bytes));
    Draft file(faulty,
               {.key = "large", .base = version("large"), .metadata = {.headers_known = false}});
    const std::uint64_t before = client->stats().requests;
    write(file, 0, all);
    while (file.parts_sent() == 0) std::this_thread::yield();
    commit(file);
    EXPECT_TRUE(store.get(bucket, "large") == all);
    expect_text("large");
    EXPECT_EQ(client->stats().requests - before, 6U) << "HEAD, create, three parts, complete";
}

TEST_F(DraftUploads, HeadersThatAreSetLaterAreCorrected) {
    Draft file(faulty, {.key = "large"});
    write(file, 0, all);
    while (file.parts_sent() == 0) std::this_thread::yield();
    file.change_metadata(
        [](DraftMetadata& metadata) { metadata.headers.content_type = "text/weights"; });
    commit(file);
    EXPECT_EQ(store.head(bucket, "large").headers.content_type, "text/weights");
    EXPECT_EQ(store.head(bucket, "large").etag, file.version()->etag);
}

TEST_F(DraftUploads, HeadersThatNobodyLookedAtAreRecovered) {
    give_text("left", noise(10'000), {{"mine", "kept"}});
    {
        Draft file(faulty,
                   {.key = "left",
                    .base = version("left"),
                    .metadata = {.attributes = {.permissions = 0640}, .headers_known = false}});
        write(file, 0, "new");
        ASSERT_TRUE(file.keep_for_recovery("why"));
    }
    const auto left = *cache->abandoned_writes();
    ASSERT_EQ(left.size(), 1U);
    auto adopted = Draft::adopt(ground, *cache->adopt_write(left[0].id));
    ASSERT_TRUE(adopted) << adopted.error().describe();
    commit(**adopted);
    expect_text("left");
    const Metadata metadata = store.head(bucket, "left").headers.metadata;
    EXPECT_TRUE(metadata.contains("mine"));
    EXPECT_EQ(metadata.at("mode"), std::to_string(0100640));
    EXPECT_EQ(store.get(bucket, "left").substr(0, 3), "new");
}

TEST_F(DraftUploads, WhatWasCompletedUnderItsOldNameIsOnlyMovedAtTheNextTry) {
    Draft file(faulty, {.key = "temporary"});
    write(file, 0, all);
    ASSERT_TRUE(file.rename({.key = "final", .replaces = {}, .move = {}, .drop = {}}));
    fail_at(file, {.words = "?renameObject"});
    EXPECT_TRUE(store.get(bucket, "temporary") == all);
    // Weir knows the uploads that it completed, others do not.
    proxy.set({.words = "uploadId=", .answer = no_such_upload});
    commit(file);
    EXPECT_EQ(file.parts_sent(), sent);
    EXPECT_TRUE(store.get(bucket, "final") == all);
    EXPECT_FALSE(there("temporary"));
    EXPECT_EQ(store.head(bucket, "final").etag, file.version()->etag);
}

TEST_F(DraftUploads, AMoveWhoseReplyWasLostIsFound) {
    Draft file(faulty, {.key = "temporary"});
    write(file, 0, all);
    ASSERT_TRUE(file.rename({.key = "final", .replaces = {}, .move = {}, .drop = {}}));
    fail_at(file, {.words = "?renameObject", .done = true});
    commit(file);
    EXPECT_EQ(file.parts_sent(), sent);
    EXPECT_TRUE(store.get(bucket, "final") == all);
    EXPECT_FALSE(there("temporary"));
    write(file, 0, "x");
    commit(file);
    EXPECT_EQ(store.get(bucket, "final").substr(0, 1), "x");
}

TEST_F(DraftUploads, ACopyWhoseReplyWasLostIsFound) {
    Draft file(faulty, {.key = "temporary"});
    write(file, 0, all);
    ASSERT_TRUE(file.rename({.key = "final", .replaces = {}, .move = {}, .drop = {}}));
    const auto interrupt = std::make_shared<net::Interrupt>();
    proxy.set({.words = "?renameObject", .answer = no_rename, .then = [&, interrupt] {
                   proxy.set({.words = "x-amz-copy-source", .done = true, .then = [&, interrupt] {
                                  interrupt->interrupt();
                              }});
               }});
    EXPECT_FALSE(file.commit({.interrupt = interrupt.get(), .timeout = {}}));
    proxy.set({.words = "?renameObject", .answer = no_rename});
    sent = file.parts_sent();
    commit(file);
    EXPECT_EQ(file.parts_sent(), sent);
    EXPECT_TRUE(store.get(bucket, "final") == all);
    EXPECT_FALSE(there("temporary"));
    EXPECT_EQ(store.head(bucket, "final").etag, file.version()->etag);
}

TEST_F(DraftUploads, WhatChangedSinceItWasCompletedIsSentAgain) {
    Draft file(faulty, {.key = "temporary"});
    write(file, 0, all);
    ASSERT_TRUE(file.rename({.key = "final", .replaces = {}, .move = {}, .drop = {}}));
    fail_at(file, {.words = "?renameObject"});
    ASSERT_TRUE(file.truncate(2 * part_bytes));
    all.resize(2 * part_bytes);
    commit(file);
    pool.stop();
    EXPECT_TRUE(store.get(bucket, "final") == all);
    EXPECT_FALSE(there("temporary"));
    EXPECT_EQ(uploads(), 0U);
}

TEST_F(DraftUploads, ItsOldNameMayBeItsNameAgain) {
    Draft file(faulty, {.key = "temporary"});
    write(file, 0, all);
    ASSERT_TRUE(file.rename({.key = "final", .replaces = {}, .move = {}, .drop = {}}));
    fail_at(file, {.words = "?renameObject"});
    ASSERT_TRUE(file.rename({.key = "temporary", .replaces = {}, .move = {}, .drop = {}}));
    commit(file);
    EXPECT_EQ(file.parts_sent(), sent);
    EXPECT_TRUE(store.get(bucket, "temporary") == all);
    EXPECT_FALSE(there("final"));
}

TEST_F(DraftUploads, WhatHasItsOldNameAgainIsWrittenOn) {
    Draft file(faulty, {.key = "temporary"});
    write(file, 0, all);
    ASSERT_TRUE(file.rename({.key = "final", .replaces = {}, .move = {}, .drop = {}}));
    fail_at(file, {.words = "?renameObject"});
    ASSERT_TRUE(file.rename({.key = "temporary", .replaces = {}, .move = {}, .drop = {}}));
    write(file, 7, "x");
    all[7] = 'x';
    commit(file);
    pool.stop();
    EXPECT_TRUE(store.get(bucket, "temporary") == all);
    EXPECT_FALSE(there("final"));
}

TEST_F(DraftUploads, WhatWasCutShorterSinceItMayHaveBeenCompletedIsSentAgain) {
    Draft file(faulty, {.key = "temporary"});
    write(file, 0, all);
    ASSERT_TRUE(file.rename({.key = "final", .replaces = {}, .move = {}, .drop = {}}));
    fail_at(file, {.words = "<CompleteMultipartUpload", .done = true});
    ASSERT_TRUE(file.truncate(2 * part_bytes));
    all.resize(2 * part_bytes);
    commit(file);
    EXPECT_TRUE(store.get(bucket, "final") == all);
}

TEST_F(DraftUploads, ItsOldNameMayBeSomebodyElsesBeforeItIsMoved) {
    Draft file(faulty, {.key = "temporary"});
    write(file, 0, all);
    ASSERT_TRUE(file.rename({.key = "final", .replaces = {}, .move = {}, .drop = {}}));
    fail_at(file, {.words = "?renameObject"});
    store.put(bucket, "temporary", "somebody");
    commit(file);
    pool.stop();
    EXPECT_TRUE(store.get(bucket, "final") == all);
    EXPECT_EQ(store.get(bucket, "temporary"), "somebody");
}

TEST_F(DraftUploads, WhatCannotBeMovedIsTakenAway) {
    Draft file(faulty, {.key = "temporary"});
    write(file, 0, all);
    ASSERT_TRUE(file.rename({.key = "final", .replaces = {}, .move = {}, .drop = {}}));
    store.put(bucket, "final", "somebody");
    EXPECT_EQ(file.commit().error().code(), Code::stale);
    pool.stop();
    EXPECT_FALSE(there("temporary"));
    EXPECT_EQ(store.get(bucket, "final"), "somebody");
    EXPECT_TRUE(read(file, 0, all.size()) == all);
    EXPECT_EQ(uploads(), 0U);
}

TEST_F(DraftUploads, WhatIsRemovedBeforeItIsMovedIsTakenAway) {
    Draft file(faulty, {.key = "temporary"});
    write(file, 0, all);
    ASSERT_TRUE(file.rename({.key = "final", .replaces = {}, .move = {}, .drop = {}}));
    fail_at(file, {.words = "?renameObject"});
    ASSERT_TRUE(file.discard([](bool) { return Result<void>(); }));
    pool.stop();
    EXPECT_FALSE(there("temporary"));
}

TEST_F(DraftUploads, AFileThatIsGivenUpLeavesNoUpload) {
    {
        Draft file(faulty, {.key = "large"});
        write(file, 0, all);
        while (file.parts_sent() == 0) std::this_thread::yield();
        EXPECT_EQ(uploads(), 1U);
        store.put(bucket, "large", "somebody's");
        EXPECT_EQ(file.commit().error().code(), Code::stale);
        ASSERT_TRUE(file.keep_for_recovery("why"));
        sent = file.parts_sent();
        EXPECT_EQ(file.commit().error().code(), Code::stale);
        EXPECT_EQ(file.parts_sent(), sent) << "while it is tried again nothing is sent twice";
    }
    pool.stop();
    EXPECT_EQ(uploads(), 0U);
    EXPECT_EQ(cache->abandoned_writes()->size(), 1U);
}

TEST_F(DraftUploads, WhatWasAppendedAndCutOffAgainLeavesNoUpload) {
    store.put(bucket, "large", all);
    Draft file(faulty, {.key = "large", .base = version("large")});
    write(file, all.size(), noise(2 * part_bytes));
    while (file.parts_sent() == 0) std::this_thread::yield();
    ASSERT_TRUE(file.truncate(all.size()));
    file.change_metadata([](DraftMetadata& metadata) { metadata.attributes.permissions = 0600; });
    commit(file);
    pool.stop();
    EXPECT_EQ(uploads(), 0U);
    EXPECT_TRUE(store.get(bucket, "large") == all);
}

}  // namespace
}  // namespace weir::mount
