#pragma once
// The objects whose keys begin with a prefix, page by page; names are what follows it.
//
// As Tree says; the client outlives it.

#include <deque>
#include <string>

#include "cli/s3/tree.h"
#include "client/s3_client.h"

namespace weir::cli {

class RemoteTree final : public Tree {
  public:
    RemoteTree(client::S3Client& client, client::Call call, std::string bucket, std::string prefix);

    Result<std::optional<Entry>> next() override;

  private:
    client::S3Client& client_;
    const client::Call call_;
    client::ListObjectsRequest page_;
    std::deque<client::ListedObject> objects_;
    bool ended_ = false;
};

}  // namespace weir::cli
