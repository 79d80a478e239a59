#include "cli/daemon.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace weir::cli {
namespace {

// The exit code of a command that detaches; `child` is what goes on in the background.
int exit_code_of(const std::function<void(Daemon&)>& child) {
    const pid_t command = ::fork();
    if (command == 0) {
        Result<Detached> detached = Daemon::detach();
        if (!detached) ::_exit(99);
        if (!detached->child) ::_exit(detached->exit_code);
        child(*detached->child);
        ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(command, &status, 0), command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Daemon, TheCommandEndsWhenTheChildIsReady) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const int code = exit_code_of([&](Daemon& daemon) {
        if (!daemon.succeeded()) return;
        // Goes on after the command has ended.
        char byte = 0;
        ::read(ends[0], &byte, 1);
    });
    EXPECT_EQ(code, 0);
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(Daemon, WhatFailsIsTheCommandsExitCode) {
    EXPECT_EQ(exit_code_of([](Daemon& daemon) { daemon.failed("no such bucket", 32); }), 32);
    EXPECT_EQ(exit_code_of([](Daemon&) {}), 1);
    EXPECT_EQ(exit_code_of([](Daemon&) { ::raise(SIGKILL); }), 1);
}

TEST(Daemon, TheChildHearsThatNobodyWaits) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t command = ::fork();
    if (command == 0) {
        Result<Detached> detached = Daemon::detach();
        if (!detached || !detached->child) ::_exit(98);
        const pid_t parent = ::getppid();
        ::kill(parent, SIGKILL);
        // Reaped, when all of its threads have let go of the pipe.
        while (::kill(parent, 0) == 0) ::usleep(1000);
        const char told = detached->child->succeeded() ? 'y' : 'n';
        ::_exit(::write(ends[1], &told, 1) == 1 ? 0 : 1);
    }
    int status = 0;
    ::waitpid(command, &status, 0);
    char told = '?';
    EXPECT_EQ(::read(ends[0], &told, 1), 1);
    EXPECT_EQ(told, 'n');
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace
}  // namespace weir::cli
