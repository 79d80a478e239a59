#include "s3/proto/operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "s3/proto/journal_request.h"

namespace weir::s3 {
namespace {

constexpr auto table = std::to_array<OperationInfo>({
#define WEIR_S3_OPERATION(name, method, implemented) {Operation::name, #name, method, implemented},
#include "s3/proto/model_operations.inc"
#undef WEIR_S3_OPERATION
    {Operation::FollowJournal, "FollowJournal", "GET", true},
});

enum class Level : std::uint8_t { service, bucket, object };

// A marker is a query parameter that names a sub-resource: "acl", "list-type=2".
struct Route {
    Level level;
    std::string_view method;
    std::string_view bucket;                        // empty: any
    std::array<std::string_view, 2> markers;        // all of them
    std::array<std::string_view, 2> any_parameter;  // one of them, if there is any here
    std::string_view header;                        // empty: none
    Operation operation;
};

struct Marker {
    std::string_view name;
    bool of_bucket;
    bool of_object;
};

#include "s3/proto/model_routes.inc"

bool has_marker(const RequestView& request, std::string_view marker) {
    const std::size_t equals = marker.find('=');
    const auto value = request.parameter(marker.substr(0, equals));
    if (!value.has_value()) return false;
    return equals == std::string_view::npos || *value == marker.substr(equals + 1);
}

bool matches(const Route& route, Level level, const RequestView& request) {
    if (route.level != level || route.method != request.method) return false;
    if (!route.bucket.empty() && route.bucket != request.bucket) return false;
    if (!route.header.empty() && !request.header(route.header).has_value()) return false;
    for (const std::string_view marker : route.markers) {
        if (!marker.empty() && !has_marker(request, marker)) return false;
    }
    if (route.any_parameter[0].empty()) return true;
    return std::ranges::any_of(route.any_parameter, [&](std::string_view name) {
        return !name.empty() && request.parameter(name).has_value();
    });
}

bool same_pattern(const Route& a, const Route& b) {
    return a.level == b.level && a.method == b.method && a.bucket == b.bucket &&
           a.markers == b.markers && a.any_parameter == b.any_parameter && a.header == b.header;
}

// A sub-resource of this level; for methods that change something, of any level, so that a
// misplaced one never deletes or overwrites what it is a part of.
const Marker* sub_resource_of(const RequestView& request, Level level) {
    const bool reads = request.method == "GET" || request.method == "HEAD";
    const auto found = std::ranges::find_if(markers, [&](const Marker& marker) {
        const bool here = level == Level::object ? marker.of_object : marker.of_bucket;
        return (here || !reads) && request.parameter(marker.name).has_value();
    });
    return found == std::end(markers) ? nullptr : &*found;
}

// The parameter by which another level knows an operation that changes something: an upload's end
// whose key was lost must not delete the bucket.
std::string_view misplaced_parameter(const RequestView& request, Level level) {
    if (request.method == "GET" || request.method == "HEAD") return {};
    for (const Route& other : routes) {
        if (other.level == level || other.method != request.method || !other.markers[0].empty())
            continue;
        for (const std::string_view name : other.any_parameter)
            if (!name.empty() && request.parameter(name).has_value()) return name;
    }
    return {};
}

std::unexpected<Error> not_allowed(const RequestView& request, std::string_view what) {
    return fail(Code::method_not_allowed,
                fmt::format("The method {} is not allowed against {}.", request.method, what));
}

}  // namespace

std::span<const OperationInfo> all_operations() { return table; }

const OperationInfo& operation_info(Operation operation) {
    return table[static_cast<std::size_t>(operation)];
}

Result<Operation> route(const RequestView& request) {
    // "//key" is no request for the list of buckets.
    if (request.bucket.empty() && !request.key.empty()) return fail(Code::invalid_bucket_name);
    const Level level = request.bucket.empty() ? Level::service
                        : request.key.empty()  ? Level::bucket
                                               : Level::object;
    if (level == Level::service && request.method == "GET" && request.parameter(journal_parameter))
        return Operation::FollowJournal;
    const auto end = std::end(routes);
    const auto found = std::find_if(std::begin(routes), end, [&](const Route& candidate) {
        return matches(candidate, level, request);
    });
    const Marker* const sub_resource =
        level == Level::service ? nullptr : sub_resource_of(request, level);
    const std::string_view misplaced = misplaced_parameter(request, level);
    if (!misplaced.empty() && found != end && found->any_parameter[0].empty())
        return not_allowed(request, fmt::format("the parameter {} here", misplaced));
    if (found != end && (sub_resource == nullptr || !found->markers[0].empty())) {
        const auto id = request.parameter("x-id");
        for (auto twin = found; twin != end && same_pattern(*twin, *found); ++twin) {
            if (id == operation_info(twin->operation).name) return twin->operation;
        }
        return found->operation;
    }
    if (sub_resource != nullptr) {
        return not_allowed(request, fmt::format("the sub-resource {}", sub_resource->name));
    }
    if (level == Level::bucket && request.method == "POST") {
        return fail(Code::not_implemented,
                    "Uploads by HTML form (POST Object) are not implemented.");
    }
    return not_allowed(request, "this resource");
}

}  // namespace weir::s3
