#include "client/transfer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "client/crew.h"
#include "client/download.h"
#include "client/replies.h"

namespace weir::client {

std::span<std::byte> Sink::memory(std::uint64_t, std::uint64_t) { return {}; }

std::span<std::byte> MemorySink::memory(std::uint64_t offset, std::uint64_t length) {
    CHECK(offset >= offset_ && offset - offset_ + length <= memory_.size());
    return memory_.subspan(static_cast<std::size_t>(offset - offset_),
                           static_cast<std::size_t>(length));
}

Result<void> FileSink::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t count =
            ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(errno_error("writing what was downloaded", errno));
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        offset += static_cast<std::uint64_t>(count);
    }
    return {};
}

namespace {

// The part of the object that is wanted and there.
Result<ByteSpan> span_within(const DownloadRequest& request, std::uint64_t object_bytes) {
    if (!request.range) return ByteSpan{.offset = 0, .length = object_bytes};
    if (request.range->offset >= object_bytes) return fail(Code::invalid_range);
    return ByteSpan{
        .offset = request.range->offset,
        .length = std::min(request.range->length, object_bytes - request.range->offset)};
}

}  // namespace

Result<DownloadReply> Transfers::download(const DownloadRequest& request, Sink& sink,
                                          const TransferOptions& options, const Call& call) {
    DownloadReply reply;
    if (request.object) {
        reply.object = *request.object;
    } else {
        TRY(reply.object, client_.head_object({.bucket = request.bucket,
                                               .key = request.key,
                                               .version_id = request.version_id,
                                               .if_match = request.if_match},
                                              call));
    }
    TRY(const ByteSpan span, span_within(request, reply.object.bytes));
    Crew crew(pool_, call.interrupt);
    Download download(client_, request, reply.object, span, sink, options, crew.interrupt(), call);
    const std::size_t parallelism =
        options.parallelism > 0 ? options.parallelism : client_.limits().transfer_parallelism;
    TRY_VOID(crew.run(std::min(parallelism, std::max<std::size_t>(download.ranges(), 1)),
                      [&download] { return download.step(); }));
    reply.bytes = span.length;
    reply.hedged = download.hedged();
    const bool whole = span.offset == 0 && span.length == reply.object.bytes;
    if (!whole || !reply.object.crc64nvme) return reply;
    if (download.crc64nvme() != *reply.object.crc64nvme)
        return fail(Code::corrupt,
                    fmt::format("s3://{}/{} arrived with the checksum {}, and should have {}",
                                request.bucket, request.key, format_crc64nvme(download.crc64nvme()),
                                format_crc64nvme(*reply.object.crc64nvme)));
    reply.verified = true;
    return reply;
}

}  // namespace weir::client
