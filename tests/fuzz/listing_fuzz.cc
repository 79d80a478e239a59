// Listings against a model that looks at every key: with any prefix, delimiter and marker, in one
// page or in many, the same names in the same order. Input: prefix, delimiter, marker, the size of
// a page, then keys; each a byte for its length and its bytes.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "fuzz_input.h"
#include "kv/memory/engine.h"
#include "meta/keys.h"
#include "meta/listing.h"
#include "meta/records.h"
#include "meta/version.h"

namespace weir::meta {
namespace {

const kv::PartitionId partition{7};
constexpr std::size_t keys_max = 1000;

// Of each key its versions; the last is the latest.
struct Model {
    std::set<std::string> current;   // keys whose latest is an object
    std::vector<std::string> lines;  // every version, in the order of a listing: "key id"
};

ObjectRecord record_of(std::uint64_t time, bool delete_marker) {
    ObjectRecord record;
    record.mutable_version()->set_time_nanos(time);
    record.set_delete_marker(delete_marker);
    record.set_null_version(time == 1);
    return record;
}

std::string line(const std::string& key, const ObjectRecord& record) {
    return key + " " + version_id(record);
}

Model fill(kv::Engine& engine, const std::set<std::string>& keys, std::uint8_t choice) {
    Model model;
    kv::Batch batch;
    for (const std::string& key : keys) {
        // From the key, so that it does not depend on the order of the input.
        const std::uint64_t versions = 1 + (key.size() + choice) % 3;
        for (std::uint64_t time = versions; time > 0; --time) {
            const bool latest = time == versions, marker = (key.size() ^ choice ^ time) % 4 == 3;
            const ObjectRecord record = record_of(time, marker);
            batch.put(!latest  ? version_row(key, record.version())
                      : marker ? marker_row(key)
                               : current_row(key),
                      encode(record));
            if (latest && !marker) model.current.insert(key);
            model.lines.push_back(line(key, record));
        }
    }
    if (!batch.puts.empty())
        CHECK(kv::commit_and_wait(engine, partition, std::move(batch)).has_value());
    return model;
}

// Objects and common prefixes as one list, in order.
std::vector<std::string> expected_names(const Model& model, const ListQuery& query) {
    const auto rolled_after = common_prefix(query.after, query.prefix, query.delimiter);
    const bool behind_prefix = !query.after.empty() && rolled_after == query.after;
    std::vector<std::string> names;
    for (const std::string& key : model.current) {
        if (!key.starts_with(query.prefix) || key <= query.after) continue;
        if (behind_prefix && key.starts_with(query.after)) continue;
        const std::string name = common_prefix(key, query.prefix, query.delimiter).value_or(key);
        if (names.empty() || names.back() != name) names.push_back(name);
    }
    return names;
}

void add_names(const Listing& listing, std::vector<std::string>& names) {
    std::vector<std::string> page = listing.common_prefixes;
    for (const ListedObject& object : listing.objects) page.push_back(object.key);
    std::ranges::sort(page);
    names.insert(names.end(), page.begin(), page.end());
}

void check_objects(kv::Engine& engine, const Model& model, ListQuery query) {
    const std::vector<std::string> expected = expected_names(model, query);
    std::vector<std::string> names;
    for (std::size_t pages = 0;; ++pages) {
        CHECK(pages <= expected.size());
        const Result<Listing> listing = list_objects(engine, partition, query);
        CHECK(listing.has_value());
        CHECK(listing->objects.size() + listing->common_prefixes.size() <= query.keys_max);
        add_names(*listing, names);
        if (!listing->truncated) break;
        CHECK(!listing->next_after.empty() && listing->next_after == names.back());
        query.after = listing->next_after;
    }
    CHECK(names == expected);
}

// Page by page as in one page.
void check_versions(kv::Engine& engine, VersionsQuery query, std::size_t page) {
    query.keys_max = keys_max;
    const Result<VersionsListing> whole = list_versions(engine, partition, query);
    CHECK(whole.has_value() && !whole->truncated);
    query.keys_max = page;
    std::vector<std::string> lines, prefixes;
    for (std::size_t pages = 0;; ++pages) {
        CHECK(pages <= whole->versions.size() + whole->common_prefixes.size());
        const Result<VersionsListing> part = list_versions(engine, partition, query);
        CHECK(part.has_value());
        CHECK(part->versions.size() + part->common_prefixes.size() <= page);
        for (const ListedVersion& listed : part->versions)
            lines.push_back(line(listed.key, listed.record));
        prefixes.insert(prefixes.end(), part->common_prefixes.begin(), part->common_prefixes.end());
        if (!part->truncated) break;
        query.key_marker = part->next_key_marker;
        query.version_id_marker = part->next_version_id_marker;
    }
    std::vector<std::string> expected;
    for (const ListedVersion& listed : whole->versions)
        expected.push_back(line(listed.key, listed.record));
    CHECK(lines == expected && prefixes == whole->common_prefixes);
}

void check_all_versions(kv::Engine& engine, const Model& model, const std::string& prefix) {
    const Result<VersionsListing> whole = list_versions(engine, partition,
                                                        {.prefix = prefix,
                                                         .delimiter = {},
                                                         .key_marker = {},
                                                         .version_id_marker = {},
                                                         .keys_max = keys_max});
    CHECK(whole.has_value());
    std::vector<std::string> lines, expected;
    for (const ListedVersion& listed : whole->versions)
        lines.push_back(line(listed.key, listed.record));
    for (const std::string& each : model.lines)
        if (each.starts_with(prefix) && each.rfind(' ') >= prefix.size()) expected.push_back(each);
    CHECK(lines == expected);
}

void check(std::string_view input) {
    const std::string prefix(fuzz::take_text(input)), delimiter(fuzz::take_text(input)),
        marker(fuzz::take_text(input));
    const std::uint8_t choice = fuzz::take_byte(input);
    const std::size_t page = 1 + choice % 5;
    std::set<std::string> keys;
    while (!input.empty() && keys.size() < 64) {
        const std::string key(fuzz::take_text(input));
        // check_object_key() lets no other pass.
        if (!key.empty() && key.find('\0') == std::string::npos) keys.insert(key);
    }
    kv::memory::Engine engine({.seed = choice});
    CHECK(engine.create_partition(partition).has_value());
    const Model model = fill(engine, keys, choice);
    const ListQuery query{
        .prefix = prefix, .delimiter = delimiter, .after = marker, .keys_max = page};
    check_objects(engine, model, query);
    check_all_versions(engine, model, prefix);
    check_versions(
        engine,
        {.prefix = prefix, .delimiter = delimiter, .key_marker = marker, .version_id_marker = {}},
        page);
}

}  // namespace
}  // namespace weir::meta

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::meta::check(weir::fuzz::as_input(data, size));
    return 0;
}
