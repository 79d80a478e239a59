#pragma once
// The real file system.

#include "io/disk.h"

namespace weir::io {

class PosixDisk final : public Disk {
  public:
    Result<std::unique_ptr<File>> create(const std::string& path) override;
    Result<std::unique_ptr<File>> open_to_read(const std::string& path) override;
    Result<std::unique_ptr<File>> open_to_write(const std::string& path) override;
    Result<void> make_directory(const std::string& path) override;
    Result<void> sync_directory(const std::string& path) override;
    Result<void> remove(const std::string& path) override;
    Result<Stat> stat(const std::string& path) override;
    Result<std::vector<std::string>> list(const std::string& path) override;
    Result<Space> space(const std::string& path) override;
    Result<std::string> read_file(const std::string& path, std::size_t bytes_max) override;
    Result<void> replace_file(const std::string& path, std::string_view contents) override;
    Result<std::unique_ptr<Lock>> lock(const std::string& path) override;
};

}  // namespace weir::io
