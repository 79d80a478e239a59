// What a follower of the journal asks for: what is taken is within its bounds, and says what the
// parameters said. Input: the query behind `/?weir-journal&`.

#include <string>

#include "fuzz_input.h"
#include "s3/proto/journal_request.h"
#include "s3/proto/operations.h"
#include "s3/proto/uri.h"

namespace weir::s3 {
namespace {

void check(std::string_view input) {
    const Result<Target> target = parse_target("/?weir-journal&" + std::string(input));
    if (!target) return;
    RequestView view{.method = "GET"};
    for (const auto& [name, value] : target->query) view.query.push_back({name, value});
    CHECK(route(view).value() == Operation::FollowJournal);
    const Result<JournalRequest> request = parse_journal_request(view);
    if (!request) {
        CHECK(info(request.error().code()).http_status == 400);
        return;
    }
    CHECK(!request->bucket.empty() && request->bucket == view.parameter("bucket"));
    CHECK(request->prefix == view.parameter("prefix").value_or(""));
    CHECK(request->after.has_value() == view.parameter("after").has_value());
    if (request->after) {
        std::string_view digits = *view.parameter("after");
        while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
        CHECK(digits == std::to_string(*request->after));
        CHECK(*request->after + 1 > *request->after);
    }
    CHECK(request->heartbeat.count() >= 1 && request->heartbeat.count() <= 60);
}

}  // namespace
}  // namespace weir::s3

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::s3::check(weir::fuzz::as_input(data, size));
    return 0;
}
