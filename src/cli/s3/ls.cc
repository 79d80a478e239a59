// weir ls: as the AWS CLI shows it, or as JSON.

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/s3/s3_command.h"

namespace weir::cli {
namespace {

using Json = nlohmann::json;

constexpr std::string_view usage = "usage: weir ls [s3://BUCKET[/PREFIX]] [options]";

std::string local_time(UnixNanos time) {
    const auto seconds = static_cast<std::time_t>(time / nanos_per_second);
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    char text[sizeof "2026-11-27 08:30:00"] = {};
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    return text;
}

std::string iso_time(UnixNanos time) {
    constexpr std::uint64_t nanos_per_milli = 1'000'000;
    const auto seconds = static_cast<std::time_t>(time / nanos_per_second);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[sizeof "2026-11-27T08:30:00"] = {};
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    return fmt::format("{}.{:03}Z", text, time % nanos_per_second / nanos_per_milli);
}

// Whoever reads may go away.
Result<void> put_line(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
        std::fputc('\n', stdout) != EOF)
        return {};
    return fail(errno_error("writing the list", errno));
}

Result<void> put_json(const Json& json) {
    return put_line(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

class Lister {
  public:
    Lister(const S3Line& line, client::S3Client& client, client::Call call)
        : line_(line), client_(client), call_(call) {}

    Result<void> buckets() {
        TRY(const client::ListBucketsReply reply, client_.list_buckets(call_));
        for (const client::BucketInfo& bucket : reply.buckets)
            TRY_VOID(
                line_.json
                    ? put_json(Json{{"bucket", bucket.name}, {"created", iso_time(bucket.created)}})
                    : put_line(fmt::format("{} {}", local_time(bucket.created), bucket.name)));
        return {};
    }

    Result<void> objects(const Location& place) {
        // Names are shown below the folder that was asked for.
        shown_from_ = line_.recursive ? 0 : place.key.rfind('/') + 1;
        client::ListObjectsRequest page{
            .bucket = place.bucket, .prefix = place.key, .delimiter = line_.recursive ? "" : "/"};
        bool any = false;
        for (;;) {
            TRY(client::ListObjectsReply reply, client_.list_objects(page, call_));
            any |= !reply.objects.empty() || !reply.common_prefixes.empty();
            TRY_VOID(show(reply));
            if (reply.continuation_token.empty()) break;
            page.continuation_token = std::move(reply.continuation_token);
        }
        if (line_.summarize) TRY_VOID(summarize());
        if (!any && !place.key.empty())
            return fail(Code::no_such_key, fmt::format("nothing begins with {}", place.text()));
        return {};
    }

  private:
    Result<void> show(const client::ListObjectsReply& reply) {
        for (const std::string& prefix : reply.common_prefixes)
            TRY_VOID(line_.json ? put_json(Json{{"prefix", prefix}})
                                : put_line(fmt::format("{:>30} {}", "PRE", shown(prefix))));
        for (const client::ListedObject& object : reply.objects) {
            ++objects_;
            bytes_ += object.bytes;
            TRY_VOID(line_.json
                         ? put_json(json_of(object))
                         : put_line(fmt::format("{} {:>10} {}", local_time(object.last_modified),
                                                object.bytes, shown(object.key))));
        }
        return {};
    }

    std::string_view shown(std::string_view key) const {
        return key.substr(std::min(shown_from_, key.size()));
    }

    static Json json_of(const client::ListedObject& object) {
        return {{"key", object.key},
                {"size", object.bytes},
                {"last_modified", iso_time(object.last_modified)},
                {"etag", object.etag}};
    }

    Result<void> summarize() const {
        if (line_.json) return put_json(Json{{"objects", objects_}, {"bytes", bytes_}});
        return put_line(fmt::format("\nTotal Objects: {}\n   Total Size: {}", objects_, bytes_));
    }

    const S3Line& line_;
    client::S3Client& client_;
    const client::Call call_;
    std::size_t shown_from_ = 0;
    std::uint64_t objects_ = 0, bytes_ = 0;
};

std::string mistake_in(const S3Line& line) {
    if (line.places.size() > 1) return "ls takes one place";
    if (!line.places.empty() && !line.places[0].is_s3())
        return fmt::format("{} is in no bucket; write s3://BUCKET", line.places[0].text());
    if (line.places.empty() && (line.recursive || line.summarize))
        return "--recursive and --summarize are about one bucket: name it";
    return "";
}

}  // namespace

int run_ls(const std::vector<std::string>& arguments) {
    if (asks_for_help(arguments)) return explain(usage, verb_ls);
    Result<S3Line> line = parse_s3_line(verb_ls, arguments);
    if (!line) return misuse(line.error().message(), usage);
    if (const std::string mistake = mistake_in(*line); !mistake.empty())
        return misuse(mistake, usage);
    line->report.quiet = true;  // the list is all that is said
    return run_reported(*line, [&](S3Session& session, Report&) -> Result<void> {
        Lister lister(*line, session.client(), session.call());
        const Result<void> listed =
            line->places.empty() ? lister.buckets() : lister.objects(line->places[0]);
        if (std::fflush(stdout) != 0) return fail(errno_error("writing the list", errno));
        return listed;
    });
}

}  // namespace weir::cli
