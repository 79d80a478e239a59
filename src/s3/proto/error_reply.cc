#include "s3/proto/error_reply.h"

#include <fmt/format.h>

#include "s3/proto/xml_writer.h"

namespace weir::s3 {

Reply write_error(const Error& error, const ErrorContext& context) {
    const CodeInfo& row = info(error.code());
    Reply reply;
    reply.status = row.http_status;
    // 304 has no body either, by HTTP's own rules.
    if (context.head_request || error.code() == Code::not_modified) return reply;
    reply.add_header("Content-Type", "application/xml");
    XmlWriter out(reply.body);
    out.open("Error");
    out.element("Code", row.s3_code);
    out.element("Message", error.message());
    for (const NamedText& detail : context.details) out.element(detail.name, detail.value);
    out.element("Resource", context.resource);
    out.element("RequestId", context.request_id);
    out.element("HostId", context.host_id);
    out.close("Error");
    return reply;
}

Error not_implemented(Operation operation) {
    return Error(Code::not_implemented,
                 fmt::format("{} is not implemented.", operation_info(operation).name));
}

}  // namespace weir::s3
