#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "base/bytes.h"
#include "kv/forwarding_engine.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/store_rig.h"

namespace weir::store {
namespace {

constexpr std::size_t part_bytes = 5 * MiB;

class Multipart : public StoreTest {
  protected:
    PartId part(std::uint32_t number) const {
        return {.key = "model", .upload_id = upload, .part_number = number};
    }
    void SetUp() override {
        bucket = rig.bucket();
        upload = must(rig.create_upload(bucket, "model"));
    }
    // What is left after the bucket was emptied is a leak.
    void expect_nothing_left_after_removal() {
        must(rig.remove(bucket, "model"));
        must(rig.reclaim());
        EXPECT_TRUE(rig.all_blobs().empty());
        EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
    }
    // Parts below the minimum would be refused, so only the rows are made by hand: each part lies
    // in `pieces` blobs, of which there are none.
    void put_rows_of_parts(std::uint32_t count, std::uint32_t pieces) {
        must(rig.put_part(bucket, part(1), content(1, 64)));
        const kv::Row first = rig.rows(bucket.partition, meta::part_prefix).front();
        const meta::PartRecord written = must(meta::decode<meta::PartRecord>(first.value));
        must(rig.blobs().remove(*blob::BlobId::decode(written.extents(0).blob())));
        kv::Batch batch;
        batch.remove(rig.rows(bucket.partition, meta::checksum_prefix).front().key);
        std::uint64_t sequence = 1'000'000;
        for (std::uint32_t number = 1; number <= count; ++number) {
            meta::PartRecord record = written;
            record.set_size_bytes(part_bytes_min);
            record.clear_extents();
            for (std::uint32_t piece = 0; piece < pieces; ++piece) {
                meta::Extent& extent = *record.add_extents();
                extent = written.extents(0);
                std::string id = extent.blob().substr(0, 8);
                append_be64(id, ++sequence);
                extent.set_blob(id);
                extent.set_length(part_bytes_min / pieces);
            }
            batch.put(meta::part_row(upload, number), meta::encode(record));
        }
        must(kv::commit_and_wait(rig.kv(), bucket.partition, std::move(batch)));
    }
    std::string parts_etag(const std::vector<std::string>& parts) {
        std::string digests;
        for (const std::string& bytes : parts)
            digests += hash::digest(hash::Algorithm::md5, as_bytes(bytes));
        return md5_hex(digests) + "-" + std::to_string(parts.size());
    }

