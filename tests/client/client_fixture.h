#pragma once
// For tests: one Weir for all of them, and clients of it.

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "client/s3_client.h"
#include "client/transfer.h"
#include "fault_proxy.h"
#include "weir_process.h"

namespace weir::client::test {

// A client of the endpoint, and what it stands on.
struct TestClient {
    TestClient(const Endpoint& endpoint, const Credentials& credentials_in,
               const ClientLimits& limits_in = {})
        : limits(limits_in), credentials(credentials_in, *log) {
        auto made = S3Client::make(endpoint, {.credentials = credentials,
                                              .buffers = buffers,
                                              .limits = limits,
                                              .clock = clock,
                                              .log = *log});
        EXPECT_TRUE(made) << made.error().describe();
        s3 = *std::move(made);
        transfers = std::make_unique<Transfers>(*s3, pool);
    }
    ~TestClient() { pool.stop(); }

    const ClientLimits limits;
    std::shared_ptr<Log> log = null_log();
    SystemClock clock;
    CredentialChain credentials;
    io::BufferPool buffers{256 * KiB, 256, 256};
    io::BlockingPool pool{16, 256};
    std::unique_ptr<S3Client> s3;
    std::unique_ptr<Transfers> transfers;
};

class ClientTest : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        std::signal(SIGPIPE, SIG_IGN);
        weir = std::make_unique<WeirProcess>();
    }
    static void TearDownTestSuite() { weir.reset(); }

    void SetUp() override {
        static std::atomic<int> count = 0;
        bucket = "bucket-" + std::to_string(++count);
        direct = std::make_unique<TestClient>(weir->endpoint(), weir->credentials());
        const Result<void> created = direct->s3->create_bucket({.bucket = bucket});
        ASSERT_TRUE(created) << created.error().describe();
    }

    // A client that goes through the proxy, and does not wait long before it tries again.
    std::unique_ptr<TestClient> through(const FaultProxy& proxy, ClientLimits limits = {}) const {
        limits.backoff_base_ms = 1;
        Endpoint endpoint = weir->endpoint();
        endpoint.port = proxy.port();
        return std::make_unique<TestClient>(endpoint, weir->credentials(), limits);
    }

    // Bytes that no two offsets share.
    static std::string noise(std::size_t size, unsigned seed = 1) {
        std::mt19937_64 random(seed);
        std::string bytes;
        while (bytes.size() < size) append_be64(bytes, random());
        bytes.resize(size);
        return bytes;
    }

    void put(const std::string& key, const std::string& bytes) const {
        const auto put =
            direct->s3->put_object({.bucket = bucket, .key = key}, Source(as_bytes(bytes)));
        ASSERT_TRUE(put) << put.error().describe();
    }
    std::string get(const std::string& key) const {
        std::string bytes;
        const auto got = direct->s3->get_object(
            {.bucket = bucket, .key = key},
            [&](std::uint64_t offset, std::span<const std::byte> piece) -> Result<void> {
                EXPECT_EQ(offset, bytes.size());
                bytes += as_text(piece);
                return {};
            });
        EXPECT_TRUE(got) << got.error().describe();
        return bytes;
    }

    static std::string what(const auto& result) {
        return result ? "ok" : result.error().describe();
    }

    static inline std::unique_ptr<WeirProcess> weir;
    std::string bucket;
    std::unique_ptr<TestClient> direct;
};

}  // namespace weir::client::test
