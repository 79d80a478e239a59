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

// Reads the rows of one kind in order, a few at a time, and can jump forward.
class Cursor {
  public:
    // Row keys are `kind` + the object key, escaped for rows that something follows.
    Cursor(kv::Engine& engine, kv::PartitionId partition, char kind, bool escaped)
        : engine_(engine), partition_(partition), kind_(kind), escaped_(escaped), next_(1, kind) {}

    // Goes on at the first row whose object key is at least `key`; never backwards.
    void seek(std::string_view key) {
        std::string target(1, kind_);
        if (escaped_) {
            // Without the terminator, so that the target sorts before every row of the key.
            append_escaped(target, key);
            target.resize(target.size() - 2);
        } else {
            target.append(key);
        }
        while (!rows_.empty() && rows_.front().key < target) rows_.pop_front();
        if (rows_.empty() && !done_ && next_ < target) next_ = std::move(target);
    }

    // nullptr at the end. Valid until the next call.
    Result<const kv::Row*> peek() {
        while (rows_.empty() && !done_) TRY_VOID(fill());
        return rows_.empty() ? nullptr : &rows_.front();
    }
    void pop() { rows_.pop_front(); }

  private:
    static constexpr std::size_t rows_max = 256;

    Result<void> fill() {
        const std::string end(1, static_cast<char>(kind_ + 1));
        std::optional<std::string> stopped_at;
        TRY(kv::ScanEnd page,
            engine_.scan(partition_, {next_, end},
                         [&](std::string_view key, std::string_view value) {
                             if (rows_.size() == rows_max) {
                                 stopped_at = std::string(key);
                                 return false;
                             }
                             rows_.push_back({std::string(key), std::string(value)});
                             return true;
                         }));
        if (stopped_at) {
            next_ = *std::move(stopped_at);
        } else if (page.resume) {
            next_ = *std::move(page.resume);
        } else {
            done_ = true;
        }
        return {};
    }

    kv::Engine& engine_;
    kv::PartitionId partition_;
    char kind_;
    bool escaped_;
    std::string next_;
    bool done_ = false;
    std::deque<kv::Row> rows_;
};

// The current objects, delete markers and older versions of a bucket as one ordered stream.
class VersionStream {
  public:
    VersionStream(kv::Engine& engine, kv::PartitionId partition)
        : current_(engine, partition, current_prefix, false),
          marker_(engine, partition, marker_prefix, false),
          older_(engine, partition, version_prefix, true) {}

    void seek(std::string_view key) {
        current_.seek(key);
        marker_.seek(key);
        older_.seek(key);
    }

    // The next key's next version, or nullopt at the end.
    Result<std::optional<ListedVersion>> next() {
        TRY(const kv::Row* current, current_.peek());
        TRY(const kv::Row* marker, marker_.peek());
        TRY(const kv::Row* older, older_.peek());
        std::optional<std::string> head_key, older_key;
        Cursor* head = nullptr;
        if (current != nullptr) {
            head_key = current->key.substr(1);
            head = &current_;
        }
        if (marker != nullptr && (!head_key || marker->key.substr(1) < *head_key)) {
            head_key = marker->key.substr(1);
            head = &marker_;
        }
        if (older != nullptr) {
            std::optional<VersionRow> parsed = parse_version_row(older->key);
            if (!parsed) return fail(Code::corrupt, "a version row has a key that is not one");
            older_key = std::move(parsed->key);
        }
        if (!head_key && !older_key) return std::nullopt;
        const bool take_head = head_key && (!older_key || *head_key <= *older_key);
        return take(take_head ? *head : older_, *(take_head ? head_key : older_key), take_head);
    }

  private:
    Result<std::optional<ListedVersion>> take(Cursor& cursor, const std::string& key, bool latest) {
        TRY(const kv::Row* row, cursor.peek());
        TRY(ObjectRecord record, decode<ObjectRecord>(row->value));
        cursor.pop();
        return ListedVersion{.key = key, .record = std::move(record), .latest = latest};
    }

    Cursor current_;
    Cursor marker_;
    Cursor older_;
};

// Whether `listed` lies at or before the place that the markers name.
bool up_to_marker(const ListedVersion& listed, const VersionsQuery& query,
                  const std::optional<VersionName>& marker, bool& null_seen) {
    if (listed.key != query.key_marker || !marker) return false;
    if (!marker->null)
        return encode_version(listed.record.version()) >= encode_version(marker->version);
    if (null_seen) return false;
    null_seen = listed.record.null_version();
    return true;
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
    std::optional<VersionName> marker;
    std::string begin = query.prefix;
    if (!query.key_marker.empty()) {
        if (query.version_id_marker) {
            marker = parse_version_id(*query.version_id_marker);
            if (!marker) return fail(Code::invalid_argument, "Invalid version id specified");
            begin = std::max(begin, query.key_marker);
        } else {
            std::optional<std::string> resume =
                resume_key(query.key_marker, query.prefix, query.delimiter);
            if (!resume) return listing;
            begin = std::max(begin, *std::move(resume));
        }
    }
    VersionStream stream(engine, partition);
    stream.seek(begin);
    bool null_seen = false;
    for (std::size_t count = 0;; ++count) {
        TRY(std::optional<ListedVersion> listed, stream.next());
        while (listed && up_to_marker(*listed, query, marker, null_seen)) {
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
