// The request target and what it names. Input: the target, the Host header, the method, a line
// each.

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz_input.h"
#include "s3/proto/names.h"
#include "s3/proto/operations.h"
#include "s3/proto/uri.h"
#include "s3/proto/utf8.h"

namespace weir::s3 {
namespace {

const std::vector<std::string> domains{"s3.example.com", "example.com", "localhost"};

void check_percent(std::string_view text) {
    for (const bool keep_slash : {false, true}) {
        const std::string encoded = percent_encode(text, keep_slash);
        for (const bool plus_is_space : {false, true})
            CHECK(percent_decode(encoded, plus_is_space) == text);
        CHECK(std::ranges::all_of(encoded, [keep_slash](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   std::string_view("-._~%").find(c) != std::string_view::npos ||
                   (keep_slash && c == '/');
        }));
    }
}

// Written as SigV4 writes it and read again, a target is the same.
void check_target(std::string_view raw, const Target& target) {
    CHECK(target.path.starts_with('/') && is_utf8_text(target.path));
    CHECK(raw.find(target.raw_path) != std::string_view::npos || target.raw_path == "/");
    CHECK(raw.ends_with(target.raw_query));
    std::string text = percent_encode(target.path, /*keep_slash=*/true) + "?";
    for (const auto& [name, value] : target.query) {
        CHECK(is_utf8_text(name) && is_utf8_text(value));
        text += percent_encode(name, false) + "=" + percent_encode(value, false) + "&";
    }
    const Result<Target> again = parse_target(text);
    CHECK(again.has_value());
    CHECK(again->path == target.path && again->query == target.query);
}

void check_place(const Target& target, std::string_view host, const Place& place) {
    if (place.bucket_in_host) {
        CHECK(!place.bucket.empty() && host.starts_with(place.bucket + "."));
        CHECK(target.path == "/" + place.key);
        return;
    }
    CHECK(place.bucket.find('/') == std::string::npos);
    CHECK(target.path == "/" + place.bucket + "/" + place.key ||
          (place.key.empty() && target.path == "/" + place.bucket));
}

// The rules of AWS, written another way than names.cc does.
void check_bucket_rules(std::string_view name) {
    CHECK(name.size() >= 3 && name.size() <= 63);
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") ==
          std::string_view::npos);
    CHECK(name.front() != '.' && name.front() != '-' && name.back() != '.' && name.back() != '-');
    for (const std::string_view pair : {"..", ".-", "-."})
        CHECK(name.find(pair) == std::string_view::npos);
    CHECK(!name.starts_with("xn--") && !name.ends_with("-s3alias"));
}

// A sub-resource is never taken for the thing that it is a part of.
void check_route(const RequestView& view, Operation operation) {
    const OperationInfo& row = operation_info(operation);
    CHECK(row.operation == operation && row.method == view.method);
    const bool whole = operation == Operation::PutObject || operation == Operation::DeleteObject ||
                       operation == Operation::CopyObject || operation == Operation::CreateBucket ||
                       operation == Operation::DeleteBucket || operation == Operation::GetObject ||
                       operation == Operation::HeadObject;
    if (!whole) return;
    if (view.method == "PUT" || view.method == "DELETE") {
        for (const std::string_view part : {"acl", "tagging", "uploadId", "uploads", "retention",
                                            "legal-hold", "attributes", "policy", "versioning"})
            CHECK(!view.parameter(part));
    }
    const bool of_bucket =
        operation == Operation::CreateBucket || operation == Operation::DeleteBucket;
    CHECK(!view.bucket.empty() && view.key.empty() == of_bucket);
}

void check(std::string_view input) {
    check_percent(input);
    check_percent(std::string(percent_decode(input, true).value_or("")));
    const std::string_view raw = fuzz::take_line(input), host = fuzz::take_line(input),
                           method = fuzz::take_line(input);
    if (check_bucket_name(raw)) check_bucket_rules(raw);
    CHECK(check_object_key(raw).has_value() ==
          (!raw.empty() && raw.size() <= 1024 && is_utf8_text(raw)));
    const Result<Target> target = parse_target(raw);
    if (!target) return;
    check_target(raw, *target);
    const Place place = find_place(target->path, host, domains);
    check_place(*target, host, place);
    RequestView view{.method = method, .host = host, .bucket = place.bucket, .key = place.key};
    for (const auto& [name, value] : target->query) view.query.push_back({name, value});
    if (const Result<Operation> operation = route(view)) check_route(view, *operation);
}

}  // namespace
}  // namespace weir::s3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::s3::check(weir::fuzz::as_input(data, size));
    return 0;
}
