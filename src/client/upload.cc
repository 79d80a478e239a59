// Transfers::upload and upload_stream.

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/bytes.h"
#include "client/crew.h"
#include "client/multipart.h"
#include "client/transfer.h"
#include "client/wait_for_buffer.h"

namespace weir::client {
namespace {

constexpr std::chrono::milliseconds buffer_patience(const ClientLimits& limits) {
    return std::chrono::milliseconds(limits.call_timeout_ms);
}

std::size_t parallelism_of(const S3Client& client, const TransferOptions& options) {
    return options.parallelism > 0 ? options.parallelism : client.limits().transfer_parallelism;
}

std::uint64_t wanted_part_bytes(const S3Client& client, const TransferOptions& options) {
    return std::max(
        options.part_bytes > 0 ? options.part_bytes : client.limits().transfer_part_bytes,
        part_bytes_min);
}

// As wanted, or as many whole MiB as it takes.
std::uint64_t part_bytes_for(std::uint64_t bytes, std::uint64_t wanted) {
    const std::uint64_t least = (bytes + part_number_max - 1) / part_number_max;
    return std::max(wanted, (least + MiB - 1) / MiB * MiB);
}

// After a failure: the error, and no upload left behind unless it is wanted.
Error abandon(Multipart& multipart, const Error& error) {
    const Result<void> aborted = multipart.abort();
    if (aborted || aborted.error().code() == Code::no_such_upload) return error;
    return Error(error.code(),
                 fmt::format("{} (and upload {} could not be aborted: {})", error.message(),
                             multipart.upload_id(), aborted.error().message()));
}

Result<UploadReply> put_whole(S3Client& client, const UploadRequest& request, const Source& source,
                              const TransferOptions& options, const Call& call) {
    TRY(PutObjectReply put, client.put_object({.bucket = request.bucket,
                                               .key = request.key,
                                               .headers = request.headers,
                                               .conditions = request.conditions},
                                              source, call));
    if (options.on_progress) options.on_progress(source.bytes());
    return UploadReply{.etag = std::move(put.etag),
                       .version_id = std::move(put.version_id),
                       .bytes = source.bytes()};
}

// A file's parts, each taken by one thread.
class FileParts {
  public:
    FileParts(S3Client& client, Multipart& multipart, const FileSource& file,
              std::uint64_t part_bytes, const TransferOptions& options)
        : client_(client),
          multipart_(multipart),
          file_(file),
          part_bytes_(part_bytes),
          options_(options) {}

    std::size_t count() const {
        return static_cast<std::size_t>((file_.length + part_bytes_ - 1) / part_bytes_);
    }
    unsigned resumed() const { return resumed_.load(); }

    Result<bool> step(const Call& call) {
        const std::size_t index = next_++;
        if (index >= count()) return false;
        const std::uint64_t begin = index * part_bytes_;
        const FileSource piece{.descriptor = file_.descriptor,
                               .offset = file_.offset + begin,
                               .length = std::min(part_bytes_, file_.length - begin)};
        const auto number = static_cast<unsigned>(index + 1);
        TRY(std::optional<UploadedPart> part, already_there(number, piece, call));
        if (part) {
            ++resumed_;
        } else {
            TRY(part, client_.upload_part(multipart_.part(number), piece, call));
        }
        if (options_.on_progress) options_.on_progress(piece.length);
        multipart_.add(*std::move(part));
        return true;
    }

  private:
    // The part of an earlier upload, if it holds these very bytes.
    Result<std::optional<UploadedPart>> already_there(unsigned number, const FileSource& piece,
                                                      const Call& call) {
        const UploadedPart* found = multipart_.found_part(number);
        if (found == nullptr || found->bytes != piece.length) return std::nullopt;
        TRY(const io::Buffer scratch,
            wait_for_buffer(client_.buffers(), {call.interrupt, &client_.stopped()},
                            buffer_patience(client_.limits())));
        const hash::Algorithm by =
            found->crc64nvme ? hash::Algorithm::crc64nvme : hash::Algorithm::md5;
        TRY(const hash::Digests digests, Source(piece).digest({by}, scratch.bytes()));
        const std::string& digest = *digests[by];
        const bool same = found->crc64nvme ? read_be64(digest) == *found->crc64nvme
                                           : hex_encode(digest) == found->etag;
        if (!same) return std::nullopt;
        return *found;
    }

