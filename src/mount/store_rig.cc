#include "mount/store_rig.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>
#include <thread>
#include <vector>

#include "base/check.h"

namespace weir::mount {
namespace {

constexpr int starts_within_s = 60;

std::string binary() {
    const char* given = std::getenv("WEIR_BIN");
    return given != nullptr ? given : WEIR_BINARY;
}

std::string read_text(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

// Its output goes to `out`.
int spawn(std::vector<std::string> words, const std::filesystem::path& out) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    pid_t process = -1;
    CHECK(::posix_spawn(&process, arguments[0], &actions, nullptr, arguments.data(), environ) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
    return process;
}

}  // namespace

StoreRig::StoreRig() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-store-XXXXXX").string();
    CHECK(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    start();
    chain_ = std::make_unique<client::CredentialChain>(credentials(), *log_);
    client_ = client_at(port());
    transfers_ = std::make_unique<client::Transfers>(*client_, pool_);
}

StoreRig::~StoreRig() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    std::filesystem::remove_all(folder_);
}

std::uint16_t StoreRig::port() const { return client::parse_endpoint(endpoint_)->port; }

std::unique_ptr<client::S3Client> StoreRig::client_at(std::uint16_t port) {
    client::Endpoint endpoint = *client::parse_endpoint(endpoint_);
    endpoint.port = port;
    return *client::S3Client::make(std::move(endpoint), {.credentials = *chain_,
                                                         .buffers = buffers_,
                                                         .limits = limits_,
                                                         .clock = clock_,
                                                         .log = *log_});
}

StoreRig& StoreRig::shared() {
    static StoreRig rig;
    return rig;
}

void StoreRig::start() {
    const std::filesystem::path log = folder_ / "log";
    process_ = spawn({binary(), "serve", "--data", (folder_ / "data").string(), "--listen",
                      "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--reserve-bytes", "0"},
                     log);
    const std::regex serving("serving .* at (\\S+), admin at");
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(starts_within_s);
    for (std::smatch found; endpoint_.empty();) {
        const std::string text = read_text(log);
        if (std::regex_search(text, found, serving)) endpoint_ = found[1];
        CHECK(std::chrono::steady_clock::now() < deadline);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

client::Credentials StoreRig::credentials() const {
    const std::filesystem::path out = folder_ / "env";
    const int process = spawn({binary(), "env", "--data", (folder_ / "data").string()}, out);
    CHECK(::waitpid(process, nullptr, 0) == process);
    const std::string text = read_text(out);
    const auto value = [&](const std::string& variable) {
        std::smatch found;
        CHECK(std::regex_search(text, found, std::regex(variable + "=\"([^\"]*)\"")));
        return found[1].str();
    };
    return {.access_key_id = value("AWS_ACCESS_KEY_ID"),
            .secret_access_key = value("AWS_SECRET_ACCESS_KEY")};
}

std::string StoreRig::new_bucket() {
    const std::string name = fmt::format("bucket-{}", ++buckets_);
    EXPECT_TRUE(client_->create_bucket({.bucket = name}));
    return name;
}

void StoreRig::put(const std::string& bucket, const std::string& key, const std::string& bytes) {
    const auto put = client_->put_object({.bucket = bucket, .key = key},
                                         client::Source(std::as_bytes(std::span(bytes))));
    EXPECT_TRUE(put) << put.error().describe();
}

std::string StoreRig::get(const std::string& bucket, const std::string& key) {
    const Result<client::ObjectInfo> head = client_->head_object({.bucket = bucket, .key = key});
    if (!head) return "<none>";
    std::string bytes(static_cast<std::size_t>(head->bytes), '\0');
    if (bytes.empty()) return bytes;
    const auto got =
        client_->get_object({.bucket = bucket, .key = key},
                            client::Destination{std::as_writable_bytes(std::span(bytes)), nullptr});
    EXPECT_TRUE(got) << got.error().describe();
    return bytes;
}

client::ObjectInfo StoreRig::head(const std::string& bucket, const std::string& key) {
    const Result<client::ObjectInfo> head = client_->head_object({.bucket = bucket, .key = key});
    EXPECT_TRUE(head) << head.error().describe();
    return head.value_or(client::ObjectInfo{});
}

bool eventually(const std::function<bool()>& check) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!check()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

}  // namespace weir::mount
