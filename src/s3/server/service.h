#pragma once
// S3 as an http::Handler: each request gets an id, is split, authenticated, routed, run and logged.
// Which function runs an operation: verbs.h for plain ones, exchange.h for those with an object's
// bytes.
//
// Owned by main(); called on every core.

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "hash/lane_scheduler.h"
#include "http/server.h"
#include "io/blocking_pool.h"
#include "io/buffer_pool.h"
#include "io/byte_budget.h"
#include "s3/server/authenticate.h"
#include "s3/server/exchange.h"
#include "s3/server/journal_streams.h"
#include "s3/server/request_metrics.h"
#include "store/object_store.h"

namespace weir::s3 {

class Service final : public http::Handler {
  public:
    struct Parts {
        store::ObjectStore& store;
        const auth::KeyStore& keys;
        io::BlockingPool& pool;
        io::BufferPool& buffers;
        hash::LaneScheduler& lanes;
        io::ByteBudget& xml_memory;
        JournalStreams& journal_streams;
        const Limits& limits;
        const Clock& clock;
        Log& log;
        std::shared_ptr<Log> access_log;  // nullptr: none
        Metrics& metrics;
        std::vector<std::string> domains;  // of virtual-host style
        std::string region;
        bool verify_reads;  // every byte that GetObject sends, against its checksum
    };

    explicit Service(Parts parts);

    net::Task<http::Response> handle(const http::RequestHead& head,
                                     http::BodyReader& body) override;
    http::Response refuse(const Error& error) override;
    void drain() override { parts_.journal_streams.close(); }

  private:
    net::Task<Result<http::Response>> run(Exchange& exchange);
    net::Task<Result<http::Response>> dispatch(Exchange& exchange);
    Result<void> read_head(Exchange& exchange);
    http::Response write_failure(const Exchange& exchange, const Error& error);
    void finish(const Exchange& exchange, const Error* error, UnixNanos begin,
                http::Response& response);

    Parts parts_;
    Authenticator authenticator_;
    RequestMetrics request_metrics_;
};

}  // namespace weir::s3