    S3Client& client_;
    Multipart& multipart_;
    const FileSource file_;
    const std::uint64_t part_bytes_;
    const TransferOptions& options_;
    std::atomic<std::size_t> next_ = 0;
    std::atomic<unsigned> resumed_ = 0;
};

// A part of a stream, in buffers.
struct StreamPart {
    unsigned number = 0;
    std::vector<io::Buffer> buffers = {};
    std::vector<std::span<const std::byte>> pieces = {};
    std::uint64_t bytes = 0;
    bool last = false;
};

class StreamParts {
  public:
    StreamParts(S3Client& client, const ReadStream& read, std::uint64_t part_bytes)
        : client_(client), read_(read), part_bytes_(part_bytes) {}

    // The next one, filled unless it is the last; nullopt after that.
    Result<std::optional<StreamPart>> next(const Call& call) {
        MutexLock lock(mutex_);
        if (ended_) return std::nullopt;
        if (number_ == part_number_max)
            return fail(Code::entity_too_large,
                        fmt::format("the stream is longer than {} parts of {} bytes: larger parts "
                                    "are needed",
                                    part_number_max, part_bytes_));
        StreamPart part{.number = ++number_};
        while (part.bytes < part_bytes_ && !ended_) {
            TRY(io::Buffer buffer,
                wait_for_buffer(client_.buffers(), {call.interrupt, &client_.stopped()},
                                buffer_patience(client_.limits())));
            const auto wanted = static_cast<std::size_t>(
                std::min<std::uint64_t>(buffer.bytes().size(), part_bytes_ - part.bytes));
            TRY(const std::size_t filled, fill(buffer.bytes().first(wanted)));
            part.pieces.push_back(buffer.bytes().first(filled));
            part.buffers.push_back(std::move(buffer));
            part.bytes += filled;
        }
        part.last = ended_;
        // The end came with the last byte of the part before.
        if (part.bytes == 0 && part.number > 1) return std::nullopt;
        return part;
    }

  private:
    Result<std::size_t> fill(std::span<std::byte> space) REQUIRES(mutex_) {
        std::size_t filled = 0;
        while (filled < space.size()) {
            TRY(const std::size_t count, read_(space.subspan(filled)));
            if (count == 0) {
                ended_ = true;
                break;
            }
            filled += count;
        }
        return filled;
    }

