// Clocks that jump: two servers over one engine, each with a clock of its own that is hours off and
// turned back and forth, lose no version and turn no order of acknowledged writes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "base/bytes.h"
#include "kv/forwarding_engine.h"
#include "meta/listing.h"
#include "meta/version.h"
#include "store/store_rig.h"

namespace weir::store {
namespace {

constexpr UnixNanos hour_nanos = 3600 * nanos_per_second;
constexpr UnixNanos start = 1'700'000'000 * nanos_per_second;

// Says of all but the next commits that nobody knows, and does not do them.
class DyingEngine final : public kv::ForwardingEngine {
  public:
    using ForwardingEngine::ForwardingEngine;
    int commits_left = 1000;

    void commit(kv::PartitionId partition, kv::Batch batch, kv::CommitDone done) override {
        if (--commits_left < 0) return done(fail(Code::io_error));
        ForwardingEngine::commit(partition, std::move(batch), std::move(done));
    }
};

class Clocks : public StoreTest {
  protected:
    // The rig's own server, and one with another clock.
    ObjectStore& server(std::size_t which) { return which == 0 ? rig.store() : other_; }
    void turn(std::size_t which, UnixNanos now) {
        (which == 0 ? rig.clock() : other_clock_).set(now);
    }
    meta::ObjectRecord put(std::size_t which, const Bucket& bucket, const std::string& key,
                           const std::string& bytes) {
        ObjectStore& store = server(which);
        BodyWriter writer = store.begin_body(bucket, bytes.size(), {hash::Algorithm::md5});
        must(writer.write(as_bytes(bytes)));
        StoredBody body = must(writer.finish());
        const PutRequest request{
            .key = key, .headers = {}, .etag = md5_hex(bytes), .checksums = {}, .precondition = {}};
        return must(store.put(bucket, request, std::move(body)));
    }
    static std::string name(const meta::ObjectRecord& record) {
        return meta::encode_version(record.version());
    }
    std::vector<std::string> listed(std::size_t which, const Bucket& bucket) {
        std::vector<std::string> names;
        for (const meta::ListedVersion& each :
             must(server(which).list_versions(bucket, {})).versions)
            names.push_back(name(each.record));
        return names;
    }

    ManualClock other_clock_{start};
    Context other_context() {
        Context context = rig.context();
        return Context{.kv = context.kv,
                       .blobs = context.blobs,
                       .clock = other_clock_,
                       .log = context.log,
                       .limits = context.limits,
                       .settings = context.settings,
                       .source = {.region = 0, .writer = rig.writer() + 1000}};
    }
    ObjectStore other_{other_context()};
};
INSTANTIATE_TEST_SUITE_P(, Clocks, ::testing::Values(Rig::Kind::memory, Rig::Kind::embedded),
                         kind_name);

TEST_P(Clocks, ThatJumpTurnNoOrderAndLoseNoVersion) {
    std::mt19937_64 random(test_seed());
    const Bucket kept = rig.bucket("kept", meta::VERSIONING_ENABLED), plain = rig.bucket("plain");
    std::vector<std::string> newest_first;
    std::set<std::string> ever;
    for (int i = 0; i < 300; ++i) {
        const std::size_t which = random() % 2;
        turn(which, start + random() % 48 * hour_nanos);
        const std::string bytes = content(static_cast<std::uint64_t>(i), 100);
        if (random() % 4 == 0 && !newest_first.empty()) {
            // The newest, so that what comes next is put behind the one before.
            const auto version = meta::decode_version(newest_first.front());
            must(server(which).remove(
                kept,
                {.key = "k", .version = meta::VersionName{false, *version}, .precondition = {}}));
            newest_first.erase(newest_first.begin());
        } else {
            newest_first.insert(newest_first.begin(), name(put(which, kept, "k", bytes)));
            EXPECT_TRUE(ever.insert(newest_first.front()).second) << "a version id came twice";
        }
        EXPECT_TRUE(std::ranges::is_sorted(newest_first, std::ranges::greater()));
        ASSERT_EQ(listed(1 - which, kept), newest_first);
        put(which, plain, "k", bytes);
        ASSERT_EQ(must(rig.get(plain, "k")), bytes) << "what was acknowledged last is there";
        if (random() % 32 == 0) must(rig.reclaim());
    }
    rig.expect_all_readable(kept);
}

TEST_P(Clocks, ThatStandStillMakeVersionsThatDiffer) {
    const Bucket kept = rig.bucket("kept", meta::VERSIONING_ENABLED);
    std::set<std::string> ever;
    for (int i = 0; i < 10; ++i) {
        const meta::ObjectRecord record = put(0, kept, "k", content(1, 100));
        EXPECT_TRUE(ever.insert(name(record)).second);
        must(rig.remove(kept, "k", meta::VersionName{false, record.version()}));
    }
    EXPECT_THAT(listed(0, kept), ::testing::IsEmpty());
}

// A Complete that died keeps its upload closed to parts for a minute, not until the clock is there
// again.
TEST_P(Clocks, ThatJumpBackKeepNoUploadClosed) {
    const Bucket bucket = rig.bucket();
    turn(0, start + 5 * hour_nanos);
    const std::string upload = must(rig.create_upload(bucket, "k"));
    const PartId part{.key = "k", .upload_id = upload, .part_number = 1};
    must(rig.put_part(bucket, part, content(1, 1000)));
    DyingEngine engine(rig.kv());
    rig.interpose(engine);
    engine.commits_left = 1;
    EXPECT_EQ(code_of(rig.complete(bucket, "k", upload)), Code::io_error);
    engine.commits_left = 1000;
    EXPECT_EQ(code_of(rig.put_part(bucket, part, content(2, 1000))), Code::operation_aborted);
    turn(0, start);
    must(rig.put_part(bucket, part, content(3, 1000)));
    must(rig.complete(bucket, "k", upload));
    EXPECT_EQ(must(rig.get(bucket, "k")), content(3, 1000));
}

}  // namespace
}  // namespace weir::store
