#include "s3/server/payload.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <cstring>
#include <deque>

#include "base/bytes.h"
#include "base/check.h"
#include "io/disk.h"
#include "net/blocking.h"
#include "s3/server/body_job.h"

namespace weir::s3 {
namespace {

// Up to this a body is read into memory of its own: a buffer of the pool would be too large for it.
constexpr std::uint64_t small_bytes_max = 64 * KiB;
// Buffers are few, and a client that sends a byte now and then must not keep one from the others:
// so long it may, if nobody waits for one.
constexpr std::chrono::milliseconds buffer_patience(1000);
constexpr std::size_t after_pause_bytes = 4 * KiB;
// Bytes that lie in memory as they will in the file go to the disk from there
// (io::File::write_direct_at).
constexpr std::size_t alignment_bytes = io::File::direct_alignment_bytes;
// aws-chunked adds a line to each chunk of at least 8 KiB, and a trailer.
constexpr std::size_t chunked_overhead(std::uint64_t bytes) {
    return 1024 + static_cast<std::size_t>(bytes / 16);
}

bool is_chunked(PayloadKind kind) {
    return kind == PayloadKind::signed_chunks || kind == PayloadKind::signed_chunks_trailer ||
           kind == PayloadKind::unsigned_chunks_trailer;
}

// In CompleteMultipartUpload the checksum headers speak of the object, not of the XML.
RequestView without_checksums(const RequestView& view) {
    RequestView rest = view;
    std::erase_if(rest.headers, [](const NamedText& header) {
        return starts_with_ignoring_case(header.name, "x-amz-checksum-") ||
               starts_with_ignoring_case(header.name, "x-amz-sdk-checksum-");
    });
    return rest;
}

}  // namespace

Result<Payload> Payload::from(Exchange& exchange) {
    Payload payload(exchange);
    const SignatureV4& signature = exchange.identity.signature;
    const bool chunked = is_chunked(signature.payload);
    const bool has_trailer = chunked && signature.payload != PayloadKind::signed_chunks;
    const RequestView about_body = exchange.operation == Operation::CompleteMultipartUpload
                                       ? without_checksums(exchange.view)
                                       : exchange.view;
    TRY(payload.checks_, parse_body_checks(about_body, signature.payload_sha256, has_trailer));
    if (chunked) {
        TRY(ChunkedBody body, parse_chunked_body(exchange.view));
        payload.size_bytes_ = body.decoded_bytes;
        payload.decoder_ = std::make_unique<ChunkedDecoder>(std::move(body), signature,
                                                            exchange.identity.signing_key);
    } else if (!exchange.head.chunked) {
        // Without either header there is no body.
        payload.size_bytes_ = exchange.head.content_length.value_or(0);
    }
    if (payload.size_bytes_.value_or(0) > put_bytes_max) return fail(Code::entity_too_large);
    return payload;
}

net::Task<Result<std::size_t>> Payload::fill(std::span<std::byte> out) {
    std::size_t filled = 0;
    while (filled < out.size()) {
        CO_TRY(const std::size_t count, co_await exchange_->body.read_some(out.subspan(filled)));
        if (count == 0) break;
        filled += count;
    }
    co_return filled;
}

net::Task<Result<std::size_t>> Payload::fill(std::span<std::byte> out, bool& paused) {
    const auto begin = std::chrono::steady_clock::now();
    http::BodyReader& body = exchange_->body;
    std::size_t filled = 0;
    paused = false;
    while (filled < out.size()) {
        body.pause_at(exchange_->buffers.contended() ? begin : begin + buffer_patience);
        const Result<std::size_t> count = co_await body.read_some(out.subspan(filled));
        body.pause_at(std::nullopt);
        paused = !count && count.error().code() == Code::would_block;
        if (paused) break;
        if (!count) co_return fail(count.error());
        if (*count == 0) break;
        filled += *count;
    }
    co_return filled;
}

Result<std::span<const std::byte>> Payload::decode(std::span<const std::byte> raw,
                                                   std::uint64_t before, std::byte* place) {
    if (before + raw.size() > put_bytes_max + small_bytes_max) return fail(Code::entity_too_large);
    if (!decoder_) return raw;
    std::byte* end = place;
    while (!raw.empty()) {
        TRY(const ChunkedDecoder::Step step, decoder_->next(raw));
        CHECK(step.consumed > 0 && step.consumed <= raw.size());
        if (!step.payload.empty()) {
            CHECK(end <= step.payload.data());
            std::memmove(end, step.payload.data(), step.payload.size());
        }
        end += step.payload.size();
        raw = raw.subspan(step.consumed);
    }
    return std::span<const std::byte>(place, end);
}

Result<void> Payload::finish() {
    if (!decoder_) return {};
    TRY(trailers_, decoder_->finish());
    return {};
}

net::Task<Result<void>> Payload::write_to(store::BodyWriter& writer) {
    if (size_bytes_ && *size_bytes_ <= small_bytes_max) {
        CO_TRY_VOID(co_await write_small(writer));
    } else {
        CO_TRY_VOID(co_await write_large(writer));
    }
    co_return finish();
}

net::Task<Result<void>> Payload::write_small(store::BodyWriter& writer) {
    std::vector<std::byte> raw(*size_bytes_ + (decoder_ ? chunked_overhead(*size_bytes_) : 0) + 1);
    for (;;) {
        CO_TRY(const std::size_t count, co_await fill(raw));
        const std::span<const std::byte> received = std::span(raw).first(count);
        auto write = [&]() -> Result<void> {
            TRY(const auto bytes, decode(received, writer.size_bytes(), raw.data()));
            return writer.write(bytes);
        };
        Result<void> written = writer.may_block(received.size())
                                   ? co_await net::run_blocking(exchange_->pool, write)
                                   : write();
        CO_TRY_VOID(std::move(written));
        if (count < raw.size()) co_return Result<void>();
    }
}

// Receives into one buffer while the job works on the one before; once that is full, both are the
// job's until it has done with the first.
class Payload::Pipeline {
  public:
    Pipeline(Payload& payload, net::Executor executor, store::BodyWriter& writer)
        : payload_(payload),
          exchange_(*payload.exchange_),
          writer_(writer),
          received_end_(writer.next_offset()),
          alone_(exchange_.head.content_length &&
                 *exchange_.head.content_length + room_begin() <= exchange_.buffers.buffer_bytes()),
          job_(exchange_, executor, writer) {
        CHECK(exchange_.buffers.buffer_bytes() >= alignment_bytes + after_pause_bytes);
    }

