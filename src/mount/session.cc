#include "mount/session.h"
#include "mount/connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fuse3/fuse_opt.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>

#include "base/check.h"
#include "io/buffer_pool.h"
#include "mount/notifier.h"
#include "mount/operations.h"
#include "mount/wire.h"

namespace weir::mount {
namespace {

constexpr std::size_t notices_max = 65'536;
constexpr int wake_signal = SIGUSR1;
constexpr std::chrono::milliseconds wake_again_after{10};

// What stat(2) says of the folder's file system, without asking that for anything: it may not
// answer yet, or not any more. 0 if it cannot be told.
dev_t device_of(const std::string& folder) {
    struct statx found{};
    if (::statx(AT_FDCWD, folder.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &found) != 0)
        return 0;
    return ::makedev(found.stx_dev_major, found.stx_dev_minor);
}

// fsname= is one of several options: commas part them.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == ',' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

// For who is not root: the program that mounted.
bool run_fusermount(const std::string& folder) {
    std::array<std::string, 5> words{"fusermount3", "-u", "-z", "--", folder};
    std::array<char*, 6> arguments{words[0].data(), words[1].data(), words[2].data(),
                                   words[3].data(), words[4].data(), nullptr};
    pid_t child = 0;
    const int error =
        ::posix_spawnp(&child, "fusermount3", nullptr, nullptr, arguments.data(), environ);
    int status = 0;
    if (error != 0 || ::waitpid(child, &status, 0) != child) return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Numbers that the kernel takes from root only.
bool write_number(const std::string& path, std::uint64_t number) {
    std::ofstream file(path);
    file << number << std::flush;
    return file.good();
}

}  // namespace

// The userdata that libfuse hands to its operations (an Answers) and to its input and output.
struct Session::State : Answers {
    State(SessionOptions options_in, const MountLimits& limits_in, Log& log_in)
        : Answers(limits_in, log_in),
          options(std::move(options_in)),
          notifier([this](const Notifier::Notice& notice) { return tell(notice); },
                   [this] { return fuse_session_fd(session); }, notices_max, log) {}
    ~State() {
        // Who has requests that nobody reads any more may have a lock that a notice waits for.
        if (connected()) abort_connection(std::to_string(minor(device)));
        notifier.stop();
        if (session == nullptr) return;
        if (device_of(options.folder) != device) disown_folder();
        fuse_session_unmount(session);
        fuse_session_destroy(session);
    }

    static State& of(void* data) { return *static_cast<State*>(static_cast<Answers*>(data)); }

    Result<void> mount();
    void raise_readahead() const;
    Result<void> tell(const Notifier::Notice& notice) const;
    void disown_folder() const;
    bool connected() const;
    int serve();
    void end_serving() EXCLUDES(mutex);

    static void init(void* data, fuse_conn_info* connection);
    static ssize_t read_request(int descriptor, void* buffer, std::size_t size, void* data);
    static ssize_t write_reply(int descriptor, iovec* pieces, int count, void* data);
    ssize_t write_init(int descriptor, const iovec* pieces, int count);

