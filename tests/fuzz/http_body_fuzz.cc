// The body of a request as HTTP frames it. Where it ends, and so where the next request begins,
// does not depend on the pieces in which it came; a body that we wrote comes out as it went in.
// Input: a byte of choices, then the bytes behind the head.

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "fuzz_input.h"
#include "http/body_reader.h"
#include "net/core.h"

namespace weir::http {
namespace {

// A client that sent all of its bytes and went away; they come in pieces as a seed decides.
class Pieces final : public net::Stream {
  public:
    Pieces(std::string_view bytes, std::size_t piece_max, std::uint64_t seed)
        : left_(bytes), piece_max_(piece_max), seed_(seed) {}

    Result<net::Step> handshake() override { return net::Step{}; }
    Result<net::Step> read(std::span<std::byte> out) override {
        seed_ = seed_ * 6364136223846793005ULL + 1442695040888963407ULL;
        const std::size_t wanted = piece_max_ == 0 ? out.size() : 1 + (seed_ >> 33) % piece_max_;
        const std::size_t count = std::min({wanted, out.size(), left_.size()});
        std::ranges::copy(as_bytes(left_.substr(0, count)), out.begin());
        left_.remove_prefix(count);
        return net::Step{.bytes = count};
    }
    Result<net::Step> write(std::span<const iovec>, bool) override { return fail(Code::io_error); }
    Result<net::Step> send_file(int, std::uint64_t, std::size_t) override {
        return fail(Code::io_error);
    }
    void shutdown() override {}

    std::size_t left() const { return left_.size(); }

  private:
    std::string_view left_;
    const std::size_t piece_max_;
    std::uint64_t seed_;
};

struct Outcome {
    std::optional<Code> error;
    std::string body;
    std::size_t consumed = 0;  // of the connection

    bool operator==(const Outcome& other) const {
        // What came before an error is nobody's, and the connection ends.
        if (error || other.error) return error == other.error;
        return body == other.body && consumed == other.consumed;
    }
};

net::Task<void> read_all(BodyReader& reader, std::size_t read_bytes, Outcome& outcome, bool& done) {
    std::vector<std::byte> buffer(read_bytes);
    while (!reader.at_end()) {
        const Result<std::size_t> count = co_await reader.read_some(buffer);
        if (!count) {
            outcome.error = count.error().code();
            break;
        }
        outcome.body += as_text(std::span(buffer).first(*count));
    }
    done = true;
}

Outcome read_body(std::string_view input, const RequestHead& head, std::size_t piece_max,
                  std::size_t read_bytes) {
    static io::BlockingPool pool(1, 1);
    net::Core core;
    auto pieces = std::make_unique<Pieces>(input, piece_max, input.size());
    const Pieces& stream = *pieces;
    Outcome outcome;
    {
        net::Connection connection(core, ::eventfd(0, 0), std::move(pieces), "client", pool);
        ReceiveBuffer received;
        BodyReader reader(connection, received, head);
        bool done = false;
        boost::asio::co_spawn(core.context(), read_all(reader, read_bytes, outcome, done),
                              boost::asio::detached);
        core.context().poll();
        CHECK(done);
        CHECK(reader.failed() == outcome.error.has_value());
        if (!outcome.error) CHECK(reader.bytes_read() == outcome.body.size());
        outcome.consumed = input.size() - stream.left() - received.bytes().size();
    }
    return outcome;
}

Outcome read_each_way(std::string_view input, const RequestHead& head) {
    const Outcome whole = read_body(input, head, 0, 8192);
    CHECK(read_body(input, head, 1, 5) == whole);
    CHECK(read_body(input, head, 17, 8192) == whole);
    if (whole.error)
        CHECK(*whole.error == Code::incomplete_body || *whole.error == Code::invalid_encoding);
    return whole;
}

// What follows a body is the next request, whatever the body holds.
void check_round_trip(std::string_view input, const RequestHead& head) {
    constexpr std::string_view next = "GET / HTTP/1.1\r\n";
    std::string body, raw;
    while (!input.empty()) {
        const std::string_view chunk = fuzz::take_text(input);
        body += chunk;
        if (head.chunked && !chunk.empty())
            raw += fmt::format("{:X} ; x=y\r\n{}\r\n", chunk.size(), chunk);
    }
    if (head.chunked) raw += "0\r\nx-trailer: 1\r\n\r\n";
    if (!head.chunked) raw = body;
    RequestHead told = head;
    if (!head.chunked) told.content_length = body.size();
    const Outcome outcome = read_each_way(raw + std::string(next), told);
    CHECK(!outcome.error && outcome.body == body && outcome.consumed == raw.size());
}

void check(std::string_view input) {
    const std::uint8_t choice = fuzz::take_byte(input);
    RequestHead head;
    head.chunked = choice % 2 == 0;
    if (choice % 4 >= 2) return check_round_trip(input, head);
    if (!head.chunked) head.content_length = choice / 4;
    const Outcome outcome = read_each_way(input, head);
    if (outcome.error) return;
    CHECK(outcome.consumed >= outcome.body.size());
    if (head.chunked) CHECK(input.substr(0, outcome.consumed).ends_with("\r\n"));
    if (!head.chunked) CHECK(outcome.consumed == *head.content_length);
}

}  // namespace
}  // namespace weir::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::http::check(weir::fuzz::as_input(data, size));
    return 0;
}
