#include "cli/s3/remover.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <utility>

#include "base/limits.h"
#include "cli/s3/location.h"

namespace weir::cli {
ObjectRemover::ObjectRemover(S3Session& session, Report& report, std::string bucket, bool dry_run)
    : session_(session),
      report_(report),
      bucket_(std::move(bucket)),
      dry_run_(dry_run),
      jobs_(delete_requests_max, delete_requests_max) {}

void ObjectRemover::remove(std::string key) {
    if (dry_run_) {
        report_.did("delete", s3_text(bucket_, key));
        return;
    }
    keys_.push_back(std::move(key));
    if (keys_.size() == delete_objects_keys_max) flush();
}

void ObjectRemover::flush() {
    if (keys_.empty()) return;
    jobs_.add([this, keys = std::exchange(keys_, {})] { send(keys); });
}

void ObjectRemover::finish() {
    flush();
    jobs_.wait();
}

void ObjectRemover::send(const std::vector<std::string>& keys) {
    if (session_.stopped()) return;
    client::DeleteObjectsRequest request{.bucket = bucket_};
    for (const std::string& key : keys) request.objects.push_back({.key = key});
    const auto reply = session_.client().delete_objects(request, session_.call());
    if (!reply) {
        report_.failed(fmt::format("delete of {} objects from {} to {}", keys.size(),
                                   s3_text(bucket_, keys.front()), s3_text(bucket_, keys.back())),
                       reply.error());
        return;
    }
    std::set<std::string> left;
    for (const client::DeleteFailure& failure : reply->failures) {
        left.insert(failure.object.key);
        report_.failed(
            fmt::format("delete of {}", s3_text(bucket_, failure.object.key)),
            Error(Code::invalid_request, fmt::format("{}: {}", failure.code, failure.message)));
    }
    for (const std::string& key : keys)
        if (!left.contains(key)) report_.deleted(s3_text(bucket_, key));
}

void remove_file(Report& report, const std::string& path, bool dry_run) {
    if (dry_run) {
        report.did("delete", path);
    } else if (::unlink(path.c_str()) == 0 || errno == ENOENT) {
        report.deleted(path);
    } else {
        report.failed(fmt::format("delete of {}", path), errno_error("unlink", errno));
    }
}

}  // namespace weir::cli
