#pragma once
// An upload in parts, from its creation to its end: completed, or aborted, or left for the next
// time. Private to client.
//
// Belongs to its call; add() is safe from several threads.

#include <map>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "client/transfer.h"

namespace weir::client {

class Multipart {
  public:
    Multipart(S3Client& client, const UploadRequest& request, const Call& call)
        : client_(client), request_(request), call_(call) {}

    Result<void> create();
    // Goes on with the newest upload of that key, if there is one.
    Result<bool> find();
    // A part of this number that an upload which was found has.
    const UploadedPart* found_part(unsigned part_number) const;

    UploadPartRequest part(unsigned part_number) const;
    const std::string& upload_id() const { return upload_id_; }
    void add(UploadedPart part);
    Result<UploadReply> complete();
    // Best effort: `call` may have been interrupted, so this asks by itself. Says why it failed.
    Result<void> abort();

  private:
    Result<void> list_found_parts();

    S3Client& client_;
    const UploadRequest& request_;
    const Call& call_;
    std::string upload_id_;
    std::map<unsigned, UploadedPart> found_;
    Mutex mutex_;
    std::map<unsigned, UploadedPart> parts_ GUARDED_BY(mutex_);
};

}  // namespace weir::client