    const SessionOptions options;
    fuse_session* session = nullptr;
    dev_t device = 0;                            // the mount's
    std::atomic<bool> offered = false;           // the kernel has passthrough
    std::atomic<std::uint64_t> init_unique = 0;  // the number of the kernel's INIT
    std::atomic<bool> init_done = false;         // its reply is sent
    std::atomic<bool> negotiated = false;        // and asks for it
    std::atomic<bool> refused = false;           // we may not, after all
    std::atomic<bool> expires = false;           // the kernel can ask again for what it keeps
    Mutex mutex;
    ConditionVariable ended;
    std::optional<pthread_t> server GUARDED_BY(mutex);  // the thread that is in libfuse's loop
    Notifier notifier;                                  // the last
};

void Session::State::init(void* data, fuse_conn_info* connection) {
    State& state = of(data);
    state.expires = (connection->capable & FUSE_CAP_EXPIRE_ONLY) != 0;
    connection->max_background = static_cast<unsigned>(state.limits.background_max);
    connection->congestion_threshold = connection->max_background / 4 * 3;
    const unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS |
                            FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_EXPLICIT_INVAL_DATA |
                            FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_ATOMIC_O_TRUNC;
    // Locks are the kernel's own: they hold on this machine.
    const unsigned unwanted = FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS |
                              FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_WRITEBACK_CACHE |
                              FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                              FUSE_CAP_HANDLE_KILLPRIV;
    connection->want |= connection->capable & wanted;
    connection->want &= ~unwanted;
}

ssize_t Session::State::read_request(int descriptor, void* buffer, std::size_t size, void* data) {
    const ssize_t bytes = ::read(descriptor, buffer, size);
    State& state = of(data);
    if (bytes < static_cast<ssize_t>(sizeof(wire::InHeader)) || state.init_done.load())
        return bytes;
    wire::InHeader header{};
    std::memcpy(&header, buffer, sizeof(header));
    if (header.opcode != wire::opcode_init ||
        bytes < static_cast<ssize_t>(sizeof(wire::InHeader) + sizeof(wire::InitIn)))
        return bytes;
    wire::InitIn init{};
    std::memcpy(&init, static_cast<const char*>(buffer) + sizeof(header), sizeof(init));
    state.init_unique = header.unique;
    state.offered =
        (init.flags & wire::init_ext) != 0 && (init.flags2 & wire::init2_passthrough) != 0;
    return bytes;
}

ssize_t Session::State::write_reply(int descriptor, iovec* pieces, int count, void* data) {
    State& state = of(data);
    if (state.init_done) return ::writev(descriptor, pieces, count);
    // What the kernel is told of changes may come before it.
    wire::OutHeader header{};
    if (count > 0 && pieces[0].iov_len == sizeof(header))
        std::memcpy(&header, pieces[0].iov_base, sizeof(header));
    if (header.unique == 0 || header.unique != state.init_unique)
        return ::writev(descriptor, pieces, count);
    state.init_done = true;
    return state.write_init(descriptor, pieces, count);
}

// Passthrough is asked for in the reply to INIT.
ssize_t Session::State::write_init(int descriptor, const iovec* pieces, int count) {
    constexpr std::size_t reply_bytes = sizeof(wire::OutHeader) + sizeof(wire::InitOut);
    std::array<char, reply_bytes> reply{};
    std::size_t bytes = 0;
    for (int i = 0; i < count; ++i) {
        if (bytes + pieces[i].iov_len > reply.size()) return ::writev(descriptor, pieces, count);
        std::memcpy(reply.data() + bytes, pieces[i].iov_base, pieces[i].iov_len);
        bytes += pieces[i].iov_len;
    }
    // Only with the right to hand files over; an error, or an old kernel's reply, is shorter.
    if (options.passthrough && offered && ::geteuid() == 0 && bytes == reply.size()) {
        wire::InitOut init{};
        std::memcpy(&init, reply.data() + sizeof(wire::OutHeader), sizeof(init));
        init.minor = wire::minor_with_passthrough;
        init.flags |= wire::init_ext;
        init.flags2 |= wire::init2_passthrough;
        init.max_stack_depth = 1;
        std::memcpy(reply.data() + sizeof(wire::OutHeader), &init, sizeof(init));
        negotiated = true;
    }
    const ssize_t written = ::write(descriptor, reply.data(), bytes);
    raise_readahead();  // the kernel set its own with the reply
    return written;
}

Result<void> Session::State::mount() {
    fuse_lowlevel_ops operations{};
    operations.init = init;
    add_name_operations(operations);
    add_file_operations(operations);
    add_write_operations(operations);
    std::string settings = fmt::format("fsname={},subtype=weir,default_permissions,nosuid,nodev",
                                       escaped(options.source));
    if (options.allow_other) settings += ",allow_other";
    if (options.read_only) settings += ",ro";
    if (options.no_exec) settings += ",noexec";
    std::array<std::string, 3> words{"weir", "-o", settings};
    std::array<char*, 3> arguments{words[0].data(), words[1].data(), words[2].data()};
    fuse_args args{
        .argc = static_cast<int>(arguments.size()), .argv = arguments.data(), .allocated = 0};
    session = fuse_session_new(&args, &operations, sizeof(operations), static_cast<Answers*>(this));
    fuse_opt_free_args(&args);
    if (session == nullptr) return fail(Code::invalid_argument, "libfuse refuses the options");
    // It says why on stderr.
    if (fuse_session_mount(session, options.folder.c_str()) != 0) {
        fuse_session_destroy(session);
        session = nullptr;
        return fail(Code::access_denied, fmt::format("{} cannot be mounted on", options.folder));
    }
    device = device_of(options.folder);
    const fuse_custom_io io{.writev = write_reply,
                            .read = read_request,
                            .splice_receive = nullptr,
                            .splice_send = nullptr};
    const int error = fuse_session_custom_io(session, &io, fuse_session_fd(session));
    if (error != 0) return fail(errno_error("fuse_session_custom_io", -error));
    return {};
}

// The kernel reads 128 KiB ahead unless root says otherwise.
void Session::State::raise_readahead() const {
    if (::geteuid() != 0) return;
    const std::string path =
        fmt::format("/sys/class/bdi/{}:{}/read_ahead_kb", major(device), minor(device));
    if (!write_number(path, limits.readahead_bytes / KiB))
        log.info("the kernel's read-ahead cannot be raised by {}", path);
}

Result<void> Session::State::tell(const Notifier::Notice& notice) const {
    // What the kernel does not know (ENOENT) needs no forgetting.
    const int error = notice.name.empty()
                          ? fuse_lowlevel_notify_inval_inode(session, notice.node, notice.offset, 0)
                          : fuse_lowlevel_notify_expire_entry(
                                session, notice.node, notice.name.data(), notice.name.size(),
                                expires ? FUSE_LL_EXPIRE_ONLY : static_cast<fuse_expire_flags>(0));
    if (error == 0 || error == -ENOENT || error == -ENODEV || error == -EBADF) return {};
    return fail(errno_error(fmt::format("{:?} in {}", notice.name, notice.node), -error));
}

// The kernel may still ask; `device` is nobody else's then.
bool Session::State::connected() const {
    if (session == nullptr || device == 0) return false;
    pollfd waits{.fd = fuse_session_fd(session), .events = POLLIN, .revents = 0};
    return ::poll(&waits, 1, 0) >= 0 && (waits.revents & POLLERR) == 0;
}

// Our mount is not there any more, perhaps another is. libfuse would take that away, unless its
// descriptor is in error, as the device's is when the kernel has ended it; so is a pipe that nobody
// reads.
void Session::State::disown_folder() const {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return;
    ::close(pipe[0]);
    ::dup3(pipe[1], fuse_session_fd(session), O_CLOEXEC);
    ::close(pipe[1]);
}

// libfuse's loop waits for its threads, which wait for requests of whoever has files open. It looks
// whether it is to end when a signal interrupts its wait; the moment before that is why it is sent
// again.
void Session::State::end_serving() {
    interrupts.interrupt_all();
    fuse_session_exit(session);
    const MutexLock lock(mutex);
    while (server) {
        ::pthread_kill(*server, wake_signal);
        ended.wait_for(mutex, wake_again_after);
    }
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() = default;

int Session::State::serve() {
    fuse_loop_config* config = fuse_loop_cfg_create();
    CHECK(config != nullptr);
    fuse_loop_cfg_set_clone_fd(config, 1);
    fuse_loop_cfg_set_max_threads(config, static_cast<unsigned>(limits.worker_threads_max));
    // More than those end when nothing is to be done: each has a buffer for the largest request.
    fuse_loop_cfg_set_idle_threads(config, static_cast<unsigned>(limits.background_max));
    struct sigaction wake{};
    wake.sa_handler = [](int) {};  // without SA_RESTART
    ::sigaction(wake_signal, &wake, nullptr);
    {
        const MutexLock lock(mutex);
        server = ::pthread_self();
    }
    const int result = fuse_session_loop_mt(session, config);
    {
        const MutexLock lock(mutex);
        server.reset();
        ended.notify_all();
    }
    fuse_loop_cfg_destroy(config);
    return result;
}

Result<std::unique_ptr<Session>> Session::mount(SessionOptions options, const MountLimits& limits,
                                                Log& log) {
    auto state = std::make_unique<State>(std::move(options), limits, log);
    TRY_VOID(state->mount());
    return std::unique_ptr<Session>(new Session(std::move(state)));
}

Result<void> Session::serve(FileSystem& file_system) {
    state_->file_system = &file_system;
    const int ended = state_->serve();
    // Unmounted is 0; a signal's number is greater.
    if (ended < 0) return fail(errno_error("the kernel's requests end", -ended));
    return {};
}

void Session::unmount(bool force) {
    if (force) state_->end_serving();
    if (device_of(state_->options.folder) != state_->device) return;  // somebody else unmounted it
    if (::geteuid() == 0 ? ::umount2(state_->options.folder.c_str(), MNT_DETACH) == 0
                         : run_fusermount(state_->options.folder))
        return;
    state_->log.warn("{} was not unmounted: {}", state_->options.folder, std::strerror(errno));
}

void Session::interrupt_all() { state_->interrupts.interrupt_all(); }
const net::Interrupt& Session::ending() const { return state_->interrupts.all(); }

void Session::forget_name(NodeId folder, const std::string& name) {
    state_->notifier.add({.node = folder, .name = name});
}

void Session::doubt_folder(NodeId folder, const std::string& name) {
    if (state_->expires) forget_name(folder, name);
}

void Session::forget_pages(NodeId node, std::int64_t offset) {
    state_->notifier.add({.node = node, .name = {}, .offset = offset});
}

bool Session::passthrough() const { return state_->negotiated && !state_->refused; }

BackingId Session::open_backing(int descriptor) {
    wire::BackingMap map{.descriptor = descriptor, .flags = 0, .padding = 0};
    const int id = ::ioctl(fuse_session_fd(state_->session), wire::backing_open, &map);
    if (id > 0) return id;
    // Of this file (its file system is stacked too deep), or of any.
    if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOTTY) state_->refused = true;
    state_->log.info("the kernel does not read a file of the cache by itself: {}",
                     std::strerror(errno));
    return 0;
}

void Session::close_backing(BackingId id) {
    auto number = static_cast<std::uint32_t>(id);
    if (::ioctl(fuse_session_fd(state_->session), wire::backing_close, &number) != 0)
        state_->log.warn("a backing file was not closed: {}", std::strerror(errno));
}

}  // namespace weir::mount
