// A server dies before, or right after, each commit of a long story. Afterwards nothing that was
// acknowledged is lost, whatever is visible can be read, and once all is deleted nothing is left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "kv/forwarding_engine.h"
#include "meta/keys.h"
#include "meta/version.h"
#include "store/orphans.h"
#include "store/store_rig.h"

namespace weir::store {
namespace {

// Lets so many changes pass; the next one is lost, or applied without a word, and then all is dead.
class DyingEngine final : public kv::ForwardingEngine {
  public:
    DyingEngine(kv::Engine& engine, int changes, bool apply_last)
        : kv::ForwardingEngine(engine), left_(changes), apply_last_(apply_last) {}

    bool dead() const { return dead_; }

    Result<void> create_partition(kv::PartitionId partition) override {
        if (!dies()) return ForwardingEngine::create_partition(partition);
        if (apply_once()) must(ForwardingEngine::create_partition(partition));
        return death();
    }
    Result<void> drop_partition(kv::PartitionId partition) override {
        if (!dies()) return ForwardingEngine::drop_partition(partition);
        if (apply_once()) must(ForwardingEngine::drop_partition(partition));
        return death();
    }
    Result<std::optional<std::string>> try_get(kv::PartitionId partition,
                                               std::string_view key) override {
        return get(partition, key);
    }
    Result<std::optional<std::string>> get(kv::PartitionId partition,
                                           std::string_view key) override {
        if (dead_) return death();
        return ForwardingEngine::get(partition, key);
    }
    Result<kv::ScanEnd> scan(kv::PartitionId partition, const kv::Range& range,
                             const kv::RowVisitor& visit) override {
        if (dead_) return death();
        return ForwardingEngine::scan(partition, range, visit);
    }
    Result<std::vector<kv::Page>> read_together(kv::PartitionId partition,
                                                const std::vector<kv::Range>& ranges,
                                                std::size_t rows_max) override {
        if (dead_) return death();
        return ForwardingEngine::read_together(partition, ranges, rows_max);
    }
    void commit(kv::PartitionId partition, kv::Batch batch, kv::CommitDone done) override {
        if (!dies()) return ForwardingEngine::commit(partition, std::move(batch), std::move(done));
        if (apply_once())
            ForwardingEngine::commit(partition, std::move(batch),
                                     [](const Result<kv::Committed>&) {});
        done(death());
    }
    Result<void> trim_journal(kv::PartitionId partition, kv::Sequence before) override {
        if (dead_) return death();
        return ForwardingEngine::trim_journal(partition, before);
    }

  private:
    static std::unexpected<Error> death() { return fail(Code::io_error, "the server died"); }
    bool dies() {
        if (left_ > 0) {
            --left_;
            return false;
        }
        first_ = !dead_;
        dead_ = true;
        return true;
    }
    bool apply_once() const { return first_ && apply_last_; }

    int left_;
    const bool apply_last_;
    bool dead_ = false;
    bool first_ = false;
};

using Place = std::pair<std::string, std::string>;  // bucket, key
using Contents = std::map<Place, std::optional<std::string>>;

class Story {
  public:
    explicit Story(Rig& rig) : rig_(rig) {}

    // Returns whether it came to its end.
    bool tell() {
        return first_bucket() && objects() && second_bucket() && multipart() && abort() &&
               removal();
    }

    void check() {
        for (const auto& [place, bytes] : now_) {
            const std::optional<std::string> got = read(place);
            if (attempted_.contains(place)) {
                EXPECT_TRUE(got == bytes || got == attempted_.at(place)) << place.second;
            } else {
                EXPECT_TRUE(got == bytes) << place.second;
            }
        }
        for (const auto& [place, bytes] : attempted_) {
            const std::optional<std::string> got = read(place);
            EXPECT_TRUE(!got || got == bytes || (now_.contains(place) && got == now_.at(place)));
        }
        must(rig_.store().each_bucket([&](const Bucket& bucket) -> Result<void> {
            const Result<Bucket> found = rig_.store().find_bucket(bucket.name);
            EXPECT_TRUE(found) << found.error().describe();
            rig_.expect_all_readable(bucket);
            return {};
        }));
    }

    // References without a user are what a death between the steps of a copy may leave.
    bool died_in_copy() const { return copying_; }

    static void remove_all(Rig& rig) {
        must(rig.store().each_bucket([&](const Bucket& bucket) -> Result<void> {
            const auto uploads = must(rig.store().list_uploads(bucket, {}));
            for (const ListedUpload& upload : uploads.uploads)
                must(rig.store().abort_upload(bucket, upload.key, upload.upload_id));
            const auto listing = must(rig.store().list_versions(bucket, {}));
            for (const meta::ListedVersion& version : listing.versions)
                must(rig.remove(bucket, version.key,
                                meta::parse_version_id(meta::version_id(version.record))));
            return rig.store().delete_bucket(bucket.name);
        }));
    }

  private:
    template <typename Do>
    bool step(Contents effects, Do&& act) {
        attempted_ = std::move(effects);
        if (!act()) return false;
        for (auto& [place, bytes] : attempted_) now_[place] = bytes;
        attempted_.clear();
        return true;
    }
    bool step_put(const Bucket& bucket, const std::string& key, const std::string& bytes) {
        return step({{{bucket.name, key}, bytes}},
                    [&] { return rig_.put(bucket, key, bytes).has_value(); });
    }
    bool step_copy(const Bucket& from, const std::string& source, const Bucket& to,
                   const std::string& key) {
        copying_ = true;
        const bool done = step({{{to.name, key}, now_[{from.name, source}]}},
                               [&] { return rig_.copy(from, source, to, key).has_value(); });
        copying_ = !done;
        return done;
    }
    bool step_remove(const Bucket& bucket, const std::string& key) {
        return step({{{bucket.name, key}, std::nullopt}},
                    [&] { return rig_.remove(bucket, key).has_value(); });
    }

