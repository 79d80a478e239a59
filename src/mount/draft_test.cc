// Files that are written, against a real store.

#include "mount/draft.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mount/draft_description.h"
#include "mount/draft_rig.h"
#include "mount/recovery.h"

namespace weir::mount {
namespace {

class Drafts : public DraftRig {};

TEST_F(Drafts, ANewSmallFileIsPutAtOnce) {
    const auto file = draft("a");
    EXPECT_TRUE(file->changed());
    write(*file, 3, "hello");
    EXPECT_EQ(read(*file, 0, 100), std::string("\0\0\0hello", 8));
    commit(*file);
    EXPECT_EQ(store.get(bucket, "a"), std::string("\0\0\0hello", 8));
    EXPECT_EQ(file->parts_sent(), 0U);
    const std::string etag = file->version()->etag;
    commit(*file);
    EXPECT_EQ(file->version()->etag, etag);
}

TEST_F(Drafts, AnEmptyFileIsAnObject) {
    const auto file = draft("empty");
    commit(*file);
    EXPECT_EQ(store.get(bucket, "empty"), "");
}

TEST_F(Drafts, PartsGoWhileItIsWritten) {
    const auto file = draft("large");
    const std::string all = noise(4 * part_bytes + 17);
    constexpr std::size_t step = 1'000'000;
    for (std::size_t at = 0; at < all.size(); at += step) write(*file, at, all.substr(at, step));
    commit(*file);
    EXPECT_EQ(file->parts_sent(), 5U) << "each once";
    EXPECT_TRUE(store.get(bucket, "large") == all);
    ASSERT_TRUE(file->keep());
    const auto entry = *cache->entry({.endpoint = store.client().endpoint().url(),
                                      .bucket = bucket,
                                      .key = "large",
                                      .etag = file->version()->etag,
                                      .version_id = {},
                                      .size_bytes = all.size()});
    EXPECT_TRUE(entry->complete());
    EXPECT_TRUE(read(*file, 5, all.size()) == all.substr(5));
    EXPECT_TRUE(cache->abandoned_writes()->empty());
}

TEST_F(Drafts, ALengthThatIsSaidFirstSendsNoZeros) {
    const auto file = draft("safetensors");
    const std::string all = noise(3 * part_bytes + 100);
    ASSERT_TRUE(file->truncate(all.size()));
    EXPECT_EQ(read(*file, part_bytes, 4), std::string(4, '\0'));
    for (std::size_t at = 0; at < all.size(); at += MiB) write(*file, at, all.substr(at, MiB));
    commit(*file);
    EXPECT_EQ(file->parts_sent(), 4U);
    EXPECT_TRUE(store.get(bucket, "safetensors") == all);
}

TEST_F(Drafts, WhatIsWrittenAgainIsSentAgain) {
    const auto file = draft("again");
    std::string all = noise(3 * part_bytes);
    write(*file, 0, all);
    for (int round = 0; round < 3; ++round) {
        const std::string piece = noise(1000);
        const std::size_t at = random() % (all.size() - piece.size());
        all.replace(at, piece.size(), piece);
        write(*file, at, piece);
        if (round == 1) commit(*file);
    }
    commit(*file);
    EXPECT_TRUE(store.get(bucket, "again") == all);
}

TEST_F(Drafts, AppendingSendsTheEndAlone) {
    std::string all = noise(6 * part_bytes + 5);
    store.put(bucket, "log", all);
    const auto file = draft("log", version("log"));
    const std::uint64_t before = store.client().stats().bytes_out;
    write(*file, all.size(), "and more");
    all += "and more";
    commit(*file);
    EXPECT_LT(store.client().stats().bytes_out - before, 2 * part_bytes);
    EXPECT_TRUE(store.get(bucket, "log") == all);
    EXPECT_TRUE(read(*file, 10, 1000) == all.substr(10, 1000)) << "of the new version";
    write(*file, all.size(), "!");
    commit(*file);
    EXPECT_TRUE(store.get(bucket, "log") == all + "!");
}

TEST_F(Drafts, ASmallChangeOfASmallFileKeepsTheRest) {
    store.put(bucket, "small", noise(10'000));
    std::string all = store.get(bucket, "small");
    const auto file = draft("small", version("small"));
    write(*file, 5000, "middle");
    all.replace(5000, 6, "middle");
    EXPECT_EQ(read(*file, 0, 20'000), all);
    commit(*file);
    EXPECT_EQ(store.get(bucket, "small"), all);
}

TEST_F(Drafts, TruncatedBytesDoNotComeBack) {
    store.put(bucket, "cut", noise(20'000));
    const std::string old = store.get(bucket, "cut");
    const auto file = draft("cut", version("cut"));
    ASSERT_TRUE(file->truncate(5000));
    ASSERT_TRUE(file->truncate(20'000));
    const std::string all = old.substr(0, 5000) + std::string(15'000, '\0');
    EXPECT_EQ(read(*file, 0, 30'000), all);
    commit(*file);
    EXPECT_EQ(store.get(bucket, "cut"), all);
}

TEST_F(Drafts, SomebodyElsesChangeIsAConflict) {
    const auto created = draft("new");
    write(*created, 0, "mine");
    store.put(bucket, "new", "theirs");
    EXPECT_EQ(created->commit().error().code(), Code::stale);
    EXPECT_EQ(store.get(bucket, "new"), "theirs");
    EXPECT_TRUE(created->changed());
    EXPECT_EQ(read(*created, 0, 10), "mine");

    const auto changed = draft("new", version("new"));
    write(*changed, 0, "MINE");
    store.put(bucket, "new", "theirs again");
    EXPECT_EQ(changed->commit().error().code(), Code::stale);
    const auto large = draft("new", version("new"));
    write(*large, 0, noise(2 * part_bytes));
    store.put(bucket, "new", "theirs once more");
    EXPECT_EQ(large->commit().error().code(), Code::stale);
    EXPECT_EQ(store.get(bucket, "new"), "theirs once more");
}

TEST_F(Drafts, ARenameWhileItIsWrittenMovesWhatWasSent) {
    store.put(bucket, "final", "what was there");
    const auto file = draft("temporary");
    const std::string all = noise(3 * part_bytes);
    write(*file, 0, all);
    ASSERT_TRUE(
        file->rename({.key = "final", .replaces = version("final").etag, .move = {}, .drop = {}}));
    commit(*file);
    EXPECT_EQ(file->parts_sent(), 3U);
    EXPECT_TRUE(store.get(bucket, "final") == all);
    EXPECT_EQ(store.get(bucket, "temporary"), "<none>");
    write(*file, 0, "x");
    commit(*file);
    EXPECT_EQ(store.get(bucket, "final").substr(0, 1), "x");
}

TEST_F(Drafts, ARenameDoesNotTouchWhoeverHasTheOldNameNow) {
    const auto file = draft("temporary");
    const std::string all = noise(2 * part_bytes);
    write(*file, 0, all);
    ASSERT_TRUE(file->rename({.key = "final", .replaces = {}, .move = {}, .drop = {}}));
    store.put(bucket, "temporary", "somebody");
    commit(*file);
    EXPECT_TRUE(store.get(bucket, "final") == all);
    EXPECT_EQ(store.get(bucket, "temporary"), "somebody");
}

TEST_F(Drafts, WhatWasToBeReplacedStaysWhereItIsAnotherByThen) {
    const auto file = draft("temporary"), alone = draft("temporary2");
    store.put(bucket, "final", "what was there");
    const std::string etag = version("final").etag;
    for (Draft* each : {file.get(), alone.get()}) write(*each, 0, "mine");
    ASSERT_TRUE(file->rename({.key = "final", .replaces = etag}));
    ASSERT_TRUE(alone->rename({.key = "new", .replaces = {}}));
    store.put(bucket, "final", "theirs");
    store.put(bucket, "new", "theirs too");
    EXPECT_EQ(file->commit().error().code(), Code::stale);
    EXPECT_EQ(alone->commit().error().code(), Code::stale);
    EXPECT_EQ(store.get(bucket, "final"), "theirs");
    EXPECT_EQ(store.get(bucket, "new"), "theirs too");
}

TEST_F(Drafts, WhatMovedWithItsFolderIsCommittedUnderTheNewName) {
    store.put(bucket, "d/f", "");
    Draft file(ground, {.key = "d/f", .base = version("d/f"), .placeholder = true});
    write(file, 0, "written meanwhile");
    store.put(bucket, "e/f", "");  // as a store renames it
    ASSERT_TRUE(file.rename(
        {.key = "e/f", .moved = true, .move = [&](const ObjectVersion&) -> Result<ObjectVersion> {
             return version("e/f");
         }}));
    commit(file);
    EXPECT_EQ(store.get(bucket, "e/f"), "written meanwhile");
}

TEST_F(Drafts, WhatIsWrittenAfterItsRemovalIsNotRecovered) {
    for (const bool before : {true, false}) {
        const auto file = draft("temporary");
        if (before) write(*file, 0, "before");
        ASSERT_TRUE(file->discard([](bool) { return Result<void>(); }));
        write(*file, 3, "after");
        EXPECT_EQ(read(*file, 3, 9), "after");
    }
    EXPECT_TRUE(cache->abandoned_writes()->empty());
}

TEST_F(Drafts, WhatWasToBeReplacedGoesWithWhoeverHasItsName) {
    const auto file = draft("temporary");
    write(*file, 0, "new");
    ASSERT_TRUE(file->rename({.key = "final", .replaces = "etag", .move = {}, .drop = {}}));
    bool dropped = false;
    ASSERT_TRUE(file->rename({.key = "other",
                              .replaces = "another",
                              .move = {},
                              .drop = [&](const std::optional<ObjectVersion>& version) {
                                  EXPECT_TRUE(version && version->etag == "etag");
                                  dropped = true;
                                  return Result<void>();
                              }}));
    EXPECT_TRUE(dropped) << "the object that \"final\" had before";
    bool erased = false;
    ASSERT_TRUE(file->discard([&](bool in_store) {
        erased = in_store;
        return Result<void>();
    }));
    EXPECT_TRUE(erased) << "the object that \"other\" had before";
}

TEST_F(Drafts, MetadataOfItsOwnTime) {
    const auto file = draft("meta");
    write(*file, 0, noise(2 * part_bytes));
    file->change_metadata([](DraftMetadata& metadata) {
        metadata.attributes.permissions = 0640;
        metadata.attributes.mtime = 1'700'000'000 * nanos_per_second + 5;
        metadata.mtime_given = true;
    });
    commit(*file);
    const client::ObjectInfo large = store.head(bucket, "meta");
    EXPECT_EQ(large.headers.metadata.at("mode"), std::to_string(0100640));
    EXPECT_EQ(large.headers.metadata.at("mtime"), "1700000000.000000005");

    file->change_metadata([](DraftMetadata& metadata) { metadata.attributes.permissions = 0600; });
    commit(*file);
    EXPECT_EQ(store.head(bucket, "meta").headers.metadata.at("mode"), std::to_string(0100600));
    EXPECT_EQ(store.head(bucket, "meta").etag, file->version()->etag);
}

TEST_F(Drafts, WhatIsRemovedIsNotCommitted) {
    const auto file = draft("gone");
    write(*file, 0, noise(2 * part_bytes));
    ASSERT_TRUE(file->discard([](bool) { return Result<void>(); }));
    write(*file, 0, "still here");
    EXPECT_EQ(read(*file, 0, 10), "still here");
    EXPECT_TRUE(file->commit());
    ASSERT_TRUE(file->keep());
    EXPECT_EQ(store.get(bucket, "gone"), "<none>");
    EXPECT_TRUE(cache->abandoned_writes()->empty());
}

TEST_F(Drafts, AnotherProcessCommitsWhatWasLeft) {
    std::string all = noise(3 * part_bytes);
    store.put(bucket, "left", all);
    {
        const auto file = draft("left", version("left"));
        for (int i = 0; i < 20; ++i) {
            const std::string piece = noise(100 + random() % 9000);
            const std::size_t at = random() % (all.size() - piece.size());
            all.replace(at, piece.size(), piece);
            write(*file, at, piece);
        }
        ASSERT_TRUE(file->truncate(2 * part_bytes));
        ASSERT_TRUE(file->truncate(2 * part_bytes + 100));
        all.resize(2 * part_bytes);
        all.resize(2 * part_bytes + 100);
        ASSERT_TRUE(file->keep_for_recovery("why"));
    }
    const auto left = *cache->abandoned_writes();
    ASSERT_EQ(left.size(), 1U);
    auto adopted = Draft::adopt(ground, *cache->adopt_write(left[0].id));
    ASSERT_TRUE(adopted) << adopted.error().describe();
    EXPECT_TRUE(read(**adopted, 0, all.size() + 1) == all);
    commit(**adopted);
    EXPECT_TRUE(store.get(bucket, "left") == all);
}

TEST_F(Drafts, WhatIsThereAlreadyIsRecoveredToo) {
    const std::string all = noise(10'000);
    const auto leave = [&](const std::string& key) {
        const auto file = draft(key);
        write(*file, 0, all);
        ASSERT_TRUE(file->keep_for_recovery("why"));
    };
    leave("new");
    leave("there");
    leave("other");
    store.put(bucket, "there", all);
    store.put(bucket, "other", "somebody else's");
    const auto recovered = recover_writes(ground, "");
    ASSERT_TRUE(recovered);
    ASSERT_EQ(recovered->files.size(), 3U);
    for (const Recovered& one : recovered->files) {
        EXPECT_FALSE(one.error) << one.describe();
        EXPECT_EQ(one.saved_as.empty(), one.key != "other");
        if (one.key == "other") EXPECT_TRUE(store.get(bucket, one.saved_as) == all);
    }
    EXPECT_TRUE(store.get(bucket, "new") == all);
    EXPECT_EQ(store.get(bucket, "other"), "somebody else's");
    EXPECT_TRUE(cache->abandoned_writes()->empty());
}

TEST_F(Drafts, AChangeOfWhatIsGoneStaysInTheCache) {
    const std::string all = noise(3 * part_bytes);
    store.put(bucket, "model", all);
    {
        const auto file = draft("model", version("model"));
        write(*file, 10, "changed");
        store.put(bucket, "model", "somebody else's");
        EXPECT_EQ(file->commit().error().code(), Code::stale);
        ASSERT_TRUE(file->keep_for_recovery("why"));
    }
    const auto recovered = recover_writes(ground, "");
    ASSERT_EQ(recovered->files.size(), 1U);
    EXPECT_TRUE(recovered->files[0].error);
    EXPECT_EQ(store.get(bucket, "model"), "somebody else's");
    const auto left = *cache->abandoned_writes();
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(read_description(*left[0].info)->problem, "why");
}

TEST_F(Drafts, WhatIsAnotherBucketsIsNamed) {
    {
        const auto file = draft("model");
        write(*file, 0, "x");
        ASSERT_TRUE(file->keep_for_recovery("why"));
    }
    const std::string other = store.new_bucket();
    DraftGround elsewhere{.client = ground.client,
                          .transfers = ground.transfers,
                          .cache = ground.cache,
                          .pool = ground.pool,
                          .limits = ground.limits,
                          .clock = ground.clock,
                          .log = ground.log,
                          .bucket = other,
                          .reader = ground.reader};
    const auto recovered = recover_writes(elsewhere, "");
    EXPECT_TRUE(recovered->files.empty());
    const std::string url = store.client().endpoint().url();
    EXPECT_EQ(recovered->others, std::vector<std::string>{url + " " + bucket});
    EXPECT_EQ(cache->abandoned_writes()->size(), 1U);
}

TEST_F(Drafts, DescriptionsAreReadAsTheyWereWritten) {
    DraftDescription description{.endpoint = "http://store",
                                 .bucket = "b",
                                 .key = "k",
                                 .base = ObjectVersion{.etag = "e", .version_id = "v", .bytes = 9},
                                 .base_valid_bytes = 7,
                                 .replaces = "r",
                                 .created_at = 5};
    description.metadata.headers.content_type = "text/plain";
    description.metadata.headers.metadata["mine"] = "1";
    description.metadata.attributes.permissions = 0604;
    description.metadata.headers_known = false;
    const DraftDescription read = *read_description(*write_info(description));
    EXPECT_EQ(read.key, "k");
    EXPECT_EQ(read.base->version_id, "v");
    EXPECT_EQ(read.base->bytes, 9U);
    EXPECT_EQ(read.base_valid_bytes, 7U);
    EXPECT_EQ(read.replaces, "r");
    EXPECT_EQ(read.metadata.headers.content_type, "text/plain");
    EXPECT_EQ(read.metadata.headers.metadata.at("mine"), "1");
    EXPECT_EQ(read.metadata.attributes.permissions, 0604);
    EXPECT_FALSE(read.metadata.headers_known);
    cache::WriteInfo bad = *write_info(description);
    for (auto& [name, value] : bad.metadata)
        if (name == "base-valid-bytes") value = "10";
    EXPECT_EQ(read_description(bad).error().code(), Code::corrupt);
}

// It failed between the first block and the data, or the process ended there.
TEST_F(Drafts, AWriteThatWasCutShortLeavesTheBaseAsItWas) {
    const std::string all = noise(20'000);
    store.put(bucket, "model", all);
    DraftGround faulty = ground_of(store.client(), store.transfers(), store.pool());
    int reads = 0;
    faulty.reader = [&](const std::string& key, const ObjectVersion& version) -> ReadBase {
        return [&, read = reader(key, version)](std::uint64_t offset, std::span<std::byte> out) {
            return ++reads > 1 ? Result<void>(fail(Code::no_space)) : read(offset, out);
        };
    };
    {
        Draft file(faulty, {.key = "model", .base = version("model")});
        EXPECT_EQ(file.write(5000, bytes_of(std::string(4000, 'x'))).error().code(),
                  Code::no_space);
        EXPECT_EQ(reads, 2);
    }
    const auto left = *cache->abandoned_writes();
    ASSERT_EQ(left.size(), 1U);
    const auto adopted = Draft::adopt(ground, *cache->adopt_write(left[0].id));
    ASSERT_TRUE(adopted) << adopted.error().describe();
    commit(**adopted);
    EXPECT_TRUE(store.get(bucket, "model") == all);
}

// Random operations on a draft and on a string.
TEST_F(Drafts, IsTheFileThatAStringIs) {
    std::string all = noise(2 * part_bytes + random() % part_bytes);
    store.put(bucket, "model", all);
    auto file = draft("model", version("model"));
    const auto offset = [&] { return all.empty() ? 0 : random() % (all.size() + all.size() / 8); };
    for (int step = 0; step < 300; ++step) {
        SCOPED_TRACE(fmt::format("WEIR_TEST_SEED={} step {}", seed, step));
        switch (random() % 12) {
            case 0: {
                const std::uint64_t size =
                    random() % 3 == 0 ? random() % 5000 : random() % (4 * part_bytes);
                ASSERT_TRUE(file->truncate(size));
                all.resize(static_cast<std::size_t>(size));
                break;
            }
            case 1:
                commit(*file);
                ASSERT_TRUE(store.get(bucket, "model") == all);
                break;
            case 2:
                if (!file->changed()) ASSERT_TRUE(file->keep());
                break;
            case 3: {
                const Span span{offset(), offset() + 10'000};
                ASSERT_TRUE(file->zero(span));
                for (std::uint64_t i = span.begin;
                     i < std::min<std::uint64_t>(span.end, all.size()); ++i)
                    all[i] = '\0';
                break;
            }
            case 4: {
                const std::string piece = noise(random() % (2 * part_bytes));
                const std::uint64_t at = offset();
                if (at + piece.size() > all.size()) all.resize(at + piece.size());
                all.replace(at, piece.size(), piece);
                write(*file, at, piece);
                break;
            }
            default: {
                const std::string piece = noise(1 + random() % 20'000);
                const std::uint64_t at = offset();
                if (at + piece.size() > all.size()) all.resize(at + piece.size());
                all.replace(at, piece.size(), piece);
                write(*file, at, piece);
                break;
            }
        }
        ASSERT_EQ(file->size_bytes(), all.size());
        const std::uint64_t at = offset(), bytes = random() % 100'000;
        const std::string expected = at < all.size() ? all.substr(at, bytes) : "";
        ASSERT_TRUE(read(*file, at, bytes) == expected);
        if (all.size() > 5 * part_bytes) {
            ASSERT_TRUE(file->truncate(part_bytes));
            all.resize(part_bytes);
        }
    }
    commit(*file);
    ASSERT_TRUE(store.get(bucket, "model") == all);
}

}  // namespace
}  // namespace weir::mount
