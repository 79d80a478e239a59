#include "s3/proto/conditions.h"

#include "s3/proto/request_view.h"

namespace weir::s3 {
namespace {

UnixNanos seconds(UnixNanos time) { return time / nanos_per_second; }

// The length of the list's first element: up to a comma outside quotes.
std::size_t first_element(std::string_view list) {
    bool quoted = false;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i] == '"') quoted = !quoted;
        if (list[i] == ',' && !quoted) return i;
    }
    return list.size();
}

bool fails_match(const Conditions& conditions, const ObjectState& object) {
    if (conditions.if_match) return !names_etag(*conditions.if_match, object.etag, /*weak=*/false);
    return conditions.if_unmodified_since &&
           seconds(object.last_modified) > seconds(*conditions.if_unmodified_since);
}

bool fails_none_match(const Conditions& conditions, const ObjectState& object) {
    if (conditions.if_none_match)
        return names_etag(*conditions.if_none_match, object.etag, /*weak=*/true);
    return conditions.if_modified_since &&
           seconds(object.last_modified) <= seconds(*conditions.if_modified_since);
}

}  // namespace

bool names_etag(std::string_view header, std::string_view etag, bool weak) {
    while (!header.empty()) {
        const std::size_t length = first_element(header);
        std::string_view element = trim_spaces(header.substr(0, length));
        header.remove_prefix(length < header.size() ? length + 1 : length);
        if (element == "*") return true;
        if (element.starts_with("W/")) {
            if (!weak) continue;
            element.remove_prefix(2);
        }
        if (element.size() >= 2 && element.starts_with('"') && element.ends_with('"'))
            element = element.substr(1, element.size() - 2);
        if (!element.empty() && element == etag) return true;
    }
    return false;
}

Result<void> check_read(const Conditions& conditions, const ObjectState& object) {
    if (fails_match(conditions, object)) return fail(Code::precondition_failed);
    if (fails_none_match(conditions, object)) return fail(Code::not_modified);
    return {};
}

Result<void> check_copy_source(const Conditions& conditions, const ObjectState& source) {
    if (fails_match(conditions, source) || fails_none_match(conditions, source))
        return fail(Code::precondition_failed);
    return {};
}

Result<void> check_write(const Conditions& conditions, const ObjectState* current) {
    if (current == nullptr || current->delete_marker) {
        if (conditions.if_match) return fail(Code::no_such_key);
        return {};
    }
    return check_copy_source(conditions, *current);
}

Result<void> check_delete(const DeleteConditions& conditions, const ObjectState* current) {
    if (current == nullptr) return {};
    if (conditions.if_match && !names_etag(*conditions.if_match, current->etag, /*weak=*/false))
        return fail(Code::precondition_failed);
    if (conditions.if_match_last_modified_time &&
        seconds(*conditions.if_match_last_modified_time) != seconds(current->last_modified))
        return fail(Code::precondition_failed);
    if (conditions.if_match_size &&
        (*conditions.if_match_size < 0 ||
         static_cast<std::uint64_t>(*conditions.if_match_size) != current->size_bytes))
        return fail(Code::precondition_failed);
    return {};
}

}  // namespace weir::s3
