#include "inspect/scrub.h"

#include <fmt/format.h>

#include <chrono>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "meta/keys.h"
#include "meta/records.h"
#include "store/partitions.h"
#include "store/verify.h"

namespace weir::inspect {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Sleeps so that the bytes so far have taken as long as the rate asks.
class Pace {
  public:
    explicit Pace(std::uint64_t bytes_per_second)
        : bytes_per_second_(bytes_per_second), start_(SteadyClock::now()) {}

    void read(std::uint64_t bytes) {
        bytes_ += bytes;
        if (bytes_per_second_ == 0) return;
        const std::chrono::duration<double> due(static_cast<double>(bytes_) /
                                                static_cast<double>(bytes_per_second_));
        std::this_thread::sleep_until(start_ +
                                      std::chrono::duration_cast<SteadyClock::duration>(due));
    }
    std::uint64_t bytes() const { return bytes_; }

  private:
    std::uint64_t bytes_per_second_;
    SteadyClock::time_point start_;
    std::uint64_t bytes_ = 0;
};

class Scrubber {
  public:
    Scrubber(store::ObjectStore& store, const ScrubOptions& options)
        : store_(store), options_(options), pace_(options.bytes_per_second) {}

    Result<ScrubReport> run() {
        // What others find meanwhile may be of blobs that were read before.
        const std::vector<std::string> known = store_.damage().blobs();
        TRY_VOID(scrub_metadata());
        TRY(const std::vector<store::Place> places, store::every_place(store_.context().kv));
        for (const store::Place& place : places) {
            TRY_VOID(each_row(place, meta::checksum_prefix, &Scrubber::scrub_extent));
            TRY_VOID(each_row(place, meta::current_prefix, &Scrubber::scrub_body));
            TRY_VOID(each_row(place, meta::version_prefix, &Scrubber::scrub_body));
        }
        report_.bytes = pace_.bytes();
        if (!saw_everything_) return report_;
        for (const std::string& blob : known)
            if (!damaged_.contains(blob)) store_.damage().is_whole(blob);
        return report_;
    }

  private:
    using RowScrub = Result<void> (Scrubber::*)(const store::Place& place, const kv::Row& row);

    Result<void> go_on() const {
        if (options_.cancel == nullptr || !options_.cancel->load()) return {};
        return fail(Code::cancelled, "the scrub was told to stop");
    }

    // The files of the database, as the database itself checks them.
    Result<void> scrub_metadata() {
        TRY_VOID(store_.context().kv.verify_files([&](const std::string& file, std::uint64_t bytes,
                                                      const std::optional<std::string>& wrong) {
            ++report_.files;
            pace_.read(bytes);
            if (wrong) damage(file, *wrong);
            return go_on().has_value();
        }));
        return go_on();
    }

    Result<void> each_row(const store::Place& place, char kind, RowScrub visit) {
        const Result<void> all = kv::each_row(store_.context().kv, place.partition,
                                              kv::prefix_range(std::string(1, kind)),
                                              [&](const kv::Row& row) -> Result<void> {
                                                  TRY_VOID(go_on());
                                                  return (this->*visit)(place, row);
                                              });
        if (all) return {};
        // Being created, or deleted and drained meanwhile.
        if (all.error().code() == Code::not_found) return {};
        if (all.error().code() != Code::corrupt) return all;
        damage(place.name, all.error().describe());
        saw_everything_ = false;
        return {};
    }

    void damage(const std::string& where, const std::string& what) {
        store_.damage().note(where, what);
        tell(where, what);
    }

    void damage_of_blob(const std::string& blob, const std::string& where,
                        const std::string& what) {
        store_.damage().add(blob, what);
        damaged_.insert(blob);
        tell(where, what);
    }

    void tell(const std::string& where, const std::string& what) {
        ++report_.damaged;
        if (options_.on_damage) options_.on_damage(where, what);
    }

    Result<void> scrub_extent(const store::Place& place, const kv::Row& row) {
        const std::optional<meta::ChecksumRow> run = meta::parse_checksum_row(row.key);
        const std::optional<blob::BlobId> id = run ? blob::BlobId::decode(run->blob) : std::nullopt;
        if (!id) {
            damage(place.name, "a checksum row has a key that is not one");
            saw_everything_ = false;
            return {};
        }
        const std::uint64_t offset = run->offset;
        const std::string where = fmt::format("{}: blob {} at {}", place.name, id->text(), offset);
        const Result<meta::BlockChecksums> blocks = meta::decode<meta::BlockChecksums>(row.value);
        Result<std::shared_ptr<const blob::Reader>> reader = store_.context().blobs.open(*id);
        Result<std::optional<std::string>> wrong = std::nullopt;
        if (!blocks) {
            wrong = fail(blocks.error());
        } else if (!reader) {
            wrong = fail(reader.error());
        } else {
            ++report_.extents;
            wrong = store::verify_blocks(**reader, offset, *blocks,
                                         [this](std::uint64_t bytes) { pace_.read(bytes); });
        }
        if (wrong && !*wrong) return {};
        if (!wrong && !store::is_damage(wrong.error())) return fail(std::move(wrong).error());
        const std::string what = wrong ? **wrong : wrong.error().describe();
        // Reclaimed while it was read?
        TRY(const std::optional<std::string> still,
            store_.context().kv.get(place.partition, row.key));
        if (still == row.value) damage_of_blob(id->encode(), where, what);
        return {};
    }

    Result<void> scrub_body(const store::Place& place, const kv::Row& row) {
        std::string key = row.key.substr(1);
        if (row.key.front() == meta::version_prefix) {
            std::optional<meta::VersionRow> parsed = meta::parse_version_row(row.key);
            if (!parsed) {
                damage(place.name, "a version row has a key that is not one");
                return {};
            }
            key = std::move(parsed->key);
        }
        const std::string where = fmt::format("{}/{}", place.name, key);
        const Result<meta::ObjectRecord> record = meta::decode<meta::ObjectRecord>(row.value);
        if (!record) {
            damage(where, record.error().describe());
            return {};
        }
        if (record->body() != meta::BODY_INLINE && record->parts_count() == 0) return {};
        kv::Engine& kv = store_.context().kv;
        const Result<std::optional<std::string>> body =
            kv.get(place.partition, meta::body_row(key, record->version()));
        if (record->body() == meta::BODY_INLINE) ++report_.bodies;
        if (body && *body) pace_.read((*body)->size());
        const std::optional<std::string> wrong = store::verify_body_row(body, *record);
        if (!wrong) return {};
        TRY(const std::optional<std::string> still, kv.get(place.partition, row.key));
        if (still == row.value) damage(where, *wrong);
        return {};
    }

    store::ObjectStore& store_;
    const ScrubOptions& options_;
    Pace pace_;
    std::set<std::string> damaged_;  // blobs
    bool saw_everything_ = true;
    ScrubReport report_;
};

}  // namespace

Result<ScrubReport> scrub(store::ObjectStore& store, const ScrubOptions& options) {
    return Scrubber(store, options).run();
}

}  // namespace weir::inspect
