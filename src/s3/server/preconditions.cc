#include "s3/server/preconditions.h"

namespace weir::s3 {
namespace {

// The request's own strings, kept as long as the Precondition.
struct Kept {
    std::optional<std::string> if_match;
    std::optional<std::string> if_none_match;
    std::optional<UnixNanos> if_modified_since;
    std::optional<UnixNanos> if_unmodified_since;

    bool empty() const {
        return !if_match && !if_none_match && !if_modified_since && !if_unmodified_since;
    }
    Conditions view() const {
        return {.if_match = if_match,
                .if_none_match = if_none_match,
                .if_modified_since = if_modified_since,
                .if_unmodified_since = if_unmodified_since};
    }
};

store::Precondition on_write(Kept kept) {
    if (kept.empty()) return nullptr;
    return [kept = std::move(kept)](const meta::ObjectRecord* current) -> Result<void> {
        if (current == nullptr) return check_write(kept.view(), nullptr);
        const ObjectState state = state_of(*current);
        return check_write(kept.view(), &state);
    };
}

}  // namespace

ObjectState state_of(const meta::ObjectRecord& record) {
    return {.etag = record.etag(),
            .last_modified = record.last_modified_nanos(),
            .size_bytes = record.size_bytes(),
            .delete_marker = record.delete_marker()};
}

store::Precondition write_precondition(const std::optional<std::string>& if_match,
                                       const std::optional<std::string>& if_none_match) {
    return on_write({.if_match = if_match,
                     .if_none_match = if_none_match,
                     .if_modified_since = {},
                     .if_unmodified_since = {}});
}

store::Precondition rename_target_precondition(
    const std::optional<std::string>& if_match, const std::optional<std::string>& if_none_match,
    const std::optional<UnixNanos>& if_modified_since,
    const std::optional<UnixNanos>& if_unmodified_since) {
    return on_write({if_match, if_none_match, if_modified_since, if_unmodified_since});
}

store::Precondition delete_precondition(const std::optional<std::string>& if_match,
                                        const std::optional<UnixNanos>& last_modified,
                                        const std::optional<std::int64_t>& size) {
    if (!if_match && !last_modified && !size) return nullptr;
    return [if_match, last_modified, size](const meta::ObjectRecord* current) -> Result<void> {
        const DeleteConditions conditions{.if_match = if_match,
                                          .if_match_last_modified_time = last_modified,
                                          .if_match_size = size};
        if (current == nullptr) return check_delete(conditions, nullptr);
        const ObjectState state = state_of(*current);
        return check_delete(conditions, &state);
    };
}

store::Precondition source_precondition(const std::optional<std::string>& if_match,
                                        const std::optional<std::string>& if_none_match,
                                        const std::optional<UnixNanos>& if_modified_since,
                                        const std::optional<UnixNanos>& if_unmodified_since) {
    Kept kept{if_match, if_none_match, if_modified_since, if_unmodified_since};
    if (kept.empty()) return nullptr;
    return [kept = std::move(kept)](const meta::ObjectRecord* current) -> Result<void> {
        if (current == nullptr) return fail(Code::no_such_key);
        return check_copy_source(kept.view(), state_of(*current));
    };
}

}  // namespace weir::s3
