#pragma once
// The real file system. Stateless; safe from any thread.

#include "io/disk.h"

namespace weir::io {

class PosixDisk final : public Disk {
  public:
    Result<std::unique_ptr<File>> create(const std::string& path) override;
    Result<std::unique_ptr<File>> open_to_read(const std::string& path) override;
    Result<std::unique_ptr<File>> open_to_write(const std::string& path) override;
    Result<std::unique_ptr<Directory>> open_directory(const std::string& path) override;
    Result<void> make_directory(const std::string& path) override;
    Result<void> remove(const std::string& path) override;
    Result<bool> remove_directory(const std::string& path) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<Stat> stat(const std::string& path) override;
    Result<std::vector<std::string>> list(const std::string& path) override;
    Result<Space> space(const std::string& path) override;
    Result<std::unique_ptr<Lock>> lock(const std::string& path) override;
};

}  // namespace weir::io
