#include "cli/s3/remote_tree.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace weir::cli {

RemoteTree::RemoteTree(client::S3Client& client, client::Call call, std::string bucket,
                       std::string prefix)
    : client_(client),
      call_(call),
      page_{.bucket = std::move(bucket), .prefix = std::move(prefix)} {}

Result<std::optional<Entry>> RemoteTree::next() {
    while (objects_.empty()) {
        if (ended_) return std::nullopt;
        TRY(client::ListObjectsReply reply, client_.list_objects(page_, call_));
        objects_.assign(std::make_move_iterator(reply.objects.begin()),
                        std::make_move_iterator(reply.objects.end()));
        ended_ = reply.continuation_token.empty();
        page_.continuation_token = std::move(reply.continuation_token);
    }
    client::ListedObject object = std::move(objects_.front());
    objects_.pop_front();
    if (!object.key.starts_with(page_.prefix))
        return fail(Code::invalid_encoding,
                    fmt::format("the server listed {}, which does not begin with {}", object.key,
                                page_.prefix));
    return Entry{.name = object.key.substr(page_.prefix.size()),
                 .bytes = object.bytes,
                 .modified = object.last_modified};
}

}  // namespace weir::cli
