#pragma once
// A request as the server reads it up to the signature: head parsed, target split and decoded,
// fields of one name joined (s3/server/service.cc).
//
// Owned by a target, one an input. The views live as long as the Request.

#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "http/head_parser.h"
#include "s3/proto/signed_request.h"
#include "s3/proto/uri.h"

namespace weir::fuzz {

class Request {
  public:
    // nullptr for what the server refuses before it looks for a signature.
    static std::unique_ptr<Request> read(std::string_view bytes);

    const s3::RequestView& view() const { return view_; }
    const s3::Target& target() const { return target_; }
    // What follows the head.
    std::string_view body() const { return body_; }
    s3::SignedRequest to_be_signed() const {
        return {.view = view_,
                .path = target_.path,
                .raw_path = target_.raw_path,
                .bucket_in_host = place_.bucket_in_host};
    }

  private:
    Request() : parser_(limits_) {}
    void add_header(const http::Field& field);

    const Limits limits_;
    http::HeadParser parser_;
    s3::Target target_;
    s3::Place place_;
    s3::RequestView view_;
    std::deque<std::string> joined_;
    std::string_view body_;
};

}  // namespace weir::fuzz
