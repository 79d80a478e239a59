#include "s3/server/access_log.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "s3/proto/model_time.h"

namespace weir::s3 {

std::string begin_access_line(const Exchange& exchange, unsigned status, const Error* error,
                              UnixNanos begin) {
    nlohmann::ordered_json line;
    line["time"] = format_iso_date(begin);
    line["request_id"] = exchange.request_id;
    line["remote"] = exchange.head.peer;
    line["access_key"] = exchange.identity.access_key_id;
    line["owner"] = exchange.identity.owner;
    line["method"] = exchange.head.method;
    line["operation"] = operation_info(exchange.operation).name;
    line["bucket"] = exchange.place.bucket;
    line["key"] = exchange.place.key;
    line["status"] = status;
    if (error != nullptr) line["error"] = info(error->code()).s3_code;
    std::string text = line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    text.pop_back();
    return text;
}

std::string end_access_line(const std::string& begun, UnixNanos begin, UnixNanos end,
                            const http::Sent& sent) {
    const double ms = end > begin ? static_cast<double>(end - begin) / 1e6 : 0;
    return fmt::format(R"({},"bytes_in":{},"bytes_out":{},"complete":{},"ms":{:.3f}}})", begun,
                       sent.bytes_in, sent.bytes_out, sent.complete, ms);
}

}  // namespace weir::s3
