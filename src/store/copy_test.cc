#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "base/bytes.h"
#include "meta/keys.h"
#include "meta/version.h"
#include "store/store_rig.h"

namespace weir::store {
namespace {

class Copies : public StoreTest {
  protected:
    void SetUp() override { bucket = rig.bucket(); }
    Result<meta::ObjectRecord> rename(const std::string& from, const std::string& to) {
        return rig.store().rename(
            bucket, {.source_key = from, .key = to, .source_precondition = {}, .precondition = {}});
    }
    PartCopyRequest part_copy(const std::string& upload, std::uint32_t number,
                              const std::string& source, std::optional<ByteRange> range) {
        PartCopyRequest request;
        request.part = {.key = "target", .upload_id = upload, .part_number = number};
        request.source_bucket = &bucket;
        request.source_key = source;
        request.range = [range](std::uint64_t) -> Result<std::optional<ByteRange>> {
            return range;
        };
        return request;
    }
    std::size_t references() { return rig.rows(bucket.partition, meta::reference_prefix).size(); }

    Bucket bucket;
    const std::string bytes = content(7, 300'000);
};
INSTANTIATE_TEST_SUITE_P(, Copies, ::testing::Values(Rig::Kind::memory, Rig::Kind::embedded),
                         kind_name);

TEST_P(Copies, ShareTheBlobAndEitherMayGoFirst) {
    for (const bool source_first : {true, false}) {
        must(rig.put(bucket, "source", bytes));
        must(rig.copy(bucket, "source", bucket, "copy"));
        EXPECT_EQ(rig.all_blobs().size(), 1u);
        must(rig.remove(bucket, source_first ? "source" : "copy"));
        must(rig.reclaim());
        EXPECT_EQ(rig.all_blobs().size(), 1u);
        EXPECT_TRUE(must(rig.get(bucket, source_first ? "copy" : "source")) == bytes);
        must(rig.remove(bucket, source_first ? "copy" : "source"));
        must(rig.reclaim());
        EXPECT_TRUE(rig.all_blobs().empty());
        EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
    }
}

// Each round is made of the last one twice over, its end in pieces of one byte.
TEST_P(Copies, OfPartsOfPartsDoNotFallApart) {
    std::string expected = content(3, part_bytes_min) + "x";
    const std::string first = must(rig.create_upload(bucket, "target"));
    must(rig.put_part(bucket, {.key = "target", .upload_id = first, .part_number = 1},
                      expected.substr(0, part_bytes_min)));
    must(rig.put_part(bucket, {.key = "target", .upload_id = first, .part_number = 2}, "x"));
    must(rig.complete(bucket, "target", first));
    const int extents_max = 2 * static_cast<int>(Limits{}.extents_per_part_max);
    for (int round = 0; round < 7; ++round) {
        const std::string upload = must(rig.create_upload(bucket, "target"));
        const ByteRange tail{.offset = part_bytes_min, .length = expected.size() - part_bytes_min};
        meta::ObjectRecord source;
        must(rig.store().copy_part(bucket, part_copy(upload, 1, "target", std::nullopt), &source));
        must(rig.store().copy_part(bucket, part_copy(upload, 2, "target", tail), &source));
        const meta::ObjectRecord record = must(rig.complete(bucket, "target", upload));
        expected += expected.substr(part_bytes_min);
        const bool tabled = record.body() == meta::BODY_TABLE;
        EXPECT_LE(tabled ? must(rig.store().part_table(bucket, "target", record)).extents_size()
                         : record.extents_size(),
                  extents_max);
        ASSERT_TRUE(must(rig.get(bucket, "target")) == expected) << round;
        must(rig.reclaim());
    }
    rig.expect_all_readable(bucket);
    must(rig.remove(bucket, "target"));
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
}

TEST_P(Copies, OntoThemselvesKeepTheirBytes) {
    must(rig.put(bucket, "k", bytes));
    must(rig.copy(bucket, "k", bucket, "k"));
    must(rig.copy(bucket, "k", bucket, "k"));
    must(rig.reclaim());
    EXPECT_TRUE(must(rig.get(bucket, "k")) == bytes);
    EXPECT_EQ(references(), 1u);
    must(rig.remove(bucket, "k"));
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
}

TEST_P(Copies, AcrossBucketsOutliveTheBucketTheyCameFrom) {
    const Bucket second = rig.bucket("second"), third = rig.bucket("third");
    must(rig.put(bucket, "k", bytes));
    must(rig.put(bucket, "small", "inline"));
    must(rig.copy(bucket, "k", second, "k"));
    must(rig.copy(bucket, "small", second, "small"));
    must(rig.remove(bucket, "k"));
    must(rig.remove(bucket, "small"));
    must(rig.store().delete_bucket(bucket.name));
    must(rig.reclaim());
    EXPECT_TRUE(must(rig.get(second, "k")) == bytes);
    EXPECT_EQ(must(rig.get(second, "small")), "inline");
    // A copy of a copy, whose blob is told about in a bucket that is gone.
    must(rig.copy(second, "k", third, "k"));
    must(rig.remove(second, "k"));
    must(rig.reclaim());
    EXPECT_TRUE(must(rig.get(third, "k")) == bytes);
    must(rig.remove(third, "k"));
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_TRUE(rig.rows(meta::system_partition, meta::drain_prefix).empty());
    EXPECT_EQ(code_of(rig.kv().get(bucket.partition, meta::fence_row)), Code::not_found);
}

TEST_P(Copies, ThatAreRefusedLeaveTheSourceAndNothingElse) {
    const Bucket second = rig.bucket("second");
    must(rig.put(bucket, "k", bytes));
    must(rig.copy(bucket, "k", second, "k"));
    const std::array<const Bucket*, 2> either{&bucket, &second};
    for (const Bucket* to : either) {
        for (const Bucket* from : either) {
            CopyRequest request;
            request.source_bucket = from;
            request.source_key = "k";
            request.key = "refused";
            // The source goes while the copy is on its way, and then the copy is refused.
            request.precondition = [](const meta::ObjectRecord*) -> Result<void> {
                return fail(Code::precondition_failed);
            };
            EXPECT_EQ(code_of(rig.store().copy(*to, request)), Code::precondition_failed);
        }
    }
    CopyRequest request;
    request.source_bucket = &bucket;
    request.source_key = "k";
    request.key = "refused";
    request.precondition = [this, &second](const meta::ObjectRecord*) -> Result<void> {
        must(rig.remove(bucket, "k"));
        must(rig.remove(second, "k"));
        must(rig.reclaim());
        return fail(Code::precondition_failed);
    };
    EXPECT_EQ(code_of(rig.store().copy(second, request)), Code::precondition_failed);
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
    EXPECT_THAT(rig.rows_left(second.partition), ::testing::IsEmpty());
}

TEST_P(Copies, OfACopyInAnotherBucketNoticeThatTheSourceWent) {
    const Bucket second = rig.bucket("second");
    must(rig.put(bucket, "k", bytes));
    must(rig.copy(bucket, "k", second, "k"));
    must(rig.remove(bucket, "k"));
    CopyRequest request;
    request.source_bucket = &second;
    request.source_key = "k";
    request.key = "new";
    int calls = 0;
    // Between the look at the source and the note that it is shared.
    request.source_precondition = [&](const meta::ObjectRecord*) -> Result<void> {
        if (++calls > 1) return {};
        must(rig.remove(second, "k"));
        return rig.reclaim();
    };
    EXPECT_EQ(code_of(rig.store().copy(second, request)), Code::no_such_key);
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
}

TEST_P(Copies, CarryANewChecksumWhenAsked) {
    must(rig.put(bucket, "k", bytes));
    must(rig.put(bucket, "small", "inline"));
    for (const std::string key : {"k", "small"}) {
        CopyRequest request;
        request.source_bucket = &bucket;
        request.source_key = key;
        request.key = key + "2";
        request.checksum_algorithm = hash::Algorithm::sha256;
        const meta::ObjectRecord record = must(rig.store().copy(bucket, request)).record;
        ASSERT_EQ(record.checksums_size(), 1);
        EXPECT_EQ(record.checksums(0).value(),
                  hash::digest(hash::Algorithm::sha256, as_bytes(must(rig.get(bucket, key)))));
    }
}

TEST_P(Copies, RenamesMoveTheBytesAndReplaceTheTarget) {
    must(rig.put(bucket, "a", bytes));
    must(rig.put(bucket, "b", content(8, 100'000)));
    must(rig.put(bucket, "small", "inline"));
    must(rename("a", "b"));
    must(rename("small", "other"));
    EXPECT_EQ(code_of(rig.get(bucket, "a")), Code::no_such_key);
    EXPECT_TRUE(must(rig.get(bucket, "b")) == bytes);
    EXPECT_EQ(must(rig.get(bucket, "other")), "inline");
    EXPECT_EQ(references(), 0u);
    must(rig.reclaim());
    EXPECT_EQ(rig.all_blobs().size(), 1u);
    EXPECT_EQ(code_of(rename("none", "x")), Code::no_such_key);
    EXPECT_EQ(code_of(rename("b", "b")), Code::invalid_request);
    must(rig.remove(bucket, "b"));
    must(rig.remove(bucket, "other"));
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
}

TEST_P(Copies, RenamesInVersionedBucketsLeaveTheOldVersionBehindAMarker) {
    must(rig.store().set_versioning(bucket, meta::VERSIONING_ENABLED));
    const meta::ObjectRecord old = must(rig.put(bucket, "a", bytes));
    must(rename("a", "b"));
    EXPECT_EQ(code_of(rig.get(bucket, "a")), Code::no_such_key);
    EXPECT_TRUE(must(rig.get(bucket, "a", meta::parse_version_id(meta::version_id(old)))) == bytes);
    EXPECT_TRUE(must(rig.get(bucket, "b")) == bytes);
}

TEST_P(Copies, PartsOfRangesMakeAnObjectThatOutlivesItsSources) {
    const std::string big = content(3, 11 * MiB);
    must(rig.put(bucket, "big", big));
    must(rig.put(bucket, "small", "0123456789"));
    const std::string upload = must(rig.create_upload(bucket, "target"));
    meta::ObjectRecord source;
    const meta::PartRecord first = must(rig.store().copy_part(
        bucket, part_copy(upload, 1, "big", ByteRange{1'000'000, 5 * MiB}), &source));
    EXPECT_EQ(first.etag(), md5_hex(std::string_view(big).substr(1'000'000, 5 * MiB)));
    EXPECT_EQ(source.size_bytes(), big.size());
    const meta::PartRecord second =
        must(rig.store().copy_part(bucket, part_copy(upload, 2, "big", std::nullopt), &source));
    EXPECT_EQ(second.etag(), md5_hex(big));
    const meta::PartRecord third = must(
        rig.store().copy_part(bucket, part_copy(upload, 3, "small", ByteRange{2, 5}), &source));
    EXPECT_EQ(third.etag(), md5_hex("23456"));
    // Again, and from nothing.
    must(rig.store().copy_part(bucket, part_copy(upload, 2, "big", std::nullopt), &source));
    EXPECT_EQ(
        code_of(rig.store().copy_part(bucket, part_copy(upload, 4, "none", std::nullopt), &source)),
        Code::no_such_key);
    EXPECT_EQ(
        code_of(rig.store().copy_part(bucket, part_copy("none", 4, "big", std::nullopt), &source)),
        Code::no_such_upload);
    must(rig.complete(bucket, "target", upload));
    must(rig.remove(bucket, "big"));
    must(rig.remove(bucket, "small"));
    must(rig.reclaim());
    EXPECT_TRUE(must(rig.get(bucket, "target")) == big.substr(1'000'000, 5 * MiB) + big + "23456");
    rig.expect_all_readable(bucket);
    must(rig.remove(bucket, "target"));
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
}

}  // namespace
}  // namespace weir::store
