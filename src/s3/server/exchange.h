#pragma once
// One request on its core, from its head to its reply: what service.cc has found out and the
// coroutine verbs use.
//
// Owned by the service's coroutine, on one core at a time; the blocking pool reads it while the
// coroutine waits.

#include <map>
#include <string>
#include <vector>

#include "hash/lane_scheduler.h"
#include "http/body_reader.h"
#include "http/message.h"
#include "io/blocking_pool.h"
#include "io/buffer_pool.h"
#include "io/byte_budget.h"
#include "s3/proto/operations.h"
#include "s3/proto/reply.h"
#include "s3/proto/request_view.h"
#include "s3/proto/uri.h"
#include "s3/server/authenticate.h"
#include "s3/server/call.h"
#include "s3/server/journal_streams.h"

namespace weir::s3 {

struct Exchange {
    const http::RequestHead& head;
    http::BodyReader& body;
    io::BlockingPool& pool;
    io::BufferPool& buffers;
    hash::LaneScheduler& lanes;
    io::ByteBudget& xml_memory;
    JournalStreams& journal_streams;
    const Limits& limits;
    store::ObjectStore& store;
    std::string_view region;
    bool verify_reads;

    std::string request_id = {};
    Target target = {};
    Place place = {};
    RequestView view = {};
    // Values of the view that no single field of the head holds, by the field's name.
    std::map<std::string_view, std::string> joined_fields = {};
    Operation operation = Operation::ListBuckets;
    Identity identity = {};
    // Element names and values that an error reply adds.
    std::vector<std::pair<std::string, std::string>> error_details = {};
    // Headers that an error reply carries, such as x-amz-delete-marker.
    std::vector<std::pair<std::string, std::string>> error_headers = {};

    Call call(std::string_view xml = {}) const {
        return {
            .store = store, .region = region, .owner = identity.owner, .view = view, .body = xml};
    }
};

// The reply of a verb as an HTTP response.
http::Response to_response(Reply reply);

// GetObject and HeadObject, PutObject, UploadPart, and the journal.
net::Task<Result<http::Response>> get_object(Exchange& exchange);
net::Task<Result<http::Response>> put_object(Exchange& exchange);
net::Task<Result<http::Response>> upload_part(Exchange& exchange);
net::Task<Result<http::Response>> follow_journal(Exchange& exchange);

}  // namespace weir::s3
