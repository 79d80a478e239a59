#pragma once
// What operators ask of a running server. Two doors: a TCP listener with health, readiness and
// metrics (nothing secret, nothing that changes anything), and the admin socket in the data
// directory, for its owner only, with everything.
//
// Owned by main(); called on cores, works on the blocking pool.

#include <atomic>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "auth/key_store.h"
#include "backup/backup.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "http/server.h"
#include "store/object_store.h"

namespace weir::server {

// A bound, and what is used of it now (nothing to say: no use).
struct BoundInUse {
    std::string name;
    std::uint64_t bound = 0;
    std::function<std::uint64_t()> use;
};

class Admin final : public http::Handler {
  public:
    struct Parts {
        store::ObjectStore& store;
        auth::KeyStore& keys;
        io::BlockingPool& pool;
        const Clock& clock;
        std::vector<prometheus::Collectable*> metrics;
        std::uint32_t writer;
        std::vector<BoundInUse> bounds;
        std::function<bool()> ready;
        std::function<Result<backup::BackupReport>(const backup::BackupOptions&)> back_up;
    };

    // `trusted`: the admin socket.
    Admin(Parts parts, bool trusted);

    net::Task<http::Response> handle(const http::RequestHead& head,
                                     http::BodyReader& body) override;
    http::Response refuse(const Error& error) override;

    // Ends what takes long, from now on.
    void cancel() { cancelled_ = true; }

  private:
    Result<http::Response> answer(const std::string& method, const std::string& path,
                                  const std::string& body);
    Result<http::Response> answer_trusted(const std::string& method, const std::string& path,
                                          const std::string& body);
    Result<nlohmann::json> create_key(const nlohmann::json& request);
    nlohmann::json list_keys() const;
    nlohmann::json list_limits() const;
    nlohmann::json status() const;
    Result<nlohmann::json> fsck(const nlohmann::json& request);
    Result<nlohmann::json> scrub(const nlohmann::json& request);
    Result<nlohmann::json> back_up(const nlohmann::json& request);
    // Code::conflict while another such thing runs.
    Result<nlohmann::json> alone(const std::function<Result<nlohmann::json>()>& work);
    std::string metrics_text() const;

    Parts parts_;
    const bool trusted_;
    std::atomic<bool> busy_ = false;  // with an fsck, a scrub or a backup: one at a time
    std::atomic<bool> cancelled_ = false;
};

}  // namespace weir::server
