#include "cli/admin_client.h"

#include <fmt/format.h>
#include <httplib.h>

#include <nlohmann/json.hpp>

#include "inspect/data_directory.h"
#include "io/socket_path.h"

namespace weir::cli {

Result<nlohmann::json> AdminClient::request(const std::string& method, const std::string& path,
                                            const nlohmann::json& body) {
    const std::string socket = inspect::DataDirectory::admin_socket(data_);
    TRY(const io::SocketPath name, io::SocketPath::of(socket));
    httplib::Client client(name.text());
    client.set_address_family(AF_UNIX);
    // fsck and scrub answer when they are done.
    constexpr time_t read_timeout_s = 24 * 3600;
    client.set_read_timeout(read_timeout_s, 0);
    httplib::Request request;
    request.method = method;
    request.path = path;
    request.headers = {{"Host", "localhost"}};
    if (!body.is_null()) {
        request.body = body.dump();
        request.headers.emplace("Content-Type", "application/json");
    }
    const httplib::Result result = client.send(request);
    if (!result)
        return fail(Code::unavailable,
                    fmt::format("no server answers at {}; start one with: weir serve --data {}",
                                socket, data_));
    nlohmann::json reply = nlohmann::json::parse(result->body, nullptr, false);
    if (reply.is_discarded())
        return fail(Code::internal_error, fmt::format("the server at {} answered no JSON", socket));
    if (result->status != 200)
        return fail(Code::invalid_request, reply.value("error", "the server gave no reason"));
    return reply;
}

}  // namespace weir::cli
