#include "io/socket_path.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace weir::io {

Result<SocketPath> SocketPath::of(const std::string& path) {
    constexpr std::size_t bytes_max = sizeof(sockaddr_un::sun_path) - 1;
    if (path.size() <= bytes_max) return SocketPath(-1, path);
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const int opened = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) return fail(errno_error("opening " + folder, errno));
    SocketPath shorter(opened,
                       fmt::format("/proc/self/fd/{}/{}", opened,
                                   slash == std::string::npos ? path : path.substr(slash + 1)));
    if (shorter.text_.size() > bytes_max)
        return fail(Code::invalid_argument,
                    fmt::format("the path {} is too long for a unix socket", path));
    return shorter;
}

SocketPath::SocketPath(SocketPath&& other) noexcept
    : folder_(std::exchange(other.folder_, -1)), text_(std::move(other.text_)) {}

SocketPath::~SocketPath() {
    if (folder_ >= 0) ::close(folder_);
}

}  // namespace weir::io
