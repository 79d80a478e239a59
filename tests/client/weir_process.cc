#include "weir_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <thread>
#include <vector>

#include "base/check.h"

namespace weir::client::test {
namespace {

std::string binary() {
    const char* named = std::getenv("WEIR_BIN");
    return named == nullptr ? WEIR_BINARY : named;
}

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

WeirProcess::WeirProcess(bool tls) {
    char folder[] = "/tmp/weir-client-XXXXXX";
    CHECK(::mkdtemp(folder) != nullptr);
    folder_ = folder;
    const std::string program = binary(), data = folder_ + "/data", log = folder_ + "/log";
    std::vector<std::string> words{
        program,          "serve",       "--data",          data, "--listen", "127.0.0.1:0",
        "--admin-listen", "127.0.0.1:0", "--reserve-bytes", "0"};
    if (tls) words.insert(words.end(), {"--tls", "self-signed"});
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    process_ = ::fork();
    CHECK(process_ >= 0);
    if (process_ == 0) {
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ::dup2(out, STDOUT_FILENO);
        ::dup2(out, STDERR_FILENO);
        ::execv(program.c_str(), arguments.data());
        ::_exit(127);
    }
    await_start();
    read_exports();
}

WeirProcess::~WeirProcess() {
    ::kill(process_, SIGTERM);
    int status = 0;
    ::waitpid(process_, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << text_of(folder_ + "/log");
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void WeirProcess::await_start() {
    const std::regex serving(R"(serving .* at (\S+), admin at (\S+))");
    // Long enough for a sanitizer on a busy machine.
    for (int i = 0; i < 6000; ++i) {
        const std::string log = text_of(folder_ + "/log");
        std::smatch match;
        if (std::regex_search(log, match, serving)) {
            endpoint_ = parse_endpoint(match[1].str()).value();
            return;
        }
        CHECK(::waitpid(process_, nullptr, WNOHANG) == 0);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(false);
}

void WeirProcess::read_exports() {
    const std::string command = binary() + " env --data " + folder_ + "/data";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    CHECK(pipe != nullptr);
    std::array<char, 4096> memory;
    std::string lines;
    while (std::fgets(memory.data(), memory.size(), pipe) != nullptr) lines += memory.data();
    CHECK(::pclose(pipe) == 0);
    const auto value = [&lines](const std::string& name) {
        std::smatch match;
        return std::regex_search(lines, match, std::regex("export " + name + "=\"(.*)\""))
                   ? match[1].str()
                   : std::string();
    };
    credentials_ = {.access_key_id = value("AWS_ACCESS_KEY_ID"),
                    .secret_access_key = value("AWS_SECRET_ACCESS_KEY"),
                    .source = "weir env"};
    endpoint_.ca_file = value("AWS_CA_BUNDLE");
}

}  // namespace weir::client::test
