#include "client/endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "client/settings_file.h"

namespace weir::client {
namespace {

constexpr std::uint16_t http_port = 80, https_port = 443;

std::unexpected<Error> bad_url(std::string_view url, std::string_view why) {
    return fail(
        Code::invalid_argument,
        fmt::format("'{}' is no endpoint: {}. One looks like http://localhost:9000", url, why));
}

bool is_host_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':';
}

bool is_amazon(std::string_view host) {
    return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
}

// The settings in the order in which they count: the profile's, and those of /etc/weir/env.
struct Layers {
    const Environment& environment;
    Settings profile;
    Settings services;
    Settings system;

    std::optional<std::string> variable(std::string_view name) const {
        return environment.variable(name);
    }
};

Result<Layers> read_layers(const Environment& environment, const EndpointOptions& options) {
    Layers layers{.environment = environment, .profile = {}, .services = {}, .system = {}};
    TRY(const Sections config, read_sections(environment.config_file()));
    const std::string profile = options.profile.empty() ? environment.profile() : options.profile;
    if (const Settings* settings = config_profile(config, profile)) layers.profile = *settings;
    if (const std::optional<std::string> name = setting(layers.profile, "services")) {
        const auto found = config.find("services " + *name);
        if (found != config.end()) layers.services = found->second;
    }
    TRY(layers.system, read_variables(environment.system_file));
    return layers;
}

std::optional<std::string> first_of(std::initializer_list<std::optional<std::string>> values) {
    for (const std::optional<std::string>& value : values)
        if (value && !value->empty()) return value;
    return std::nullopt;
}

std::optional<std::string> configured_url(const Layers& layers) {
    const std::string ignore =
        first_of({layers.variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
                  setting(layers.profile, "ignore_configured_endpoint_urls")})
            .value_or("false");
    if (ignore == "true") return std::nullopt;
    return first_of({layers.variable("AWS_ENDPOINT_URL_S3"), layers.variable("AWS_ENDPOINT_URL"),
                     setting(layers.services, "s3.endpoint_url"),
                     setting(layers.profile, "endpoint_url"),
                     setting(layers.system, "AWS_ENDPOINT_URL_S3"),
                     setting(layers.system, "AWS_ENDPOINT_URL")});
}

}  // namespace

std::string Endpoint::url() const {
    return fmt::format("{}://{}", tls ? "https" : "http", host_header(""));
}

bool Endpoint::in_host(std::string_view bucket) const {
    constexpr std::size_t label_bytes_max = 63;
    if (addressing != Addressing::virtual_host || bucket.empty()) return false;
    if (bucket.size() > label_bytes_max) return false;
    return std::ranges::all_of(bucket, [this](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (c == '.' && !tls);
    });
}

std::string Endpoint::connect_host(std::string_view bucket) const {
    return in_host(bucket) ? fmt::format("{}.{}", bucket, host) : host;
}

std::string Endpoint::host_header(std::string_view bucket) const {
    std::string name = connect_host(bucket);
    if (host.find(':') != std::string::npos) name = fmt::format("[{}]", host);
    if (port == (tls ? https_port : http_port)) return name;
    return fmt::format("{}:{}", name, port);
}

Result<Endpoint> parse_endpoint(std::string_view url) {
    Endpoint endpoint;
    std::string_view rest = url;
    if (rest.starts_with("https://")) {
        rest.remove_prefix(8);
    } else if (rest.starts_with("http://")) {
        rest.remove_prefix(7);
        endpoint.tls = false;
        endpoint.port = http_port;
    } else {
        return bad_url(url, "it begins with neither http:// nor https://");
    }
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (rest.find_first_of("/?#") != std::string_view::npos)
        return bad_url(url, "it has a path or a query");
    if (rest.find('@') != std::string_view::npos) return bad_url(url, "it has a user name");
    std::string_view port;
    if (rest.starts_with('[')) {
        const std::size_t end = rest.find(']');
        if (end == std::string_view::npos) return bad_url(url, "its address has no ]");
        endpoint.host = rest.substr(1, end - 1);
        port = rest.substr(end + 1);
    } else {
        const std::size_t colon = rest.find(':');
        endpoint.host = rest.substr(0, colon);
        if (colon != std::string_view::npos) port = rest.substr(colon);
    }
    if (endpoint.host.empty() || !std::ranges::all_of(endpoint.host, is_host_character))
        return bad_url(url, "it names no host");
    if (!port.empty()) {
        const auto [end, error] =
            std::from_chars(port.data() + 1, port.data() + port.size(), endpoint.port);
        if (port.front() != ':' || error != std::errc() || end != port.data() + port.size() ||
            endpoint.port == 0)
            return bad_url(url, "its port is no number");
    }
    if (is_amazon(endpoint.host)) endpoint.addressing = Addressing::virtual_host;
    return endpoint;
}

Result<Endpoint> resolve_endpoint(const Environment& environment, const EndpointOptions& options) {
    TRY(const Layers layers, read_layers(environment, options));
    const std::string region =
        first_of({options.region, layers.variable("AWS_REGION"),
                  layers.variable("AWS_DEFAULT_REGION"), setting(layers.profile, "region"),
                  setting(layers.system, "AWS_REGION"),
                  setting(layers.system, "AWS_DEFAULT_REGION")})
            .value_or("us-east-1");
    const std::string url = first_of({options.url, configured_url(layers)})
                                .value_or(fmt::format("https://s3.{}.amazonaws.com{}", region,
                                                      region.starts_with("cn-") ? ".cn" : ""));
    TRY(Endpoint endpoint, parse_endpoint(url));
    endpoint.region = region;
    endpoint.ca_file =
        first_of({options.ca_file, layers.variable("AWS_CA_BUNDLE"),
                  setting(layers.profile, "ca_bundle"), setting(layers.system, "AWS_CA_BUNDLE")})
            .value_or("");
    return endpoint;
}

}  // namespace weir::client
