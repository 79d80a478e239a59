// The files that a client is set up by, and the URL of an endpoint. What is accepted reads the same
// when it is written again.

#include <fmt/format.h>

#include "client/endpoint.h"
#include "client/settings_file.h"
#include "fuzz_input.h"

namespace weir::client {
namespace {

void check_sections(std::string_view input) {
    const Result<Sections> sections = parse_sections(input, "file");
    if (!sections) return;
    for (const auto& [name, settings] : *sections)
        for (const auto& [key, value] : settings) {
            CHECK(key.find('\n') == std::string::npos && value.find('\n') == std::string::npos);
            CHECK(key.find('=') == std::string::npos);
        }
}

void check_variables(std::string_view input) {
    const Result<Settings> variables = parse_variables(input, "file");
    if (!variables) return;
    for (const auto& [key, value] : *variables) CHECK(value.find('\n') == std::string::npos);
}

void check_endpoint(std::string_view input) {
    const Result<Endpoint> endpoint = parse_endpoint(input);
    if (!endpoint) return;
    const Result<Endpoint> again = parse_endpoint(endpoint->url());
    CHECK(again && again->host == endpoint->host && again->port == endpoint->port &&
          again->tls == endpoint->tls);
    CHECK(!fuzz::has_control_character(endpoint->host_header("")));
}

}  // namespace
}  // namespace weir::client

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view input = weir::fuzz::as_input(data, size);
    const std::uint8_t which = weir::fuzz::take_byte(input);
    if (which % 3 == 0) weir::client::check_sections(input);
    if (which % 3 == 1) weir::client::check_variables(input);
    if (which % 3 == 2) weir::client::check_endpoint(input);
    return 0;
}
