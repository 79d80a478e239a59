#include "mount/local_blob.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>

namespace weir::mount {
namespace {

std::string text_of(const char* path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

bool is_this_kernel(std::string_view boot_id) {
    const std::string own = text_of("/proc/sys/kernel/random/boot_id");
    return !boot_id.empty() && own.starts_with(boot_id) && own.size() <= boot_id.size() + 1;
}

}  // namespace

bool on_loopback(std::string_view host) {
    return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127.");
}

std::optional<uid_t> listener_of(std::string_view table, std::uint16_t port) {
    constexpr std::string_view listening = "0A";
    std::istringstream lines{std::string(table)};
    std::string line;
    std::optional<uid_t> owner;
    while (std::getline(lines, line)) {
        // "0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 ..."
        std::istringstream words(line);
        std::string number, local, remote, state, queues, timer, retransmits;
        uid_t uid = 0;
        if (!(words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> uid))
            continue;
        const std::size_t colon = local.rfind(':');
        if (state != listening || colon == std::string::npos) continue;
        unsigned found = 0;
        std::from_chars(local.data() + colon + 1, local.data() + local.size(), found, 16);
        if (found != port) continue;
        if (owner && *owner != uid) return std::nullopt;
        owner = uid;
    }
    return owner;
}

std::optional<uid_t> listener_of(std::uint16_t port) {
    return listener_of(text_of("/proc/net/tcp") + text_of("/proc/net/tcp6"), port);
}

int open_local_blob(const client::LocalBlob& blob, std::uint64_t bytes, uid_t owner) {
    if (!is_this_kernel(blob.boot_id)) return -1;
    const int file = ::open(blob.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) return -1;
    struct stat found{};
    if (::fstat(file, &found) == 0 && S_ISREG(found.st_mode) && found.st_dev == blob.device &&
        found.st_ino == blob.inode && static_cast<std::uint64_t>(found.st_size) == bytes &&
        found.st_uid == owner)
        return file;
    ::close(file);
    return -1;
}

}  // namespace weir::mount
