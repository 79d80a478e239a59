#include "mount/killed.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace weir::mount {
namespace {

constexpr std::string_view quiet =
    "Name:\tcat\nSigQ:\t0/95\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\n"
    "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n";

std::string with(std::string_view line, std::string_view digits) {
    std::string text(quiet);
    text.replace(text.find(line) + line.size() + 2, digits.size(), digits);
    return text;
}

TEST(Killed, TellsWhatEndsAProcessFromWhatItHandles) {
    EXPECT_FALSE(is_killed(quiet));
    EXPECT_FALSE(is_killed(""));
    EXPECT_FALSE(is_killed("\nSigPnd:"));
    EXPECT_TRUE(is_killed(with("SigPnd", "0000000000000100"))) << "SIGKILL";
    EXPECT_TRUE(is_killed(with("ShdPnd", "0000000000000100")));
    EXPECT_FALSE(is_killed(with("ShdPnd", "0000000000010000"))) << "SIGCHLD";
    EXPECT_FALSE(is_killed(with("ShdPnd", "0000000008000000"))) << "SIGWINCH";
    EXPECT_TRUE(is_killed(with("ShdPnd", "0000000000000004"))) << "SIGQUIT";
    std::string caught = with("ShdPnd", "0000000000002000");  // SIGALRM
    EXPECT_TRUE(is_killed(caught));
    caught.replace(caught.find("SigCgt") + 8, 16, "0000000000002000");
    EXPECT_FALSE(is_killed(caught));
}

TEST(Killed, KnowsThisProcessAndOneThatIsGone) {
    EXPECT_FALSE(is_killed(::getpid()));
    EXPECT_FALSE(is_killed(pid_t{0}));
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    EXPECT_TRUE(is_killed(child));
}

}  // namespace
}  // namespace weir::mount
