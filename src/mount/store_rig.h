#pragma once
// A real `weir serve` for one test binary, on a free port with a data folder of its own, and a
// client of it. For tests. What goes wrong fails the test.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "client/s3_client.h"
#include "client/transfer.h"
#include "io/blocking_pool.h"
#include "io/buffer_pool.h"

namespace weir::mount {

class StoreRig {
  public:
    StoreRig();
    ~StoreRig();
    StoreRig(const StoreRig&) = delete;
    StoreRig& operator=(const StoreRig&) = delete;

    // Started once, by the first test that asks; ended with the process.
    static StoreRig& shared();

    client::S3Client& client() { return *client_; }
    // Another one, of the same store through this port.
    std::unique_ptr<client::S3Client> client_at(std::uint16_t port);
    std::uint16_t port() const;
    client::Transfers& transfers() { return *transfers_; }
    io::BlockingPool& pool() { return pool_; }
    const Clock& clock() const { return clock_; }
    Log& log() { return *log_; }
    const std::filesystem::path& folder() const { return folder_; }

    std::string new_bucket();
    void put(const std::string& bucket, const std::string& key, const std::string& bytes);
    // All of the object; "<none>" if there is none.
    std::string get(const std::string& bucket, const std::string& key);
    client::ObjectInfo head(const std::string& bucket, const std::string& key);

  private:
    void start();
    client::Credentials credentials() const;

    std::filesystem::path folder_;
    int process_ = -1;
    std::string endpoint_;
    SystemClock clock_;
    std::shared_ptr<Log> log_ = null_log();
    ClientLimits limits_;
    io::BufferPool buffers_{limits_.buffer_bytes, limits_.buffers_max, limits_.buffers_max};
    io::BlockingPool pool_{16, 1024};
    std::unique_ptr<client::CredentialChain> chain_;
    std::unique_ptr<client::S3Client> client_;
    std::unique_ptr<client::Transfers> transfers_;
    unsigned buckets_ = 0;
};

// Whether it becomes true, within a minute.
bool eventually(const std::function<bool()>& check);

}  // namespace weir::mount