    net::Task<Result<void>> run() {
        Result<void> outcome;
        while (outcome && !over_) outcome = co_await step();
        const Result<void> last = co_await job_.wait();
        co_return last ? outcome : last;
    }

  private:
    net::Task<Result<void>> step() {
        std::vector<std::byte> after_pause;
        if (paused_) {
            CO_TRY(after_pause, co_await first_bytes_after_pause());
        }
        over_ = exchange_.body.at_end() && after_pause.empty();
        if (over_) co_return Result<void>();
        CO_TRY_VOID(co_await free_buffers(1));
        CO_TRY(io::Buffer receiving, co_await next_buffer());
        const std::span<std::byte> room = receiving.bytes().subspan(room_begin());
        std::ranges::copy(after_pause, room.begin());
        CO_TRY(const std::size_t count,
               co_await payload_.fill(room.subspan(after_pause.size()), paused_));
        // Only now, so that receiving and writing overlap.
        CO_TRY_VOID(co_await job_.stored());
        start_job(std::move(receiving), room.first(after_pause.size() + count));
        co_return Result<void>();
    }

    // Where in a buffer is received. What is decoded is moved to its place, which lies before it.
    std::size_t room_begin() const {
        return payload_.decoder_ ? alignment_bytes : received_end_ % alignment_bytes;
    }

