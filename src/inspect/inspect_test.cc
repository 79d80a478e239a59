// What fsck and scrub say of damage and leaks that no client could make.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "inspect/check.h"
#include "inspect/data_directory.h"
#include "inspect/describe.h"
#include "inspect/scrub.h"
#include "io/fake_disk.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/store_rig.h"

namespace weir::inspect {
namespace {

using store::Bucket;
using store::must;
using store::Rig;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Inspect : public ::testing::Test {
  protected:
    // What scrub names, and how many damages fsck finds in the same store.
    std::vector<std::string> scrubbed() {
        std::vector<std::string> found;
        must(scrub(rig.store(), {.bytes_per_second = 0, .on_damage = [&](const auto& where, auto&) {
                                     found.push_back(where);
                                 }}));
        return found;
    }
    CheckReport checked(bool repair = false) {
        return must(check(rig.store(), {.read_bytes = true, .repair = repair, .offline = true}));
    }
    void replace_body(const Bucket& bucket, const std::string& key,
                      const meta::ObjectRecord& record, const std::string& bytes) {
        kv::Batch batch;
        batch.put(meta::body_row(key, record.version()), bytes);
        must(kv::commit_and_wait(rig.kv(), bucket.partition, std::move(batch)));
    }

    Rig rig{Rig::Kind::embedded};
};

TEST_F(Inspect, AChangedInlineBodyIsFoundAlsoInAnOlderVersion) {
    const Bucket bucket = rig.bucket("weights", meta::VERSIONING_ENABLED);
    const meta::ObjectRecord older = must(rig.put(bucket, "older", "as it was written"));
    must(rig.put(bucket, "older", "newer"));
    const meta::ObjectRecord latest = must(rig.put(bucket, "latest", "as it was written"));
    EXPECT_THAT(scrubbed(), IsEmpty());
    EXPECT_EQ(checked().damage, 0u);
    replace_body(bucket, "older", older, "as it was Written");
    replace_body(bucket, "latest", latest, "as it was Written");
    EXPECT_THAT(scrubbed(), ElementsAre("weights/latest", "weights/older"));
    EXPECT_EQ(checked().damage, 2u);
}

TEST_F(Inspect, ABlobIsReadThoughTheBucketThatItCameFromIsGone) {
    const Bucket from = rig.bucket("from"), to = rig.bucket("to");
    must(rig.put(from, "k", store::content(1, 3 * MiB)));
    must(rig.copy(from, "k", to, "k"));
    must(rig.remove(from, "k"));
    must(rig.store().delete_bucket("from"));
    must(rig.reclaim());
    EXPECT_THAT(scrubbed(), IsEmpty());
    const blob::BlobId blob = rig.all_blobs().at(0).id;
    rig.flip_bit(blob, 2 * MiB + 5);
    EXPECT_THAT(scrubbed(), ElementsAre(HasSubstr(blob.text())));
    EXPECT_EQ(checked().damage, 1u);
}

// The server died while a part was on its way into a blob that another part, committed, keeps.
TEST_F(Inspect, SpaceOfAPartThatNeverCameThroughIsGivenBack) {
    constexpr std::size_t part_bytes = 5 * MiB;
    const Bucket bucket = rig.bucket();
    const std::string upload = must(rig.create_upload(bucket, "model")),
                      first = store::content(1, part_bytes), second = store::content(2, part_bytes);
    must(rig.put_part(bucket, {.key = "model", .upload_id = upload, .part_number = 1}, first));
    {
        store::BodyWriter dying = must(rig.store().begin_part(
            bucket, {.key = "model", .upload_id = upload, .part_number = 2}, part_bytes, {}));
        must(dying.write(as_bytes(second)));
        must(dying.finish()).abandon();
    }
    rig.restart();
    const CheckReport told = checked();
    EXPECT_EQ(told.damage, 0u);
    ASSERT_EQ(told.leaks, 1u);
    EXPECT_THAT(told.findings[0].what, HasSubstr("never committed"));
    EXPECT_EQ(told.repaired, 0u);
    EXPECT_EQ(checked(true).repaired, 1u);
    EXPECT_EQ(checked().leaks, 0u);
    EXPECT_LT(rig.all_blobs().at(0).allocated_bytes, part_bytes + MiB);
    must(rig.complete(bucket, "model", upload));
    EXPECT_TRUE(must(rig.get(bucket, "model")) == first);
}

// Nothing that lies in a row may end the process that reads it.
TEST_F(Inspect, RowsThatNobodyWroteAreDamageAndNoMore) {
    const Bucket bucket = rig.bucket();
    meta::ObjectRecord record = must(rig.put(bucket, "k", store::content(1, MiB)));
    const std::string blob = rig.all_blobs().at(0).id.encode();
    const auto put = [&](const std::string& row, const std::string& value) {
        kv::Batch batch;
        batch.put(row, value);
        must(kv::commit_and_wait(rig.kv(), bucket.partition, std::move(batch)));
    };
    const auto describe_object = [&] {
        return store::code_of(
            describe(rig.store(), {{"what", "object"}, {"bucket", "weights"}, {"key", "k"}}));
    };
    put(meta::checksum_rows(blob), "short");
    EXPECT_FALSE(store::code_of(
        describe(rig.store(), {{"what", "blob"}, {"blob", rig.all_blobs().at(0).id.text()}})));
    EXPECT_THAT(scrubbed(), ElementsAre("weights"));
    EXPECT_EQ(checked().damage, 1u);

    record.set_body(meta::BODY_TABLE);
    meta::PartTable table;
    table.add_parts()->set_size_bytes(2 * MiB);
    put(meta::current_row("k"), meta::encode(record));
    EXPECT_EQ(checked().damage, 2u) << "there is no table, and no parts are told of";
    put(meta::body_row("k", record.version()), meta::encode(table));
    EXPECT_EQ(describe_object(), Code::corrupt) << "parts that are larger than their object";

    record.mutable_extents(0)->set_offset(~std::uint64_t{0} - 5);
    put(meta::current_row("k"), meta::encode(record));
    EXPECT_EQ(describe_object(), Code::corrupt);
    EXPECT_EQ(store::code_of(rig.get(bucket, "k")), Code::corrupt);
}

TEST(DataDirectory, HoldsAnIdentityOrIsCorrupt) {
    io::FakeDisk disk;
    const std::string identity = must(DataDirectory::open(disk, "/d", true))->identity();
    EXPECT_EQ(must(DataDirectory::open(disk, "/d", false))->identity(), identity);
    for (const std::string& text : {std::string(), std::string(33, 'x'), std::string(33, '\n'),
                                    identity, identity + "0", "0" + identity + "\n"}) {
        must(disk.replace_file("/d/identity", text));
        EXPECT_EQ(store::code_of(DataDirectory::open(disk, "/d", false)), Code::corrupt) << text;
    }
}

}  // namespace
}  // namespace weir::inspect
