#include "request.h"

#include <algorithm>
#include <vector>

#include "base/bytes.h"

namespace weir::fuzz {

void Request::add_header(const http::Field& field) {
    const auto known = std::ranges::find_if(view_.headers, [&](const s3::NamedText& header) {
        return s3::equal_ignoring_case(header.name, field.name);
    });
    if (known == view_.headers.end()) {
        view_.headers.push_back({field.name, field.value});
        return;
    }
    known->value = joined_.emplace_back(std::string(known->value) + "," + std::string(field.value));
}

std::unique_ptr<Request> Request::read(std::string_view bytes) {
    static const std::vector<std::string> domains{"s3.example.com"};
    std::unique_ptr<Request> request(new Request());
    const Result<std::optional<std::size_t>> size = request->parser_.parse(as_bytes(bytes));
    if (!size || !*size) return nullptr;
    request->body_ = bytes.substr(**size);
    const http::RequestHead& head = request->parser_.head();
    Result<s3::Target> target = s3::parse_target(head.target);
    if (!target) return nullptr;
    request->target_ = *std::move(target);
    s3::RequestView& view = request->view_;
    view.method = head.method;
    view.host = head.field("Host").value_or("");
    request->place_ = s3::find_place(request->target_.path, view.host, domains);
    view.bucket = request->place_.bucket;
    view.key = request->place_.key;
    for (const auto& [name, value] : request->target_.query) view.query.push_back({name, value});
    for (const http::Field& field : head.fields) request->add_header(field);
    return request;
}

}  // namespace weir::fuzz
