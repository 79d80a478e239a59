#include "meta/listing.h"

#include <algorithm>
#include <deque>

#include "meta/keys.h"
#include "meta/records.h"
#include "meta/version.h"

namespace weir::meta {
namespace {

// Where a listing that ended at `after` goes on: behind all that rolls up to it, or right behind
// the key; nullopt if nothing can follow.
std::optional<std::string> resume_key(const std::string& after, std::string_view prefix,
                                      std::string_view delimiter) {
    if (common_prefix(after, prefix, delimiter) == after) return after_prefix(after);
    return after + '\0';
}

// The versions of a bucket, latest or older, objects and delete markers, in S3's order: by key,
// then the newest first. A version that is there all the time is seen once, whatever others do:
// rows are read some at a time, all kinds at one moment, and a later moment goes on behind what was
// seen.
class VersionStream {
  public:
    VersionStream(kv::Engine& engine, kv::PartitionId partition)
        : engine_(engine), partition_(partition) {}

    // Goes on at `key`, which lies ahead, behind its version `after` if one is named.
    void seek(std::string key, std::optional<std::string> after = std::nullopt) {
        while (!lines_.empty() && lines_.front().listed.key < key) lines_.pop_front();
        if (lines_.empty()) place_ = {.key = std::move(key), .version = std::move(after)};
    }

    void end() { done_ = true; }

    // nullopt at the end.
    Result<std::optional<ListedVersion>> next() {
        while (lines_.empty() && !done_) TRY_VOID(fill());
        if (lines_.empty()) return std::nullopt;
        ListedVersion next = std::move(lines_.front().listed);
        lines_.pop_front();
        // At an earlier moment another version was the latest, and was told as such.
        if (next.key == last_key_) next.latest = false;
        last_key_ = next.key;
        return next;
    }

  private:
    static constexpr std::size_t rows_max = 256;

    // Everything before it, and it itself, was seen; without a version, nothing of the key was.
    struct Place {
        std::string key;
        std::optional<std::string> version;  // encoded: later ones are greater

        bool before(const Place& other) const {
            if (key != other.key) return key < other.key;
            if (!version || !other.version) return !version && other.version;
            return *version > *other.version;
        }
    };
    struct Line {
        Place place;
        ListedVersion listed;
    };

    // The rows of the key itself apart, since they may be new, or have been seen.
    std::vector<kv::Range> ranges() const {
        std::string older = place_.version
                                ? version_row(place_.key, *decode_version(*place_.version)) + '\0'
                                : rows_from(version_prefix, place_.key);
        const std::string current = current_row(place_.key), marker = marker_row(place_.key);
        return {{current, current + '\0'},
                {marker, marker + '\0'},
                {current + '\0', kv::prefix_range(std::string(1, current_prefix)).end},
                {marker + '\0', kv::prefix_range(std::string(1, marker_prefix)).end},
                {std::move(older), kv::prefix_range(std::string(1, version_prefix)).end}};
    }

    static Result<Line> line_of(const kv::Row& row) {
        const bool latest = row.key.front() != version_prefix;
        std::string key = row.key.substr(1);
        if (!latest) {
            std::optional<VersionRow> parsed = parse_version_row(row.key);
            if (!parsed) return fail(Code::corrupt, "a version row has a key that is not one");
            key = std::move(parsed->key);
        }
        TRY(ObjectRecord record, decode<ObjectRecord>(row.value));
        return Line{.place = {.key = key, .version = encode_version(record.version())},
                    .listed = {.key = key, .record = std::move(record), .latest = latest}};
    }

    Result<void> fill() {
        TRY(const std::vector<kv::Page> pages,
            engine_.read_together(partition_, ranges(), rows_max));
        std::optional<Place> horizon;  // up to here every kind was read
        std::vector<Line> lines;
        for (const kv::Page& page : pages) {
            for (const kv::Row& row : page.rows) {
                TRY(Line line, line_of(row));
                if (place_.before(line.place)) lines.push_back(std::move(line));
            }
            if (page.more && (!horizon || lines.back().place.before(*horizon)))
                horizon = lines.back().place;
        }
        std::ranges::sort(lines,
                          [](const Line& a, const Line& b) { return a.place.before(b.place); });
        for (Line& line : lines) {
            if (horizon && horizon->before(line.place)) break;
            lines_.push_back(std::move(line));
        }
        done_ = !horizon;
        if (horizon) place_ = *std::move(horizon);
        return {};
    }

