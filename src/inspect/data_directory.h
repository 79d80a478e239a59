#pragma once
// A data directory: what lies where (docs/FORMAT.md), which format it is, and who holds it. Opening
// one that another process holds, or of another format, fails before anything is touched.
//
// Owned by whoever serves or inspects the directory, for as long as it does.

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "io/disk.h"

namespace weir::inspect {

inline constexpr unsigned data_format = 1;

struct RootCredentials {
    std::string access_key_id;
    std::string secret;
};

class DataDirectory {
  public:
    // Makes the directory, with its secret key, where there is none and `create` is set. not_found,
    // unavailable (held), invalid_request (another format, or no data directory).
    static Result<std::unique_ptr<DataDirectory>> open(io::Disk& disk, const std::string& path,
                                                       bool create);

    const std::string& path() const { return path_; }
    std::string meta_path() const { return path_ + "/meta"; }
    std::string blobs_path() const { return path_ + "/blobs"; }
    std::string admin_socket_path() const { return admin_socket(path_); }
    std::string tls_certificate_path() const { return path_ + "/tls/certificate.pem"; }
    std::string tls_key_path() const { return path_ + "/tls/key.pem"; }

    static std::string admin_socket(const std::string& path) { return path + "/admin.sock"; }

    // 32 bytes.
    const std::string& secret_key() const { return secret_key_; }

    // Told apart from every other data directory, also from one that was restored from its backup.
    const std::string& identity() const { return identity_; }

    // The root credentials that the first start made; nullopt before it has.
    Result<std::optional<RootCredentials>> root_credentials();
    Result<void> save_root_credentials(const RootCredentials& credentials);

    // The format of what lies there; refuses one that this program does not know, by a sentence.
    static Result<unsigned> read_format(io::Disk& disk, const std::string& path);

    // For `weir env` beside a running server: reads only.
    static Result<RootCredentials> read_root_credentials(io::Disk& disk, const std::string& path);
    // What the server said of itself when it started, as shell lines; for `weir env`.
    Result<void> save_environment(const std::string& lines);
    static Result<std::string> read_environment(io::Disk& disk, const std::string& path);

  private:
    DataDirectory(io::Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

    io::Disk& disk_;
    std::string path_;
    std::unique_ptr<io::Lock> lock_;
    std::string secret_key_;
    std::string identity_;
};

}  // namespace weir::inspect
