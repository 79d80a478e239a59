#include "cli/s3/mover.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "cli/s3/location.h"
#include "cli/s3/target_file.h"
#include "mount/attributes.h"

namespace weir::cli {
namespace {

class OpenFile {
  public:
    explicit OpenFile(const std::string& path)
        : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
    ~OpenFile() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    int descriptor() const { return descriptor_; }

  private:
    const int descriptor_;
};

Result<struct stat> stat_of(int descriptor) {
    struct stat found{};
    if (::fstat(descriptor, &found) != 0) return fail(errno_error("looking at the file", errno));
    return found;
}

Result<std::size_t> read_some(int descriptor, std::span<std::byte> space) {
    for (;;) {
        const ssize_t count = ::read(descriptor, space.data(), space.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(errno_error("reading", errno));
        return static_cast<std::size_t>(count);
    }
}

Result<void> write_all(int descriptor, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(errno_error("writing", errno));
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return {};
}

// What --mtime kept, or when the object was written.
UnixNanos time_for_file(const client::ObjectInfo& object, bool keep_mtime,
                        const std::optional<Entry>& listed) {
    const auto kept = object.headers.metadata.find(mount::mtime_metadata);
    if (keep_mtime && kept != object.headers.metadata.end())
        if (const auto time = mount::parse_time(kept->second)) return *time;
    // A listing tells it finer than a reply's head.
    return listed ? listed->modified : object.last_modified;
}

}  // namespace

Mover::Mover(S3Session& session, const MoveOptions& options, Report& report)
    : session_(session), options_(options), report_(report) {}

client::TransferOptions Mover::transfer_options() const {
    return {.parallelism = options_.parallelism,
            .part_bytes = options_.part_bytes,
            .on_progress = [this](std::uint64_t bytes) { report_.moved(bytes); }};
}

Result<client::ObjectHeaders> Mover::headers(int descriptor) const {
    client::ObjectHeaders headers{.content_type = options_.content_type,
                                  .metadata = options_.metadata};
    if (!options_.keep_mtime) return headers;
    TRY(const struct stat found, stat_of(descriptor));
    const UnixNanos time =
        static_cast<UnixNanos>(std::max<time_t>(found.st_mtim.tv_sec, 0)) * nanos_per_second +
        static_cast<UnixNanos>(found.st_mtim.tv_nsec);
    headers.metadata.try_emplace(mount::mtime_metadata, mount::format_time(time));
    return headers;
}

// Asked before many parts are sent in vain; the condition itself goes with the last request.
Result<void> Mover::not_there(const ObjectPlace& to) {
    const auto found =
        session_.client().head_object({.bucket = to.bucket, .key = to.key}, session_.call());
    if (found)
        return fail(Code::precondition_failed,
                    fmt::format("{} exists already", s3_text(to.bucket, to.key)));
    return {};
}

Result<void> Mover::upload(const std::string& path, const ObjectPlace& to) {
    const OpenFile file(path);
    if (file.descriptor() < 0) return fail(errno_error("opening " + path, errno));
    TRY(const struct stat found, stat_of(file.descriptor()));
    if (!S_ISREG(found.st_mode))
        return fail(Code::invalid_argument, fmt::format("{} is no regular file", path));
    TRY(client::ObjectHeaders headers, headers(file.descriptor()));
    const auto bytes = static_cast<std::uint64_t>(found.st_size);
    if (options_.if_absent && bytes > session_.limits().transfer_part_bytes)
        TRY_VOID(not_there(to));
    TRY(const client::UploadReply reply,
        session_.transfers().upload({.bucket = to.bucket,
                                     .key = to.key,
                                     .headers = std::move(headers),
                                     .conditions = {.if_absent = options_.if_absent},
                                     .resume = options_.resume},
                                    {.descriptor = file.descriptor(), .length = bytes},
                                    transfer_options(), session_.call()));
    report_.resumed(reply.parts_resumed);
    return {};
}

Result<void> Mover::upload_stream(int descriptor, const ObjectPlace& to) {
    TRY_VOID(session_.transfers().upload_stream(
        {.bucket = to.bucket,
         .key = to.key,
         .headers = {.content_type = options_.content_type, .metadata = options_.metadata},
         .conditions = {.if_absent = options_.if_absent}},
        [&](std::span<std::byte> space) { return read_some(descriptor, space); },
        transfer_options(), session_.call()));
    return {};
}

// A small one by one request, which tells its checksum; a large one by ranges.
Result<client::ObjectInfo> Mover::receive(const ObjectPlace& from,
                                          const std::optional<client::ObjectInfo>& known,
                                          std::uint64_t bytes, int descriptor) {
    client::FileSink file(descriptor);
    if (bytes > session_.limits().transfer_part_bytes) {
        TRY(const client::DownloadReply reply,
            session_.transfers().download({.bucket = from.bucket, .key = from.key, .object = known},
                                          file, transfer_options(), session_.call()));
        return reply.object;
    }
    TRY(const client::GetObjectReply reply,
        session_.client().get_object(
            {.bucket = from.bucket, .key = from.key, .if_match = known ? known->etag : ""},
            [&](std::uint64_t offset, std::span<const std::byte> piece) {
                report_.moved(piece.size());
                return file.write(offset, piece);
            },
            session_.call()));
    return reply.object;
}

Result<void> Mover::download(const ObjectPlace& from, const std::optional<Entry>& listed,
                             const std::string& path) {
    std::optional<client::ObjectInfo> known;
    if (!listed) {
        TRY(known, session_.client().head_object({.bucket = from.bucket, .key = from.key},
                                                 session_.call()));
        report_.plan(known->bytes);
        report_.all_planned();
    }
    if (options_.if_absent && ::access(path.c_str(), F_OK) == 0)
        return fail(Code::precondition_failed, fmt::format("{} exists already", path));
    TRY(const std::unique_ptr<TargetFile> file, TargetFile::create(path));
    TRY(const client::ObjectInfo object,
        receive(from, known, listed ? listed->bytes : known->bytes, file->descriptor()));
    return file->finish(time_for_file(object, options_.keep_mtime, listed), !options_.if_absent);
}

Result<void> Mover::download_stream(const ObjectPlace& from, int descriptor) {
    TRY_VOID(session_.client().get_object(
        {.bucket = from.bucket, .key = from.key},
        [&](std::uint64_t, std::span<const std::byte> piece) {
            report_.moved(piece.size());
            return write_all(descriptor, piece);
        },
        session_.call()));
    return {};
}

bool Mover::replaces_headers() const {
    return !options_.content_type.empty() || !options_.metadata.empty();
}

// The source's, with what was given in their place.
Result<client::ObjectHeaders> Mover::headers_for_copy(const ObjectPlace& from) {
    TRY(client::ObjectInfo source,
        session_.client().head_object({.bucket = from.bucket, .key = from.key}, session_.call()));
    client::ObjectHeaders headers = std::move(source.headers);
    if (!options_.content_type.empty()) headers.content_type = options_.content_type;
    for (const auto& [name, value] : options_.metadata) headers.metadata[name] = value;
    return headers;
}

Result<void> Mover::copy(const ObjectPlace& from, const std::optional<Entry>& listed,
                         const ObjectPlace& to) {
    client::CopyObjectRequest request{.bucket = to.bucket,
                                      .key = to.key,
                                      .source_bucket = from.bucket,
                                      .source_key = from.key,
                                      .conditions = {.if_absent = options_.if_absent}};
    if (replaces_headers()) {
        TRY(request.replace_headers, headers_for_copy(from));
    }
    if (!listed || listed->bytes > put_bytes_max) {
        TRY_VOID(session_.transfers().copy(request, transfer_options(), session_.call()));
        return {};
    }
    TRY_VOID(session_.client().copy_object(request, session_.call()));
    report_.moved(listed->bytes);
    return {};
}

}  // namespace weir::cli
