#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "io/socket_path.h"
#include "mount/status.h"

namespace weir::mount {
namespace {

// Who awaits the end, and those who ask meanwhile.
constexpr std::size_t threads = 4;
// httplib wants a port, which a unix socket has none of.
constexpr int no_port = 80;

// Ours, and nobody else may put another socket there: /tmp is everybody's.
Result<void> make_folder(const std::string& folder) {
    const mode_t mode = ::geteuid() == 0 ? 0755 : 0700;
    if (::mkdir(folder.c_str(), mode) != 0 && errno != EEXIST)
        return fail(errno_error("making " + folder, errno));
    struct stat found{};
    if (::lstat(folder.c_str(), &found) != 0)
        return fail(errno_error("looking at " + folder, errno));
    if (!S_ISDIR(found.st_mode) || found.st_uid != ::geteuid() || (found.st_mode & 022) != 0)
        return fail(Code::access_denied,
                    fmt::format("{}, where the mount's socket goes, is not this user's own folder",
                                folder));
    return {};
}

}  // namespace

StatusServer::StatusServer(std::string socket)
    : socket_(std::move(socket)), server_(std::make_unique<httplib::Server>()) {}

Result<std::unique_ptr<StatusServer>> StatusServer::start(std::string socket,
                                                          std::uint32_t owner_uid, Ask ask,
                                                          AwaitEnd await_end) {
    TRY_VOID(make_folder(socket.substr(0, socket.rfind('/'))));
    // Under another name until it answers: who finds it silent takes the daemon for dead.
    const std::string silent = socket + ".new";
    TRY(const io::SocketPath name, io::SocketPath::of(silent));
    std::unique_ptr<StatusServer> made(new StatusServer(std::move(socket)));
    httplib::Server& server = *made->server_;
    server.new_task_queue = [] { return new httplib::ThreadPool(threads); };
    server.set_address_family(AF_UNIX);
    server.set_keep_alive_max_count(1);
    server.Get("/status", [ask](const httplib::Request&, httplib::Response& response) {
        response.set_content(
            to_json(ask()).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
            "application/json");
    });
    server.Get("/metrics", [ask](const httplib::Request&, httplib::Response& response) {
        response.set_content(to_metrics(ask()), "text/plain; version=0.0.4; charset=utf-8");
    });
    server.Get("/end", [await_end](const httplib::Request&, httplib::Response& response) {
        response.set_content(std::to_string(await_end()) + "\n", "text/plain");
    });
    ::unlink(silent.c_str());
    if (!server.bind_to_port(name.text(), no_port))
        return fail(errno_error("making the socket " + silent, errno));
    // Not by umask, which other threads share. Who was quicker has read nothing secret.
    if (::chmod(silent.c_str(), 0600) != 0)
        return fail(errno_error("closing the socket " + silent + " to others", errno));
    if (owner_uid != ::geteuid() &&
        ::lchown(silent.c_str(), owner_uid, static_cast<gid_t>(-1)) != 0)
        return fail(errno_error("giving away the socket " + silent, errno));
    struct stat bound{};
    if (::lstat(silent.c_str(), &bound) != 0)
        return fail(errno_error("looking at the socket " + silent, errno));
    made->inode_ = bound.st_ino;
    // What has the name is of a mount that ended, or is not at the folder any more.
    if (::rename(silent.c_str(), made->socket_.c_str()) != 0)
        return fail(errno_error("making the socket " + made->socket_, errno));
    made->thread_ = std::thread([&server] { server.listen_after_bind(); });
    return made;
}

StatusServer::~StatusServer() {
    if (thread_.joinable()) {
        // stop() does nothing before the thread listens.
        while (!server_->is_running()) std::this_thread::yield();
        server_->stop();
        thread_.join();
    }
    // Another daemon's, if this one ended long after its mount.
    struct stat found{};
    if (::lstat(socket_.c_str(), &found) == 0 && found.st_ino == inode_) ::unlink(socket_.c_str());
}

}  // namespace weir::mount
