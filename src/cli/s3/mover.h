#pragma once
// One file or object at a time from here to there: up, down, through a stream, or from key to key
// by the server.
//
// Owned by its command, as what it refers to; safe from any thread. Failure: the client's error, or
// that of a file; a download that failed leaves its target as it was. The bytes that moved are told
// to the Report, the outcome is not.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "cli/s3/report.h"
#include "cli/s3/tree.h"
#include "cli/s3_session.h"

namespace weir::cli {

struct MoveOptions {
    std::string content_type = {};
    std::map<std::string, std::string> metadata = {};
    bool keep_mtime = false;  // in the metadata, and from there
    bool if_absent = false;
    bool resume = false;
    std::size_t parallelism = 0;  // 0: the client's limits
    std::uint64_t part_bytes = 0;
};

struct ObjectPlace {
    std::string bucket = {};
    std::string key = {};
};

class Mover {
  public:
    Mover(S3Session& session, const MoveOptions& options, Report& report);

    Result<void> upload(const std::string& path, const ObjectPlace& to);
    Result<void> upload_stream(int descriptor, const ObjectPlace& to);
    // `listed`: what a listing told of it; nullopt: it is asked for, and planned in the report.
    Result<void> download(const ObjectPlace& from, const std::optional<Entry>& listed,
                          const std::string& path);
    Result<void> download_stream(const ObjectPlace& from, int descriptor);
    Result<void> copy(const ObjectPlace& from, const std::optional<Entry>& listed,
                      const ObjectPlace& to);

  private:
    Result<client::ObjectHeaders> headers(int descriptor) const;
    client::TransferOptions transfer_options() const;
    Result<void> not_there(const ObjectPlace& to);
    Result<client::ObjectInfo> receive(const ObjectPlace& from,
                                       const std::optional<client::ObjectInfo>& known,
                                       std::uint64_t bytes, int descriptor);
    bool replaces_headers() const;
    Result<client::ObjectHeaders> headers_for_copy(const ObjectPlace& from);

    S3Session& session_;
    const MoveOptions options_;
    Report& report_;
};

}  // namespace weir::cli