    kv::Engine& engine_;
    kv::PartitionId partition_;
    Place place_;
    std::deque<Line> lines_;
    bool done_ = false;
    std::optional<std::string> last_key_;
};

// Whether the listing goes on behind the null version of the key marker, which has to be found.
Result<bool> start_at_marker(const VersionsQuery& query, VersionStream& stream) {
    if (query.key_marker.empty() || query.key_marker < query.prefix) {
        stream.seek(query.prefix);
        return false;
    }
    if (!query.version_id_marker) {
        const std::optional<std::string> resume =
            resume_key(query.key_marker, query.prefix, query.delimiter);
        resume ? stream.seek(*resume) : stream.end();
        return false;
    }
    const std::optional<VersionName> marker = parse_version_id(*query.version_id_marker);
    if (!marker) return fail(Code::invalid_argument, "Invalid version id specified");
    stream.seek(query.key_marker,
                marker->null ? std::nullopt : std::optional(encode_version(marker->version)));
    return marker->null;
}

}  // namespace

std::optional<std::string> after_prefix(std::string_view prefix) {
    std::string next(prefix);
    while (!next.empty() && next.back() == '\xff') next.pop_back();
    if (next.empty()) return std::nullopt;
    next.back() = static_cast<char>(next.back() + 1);
    return next;
}

std::optional<std::string> common_prefix(std::string_view key, std::string_view prefix,
                                         std::string_view delimiter) {
    if (delimiter.empty() || !key.starts_with(prefix)) return std::nullopt;
    const std::size_t at = key.find(delimiter, prefix.size());
    if (at == std::string_view::npos) return std::nullopt;
    return std::string(key.substr(0, at + delimiter.size()));
}

Result<Listing> list_objects(kv::Engine& engine, kv::PartitionId partition,
                             const ListQuery& query) {
    Listing listing;
    if (query.keys_max == 0) return listing;
    const std::optional<std::string> end_key = after_prefix(query.prefix);
    const std::string end = end_key ? current_row(*end_key) : std::string(1, current_prefix + 1);
    std::string begin = query.prefix;
    if (!query.after.empty()) {
        std::optional<std::string> resume = resume_key(query.after, query.prefix, query.delimiter);
        if (!resume) return listing;
        begin = std::max(begin, *std::move(resume));
    }
    std::string seek = current_row(begin);
    std::size_t count = 0;
    Result<void> outcome;
    for (bool more = true; more;) {
        more = false;
        TRY(kv::ScanEnd page,
            engine.scan(partition, {seek, end}, [&](std::string_view row, std::string_view value) {
                const std::string_view key = row.substr(1);
                if (count == query.keys_max) {
                    listing.truncated = true;
                    return false;
                }
                ++count;
                if (std::optional<std::string> rolled =
                        common_prefix(key, query.prefix, query.delimiter)) {
                    if (std::optional<std::string> next = after_prefix(*rolled)) {
                        seek = current_row(*next);
                        more = true;
                    }
                    listing.next_after = *rolled;
                    listing.common_prefixes.push_back(*std::move(rolled));
                    return false;
                }
                Result<ObjectRecord> record = decode<ObjectRecord>(value);
                if (!record) {
                    outcome = fail(record.error());
                    return false;
                }
                listing.next_after = std::string(key);
                listing.objects.push_back({std::string(key), *std::move(record)});
                return true;
            }));
        TRY_VOID(outcome);
        if (page.resume) {
            seek = *std::move(page.resume);
            more = true;
        }
    }
    if (!listing.truncated) listing.next_after.clear();
    return listing;
}

Result<VersionsListing> list_versions(kv::Engine& engine, kv::PartitionId partition,
                                      const VersionsQuery& query) {
    VersionsListing listing;
    if (query.keys_max == 0) return listing;
    VersionStream stream(engine, partition);
    TRY(bool behind_null, start_at_marker(query, stream));
    for (std::size_t count = 0;; ++count) {
        TRY(std::optional<ListedVersion> listed, stream.next());
        while (listed && behind_null && listed->key == query.key_marker) {
            behind_null = !listed->record.null_version();
            TRY(listed, stream.next());
        }
        if (!listed || !listed->key.starts_with(query.prefix)) break;
        if (count == query.keys_max) {
            listing.truncated = true;
            return listing;
        }
        if (std::optional<std::string> rolled =
                common_prefix(listed->key, query.prefix, query.delimiter)) {
            listing.next_key_marker = *rolled;
            listing.next_version_id_marker.reset();
            const std::optional<std::string> next = after_prefix(*rolled);
            listing.common_prefixes.push_back(*std::move(rolled));
            if (!next) break;
            stream.seek(*next);
            continue;
        }
        listing.next_key_marker = listed->key;
        listing.next_version_id_marker = version_id(listed->record);
        listing.versions.push_back(*std::move(listed));
    }
    listing.next_key_marker.clear();
    listing.next_version_id_marker.reset();
    return listing;
}

}  // namespace weir::meta
