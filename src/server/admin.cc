#include "server/admin.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "backup/report_json.h"
#include "base/bytes.h"
#include "inspect/check.h"
#include "inspect/describe.h"
#include "inspect/report_json.h"
#include "inspect/scrub.h"
#include "net/blocking.h"
#include "s3/proto/model_time.h"

namespace weir::server {
namespace {

constexpr std::size_t body_bytes_max = 64 * 1024;

http::Response plain(unsigned status, std::string text) {
    http::Response response;
    response.status = status;
    response.fields.emplace_back("Content-Type", "text/plain; charset=utf-8");
    response.body = std::move(text);
    return response;
}

http::Response json(unsigned status, const nlohmann::json& body) {
    http::Response response;
    response.status = status;
    response.fields.emplace_back("Content-Type", "application/json");
    response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return response;
}

http::Response failure(const Error& error) {
    return json(info(error.code()).http_status, {{"error", std::string(error.message())}});
}

Result<nlohmann::json> parse(const std::string& body) {
    nlohmann::json parsed = nlohmann::json::parse(body, nullptr, false);
    if (parsed.is_discarded() || !parsed.is_object())
        return fail(Code::invalid_argument, "The body is no JSON object.");
    return parsed;
}

Result<std::string> text_of(const nlohmann::json& request, const char* name) {
    const auto found = request.find(name);
    if (found == request.end() || !found->is_string())
        return fail(Code::invalid_argument, fmt::format("'{}' must be text.", name));
    return found->get<std::string>();
}

nlohmann::json describe(const auth::AccessKey& key) {
    return {{"id", key.id},
            {"owner", key.owner},
            {"enabled", key.enabled},
            {"created", s3::format_iso_date(key.created)}};
}

}  // namespace

Admin::Admin(Parts parts, bool trusted) : parts_(std::move(parts)), trusted_(trusted) {}

std::string Admin::metrics_text() const {
    std::vector<prometheus::MetricFamily> families;
    for (const prometheus::Collectable* source : parts_.metrics)
        std::ranges::move(source->Collect(), std::back_inserter(families));
    return prometheus::TextSerializer().Serialize(families);
}

nlohmann::json Admin::list_keys() const {
    nlohmann::json keys = nlohmann::json::array();
    for (const auth::AccessKey& key : parts_.keys.list()) keys.push_back(describe(key));
    return {{"keys", std::move(keys)}};
}

nlohmann::json Admin::list_limits() const {
    nlohmann::json limits = nlohmann::json::array();
    for (const BoundInUse& bound : parts_.bounds) {
        nlohmann::json limit{{"name", bound.name}, {"bound", bound.bound}};
        if (bound.use) limit["use"] = bound.use();
        limits.push_back(std::move(limit));
    }
    return {{"limits", std::move(limits)}};
}

nlohmann::json Admin::status() const {
    nlohmann::json status{
        {"ready", parts_.ready()}, {"writer", parts_.writer}, {"access_keys", parts_.keys.size()}};
    if (const Result<blob::Space> space = parts_.store.context().blobs.space()) {
        status["disk_bytes"] = space->total_bytes;
        status["disk_free_bytes"] = space->free_bytes;
    }
    return status;
}

Result<nlohmann::json> Admin::create_key(const nlohmann::json& request) {
    TRY(const std::string owner, text_of(request, "owner"));
    auth::AccessKey key = auth::make_access_key(owner, parts_.clock.now());
    const bool given = request.contains("id");
    if (given) {
        TRY(key.id, text_of(request, "id"));
        TRY(key.secret, text_of(request, "secret"));
    }
    TRY_VOID(parts_.keys.add(key));
    nlohmann::json reply = describe(key);
    if (!given) reply["secret"] = key.secret;
    return reply;
}

Result<nlohmann::json> Admin::alone(const std::function<Result<nlohmann::json>()>& work) {
    if (busy_.exchange(true))
        return fail(Code::conflict, "Another fsck, scrub or backup is running.");
    Result<nlohmann::json> reply = work();
    busy_ = false;
    return reply;
}

Result<nlohmann::json> Admin::fsck(const nlohmann::json& request) {
    const inspect::CheckOptions options{.read_bytes = request.value("read", false),
                                        .repair = request.value("repair", false),
                                        .offline = false,
                                        .writer = parts_.writer,
                                        .cancel = &cancelled_};
    TRY(const inspect::CheckReport report, inspect::check(parts_.store, options));
    return inspect::to_json(report);
}

Result<nlohmann::json> Admin::scrub(const nlohmann::json& request) {
    constexpr std::size_t findings_max = 1000;
    nlohmann::json findings = nlohmann::json::array();
    inspect::ScrubOptions options;
    options.bytes_per_second = request.value("bytes_per_second", options.bytes_per_second);
    options.cancel = &cancelled_;
    options.on_damage = [&](const std::string& where, const std::string& what) {
        if (findings.size() < findings_max) findings.push_back(where + ": " + what);
    };
    TRY(const inspect::ScrubReport report, inspect::scrub(parts_.store, options));
    nlohmann::json reply = inspect::to_json(report);
    reply["findings"] = std::move(findings);
    return reply;
}

Result<nlohmann::json> Admin::back_up(const nlohmann::json& request) {
    backup::BackupOptions options;
    TRY(options.path, text_of(request, "path"));
    options.name = backup::set_name(parts_.clock.now());
    options.keep = request.value("keep", std::size_t(0));
    options.with_secret_key = request.value("with_secret_key", true);
    options.cancel = &cancelled_;
    TRY(const backup::BackupReport report, parts_.back_up(options));
    return backup::to_json(report);
}

Result<http::Response> Admin::answer(const std::string& method, const std::string& path,
                                     const std::string& body) {
    if (method == "GET" && path == "/healthz") return plain(200, "ok\n");
    if (method == "GET" && path == "/readyz")
        return parts_.ready() ? plain(200, "ready\n") : plain(503, "draining\n");
    if (method == "GET" && path == "/metrics") {
        http::Response response = plain(200, metrics_text());
        response.fields = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}};
        return response;
    }
    if (trusted_) return answer_trusted(method, path, body);
    return fail(Code::not_found, "Here are /healthz, /readyz and /metrics.");
}