    bool create(const std::string& name, Bucket& bucket) {
        return step({}, [&] {
            Result<Bucket> made = rig_.store().create_bucket(name, "owner", "");
            if (made) bucket = *made;
            return made.has_value();
        });
    }
    bool first_bucket() { return create("first", a_); }
    bool objects() {
        return step_put(a_, "k1", content(1, 30'000)) && step_put(a_, "k2", "inline") &&
               step_put(a_, "k1", content(2, 30'000)) && step_copy(a_, "k1", a_, "k3") &&
               step_copy(a_, "k2", a_, "k5") &&
               step({{{"first", "k2"}, std::nullopt}, {{"first", "k4"}, "inline"}}, [&] {
                   return rig_.store()
                       .rename(a_, {.source_key = "k2",
                                    .key = "k4",
                                    .source_precondition = {},
                                    .precondition = {}})
                       .has_value();
               });
    }
    bool second_bucket() {
        return create("second", b_) && step_copy(a_, "k1", b_, "k") &&
               step(
                   {},
                   [&] {
                       return rig_.store().set_versioning(b_, meta::VERSIONING_ENABLED).has_value();
                   }) &&
               step_put(b_, "k", content(3, 30'000)) && step_remove(b_, "k") &&
               step_put(b_, "k", content(4, 30'000)) && step_copy(b_, "k", b_, "k7");
    }
    bool part(const std::string& key, const std::string& upload, std::uint32_t number,
              const std::string& bytes) {
        return step({}, [&] {
            return rig_
                .put_part(a_, {.key = key, .upload_id = upload, .part_number = number}, bytes)
                .has_value();
        });
    }
    bool begin_upload(const std::string& key, std::string& upload) {
        return step({}, [&] {
            Result<std::string> made = rig_.create_upload(a_, key);
            if (made) upload = *made;
            return made.has_value();
        });
    }
    bool multipart() {
        const std::string one = content(5, part_bytes_min), two = content(6, part_bytes_min),
                          three = content(7, 1000);
        std::string upload;
        return begin_upload("model", upload) && part("model", upload, 1, two) &&
               part("model", upload, 2, two) && part("model", upload, 4, two) &&
               part("model", upload, 1, one) && part("model", upload, 3, three) &&
               step({{{"first", "model"}, one + two + three}},
                    [&] { return rig_.complete(a_, "model", upload, {1, 2, 3}).has_value(); });
    }
    bool abort() {
        std::string upload;
        if (!begin_upload("never", upload)) return false;
        if (!part("never", upload, 1, content(8, part_bytes_min))) return false;
        PartCopyRequest request;
        request.part = {.key = "never", .upload_id = upload, .part_number = 2};
        request.source_bucket = &b_;
        request.source_key = "k";
        request.range = [](std::uint64_t) -> Result<std::optional<ByteRange>> {
            return std::nullopt;
        };
        meta::ObjectRecord source;
        copying_ = true;
        if (!rig_.store().copy_part(a_, request, &source)) return false;
        copying_ = false;
        return step({}, [&] { return rig_.store().abort_upload(a_, "never", upload).has_value(); });
    }
    bool removal() {
        if (!step_remove(a_, "k1") || !rig_.reclaim()) return false;
        for (const std::string key : {"k3", "k4", "k5", "model"})
            if (!step_remove(a_, key)) return false;
        std::string upload;
        if (!begin_upload("open", upload)) return false;
        if (!part("open", upload, 1, content(9, part_bytes_min))) return false;
        if (!step({}, [&] { return rig_.store().delete_bucket("first").has_value(); }))
            return false;
        return rig_.reclaim().has_value();
    }

    std::optional<std::string> read(const Place& place) {
        const Result<Bucket> bucket = rig_.store().find_bucket(place.first);
        if (!bucket) return std::nullopt;
        const Result<std::string> bytes = rig_.get(*bucket, place.second);
        if (bytes) return *bytes;
        EXPECT_EQ(bytes.error().code(), Code::no_such_key);
        return std::nullopt;
    }

    Rig& rig_;
    Bucket a_, b_;
    Contents now_;
    Contents attempted_;
    bool copying_ = false;
};

TEST(Crash, AnywhereLosesNothingAndLeavesNothing) {
    int deaths = 0, copies_died = 0, leaks = 0;
    for (const bool apply_last : {false, true}) {
        for (int changes = 0;; ++changes) {
            SCOPED_TRACE(testing::Message() << "dies after " << changes << " changes, the last "
                                            << (apply_last ? "applied" : "lost"));
            Rig rig;
            DyingEngine dying(rig.kv(), changes, apply_last);
            rig.interpose(dying);
            Story story(rig);
            const bool survived = story.tell();
            ASSERT_TRUE(!survived || !dying.dead());
            ASSERT_TRUE(survived || dying.dead()) << "a step failed by itself";
            rig.restart();
            must(sweep_orphans(rig.store(), rig.writer()));
            must(rig.reclaim());
            story.check();
            Story::remove_all(rig);
            must(rig.reclaim());
            if (story.died_in_copy()) {
                ++copies_died;
                leaks += !rig.all_blobs().empty();
            } else {
                EXPECT_TRUE(rig.all_blobs().empty());
                EXPECT_EQ(rig.memory_kv().partitions(), 1u);
            }
            if (HasFailure()) return;
            if (survived) break;
            ++deaths;
        }
    }
    EXPECT_GT(deaths, 100);
    // Only the way from the note that a blob is shared to the new user can leave one.
    EXPECT_LT(leaks, copies_died);
}

}  // namespace
}  // namespace weir::store
