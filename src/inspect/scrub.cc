#include "inspect/scrub.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "base/bytes.h"
#include "inspect/verify.h"
#include "meta/keys.h"
#include "meta/records.h"

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
        TRY_VOID(store_.each_bucket([this](const store::Bucket& bucket) -> Result<void> {
            TRY_VOID(scrub_extents(bucket));
            return scrub_bodies(bucket);
        }));
        if (cancelled()) return fail(Code::cancelled, "the scrub was told to stop");
        report_.bytes = pace_.bytes();
        return report_;
    }

  private:
    static constexpr std::size_t rows_a_round_max = 256;

    bool cancelled() const { return options_.cancel != nullptr && options_.cancel->load(); }

    // Some rows from `begin` on; the scan does not stay open while bytes are read.
    Result<std::vector<kv::Row>> rows(kv::PartitionId partition, char kind,
                                      const std::string& begin) {
        kv::Range range = kv::prefix_range(std::string(1, kind));
        if (!begin.empty()) range.begin = begin + '\0';
        std::vector<kv::Row> found;
        TRY_VOID(kv::scan_all(store_.context().kv, partition, std::move(range),
                              [&](std::string_view key, std::string_view value) {
                                  found.push_back({std::string(key), std::string(value)});
                                  return found.size() < rows_a_round_max;
                              }));
        return found;
    }

    void damage(const std::string& where, const std::string& what) {
        ++report_.damaged;
        store_.context().log.error("scrub: {}: {}", where, what);
        if (options_.on_damage) options_.on_damage(where, what);
    }

    Result<void> scrub_extents(const store::Bucket& bucket) {
        for (std::string begin; !cancelled();) {
            TRY(const std::vector<kv::Row> found,
                rows(bucket.partition, meta::checksum_prefix, begin));
            for (const kv::Row& row : found) {
                if (cancelled()) return {};
                TRY_VOID(scrub_extent(bucket, row));
            }
            if (found.size() < rows_a_round_max) return {};
            begin = found.back().key;
        }
        return {};
    }

    Result<void> scrub_extent(const store::Bucket& bucket, const kv::Row& row) {
        const std::optional<blob::BlobId> id =
            blob::BlobId::decode(std::string_view(row.key).substr(1, 16));
        if (!id || row.key.size() != 25) {
            damage(bucket.name, "a checksum row has a key that is not one");
            return {};
        }
        const std::uint64_t offset = read_be64(std::string_view(row.key).substr(17));
        const std::string where =
            fmt::format("bucket {}: blob {} at {}", bucket.name, id->text(), offset);
        const Result<meta::BlockChecksums> blocks = meta::decode<meta::BlockChecksums>(row.value);
        Result<std::shared_ptr<const blob::Reader>> reader = store_.context().blobs.open(*id);
        std::optional<std::string> wrong;
        if (!blocks) {
            wrong = blocks.error().describe();
        } else if (!reader) {
            wrong = reader.error().describe();
        } else {
            ++report_.extents;
            Result<std::optional<std::string>> verified = verify_blocks(
                **reader, offset, *blocks, [this](std::uint64_t bytes) { pace_.read(bytes); });
            wrong = verified ? *std::move(verified) : verified.error().describe();
        }
        if (!wrong) return {};
        // Reclaimed while it was read?
        TRY(const std::optional<std::string> still,
            store_.context().kv.get(bucket.partition, row.key));
        if (still == row.value) damage(where, *wrong);
        return {};
    }

    Result<void> scrub_bodies(const store::Bucket& bucket) {
        for (std::string begin; !cancelled();) {
            TRY(const std::vector<kv::Row> found,
                rows(bucket.partition, meta::current_prefix, begin));
            for (const kv::Row& row : found) TRY_VOID(scrub_body(bucket, row));
            if (found.size() < rows_a_round_max) return {};
            begin = found.back().key;
        }
        return {};
    }

    Result<void> scrub_body(const store::Bucket& bucket, const kv::Row& row) {
        const std::string key = row.key.substr(1);
        const std::string where = fmt::format("{}/{}", bucket.name, key);
        const Result<meta::ObjectRecord> record = meta::decode<meta::ObjectRecord>(row.value);
        if (!record) {
            damage(where, record.error().describe());
            return {};
        }
        if (record->body() != meta::BODY_INLINE) return {};
        kv::Engine& kv = store_.context().kv;
        TRY(const std::optional<std::string> body,
            kv.get(bucket.partition, meta::body_row(key, record->version())));
        std::optional<std::string> wrong =
            body ? verify_inline(*body, *record)
                 : std::optional<std::string>("the inline body is missing");
        ++report_.bodies;
        pace_.read(record->size_bytes());
        if (!wrong) return {};
        TRY(const std::optional<std::string> still, kv.get(bucket.partition, row.key));
        if (still == row.value) damage(where, *wrong);
        return {};
    }

    store::ObjectStore& store_;
    const ScrubOptions& options_;
    Pace pace_;
    ScrubReport report_;
};

}  // namespace

Result<ScrubReport> scrub(store::ObjectStore& store, const ScrubOptions& options) {
    return Scrubber(store, options).run();
}

}  // namespace weir::inspect