    // Without a buffer until the client goes on. Empty at the end.
    net::Task<Result<std::vector<std::byte>>> first_bytes_after_pause() {
        CO_TRY_VOID(co_await free_buffers(0));
        std::vector<std::byte> bytes(after_pause_bytes);
        CO_TRY(const std::size_t count, co_await exchange_.body.read_some(bytes));
        bytes.resize(count);
        co_return bytes;
    }

    // Until the job needs no more than that.
    net::Task<Result<void>> free_buffers(std::size_t needed) {
        CO_TRY_VOID(co_await job_.wait(needed));
        while (working_.size() > job_.needed()) working_.pop_front();
        co_return Result<void>();
    }

    net::Task<Result<io::Buffer>> next_buffer() {
        if (io::Buffer buffer = exchange_.buffers.try_acquire()) co_return buffer;
        // Who keeps a buffer while it waits for another may wait for one who does the same.
        job_.hurry();
        CO_TRY_VOID(co_await free_buffers(0));
        const std::chrono::milliseconds patience(exchange_.limits.stall_timeout_ms);
        co_return co_await net::acquire_buffer(exchange_.buffers, patience);
    }

    void start_job(io::Buffer buffer, std::span<const std::byte> raw) {
        if (raw.empty()) return;
        received_end_ += raw.size();
        working_.push_back(std::move(buffer));
        std::byte* const place =
            working_.back().bytes().data() + writer_.next_offset() % alignment_bytes;
        auto decode = [this, raw, place, before = writer_.size_bytes()] {
            return payload_.decode(raw, before, place);
        };
        job_.start(std::move(decode), !exchange_.body.at_end(), alone_);
    }

    Payload& payload_;
    Exchange& exchange_;
    store::BodyWriter& writer_;
    std::uint64_t received_end_;  // without a decoder, where in the file
    const bool alone_;  // one buffer holds all of it: the client waits as soon as it has sent that
    bool over_ = false, paused_ = false;
    std::deque<io::Buffer> working_;  // what the job reads
    BodyJob job_;
};

net::Task<Result<void>> Payload::write_large(store::BodyWriter& writer) {
    Pipeline pipeline(*this, co_await boost::asio::this_coro::executor, writer);
    co_return co_await pipeline.run();
}

net::Task<Result<Payload::Whole>> Payload::read_whole(std::size_t bytes_max) {
    if (size_bytes_.value_or(0) > bytes_max) co_return fail(Code::entity_too_large);
    Whole whole{.bytes = {}, .memory = exchange_->xml_memory.share()};
    std::string& bytes = whole.bytes;
    const std::uint64_t announced = size_bytes_.value_or(small_bytes_max);
    std::vector<std::byte> raw(
        std::min<std::uint64_t>(announced + chunked_overhead(announced), small_bytes_max));
    for (;;) {
        // As it comes, not as announced: who sends nothing keeps nothing from others.
        CO_TRY_VOID(whole.memory.grow_to(bytes.capacity() + 2 * raw.size()));
        CO_TRY(const std::size_t count, co_await fill(raw));
        if (count == 0) break;
        std::span<const std::byte> rest = std::span(raw).first(count);
        while (!rest.empty()) {
            ChunkedDecoder::Step step{.consumed = rest.size(), .payload = rest};
            if (decoder_) {
                CO_TRY(step, decoder_->next(rest));
            }
            bytes += as_text(step.payload);
            rest = rest.subspan(step.consumed);
        }
        if (bytes.size() > bytes_max) co_return fail(Code::entity_too_large);
    }
    CO_TRY_VOID(finish());
    hash::Digester digester(checks_.algorithms);
    digester.update(as_bytes(bytes));
    CO_TRY_VOID(verify(digester.finish()));
    co_return whole;
}

}  // namespace weir::s3
