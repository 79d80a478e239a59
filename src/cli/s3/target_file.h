#pragma once
// A file that is being downloaded: it has no name, or where the file system cannot do that, a
// temporary one beside its target, until all is there. A target is the old file or the new one,
// never half of it.
//
// Belongs to its download; writes through descriptor() may come from several threads. Gone without
// finish(): nothing is left behind. Failure: io_error and its like, naming the path.

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace weir::cli {

class TargetFile {
  public:
    // Makes the folders that the path needs.
    static Result<std::unique_ptr<TargetFile>> create(std::string path);
    ~TargetFile();
    TargetFile(const TargetFile&) = delete;
    TargetFile& operator=(const TargetFile&) = delete;

    int descriptor() const { return descriptor_; }
    // Gives it its time and its name. precondition_failed where it may not replace what is there.
    Result<void> finish(UnixNanos modified, bool may_replace);

  private:
    TargetFile(std::string path, std::string folder);
    Result<void> open();
    Result<void> link_to(const std::string& path);
    Result<void> rename_over();
    // Another name in the folder.
    std::string spare_name() const;

    const std::string path_, folder_;
    int descriptor_ = -1;
    std::optional<std::string> temporary_;  // the name that it has for now
};

}  // namespace weir::cli
