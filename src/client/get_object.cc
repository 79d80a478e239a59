#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "client/caller.h"
#include "client/replies.h"
#include "client/state.h"
#include "client/wait_for_buffer.h"
#include "hash/crc.h"

namespace weir::client {
namespace {

// Between receiving and hashing a piece it should stay in the processor's cache.
constexpr std::size_t piece_bytes_max = 1 * MiB;

std::unexpected<Failure> given_up(Code code, std::string message) {
    return std::unexpected(Failure{.error = Error(code, std::move(message))});
}

std::vector<std::pair<std::string, std::string>> owned(const std::vector<http::Field>& fields) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const http::Field& field : fields) out.emplace_back(field.name, field.value);
    return out;
}

// Where a GET's bytes go: memory, or pieces through one buffer.
class Receiver {
  public:
    virtual ~Receiver() = default;
    virtual std::optional<std::uint64_t> space() const = 0;
    // Where the bytes after the first `received` go.
    virtual std::span<std::byte> next(std::uint64_t received) = 0;
    virtual Result<void> take(std::uint64_t offset, std::span<const std::byte> piece) = 0;
};

class MemoryReceiver final : public Receiver {
  public:
    explicit MemoryReceiver(const Destination& destination) : destination_(destination) {}
    std::optional<std::uint64_t> space() const override { return destination_.memory.size(); }
    std::span<std::byte> next(std::uint64_t received) override {
        return destination_.memory.subspan(static_cast<std::size_t>(received));
    }
    Result<void> take(std::uint64_t, std::span<const std::byte> piece) override {
        if (destination_.received != nullptr) *destination_.received += piece.size();
        return {};
    }

  private:
    const Destination destination_;
};

class PieceReceiver final : public Receiver {
  public:
    PieceReceiver(io::Buffer buffer, const PieceSink& sink)
        : buffer_(std::move(buffer)), sink_(sink) {}
    std::optional<std::uint64_t> space() const override { return std::nullopt; }
    std::span<std::byte> next(std::uint64_t) override { return buffer_.bytes(); }
    Result<void> take(std::uint64_t offset, std::span<const std::byte> piece) override {
        return sink_(offset, piece);
    }

  private:
    const io::Buffer buffer_;
    const PieceSink& sink_;
};

// One get_object, across the replies that it takes.
class Get {
  public:
    Get(Core& core, const GetObjectRequest& request, Receiver& receiver, const Call& call)
        : core_(core),
          wanted_(request),
          receiver_(receiver),
          caller_(core, first_request(request), call) {}

    Result<GetObjectReply> run() {
        const auto on_reply = [this](http::ClientSession& session, const http::ReplyHead& head) {
            return receive(session, head);
        };
        TRY_VOID(caller_.run(on_reply, [this](Request& request) { prepare(request); }));
        reply_.bytes = received_;
        if (computes_) reply_.crc64nvme = crc_;
        const bool whole = reply_.offset == 0 && received_ == reply_.object.bytes;
        if (!whole || !computes_ || !reply_.object.crc64nvme) return reply_;
        if (*reply_.object.crc64nvme != crc_)
            return fail(Code::corrupt,
                        fmt::format("s3://{}/{} arrived with the checksum {}, and should have {}",
                                    wanted_.bucket, wanted_.key, format_crc64nvme(crc_),
                                    format_crc64nvme(*reply_.object.crc64nvme)));
        reply_.verified = true;
        return reply_;
    }

  private:
    static Request first_request(const GetObjectRequest& wanted) {
        Request request{.bucket = wanted.bucket, .key = wanted.key};
        if (!wanted.version_id.empty()) request.add_query("versionId", wanted.version_id);
        return request;
    }

    // What is still to come, pinned to what came first.
    void prepare(Request& request) {
        request.headers.clear();
        request.add_header("x-amz-checksum-mode", "ENABLED");
        request.add_etag("If-Match", began_ ? reply_.object.etag : wanted_.if_match);
        if (!began_) request.add_etag("If-None-Match", wanted_.if_none_match);
        if (wanted_.range) {
            const ByteSpan& range = *wanted_.range;
            request.add_header("Range", fmt::format("bytes={}-{}", range.offset + received_,
                                                    range.offset + range.length - 1));
        } else if (received_ > 0) {
            request.add_header("Range", fmt::format("bytes={}-", received_));
        }
    }

    // Of the next byte that is wanted, in the object.
    std::uint64_t position() const {
        return (wanted_.range ? wanted_.range->offset : 0) + received_;
    }

