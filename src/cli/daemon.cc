#include "cli/daemon.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "cli/command_line.h"

namespace weir::cli {
namespace {

// One byte with the exit code, then a sentence, as far as the child came.
std::string read_all(int descriptor) {
    std::string text;
    std::array<char, 4096> piece;
    for (;;) {
        const ssize_t count = ::read(descriptor, piece.data(), piece.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return text;
        text.append(piece.data(), static_cast<std::size_t>(count));
    }
}

int wait_for_word(int descriptor, pid_t child) {
    const std::string word = read_all(descriptor);
    ::close(descriptor);
    if (word.empty()) {
        int status = 0;
        ::waitpid(child, &status, 0);
        return complain(WIFSIGNALED(status)
                            ? fmt::format("the daemon was killed by signal {} before it was ready",
                                          WTERMSIG(status))
                            : fmt::format("the daemon ended before it was ready, with exit code {}",
                                          WEXITSTATUS(status)),
                        failed);
    }
    const int code = static_cast<unsigned char>(word.front());
    return code == done ? done : complain(word.substr(1), code);
}

}  // namespace

Result<Detached> Daemon::detach() {
    int ends[2] = {};
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(errno_error("making a pipe", errno));
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0) {
        const int error = errno;
        ::close(ends[0]);
        ::close(ends[1]);
        return fail(errno_error("starting a process", error));
    }
    if (child > 0) {
        ::close(ends[1]);
        return Detached{.exit_code = wait_for_word(ends[0], child)};
    }
    ::close(ends[0]);
    // Of its own, so that the terminal's signals and its end do not reach it.
    ::setsid();
    std::signal(SIGPIPE, SIG_IGN);
    return Detached{.child = Daemon(ends[1])};
}

Daemon::~Daemon() {
    if (to_parent_ >= 0) ::close(to_parent_);
}

bool Daemon::tell(int code, std::string_view sentence) {
    std::string word(1, static_cast<char>(code));
    word += sentence;
    // Shorter than what a pipe holds, so it is written at once or not at all.
    const ssize_t written = ::write(to_parent_, word.data(), word.size());
    ::close(std::exchange(to_parent_, -1));
    return written == static_cast<ssize_t>(word.size());
}

bool Daemon::succeeded() {
    if (!tell(done, "")) return false;
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return true;
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        ::dup2(null, descriptor);
    if (null > STDERR_FILENO) ::close(null);
    return true;
}

void Daemon::failed(std::string_view sentence, int code) { tell(code, sentence); }

}  // namespace weir::cli