Result<http::Response> Admin::answer_trusted(const std::string& method, const std::string& path,
                                             const std::string& body) {
    constexpr std::string_view keys = "/keys/";
    if (method == "GET" && path == "/keys") return json(200, list_keys());
    if (method == "GET" && path == "/limits") return json(200, list_limits());
    if (method == "GET" && path == "/status") return json(200, status());
    if (method == "DELETE" && path.starts_with(keys)) {
        TRY_VOID(parts_.keys.remove(path.substr(keys.size())));
        return json(200, nlohmann::json::object());
    }
    if (method == "POST" && path.starts_with(keys)) {
        const std::size_t slash = path.rfind('/');
        const std::string verb = path.substr(slash + 1);
        if (slash < keys.size() || (verb != "enable" && verb != "disable"))
            return fail(Code::not_found);
        TRY_VOID(parts_.keys.set_enabled(path.substr(keys.size(), slash - keys.size()),
                                         verb == "enable"));
        return json(200, nlohmann::json::object());
    }
    if (method != "POST") return fail(Code::not_found);
    TRY(const nlohmann::json request, parse(body));
    nlohmann::json reply;
    if (path == "/keys") {
        TRY(reply, create_key(request));
    } else if (path == "/fsck") {
        TRY(reply, alone([&] { return fsck(request); }));
    } else if (path == "/scrub") {
        TRY(reply, alone([&] { return scrub(request); }));
    } else if (path == "/backup") {
        TRY(reply, alone([&] { return back_up(request); }));
    } else if (path == "/describe") {
        TRY(reply, inspect::describe(parts_.store, request));
    } else {
        return fail(Code::not_found);
    }
    return json(200, reply);
}

net::Task<http::Response> Admin::handle(const http::RequestHead& head, http::BodyReader& body) {
    std::string text;
    std::vector<std::byte> buffer(4096);
    while (!body.at_end()) {
        const Result<std::size_t> count = co_await body.read_some(buffer);
        if (!count) co_return failure(count.error());
        text += as_text(std::span(buffer).first(*count));
        if (text.size() > body_bytes_max) co_return failure(Error(Code::entity_too_large));
    }
    const std::string method(head.method), path(head.target.substr(0, head.target.find('?')));
    auto work = [&]() -> Result<http::Response> {
        try {
            return answer(method, path, text);
        } catch (const nlohmann::json::exception& exception) {
            return fail(Code::invalid_argument, exception.what());
        }
    };
    Result<http::Response> response = co_await net::run_blocking(parts_.pool, work);
    co_return response ? *std::move(response) : failure(response.error());
}

http::Response Admin::refuse(const Error& error) {
    http::Response response = failure(error);
    response.close = true;
    return response;
}

}  // namespace weir::server