    S3Client& client_;
    const ReadStream& read_;
    const std::uint64_t part_bytes_;
    Mutex mutex_;
    unsigned number_ GUARDED_BY(mutex_) = 0;
    bool ended_ GUARDED_BY(mutex_) = false;
};

}  // namespace

Result<UploadReply> Transfers::upload(const UploadRequest& request, const FileSource& file,
                                      const TransferOptions& options, const Call& call) {
    if (file.length > object_bytes_max) return fail(Code::entity_too_large);
    const std::uint64_t part_bytes =
        part_bytes_for(file.length, wanted_part_bytes(client_, options));
    if (file.length <= part_bytes) return put_whole(client_, request, file, options, call);

    Multipart multipart(client_, request, call);
    bool found = false;
    if (request.resume) {
        TRY(found, multipart.find());
    }
    if (!found) TRY_VOID(multipart.create());
    FileParts parts(client_, multipart, file, part_bytes, options);
    Crew crew(pool_, call.interrupt);
    const Result<void> sent = crew.run(
        std::min(parallelism_of(client_, options), parts.count()),
        [&] { return parts.step({.interrupt = &crew.interrupt(), .timeout = call.timeout}); });
    Result<UploadReply> reply = sent ? multipart.complete() : fail(sent.error());
    if (!reply) return request.resume ? reply : fail(abandon(multipart, reply.error()));
    reply->parts_resumed = parts.resumed();
    return reply;
}

Result<UploadReply> Transfers::upload_stream(const UploadRequest& request, const ReadStream& read,
                                             const TransferOptions& options, const Call& call) {
    StreamParts parts(client_, read, wanted_part_bytes(client_, options));
    TRY(std::optional<StreamPart> first, parts.next(call));
    if (first->last) return put_whole(client_, request, Source(first->pieces), options, call);

    Multipart multipart(client_, request, call);
    TRY_VOID(multipart.create());
    Mutex mutex;
    Crew crew(pool_, call.interrupt);
    const auto step = [&]() -> Result<bool> {
        const Call inner{.interrupt = &crew.interrupt(), .timeout = call.timeout};
        std::optional<StreamPart> part;
        {
            MutexLock lock(mutex);
            part = std::exchange(first, std::nullopt);
        }
        if (!part) {
            TRY(part, parts.next(inner));
        }
        if (!part) return false;
        TRY(UploadedPart uploaded,
            client_.upload_part(multipart.part(part->number), Source(part->pieces), inner));
        if (options.on_progress) options.on_progress(part->bytes);
        multipart.add(std::move(uploaded));
        return !part->last;
    };
    const Result<void> sent = crew.run(parallelism_of(client_, options), step);
    Result<UploadReply> reply = sent ? multipart.complete() : fail(sent.error());
    if (!reply) return fail(abandon(multipart, reply.error()));
    return reply;
}

Result<UploadReply> Transfers::copy(const CopyObjectRequest& request,
                                    const TransferOptions& options, const Call& call) {
    TRY(const ObjectInfo source, client_.head_object({.bucket = request.source_bucket,
                                                      .key = request.source_key,
                                                      .version_id = request.source_version_id,
                                                      .if_match = request.source_if_match},
                                                     call));
    CopyObjectRequest pinned = request;
    pinned.source_if_match = source.etag;
    if (source.bytes <= put_bytes_max) {
        TRY(CopyObjectReply copied, client_.copy_object(pinned, call));
        if (options.on_progress) options.on_progress(source.bytes);
        return UploadReply{.etag = std::move(copied.etag),
                           .version_id = std::move(copied.version_id),
                           .bytes = source.bytes};
    }
    const UploadRequest upload{.bucket = request.bucket,
                               .key = request.key,
                               .headers = request.replace_headers.value_or(source.headers),
                               .conditions = request.conditions};
    const std::uint64_t part_bytes = part_bytes_for(source.bytes, GiB);
    const std::uint64_t count = (source.bytes + part_bytes - 1) / part_bytes;
    Multipart multipart(client_, upload, call);
    TRY_VOID(multipart.create());
    std::atomic<std::uint64_t> next = 0;
    Crew crew(pool_, call.interrupt);
    const auto step = [&]() -> Result<bool> {
        const std::uint64_t index = next++;
        if (index >= count) return false;
        const ByteSpan range{.offset = index * part_bytes,
                             .length = std::min(part_bytes, source.bytes - index * part_bytes)};
        const UploadPartRequest part = multipart.part(static_cast<unsigned>(index + 1));
        TRY(UploadedPart copied,
            client_.upload_part_copy({.bucket = part.bucket,
                                      .key = part.key,
                                      .upload_id = part.upload_id,
                                      .part_number = part.part_number,
                                      .source_bucket = request.source_bucket,
                                      .source_key = request.source_key,
                                      .source_version_id = request.source_version_id,
                                      .source_if_match = source.etag,
                                      .range = range},
                                     {.interrupt = &crew.interrupt(), .timeout = call.timeout}));
        if (options.on_progress) options.on_progress(range.length);
        multipart.add(std::move(copied));
        return true;
    };
    const Result<void> sent =
        crew.run(std::min<std::uint64_t>(parallelism_of(client_, options), count), step);
    Result<UploadReply> reply = sent ? multipart.complete() : fail(sent.error());
    if (!reply) return fail(abandon(multipart, reply.error()));
    return reply;
}

}  // namespace weir::client
