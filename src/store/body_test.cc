#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/bytes.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/store_rig.h"

namespace weir::store {
namespace {

class Bodies : public StoreTest {
  protected:
    void SetUp() override { bucket = rig.bucket(); }
    Bucket bucket;
};
INSTANTIATE_TEST_SUITE_P(, Bodies, ::testing::Values(Rig::Kind::memory, Rig::Kind::embedded),
                         kind_name);

TEST_P(Bodies, AreNothingARowOrABlobBySize) {
    const std::size_t inline_max = rig.context().limits.inline_object_bytes_max;
    struct Case {
        std::size_t size;
        meta::BodyKind kind;
    };
    for (const Case& c :
         {Case{0, meta::BODY_EMPTY}, Case{1, meta::BODY_INLINE},
          Case{inline_max, meta::BODY_INLINE}, Case{inline_max + 1, meta::BODY_EXTENTS},
          Case{3 * MiB + 17, meta::BODY_EXTENTS}}) {
        const std::string bytes = content(c.size, c.size);
        const meta::ObjectRecord record = must(rig.put(bucket, "k", bytes));
        EXPECT_EQ(record.body(), c.kind);
        EXPECT_EQ(record.size_bytes(), c.size);
        EXPECT_EQ(record.etag(), md5_hex(bytes));
        EXPECT_TRUE(must(rig.get(bucket, "k")) == bytes);
        rig.expect_all_readable(bucket);
        must(rig.reclaim());
        EXPECT_EQ(rig.all_blobs().size(), c.kind == meta::BODY_EXTENTS ? 1u : 0u);
        EXPECT_EQ(rig.rows(bucket.partition, kv::bulk_prefix).size(),
                  c.kind == meta::BODY_INLINE ? 1u : 0u);
    }
}

TEST_P(Bodies, GrowFromARowIntoABlobWhileTheyCome) {
    const std::string bytes = content(1, 100'000);
    BodyWriter writer = rig.store().begin_body(bucket, std::nullopt, {});
    for (std::size_t at = 0; at < bytes.size(); at += 7'000)
        must(writer.write(as_bytes(std::string_view(bytes).substr(at, 7'000))));
    StoredBody stored = must(writer.finish());
    must(rig.store().put(
        bucket, {.key = "k", .headers = {}, .etag = "e", .checksums = {}, .precondition = {}},
        std::move(stored)));
    EXPECT_TRUE(must(rig.get(bucket, "k")) == bytes);
}

TEST_P(Bodies, ThatAreDroppedOrTooShortLeaveNothing) {
    const std::string bytes = content(1, 100'000);
    {
        BodyWriter dropped = rig.store().begin_body(bucket, std::nullopt, {});
        must(dropped.write(as_bytes(bytes)));
        EXPECT_EQ(rig.all_blobs().size(), 1u);
    }
    {
        BodyWriter writer = rig.store().begin_body(bucket, bytes.size() + 1, {});
        must(writer.write(as_bytes(bytes)));
        EXPECT_EQ(code_of(writer.finish()), Code::incomplete_body);
    }
    {
        BodyWriter writer = rig.store().begin_body(bucket, bytes.size(), {});
        must(writer.write(as_bytes(bytes)));
        const StoredBody stored = must(writer.finish());
        EXPECT_EQ(rig.all_blobs().size(), 1u);
    }
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_EQ(rig.store().in_flight().low_water(), rig.blobs().next_sequence());
}

TEST_P(Bodies, KeepAChecksumForEveryBlock) {
    const std::string bytes = content(1, 2 * MiB + 12'345);
    const meta::ObjectRecord record = must(rig.put(bucket, "k", bytes));
    const std::vector<kv::Row> rows = rig.rows(bucket.partition, meta::checksum_prefix);
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].key, meta::checksum_row(record.extents(0).blob(), 0));
    const meta::BlockChecksums blocks = must(meta::decode<meta::BlockChecksums>(rows[0].value));
    EXPECT_EQ(blocks.length(), bytes.size());
    ASSERT_EQ(blocks.crc64nvme_size(), 3);
    for (int i = 0; i < 3; ++i) {
        std::string crc;
        append_be64(crc, blocks.crc64nvme(i));
        EXPECT_EQ(crc, hash::digest(hash::Algorithm::crc64nvme,
                                    as_bytes(std::string_view(bytes).substr(
                                        static_cast<std::size_t>(i) * MiB, MiB))));
    }
}

TEST_P(Bodies, GiveRangesAcrossManyExtents) {
    const std::uint64_t seed = test_seed();
    std::mt19937_64 random(seed);
    std::string whole;
    const std::string upload = must(rig.create_upload(bucket, "k"));
    for (std::uint32_t number = 1; number <= 12; ++number) {
        const std::string bytes = content(random(), part_bytes_min + random() % 1000);
        must(rig.put_part(bucket, {.key = "k", .upload_id = upload, .part_number = number}, bytes));
        whole += bytes;
    }
    const meta::ObjectRecord record = must(rig.complete(bucket, "k", upload));
    EXPECT_EQ(record.body(), meta::BODY_TABLE);
    for (int i = 0; i < 100; ++i) {
        const std::uint64_t offset = random() % whole.size();
        const std::uint64_t length = random() % (whole.size() - offset + 1);
        ASSERT_TRUE(must(rig.body(bucket, "k", record, offset, length)) ==
                    whole.substr(offset, length));
    }
    const meta::ObjectRecord small = must(rig.put(bucket, "small", "0123456789"));
    EXPECT_EQ(must(rig.body(bucket, "small", small, 2, 3)), "234");
    EXPECT_EQ(must(rig.body(bucket, "small", small, 10, 0)), "");
}

TEST_P(Bodies, ThatWereReplacedWhileTheyWereReadAreAConflict) {
    for (const std::size_t size : {std::size_t(100), std::size_t(100'000)}) {
        const meta::ObjectRecord old = must(rig.put(bucket, "k", content(1, size)));
        must(rig.put(bucket, "k", content(2, size)));
        must(rig.reclaim());
        EXPECT_EQ(code_of(rig.body(bucket, "k", old)), Code::conflict);
    }
}

TEST_P(Bodies, WithoutWaitingComeFromMemoryOrNotAtAll) {
    const std::string bytes = content(1, 100'000);
    must(rig.put(bucket, "k", bytes));
    must(rig.get(bucket, "k"));
    const Result<Found> found = rig.store().find(bucket, "k", std::nullopt, Wait::no);
    ASSERT_TRUE(found) << found.error().describe();
    const Result<Body> body =
        rig.store().open_body(bucket, "k", found->record, 0, bytes.size(), Wait::no);
    ASSERT_TRUE(body) << body.error().describe();
    EXPECT_EQ(body->pieces.size(), 1u);
}

TEST(BodiesInMemory, WouldBlockIsToldAndNotMistakenForAbsence) {
    Rig rig(Rig::Kind::memory, {.would_block_percent = 100});
    const Bucket bucket = rig.bucket();
    const meta::ObjectRecord record = must(rig.put(bucket, "k", "inline"));
    EXPECT_EQ(code_of(rig.store().find(bucket, "k", std::nullopt, Wait::no)), Code::would_block);
    EXPECT_EQ(code_of(rig.store().find_bucket("weights", Wait::no)), Code::would_block);
    EXPECT_EQ(code_of(rig.store().open_body(bucket, "k", record, 0, 6, Wait::no)),
              Code::would_block);
}

}  // namespace
}  // namespace weir::store
