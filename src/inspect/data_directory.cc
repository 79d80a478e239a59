#include "inspect/data_directory.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/random.h"

namespace weir::inspect {
namespace {

constexpr std::size_t secret_key_bytes = 32, identity_bytes = 16;
constexpr std::size_t small_file_bytes_max = 64 * 1024;
constexpr std::string_view key_line = "access_key_id = ", secret_line = "secret_access_key = ";

std::string format_line() { return fmt::format("weir data format {}\n", data_format); }
std::string format_path(const std::string& path) { return path + "/FORMAT"; }
std::string credentials_path(const std::string& path) { return path + "/root-credentials"; }
std::string environment_path(const std::string& path) { return path + "/environment"; }

Result<void> check_format(io::Disk& disk, const std::string& path) {
    TRY(const std::string line, disk.read_file(format_path(path), small_file_bytes_max));
    if (line == format_line()) return {};
    std::string shown = line.substr(0, line.find('\n'));
    return fail(Code::invalid_request,
                fmt::format("{} holds '{}', this program reads 'weir data format {}'", path, shown,
                            data_format));
}

Result<void> create_directory(io::Disk& disk, const std::string& path) {
    TRY_VOID(io::make_directories(disk, path));
    TRY(const std::vector<std::string> names, disk.list(path));
    // The lock's file may be there from a first start that died before the format was written.
    for (const std::string& name : names)
        if (name != "lock" && name != "secret.key" && name != "secret.key.new" &&
            name != "FORMAT.new")
            return fail(
                Code::invalid_request,
                fmt::format("{} is not empty and no data directory of Weir; give another --data",
                            path));
    return {};
}

// Made where it is missing: the directory is new, or a backup of another was restored to it.
Result<std::string> read_identity(io::Disk& disk, const std::string& directory) {
    const std::string path = directory + "/identity";
    if (!disk.stat(path))
        TRY_VOID(disk.replace_file(path, hex_encode(random_bytes(identity_bytes)) + "\n"));
    TRY(std::string text, disk.read_file(path, small_file_bytes_max));
    const bool ends = text.ends_with('\n');
    if (ends) text.pop_back();
    const std::optional<std::string> bytes = hex_decode(text);
    if (!ends || !bytes || bytes->size() != identity_bytes || hex_encode(*bytes) != text)
        return fail(Code::corrupt, fmt::format("{} holds no identity", path));
    return text;
}

}  // namespace

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(io::Disk& disk, const std::string& path,
                                                           bool create) {
    const auto is_new = [&] { return !disk.stat(format_path(path)).has_value(); };
    if (is_new() && !create)
        return fail(Code::not_found, fmt::format("{} is no data directory of Weir", path));
    if (is_new()) {
        TRY_VOID(create_directory(disk, path));
    } else {
        TRY_VOID(check_format(disk, path));
    }
    auto directory = std::unique_ptr<DataDirectory>(new DataDirectory(disk, path));
    Result<std::unique_ptr<io::Lock>> lock = disk.lock(path + "/lock");
    if (!lock && lock.error().code() == Code::unavailable)
        return fail(Code::unavailable,
                    fmt::format("Another weir uses {}: {}", path, lock.error().message()));
    if (!lock) return fail(std::move(lock).error());
    directory->lock_ = *std::move(lock);
    const std::string secret_path = path + "/secret.key";
    // Looked at again under the lock: another first start may have been faster, and its secret key
    // is the one that counts.
    if (is_new()) {
        TRY_VOID(disk.replace_file(secret_path, random_bytes(secret_key_bytes)));
        // Last: a directory with a format is whole.
        TRY_VOID(disk.replace_file(format_path(path), format_line()));
    }
    TRY(directory->secret_key_, disk.read_file(secret_path, small_file_bytes_max));
    if (directory->secret_key_.size() != secret_key_bytes)
        return fail(Code::corrupt,
                    fmt::format("{} does not hold {} bytes", secret_path, secret_key_bytes));
    TRY(directory->identity_, read_identity(disk, path));
    return directory;
}

Result<RootCredentials> DataDirectory::read_root_credentials(io::Disk& disk,
                                                             const std::string& path) {
    TRY(const std::string text, disk.read_file(credentials_path(path), small_file_bytes_max));
    RootCredentials credentials;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = std::string_view(text).substr(at, end - at);
        if (line.starts_with(key_line)) credentials.access_key_id = line.substr(key_line.size());
        if (line.starts_with(secret_line)) credentials.secret = line.substr(secret_line.size());
        at = end + 1;
    }
    if (credentials.access_key_id.empty() || credentials.secret.empty())
        return fail(Code::corrupt, fmt::format("{} holds no credentials", credentials_path(path)));
    return credentials;
}

Result<std::optional<RootCredentials>> DataDirectory::root_credentials() {
    Result<RootCredentials> credentials = read_root_credentials(disk_, path_);
    if (credentials) return *std::move(credentials);
    if (credentials.error().code() == Code::not_found) return std::nullopt;
    return fail(std::move(credentials).error());
}

Result<void> DataDirectory::save_root_credentials(const RootCredentials& credentials) {
    return disk_.replace_file(credentials_path(path_),
                              fmt::format("{}{}\n{}{}\n", key_line, credentials.access_key_id,
                                          secret_line, credentials.secret));
}

Result<unsigned> DataDirectory::read_format(io::Disk& disk, const std::string& path) {
    if (!disk.stat(format_path(path)))
        return fail(Code::not_found, fmt::format("{} is no data directory of Weir", path));
    TRY_VOID(check_format(disk, path));
    return data_format;
}

Result<void> DataDirectory::save_environment(const std::string& lines) {
    return disk_.replace_file(environment_path(path_), lines);
}

Result<std::string> DataDirectory::read_environment(io::Disk& disk, const std::string& path) {
    return disk.read_file(environment_path(path), small_file_bytes_max);
}

}  // namespace weir::inspect