    // How long the body is, if the server says; fails where it is not what was asked for.
    std::expected<std::optional<std::uint64_t>, Failure> check(const http::ReplyHead& head) {
        const std::optional<ContentRange> range =
            parse_content_range(head.field("Content-Range").value_or(""));
        if (head.status == 206) {
            const std::uint64_t most =
                wanted_.range ? wanted_.range->length - received_ : UINT64_MAX;
            if (!range || range->first != position() || range->last - range->first + 1 > most)
                return given_up(Code::invalid_encoding,
                                "the server sent another range than was asked for");
            return range->last - range->first + 1;
        }
        const bool too_much =
            wanted_.range && head.content_length.value_or(UINT64_MAX) > wanted_.range->length;
        if (position() > 0 || too_much)
            return given_up(Code::not_implemented, "the server does not know ranges");
        return head.content_length;
    }

    std::expected<void, Failure> begin(const http::ReplyHead& head) {
        ObjectInfo object = parse_object_info(owned(head.fields));
        if (began_) {
            if (object.etag != reply_.object.etag)
                return given_up(Code::conflict, "the object changed while it was read");
            ++reply_.resumed;
            return {};
        }
        began_ = true;
        reply_.object = std::move(object);
        reply_.offset = position();
        const bool whole = !wanted_.range && reply_.object.crc64nvme;
        computes_ = wanted_.crc64nvme || whole;
        return {};
    }

    std::expected<void, Failure> receive(http::ClientSession& session,
                                         const http::ReplyHead& head) {
        const auto length = check(head);
        if (!length) return std::unexpected(length.error());
        if (auto begun = begin(head); !begun) return begun;
        if (receiver_.space() && length->value_or(0) > *receiver_.space() - received_)
            return given_up(Code::entity_too_large,
                            fmt::format("{} bytes would come, into memory for {}", **length,
                                        *receiver_.space()));
        for (;;) {
            std::span<std::byte> space = receiver_.next(received_);
            std::byte beyond{};  // where memory is full, only the end may come
            if (space.empty()) space = {&beyond, 1};
            const Result<std::size_t> count =
                session.read_some(space.first(std::min(space.size(), piece_bytes_max)));
            if (!count) return broken(count.error());
            if (*count == 0) break;
            if (space.data() == &beyond)
                return given_up(Code::entity_too_large, "more came than the memory holds");
            const std::span<const std::byte> piece = space.first(*count);
            if (computes_) crc_ = hash::crc64nvme(crc_, piece);
            const Result<void> taken = receiver_.take(position(), piece);
            if (!taken) return std::unexpected(Failure{.error = taken.error()});
            received_ += *count;
            core_.bytes_in += *count;
            caller_.progressed();
        }
        // Its length was not told before.
        if (!*length && !wanted_.range) reply_.object.bytes = received_;
        return {};
    }

    std::unexpected<Failure> broken(const Error& error) {
        Failure failure = Caller::broken(error);
        // Nobody knows what to go on with.
        if (received_ > 0 && reply_.object.etag.empty()) failure.again = false;
        return std::unexpected(std::move(failure));
    }

    Core& core_;
    const GetObjectRequest& wanted_;
    Receiver& receiver_;
    Caller caller_;
    GetObjectReply reply_;
    bool began_ = false;
    bool computes_ = false;
    std::uint64_t received_ = 0;
    std::uint64_t crc_ = 0;
};

Result<GetObjectReply> get(Core& core, const GetObjectRequest& request, Receiver& receiver,
                           const Call& call) {
    if (request.range && request.range->length == 0)
        return fail(Code::invalid_argument, "a range has at least one byte");
    Result<GetObjectReply> reply = Get(core, request, receiver, call).run();
    // What was pinned is gone, and nobody asked for a pin.
    if (!reply && reply.error().code() == Code::precondition_failed && request.if_match.empty())
        return fail(Code::conflict, "the object changed while it was read");
    return reply;
}

}  // namespace

Result<GetObjectReply> S3Client::get_object(const GetObjectRequest& request,
                                            const Destination& destination, const Call& call) {
    MemoryReceiver receiver(destination);
    return get(state_->core, request, receiver, call);
}

Result<GetObjectReply> S3Client::get_object(const GetObjectRequest& request, const PieceSink& sink,
                                            const Call& call) {
    Core& core = state_->core;
    TRY(io::Buffer buffer, wait_for_buffer(core.buffers, {call.interrupt, &core.stop},
                                           std::chrono::milliseconds(core.limits.call_timeout_ms)));
    PieceReceiver receiver(std::move(buffer), sink);
    return get(core, request, receiver, call);
}

}  // namespace weir::client