    Bucket bucket;
    std::string upload;
};
INSTANTIATE_TEST_SUITE_P(, Multipart, ::testing::Values(Rig::Kind::memory, Rig::Kind::embedded),
                         kind_name);

TEST_P(Multipart, IsOneFileOfTheObjectsSizeInWhateverOrderThePartsCome) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < 5; ++i)
        parts.push_back(content(i, i + 1 < 5 ? part_bytes : 777'777));
    std::string whole;
    for (const std::string& bytes : parts) whole += bytes;
    const std::vector<std::vector<std::uint32_t>> orders{
        {1, 2, 3, 4, 5}, {4, 3, 2, 1, 5}, {3, 1, 5, 4, 2}};
    for (const auto& order : orders) {
        upload = must(rig.create_upload(bucket, "model"));
        for (const std::uint32_t number : order)
            must(rig.put_part(bucket, part(number), parts[number - 1]));
        const meta::ObjectRecord record = must(rig.complete(bucket, "model", upload));
        EXPECT_EQ(record.etag(), parts_etag(parts));
        EXPECT_EQ(record.extents_size(), 1);
        EXPECT_TRUE(must(rig.get(bucket, "model")) == whole);
        must(rig.reclaim());
        const std::vector<blob::BlobInfo> blobs = rig.all_blobs();
        ASSERT_EQ(blobs.size(), 1u);
        EXPECT_EQ(blobs[0].size_bytes, whole.size());
        EXPECT_EQ(rig.store().shared_blobs_open(), 0u);
    }
    must(rig.store().abort_upload(bucket, "model", must(rig.create_upload(bucket, "model"))));
    const meta::PartTable table = must(rig.store().part_table(
        bucket, "model", must(rig.store().find(bucket, "model", std::nullopt)).record));
    EXPECT_EQ(table.parts_size(), 5);
    rig.expect_all_readable(bucket);
    const std::string first_upload =
        must(rig.store().list_uploads(bucket, {})).uploads[0].upload_id;
    must(rig.store().abort_upload(bucket, "model", first_upload));
    expect_nothing_left_after_removal();
}

TEST_P(Multipart, TheShortLastPartFirstTakesABlobOfItsOwn) {
    const std::string last = content(9, 1000), big = content(1, part_bytes);
    must(rig.put_part(bucket, part(3), last));
    must(rig.put_part(bucket, part(2), big));
    must(rig.put_part(bucket, part(1), big));
    must(rig.complete(bucket, "model", upload));
    EXPECT_TRUE(must(rig.get(bucket, "model")) == big + big + last);
    expect_nothing_left_after_removal();
}

TEST_P(Multipart, AShortLastPartOfWholeMebibytesFirstDoesNotSpoilTheStride) {
    const std::string last = content(9, 2 * MiB), big = content(1, part_bytes);
    must(rig.put_part(bucket, part(3), last));
    must(rig.put_part(bucket, part(1), big));
    must(rig.put_part(bucket, part(2), big));
    const meta::ObjectRecord record = must(rig.complete(bucket, "model", upload));
    EXPECT_TRUE(must(rig.get(bucket, "model")) == big + big + last);
    EXPECT_EQ(record.extents_size(), 2);
    expect_nothing_left_after_removal();
}

TEST_P(Multipart, GapsAndPartsThatAreNotNamedCostNothing) {
    const std::string a = content(1, part_bytes), b = content(2, part_bytes),
                      c = content(3, part_bytes);
    must(rig.put_part(bucket, part(2), a));
    must(rig.put_part(bucket, part(4), b));
    must(rig.put_part(bucket, part(9), c));
    must(rig.complete(bucket, "model", upload, {2, 9}));
    EXPECT_TRUE(must(rig.get(bucket, "model")) == a + c);
    must(rig.reclaim());
    rig.expect_all_readable(bucket);
    expect_nothing_left_after_removal();
}

TEST_P(Multipart, APartThatWasSentAgainCounts) {
    const std::string a = content(1, part_bytes), b = content(2, part_bytes),
                      again = content(3, part_bytes);
    must(rig.put_part(bucket, part(1), a));
    must(rig.put_part(bucket, part(2), b));
    must(rig.put_part(bucket, part(1), again));
    must(rig.reclaim());
    must(rig.complete(bucket, "model", upload));
    EXPECT_TRUE(must(rig.get(bucket, "model")) == again + b);
    must(rig.reclaim());
    EXPECT_TRUE(must(rig.get(bucket, "model")) == again + b);
    expect_nothing_left_after_removal();
}

TEST_P(Multipart, APartSentManyTimesAtOnceIsOneOfThem) {
    std::vector<std::string> candidates;
    for (std::uint64_t i = 0; i < 4; ++i) candidates.push_back(content(i, part_bytes));
    {
        std::vector<std::jthread> senders;
        for (const std::string& bytes : candidates) {
            senders.emplace_back(
                [this, &bytes] { EXPECT_TRUE(rig.put_part(bucket, part(1), bytes)); });
        }
    }
    const meta::ObjectRecord record = must(rig.complete(bucket, "model", upload));
    const std::string got = must(rig.get(bucket, "model"));
    EXPECT_THAT(candidates, ::testing::Contains(got));
    EXPECT_EQ(record.etag(), parts_etag({got}));
    must(rig.reclaim());
    rig.expect_all_readable(bucket);
    EXPECT_EQ(rig.all_blobs().size(), 1u);
    expect_nothing_left_after_removal();
}

TEST_P(Multipart, AReuploadThatDiesMidwayLeavesThePartAsItWas) {
    const std::string a = content(1, part_bytes);
    must(rig.put_part(bucket, part(1), a));
    {
        BodyWriter dying = must(rig.store().begin_part(bucket, part(1), part_bytes, {}));
        must(dying.write(as_bytes(std::string_view(a).substr(0, MiB))));
    }
    {
        BodyWriter dying = must(rig.store().begin_part(bucket, part(2), part_bytes, {}));
        must(dying.write(as_bytes(std::string_view(a).substr(0, MiB))));
        EXPECT_EQ(code_of(dying.finish()), Code::incomplete_body);
    }
    must(rig.complete(bucket, "model", upload));
    EXPECT_TRUE(must(rig.get(bucket, "model")) == a);
    expect_nothing_left_after_removal();
}

TEST_P(Multipart, APartThatArrivesAfterTheEndIsRefusedAndHarmsNothing) {
    const std::string a = content(1, part_bytes), b = content(2, part_bytes);
    must(rig.put_part(bucket, part(1), a));
    BodyWriter late = must(rig.store().begin_part(bucket, part(2), part_bytes, {}));
    must(late.write(as_bytes(std::string_view(b).substr(0, MiB))));
    BodyWriter written = must(rig.store().begin_part(bucket, part(3), part_bytes, {}));
    must(written.write(as_bytes(b)));
    StoredBody stored = must(written.finish());
    must(rig.complete(bucket, "model", upload));
    EXPECT_EQ(code_of(late.write(as_bytes(std::string_view(b).substr(MiB)))), Code::no_such_upload);
    EXPECT_EQ(code_of(rig.store().put_part(bucket, part(3), "etag", {}, std::move(stored))),
              Code::no_such_upload);
    EXPECT_TRUE(must(rig.get(bucket, "model")) == a);
    EXPECT_EQ(rig.all_blobs().front().size_bytes, a.size());
    expect_nothing_left_after_removal();
}

TEST_P(Multipart, MakingRoomForOtherUploadsLosesNoPartOnItsWay) {
    const std::string a = content(1, part_bytes);
    BodyWriter writer =
        must(rig.store().begin_part(bucket, part(1), part_bytes, {hash::Algorithm::md5}));
    must(writer.write(as_bytes(a)));
    std::optional<StoredBody> stored;
    {
        BodyWriter done = std::move(writer);
        stored = must(done.finish());
    }
    const PartId other_part{.key = "other", .upload_id = "", .part_number = 1};
    for (std::size_t i = 0; i < SharedBlobs::uploads_max; ++i) {
        PartId other = other_part;
        other.upload_id = must(rig.create_upload(bucket, "other"));
        must(rig.store().begin_part(bucket, other, part_bytes, {}));
        if (i % 64 == 0) rig.clock().advance(std::chrono::seconds(1));
    }
    must(rig.store().put_part(bucket, part(1), md5_hex(a), {}, *std::move(stored)));
    must(rig.complete(bucket, "model", upload));
    EXPECT_TRUE(must(rig.get(bucket, "model")) == a);
}

TEST_P(Multipart, CompleteMayBeRepeated) {
    const std::string a = content(1, 100);
    must(rig.put_part(bucket, part(1), a));
    CompleteRequest request;
    request.key = "model";
    request.upload_id = upload;
    request.parts.push_back({1, md5_hex(a), {}});
    const meta::ObjectRecord first = must(rig.store().complete_upload(bucket, request));
    const meta::ObjectRecord again = must(rig.store().complete_upload(bucket, request));
    EXPECT_EQ(first.etag(), again.etag());
    EXPECT_EQ(must(rig.store().list_versions(bucket, {})).versions.size(), 1u);
    must(rig.put(bucket, "model", "something else"));
    EXPECT_EQ(code_of(rig.store().complete_upload(bucket, request)), Code::no_such_upload);
    expect_nothing_left_after_removal();
}

// Runs `meddle` once, just before the nth look at an upload's row or, with 0, before its parts are
// read.
class MeddlingEngine final : public kv::ForwardingEngine {
  public:
    MeddlingEngine(kv::Engine& engine, int nth_look, std::function<void()> meddle)
        : kv::ForwardingEngine(engine), nth_look_(nth_look), meddle_(std::move(meddle)) {}

    Result<kv::ScanEnd> scan(kv::PartitionId partition, const kv::Range& range,
                             const kv::RowVisitor& visit) override {
        if (nth_look_ == 0 && range.begin.starts_with(meta::part_prefix)) meddle();
        return ForwardingEngine::scan(partition, range, visit);
    }
    Result<std::optional<std::string>> get(kv::PartitionId partition,
                                           std::string_view key) override {
        if (key.starts_with(meta::upload_prefix) && ++looks_ == nth_look_) meddle();
        return ForwardingEngine::get(partition, key);
    }

  private:
    void meddle() {
        if (meddle_) std::exchange(meddle_, nullptr)();
    }

    const int nth_look_;
    int looks_ = 0;
    std::function<void()> meddle_;
};

TEST_P(Multipart, ACompleteThatIsOvertakenWhileItLooksFindsTheOthersObject) {
    const std::string a = content(1, 100);
    must(rig.put_part(bucket, part(1), a));
    CompleteRequest request;
    request.key = "model";
    request.upload_id = upload;
    request.parts.push_back({1, md5_hex(a), {}});
    Result<meta::ObjectRecord> first = fail(Code::internal_error, "it did not run");
    MeddlingEngine meddling(rig.kv(), 0,
                            [&] { first = rig.store().complete_upload(bucket, request); });
    rig.interpose(meddling);
    const Result<meta::ObjectRecord> second = rig.store().complete_upload(bucket, request);
    ASSERT_TRUE(first) << first.error().describe();
    ASSERT_TRUE(second) << second.error().describe();
    EXPECT_TRUE(meta::same_version(first->version(), second->version()));
    rig.restart();
    expect_nothing_left_after_removal();
}

TEST_P(Multipart, APartThatBeginsWhileItsUploadIsAbortedKeepsNoBlob) {
    MeddlingEngine meddling(rig.kv(), 2,
                            [&] { must(rig.store().abort_upload(bucket, "model", upload)); });
    rig.interpose(meddling);
    EXPECT_EQ(code_of(rig.store().begin_part(bucket, part(1), part_bytes, {})),
              Code::no_such_upload);
    EXPECT_EQ(rig.store().shared_blobs_open(), 0u);
    EXPECT_TRUE(rig.all_blobs().empty());
    rig.restart();
}

// Checks and backups that run meanwhile may still look at what was committed.
TEST_P(Multipart, WhatAnAbortGivesUpIsThereUntilTheReclaimerComes) {
    must(rig.put_part(bucket, part(1), content(1, part_bytes)));
    must(rig.put_part(bucket, part(1), content(2, part_bytes)));
    const BodyWriter arriving = must(rig.store().begin_part(bucket, part(2), part_bytes, {}));
    must(rig.store().abort_upload(bucket, "model", upload));
    EXPECT_EQ(rig.all_blobs().size(), 2u);
    EXPECT_EQ(rig.store().shared_blobs_open(), 0u);
    must(rig.reclaim());
    EXPECT_TRUE(rig.all_blobs().empty());
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
}

// All parts of the upload's blob were sent again, so no row names it when the upload ends.
TEST_P(Multipart, ABlobThatLostAllItsPartsGoesWithTheUpload) {
    for (const bool completed : {true, false}) {
        upload = must(rig.create_upload(bucket, "model"));
        must(rig.put_part(bucket, part(1), content(1, part_bytes)));
        must(rig.put_part(bucket, part(1), content(2, part_bytes)));
        must(rig.reclaim());
        if (completed) {
            must(rig.complete(bucket, "model", upload));
            must(rig.reclaim());
            EXPECT_EQ(rig.all_blobs().size(), 1u);
            must(rig.remove(bucket, "model"));
        } else {
            must(rig.store().abort_upload(bucket, "model", upload));
        }
        must(rig.reclaim());
        EXPECT_TRUE(rig.all_blobs().empty());
    }
}

// The bound tells checks on a running server, and the next start, which blobs may still be
// committed.
TEST_P(Multipart, WhatAnUploadThatMadeRoomStillWritesStaysYoung) {
    const std::string a = content(1, part_bytes);
    must(rig.put_part(bucket, part(1), a));
    const std::uint64_t bound = rig.store().in_flight().low_water();
    BodyWriter arriving =
        must(rig.store().begin_part(bucket, part(2), part_bytes, {hash::Algorithm::md5}));
    must(arriving.write(as_bytes(a)));
    for (std::size_t i = 0; i < SharedBlobs::uploads_max; ++i) {
        const PartId other{.key = "other",
                           .upload_id = must(rig.create_upload(bucket, "other")),
                           .part_number = 1};
        must(rig.store().begin_part(bucket, other, part_bytes, {}));
    }
    EXPECT_EQ(rig.store().in_flight().low_water(), bound);
    must(rig.store().put_part(bucket, part(2), md5_hex(a), {}, must(arriving.finish())));
    must(rig.complete(bucket, "model", upload));
    EXPECT_TRUE(must(rig.get(bucket, "model")) == a + a);
}

TEST_P(Multipart, PartsFromBeforeARestartAreGood) {
    const std::string a = content(1, part_bytes), b = content(2, part_bytes), c = content(3, 10);
    must(rig.put_part(bucket, part(1), a));
    must(rig.put_part(bucket, part(2), a));
    rig.restart();
    must(rig.put_part(bucket, part(2), b));
    must(rig.put_part(bucket, part(3), c));
    must(rig.complete(bucket, "model", upload));
    must(rig.reclaim());
    EXPECT_TRUE(must(rig.get(bucket, "model")) == a + b + c);
    expect_nothing_left_after_removal();
}

TEST_P(Multipart, WrongListsAreRefusedAndTheUploadStaysOpen) {
    const std::string small = content(1, 1000), big = content(2, part_bytes);
    must(rig.put_part(bucket, part(1), small));
    must(rig.put_part(bucket, part(2), big));
    EXPECT_EQ(code_of(rig.complete(bucket, "model", upload)), Code::entity_too_small);
    CompleteRequest request;
    request.key = "model";
    request.upload_id = upload;
    EXPECT_EQ(code_of(rig.store().complete_upload(bucket, request)), Code::malformed_xml);
    request.parts = {{2, md5_hex(big), {}}, {1, md5_hex(small), {}}};
    EXPECT_EQ(code_of(rig.store().complete_upload(bucket, request)), Code::invalid_part_order);
    request.parts = {{1, md5_hex(big), {}}};
    EXPECT_EQ(code_of(rig.store().complete_upload(bucket, request)), Code::invalid_part);
    request.parts = {{3, md5_hex(big), {}}};
    EXPECT_EQ(code_of(rig.store().complete_upload(bucket, request)), Code::invalid_part);
    request.parts = {{2, md5_hex(big), {}}};
    request.size_bytes = 1;
    EXPECT_EQ(code_of(rig.store().complete_upload(bucket, request)), Code::invalid_request);
    request.size_bytes.reset();
    request.precondition = [](const meta::ObjectRecord* current) -> Result<void> {
        if (current == nullptr) return fail(Code::precondition_failed);
        return {};
    };
    EXPECT_EQ(code_of(rig.store().complete_upload(bucket, request)), Code::precondition_failed);
    must(rig.put_part(bucket, part(1), big));
    must(rig.complete(bucket, "model", upload));
    EXPECT_TRUE(must(rig.get(bucket, "model")) == big + big);
    expect_nothing_left_after_removal();
}

TEST_P(Multipart, OfAPartThatIsListedTwiceTheLastEntryCounts) {
    const std::string old = content(1, 100), again = content(2, 100);
    must(rig.put_part(bucket, part(1), old));
    must(rig.put_part(bucket, part(1), again));
    CompleteRequest request;
    request.key = "model";
    request.upload_id = upload;
    request.parts = {{1, md5_hex(again), {}}, {1, md5_hex(old), {}}};
    EXPECT_EQ(code_of(rig.store().complete_upload(bucket, request)), Code::invalid_part);
    request.parts = {{1, md5_hex(old), {}}, {1, md5_hex(again), {}}};
    EXPECT_EQ(must(rig.store().complete_upload(bucket, request)).parts_count(), 1u);
    EXPECT_EQ(must(rig.get(bucket, "model")), again);
}

TEST_P(Multipart, ChecksumsOfTheWholeAndOfTheParts) {
    const std::string a = content(1, part_bytes), b = content(2, 12'345);
    for (const std::string name : {"CRC32", "CRC32C", "CRC64NVME", "SHA256"}) {
        const hash::Algorithm algorithm = *hash::algorithm_by_name(name);
        for (const meta::ChecksumType type :
             {meta::CHECKSUM_TYPE_FULL_OBJECT, meta::CHECKSUM_TYPE_COMPOSITE}) {
            const bool full = type == meta::CHECKSUM_TYPE_FULL_OBJECT;
            if (full ? !hash::info(algorithm).full_object : !hash::info(algorithm).composite)
                continue;
            upload = must(rig.create_upload(bucket, "model", name, type));
            must(rig.put_part(bucket, part(1), a, name));
            must(rig.put_part(bucket, part(2), b, name));
            const meta::ObjectRecord record = must(rig.complete(bucket, "model", upload));
            ASSERT_EQ(record.checksums_size(), 1) << name;
            const std::string expected =
                full ? hash::digest(algorithm, as_bytes(a + b))
                     : hash::digest(algorithm, as_bytes(hash::digest(algorithm, as_bytes(a)) +
                                                        hash::digest(algorithm, as_bytes(b))));
            EXPECT_EQ(record.checksums(0).value(), expected) << name;
            EXPECT_EQ(record.checksum_type(), type) << name;
            rig.expect_all_readable(bucket);
        }
    }
}

TEST_P(Multipart, TenThousandPartsAreOneObject) {
    put_rows_of_parts(part_number_max, 1);
    const meta::ObjectRecord object = must(rig.complete(bucket, "model", upload));
    EXPECT_EQ(object.parts_count(), part_number_max);
    EXPECT_EQ(object.size_bytes(), part_number_max * part_bytes_min);
    EXPECT_EQ(object.body(), meta::BODY_TABLE);
    EXPECT_LT(object.ByteSizeLong(), 4 * KiB);
    EXPECT_EQ(must(rig.store().part_table(bucket, "model", object)).extents_size(), 10'000);
    must(rig.remove(bucket, "model"));
    must(rig.reclaim());
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
}

TEST_P(Multipart, AnObjectInTooManyPiecesIsRefusedAndTheUploadStaysOpen) {
    constexpr std::uint32_t parts = Limits{}.extents_per_object_max / 2;
    put_rows_of_parts(parts + 1, 2);
    const Result<meta::ObjectRecord> refused = rig.complete(bucket, "model", upload);
    ASSERT_EQ(code_of(refused), Code::invalid_request);
    EXPECT_NE(refused.error().describe().find("pieces"), std::string::npos);
    must(rig.put_part(bucket, part(parts + 1), content(1, 100)));
    must(rig.store().abort_upload(bucket, "model", upload));
    must(rig.reclaim());
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());

    upload = must(rig.create_upload(bucket, "model"));
    put_rows_of_parts(parts, 2);
    must(rig.complete(bucket, "model", upload));
    must(rig.copy(bucket, "model", bucket, "copy"));
    for (const std::string key : {"model", "copy"}) must(rig.remove(bucket, key));
    must(rig.reclaim());
    EXPECT_THAT(rig.rows_left(bucket.partition), ::testing::IsEmpty());
}

TEST_P(Multipart, CompletesAbortsAndPartsRaceWithoutLoss) {
    const std::uint64_t seed = test_seed();
    const std::string a = content(seed, part_bytes), b = content(seed + 1, part_bytes);
    for (int round = 0; round < 15; ++round) {
        upload = must(rig.create_upload(bucket, "model"));
        must(rig.put_part(bucket, part(1), a));
        CompleteRequest request;
        request.key = "model";
        request.upload_id = upload;
        request.parts = {{1, md5_hex(a), {}}};
        std::atomic<int> completed = 0, aborted = 0;
        {
            std::vector<std::jthread> racers;
            for (int i = 0; i < 2; ++i) {
                racers.emplace_back([&] {
                    const auto done = rig.store().complete_upload(bucket, request);
                    completed += done.has_value();
                    if (!done) {
                        EXPECT_THAT(done.error().code(),
                                    ::testing::AnyOf(Code::no_such_upload, Code::invalid_part));
                    }
                });
            }
            racers.emplace_back([&] {
                const auto done = rig.store().abort_upload(bucket, "model", upload);
                aborted += done.has_value();
            });
            racers.emplace_back([&] {
                const auto done = rig.put_part(bucket, part(1), b);
                if (!done) {
                    EXPECT_THAT(done.error().code(),
                                ::testing::AnyOf(Code::no_such_upload, Code::operation_aborted));
                }
            });
        }
        EXPECT_FALSE(completed > 0 && aborted > 0);
        if (completed > 0) {
            EXPECT_TRUE(must(rig.get(bucket, "model")) == a);
            must(rig.remove(bucket, "model"));
        } else {
            EXPECT_EQ(code_of(rig.get(bucket, "model")), Code::no_such_key);
        }
        if (aborted == 0 && completed == 0) must(rig.store().abort_upload(bucket, "model", upload));
        must(rig.reclaim());
        EXPECT_TRUE(rig.all_blobs().empty());
    }
}

TEST_P(Multipart, ListsOfPartsAndUploadsComeInPages) {
    must(rig.put_part(bucket, part(1), content(1, 10)));
    must(rig.put_part(bucket, part(300), content(1, 10)));
    must(rig.put_part(bucket, part(7), content(1, 10)));
    PartsListing page = must(rig.store().list_parts(bucket, "model", upload, 0, 2));
    ASSERT_EQ(page.parts.size(), 2u);
    EXPECT_EQ(page.parts[1].part_number, 7u);
    EXPECT_TRUE(page.truncated);
    page = must(rig.store().list_parts(bucket, "model", upload, 7, 2));
    ASSERT_EQ(page.parts.size(), 1u);
    EXPECT_FALSE(page.truncated);
    EXPECT_TRUE(must(rig.store().list_parts(bucket, "model", upload, ~0U, 2)).parts.empty());

    for (const std::string key : {"a/1", "a/2", "b", "b"}) {
        rig.clock().advance(std::chrono::seconds(1));
        must(rig.create_upload(bucket, key));
    }
    UploadsQuery query;
    query.delimiter = "/";
    query.uploads_max = 1;
    std::vector<std::string> seen;
    for (bool more = true; more;) {
        const UploadsListing uploads = must(rig.store().list_uploads(bucket, query));
        for (const std::string& prefix : uploads.common_prefixes) seen.push_back(prefix);
        for (const ListedUpload& listed : uploads.uploads) seen.push_back(listed.key);
        more = uploads.truncated;
        query.key_marker = uploads.next_key_marker;
        query.upload_id_marker = uploads.next_upload_id_marker;
    }
    EXPECT_THAT(seen, ::testing::ElementsAre("a/", "b", "b", "model"));
}

}  // namespace
}  // namespace weir::store
