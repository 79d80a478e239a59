#include "io/socket_path.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace weir::io {
namespace {

int bind_to(const SocketPath& path) {
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.text().c_str(), sizeof address.sun_path - 1);
    const int bound = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::close(socket);
    return bound;
}

TEST(SocketPath, LeadsToASocketHoweverDeepItsFolder) {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir_socket_XXXXXX").string();
    const std::filesystem::path root = ::mkdtemp(pattern.data());
    const std::filesystem::path deep = root / std::string(100, 'd') / std::string(100, 'e');
    std::filesystem::create_directories(deep);
    EXPECT_EQ(SocketPath::of(root / "s")->text(), (root / "s").string());
    for (const std::filesystem::path& folder : {root, deep}) {
        const Result<SocketPath> path = SocketPath::of(folder / "admin.sock");
        ASSERT_TRUE(path);
        EXPECT_LT(path->text().size(), sizeof(sockaddr_un::sun_path));
        EXPECT_EQ(bind_to(*path), 0);
        EXPECT_TRUE(std::filesystem::is_socket(folder / "admin.sock"));
    }
    EXPECT_EQ(SocketPath::of(root / "none" / std::string(100, 'x') / "s").error().code(),
              Code::not_found);
    EXPECT_EQ(SocketPath::of(root / std::string(120, 'x')).error().code(), Code::invalid_argument);
    std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace weir::io
