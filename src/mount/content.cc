#include "mount/content.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "mount/local_blob.h"

namespace weir::mount {
namespace {

constexpr std::uint64_t small_bytes_max = 64 * KiB;  // asking for a file costs more than these
constexpr std::size_t recent_files_max = 256;
constexpr std::uint64_t recent_file_bytes_max = MiB;
constexpr std::uint64_t recent_share = 64;            // of the cache's bytes, one in so many
constexpr std::chrono::milliseconds wait_slice{100};  // so long an interrupt goes unnoticed

bool changed(const Error& error) {
    return error.code() == Code::precondition_failed || error.code() == Code::conflict ||
           error.code() == Code::no_such_key || error.code() == Code::not_found ||
           error.code() == Code::no_such_version;
}

}  // namespace

Content::Content(const Store& store, std::string key, ObjectVersion version, Place place)
    : store_(store),
      version_(std::move(version)),
      place_(std::move(place)),
      key_(std::move(key)),
      version_id_(version_.version_id) {}

std::string Content::key() const {
    const MutexLock lock(mutex_);
    return key_;
}

void Content::set_key(std::string key) {
    const MutexLock lock(mutex_);
    key_ = std::move(key);
}

client::GetObjectRequest Content::request() const {
    const MutexLock lock(mutex_);
    return {
        .bucket = store_.bucket, .key = key_, .version_id = version_id_, .if_match = version_.etag};
}

// The version that was opened, among those that the store keeps; false if it is not there, or is
// the one that was asked for.
Result<bool> Content::find_version(const std::string& asked_id, const client::Call& call) {
    client::ListVersionsRequest request{.bucket = store_.bucket};
    {
        const MutexLock lock(mutex_);
        if (version_id_ != asked_id) return true;  // another thread found it meanwhile
        request.prefix = key_;
    }
    while (true) {
        TRY(const client::ListVersionsReply reply, store_.client.list_versions(request, call));
        for (const client::ListedVersion& each : reply.versions) {
            if (each.object.key != request.prefix) return false;  // those that follow it
            if (each.object.etag != version_.etag || each.version_id.empty() ||
                each.version_id == "null")
                continue;
            const MutexLock lock(mutex_);
            version_id_ = each.version_id;
            return version_id_ != asked_id;
        }
        if (!reply.truncated) return false;
        request.key_marker = reply.next_key_marker;
        request.version_id_marker = reply.next_version_id_marker;
    }
}

Result<client::GetObjectReply> Content::get(const Ask& ask, const client::Call& call) {
    for (bool again = true;; again = false) {
        const client::GetObjectRequest asked = request();
        Result<client::GetObjectReply> reply = ask(asked);
        if (reply || !changed(reply.error())) return reply;
        if (again) {
            const Result<bool> found = find_version(asked.version_id, call);
            if (found && *found) continue;
        }
        return fail(Code::stale,
                    fmt::format("s3://{}/{} changed while it was open", store_.bucket, key()));
    }
}

Result<void> Content::get(const std::function<cache::ByteRange()>& missing,
                          const client::PieceSink& sink, const client::Call& call) {
    const Ask ask = [&](client::GetObjectRequest request) {
        const cache::ByteRange range = missing();
        request.range = client::ByteSpan{range.offset, range.length};
        return store_.client.get_object(request, sink, call);
    };
    const Result<client::GetObjectReply> reply = get(ask, call);
    if (!reply) return fail(reply.error());
    return {};
}

Result<std::uint64_t> Content::fetch_small(const client::Call& call) {
    const SmallFile::Fetch fetch =
        [&](std::span<std::byte> out) -> Result<std::optional<std::uint64_t>> {
        const Ask ask = [&](const client::GetObjectRequest& request) {
            return store_.client.get_object(request, client::Destination{.memory = out}, call);
        };
        TRY(const client::GetObjectReply reply, get(ask, call));
        if (reply.bytes != out.size())
            return fail(Code::corrupt, fmt::format("s3://{}/{} came with {} bytes, not {}",
                                                   store_.bucket, key(), reply.bytes, out.size()));
        return reply.object.crc64nvme;
    };
    TRY(const bool fetched, place_.small->fetch(fetch, call.interrupt));
    if (!fetched) return 0;
    place_.smalls->keep(place_.small);
    return bytes();
}

Result<std::uint64_t> Content::fetch(cache::ByteRange range, const client::Call& call) {
    if (blob_.load() >= 0) return 0U;
    if (place_.small) return fetch_small(call);
    if (!place_.entry) return fail(Code::no_space);
    std::uint64_t fetched = 0;
    while (true) {
        TRY(std::optional<cache::Claim> claim, place_.entry->claim(range));
        if (!claim) return fetched;
        fetched += claim->range().length;
        const auto fill = [&](std::uint64_t, std::span<const std::byte> piece) {
            return claim->fill(piece);
        };
        TRY_VOID(get([&] { return claim->range(); }, fill, call));
        CHECK(claim->done());
    }
}

Result<void> Content::read_cached(std::uint64_t offset, std::span<std::byte> out,
                                  const client::Call& call) {
    const cache::ByteRange range{offset, out.size()};
    while (true) {
        const Result<void> there = place_.entry->read(offset, out);
        if (there || there.error().code() != Code::would_block) return there;
        TRY_VOID(fetch(range, call));
        while (true) {
            if (call.interrupted()) return fail(Code::cancelled);
            const Result<void> waited =
                place_.entry->wait(range, std::chrono::steady_clock::now() + wait_slice);
            if (waited) break;
            if (waited.error().code() == Code::would_block) break;  // nobody fetches it any more
            if (waited.error().code() != Code::timeout) return waited;
        }
    }
}

Result<void> Content::read_through(std::uint64_t offset, std::span<std::byte> out,
                                   const client::Call& call) {
    std::size_t copied = 0;
    const auto copy = [&](std::uint64_t, std::span<const std::byte> piece) -> Result<void> {
        CHECK(piece.size() <= out.size() - copied);
        std::memcpy(out.data() + copied, piece.data(), piece.size());
        copied += piece.size();
        return {};
    };
    return get([&] { return cache::ByteRange{offset + copied, out.size() - copied}; }, copy, call);
}

Content::~Content() {
    if (const int blob = blob_.load(); blob >= 0) ::close(blob);
}

Result<int> Content::descriptor() const {
    if (const int blob = blob_.load(); blob >= 0) return blob;
    if (!place_.entry) return fail(Code::no_space);
    return place_.entry->descriptor();
}

Result<void> Content::look(const client::Call& call) {
    {
        const MutexLock lock(mutex_);
        if (looked_) return {};
    }
    const bool for_blob = store_.reads_files && bytes() > small_bytes_max;
    const client::GetObjectRequest about = request();
    TRY(const client::ObjectInfo object, store_.client.head_object({.bucket = about.bucket,
                                                                    .key = about.key,
                                                                    .version_id = about.version_id,
                                                                    .if_match = about.if_match,
                                                                    .if_none_match = {},
                                                                    .locate_blob = for_blob},
                                                                   call));
    {
        const MutexLock lock(mutex_);
        looked_ = true;
        crc64nvme_ = object.crc64nvme;
    }
    if (!object.blob || object.bytes != bytes()) return {};
    const std::optional<uid_t> owner = listener_of(store_.client.endpoint().port);
    const int blob = owner ? open_local_blob(*object.blob, bytes(), *owner) : -1;
    int none = -1;
    if (blob >= 0 && !blob_.compare_exchange_strong(none, blob)) ::close(blob);
    return {};
}

void Content::look_for_blob(const client::Call& call) {
    if (!store_.reads_files || bytes() <= small_bytes_max || complete()) return;
    // If that fails the bytes are fetched, and what is wrong is told then.
    static_cast<void>(look(call));
}

Result<void> Content::read_blob(int blob, std::uint64_t offset, std::span<std::byte> out) {
    while (!out.empty()) {
        const ssize_t bytes = ::pread(blob, out.data(), out.size(), static_cast<off_t>(offset));
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes < 0) return fail(errno_error("reading the store's file", errno));
        if (bytes == 0) return fail(Code::corrupt, "the store's file has become shorter");
        out = out.subspan(static_cast<std::size_t>(bytes));
        offset += static_cast<std::uint64_t>(bytes);
    }
    return {};
}

Result<std::size_t> Content::read(std::uint64_t offset, std::span<std::byte> out,
                                  const client::Call& call) {
    if (offset >= bytes()) return 0;
    out =
        out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), bytes() - offset)));
    if (out.empty()) return 0;
    if (const int blob = blob_.load(); blob >= 0) {
        TRY_VOID(read_blob(blob, offset, out));
        return out.size();
    }
    if (place_.small) {
        TRY_VOID(fetch_small(call));
        std::ranges::copy(
            place_.small->bytes().subspan(static_cast<std::size_t>(offset), out.size()),
            out.begin());
        return out.size();
    }
    if (place_.entry) {
        const Result<void> read = read_cached(offset, out, call);
        if (read) return out.size();
        if (read.error().code() != Code::no_space) return std::unexpected(read.error());
    }
    TRY_VOID(read_through(offset, out, call));
    return out.size();
}

Result<void> Content::fetch_all(const client::Call& call) {
    std::byte last{};
    if (bytes() == 0 || blob_.load() >= 0) return {};
    TRY_VOID(fetch({0, bytes()}, call));
    if (place_.small) return {};
    while (!complete()) {
        // What others fetch.
        if (dropped()) return fail(Code::corrupt);
        const Result<void> waited =
            place_.entry->wait({0, bytes()}, std::chrono::steady_clock::now() + wait_slice);
        const Code code = waited ? Code::timeout : waited.error().code();
        if (code == Code::would_block) {
            TRY_VOID(fetch({0, bytes()}, call));
        } else if (code != Code::timeout) {
            return waited;
        }
        if (call.interrupted()) return fail(Code::cancelled);
    }
    return place_.entry->read(bytes() - 1, {&last, 1});
}

Result<void> Content::learn_checksum(cache::Cache& cache, const client::Call& call) {
    if (!place_.entry || complete()) return {};
    TRY_VOID(look(call));
    std::optional<std::uint64_t> crc64nvme;
    {
        const MutexLock lock(mutex_);
        crc64nvme = crc64nvme_;
    }
    if (crc64nvme) TRY_VOID(cache.entry(place_.entry->identity(), crc64nvme));
    return {};
}

Content::Place Contents::place(const cache::ObjectIdentity& identity) const {
    if (identity.size_bytes == 0) return {};
    if (std::shared_ptr<SmallFile> small = smalls_.of(identity))
        return {.small = std::move(small), .smalls = &smalls_};
    Result<std::shared_ptr<cache::Entry>> entry = cache_.entry(identity);
    if (entry) return {.entry = *std::move(entry)};
    if (entry.error().code() != Code::no_space)
        log_.warn("s3://{}/{} is read without the cache: {}", identity.bucket, identity.key,
                  entry.error().describe());
    return {};
}

std::shared_ptr<Content> Contents::make(const std::string& key,
                                        const ObjectVersion& version) const {
    // A version id would make two entries of what a listing told and what HEAD told.
    return std::make_shared<Content>(store_, key, version,
                                     place({.endpoint = store_.client.endpoint().url(),
                                            .bucket = store_.bucket,
                                            .key = key,
                                            .etag = version.etag,
                                            .version_id = {},
                                            .size_bytes = version.bytes}));
}

std::function<Result<void>(std::uint64_t, std::span<std::byte>)> Contents::reader(
    const std::string& key, const ObjectVersion& version, const net::Interrupt* ending) {
    struct Lazy {
        std::once_flag once;
        std::shared_ptr<Content> content;
    };
    const auto lazy = std::make_shared<Lazy>();
    return [this, key, version, ending, lazy](std::uint64_t offset,
                                              std::span<std::byte> out) -> Result<void> {
        std::call_once(lazy->once, [&] { lazy->content = make(key, version); });
        TRY(const std::size_t bytes, lazy->content->read(offset, out, {.interrupt = ending}));
        if (bytes != out.size()) return fail(Code::invalid_range);
        return {};
    };
}

Result<std::shared_ptr<Content>> Contents::of(const NodeInfo& node) {
    {
        const MutexLock lock(mutex_);
        const auto found = held_.find(node.id);
        if (found != held_.end())
            if (auto content = found->second.lock())
                if (content->version().same_bytes(node.version) && !content->dropped())
                    return content;
    }
    TRY(const std::string path, tree_.path(node.id));
    const std::string key = store_.key(path);
    std::shared_ptr<Content> content = make(key, node.version);
    Given given;
    const MutexLock lock(mutex_);
    std::weak_ptr<Content>& held = held_[node.id];
    if (auto other = held.lock())
        if (other->version().same_bytes(node.version) && !other->dropped()) return other;
    held = content;
    given = keep(content);
    if (held_.size() >= sweep_at_) {
        std::erase_if(held_, [](const auto& each) { return each.second.expired(); });
        sweep_at_ = std::max<std::size_t>(1024, held_.size() * 2);
    }
    return content;
}

void Contents::moved(const std::string& from, const std::string& to) {
    const MutexLock lock(mutex_);
    for (const auto& [node, held] : held_)
        if (const std::shared_ptr<Content> content = held.lock())
            if (const std::string key = content->key(); key.starts_with(from))
                content->set_key(to + key.substr(from.size()));
}

Contents::Given Contents::keep(const std::shared_ptr<Content>& content) {
    Given given;
    if (!content->keeps() || content->bytes() > recent_file_bytes_max) return given;
    recent_.push_back(content);
    recent_bytes_ += content->bytes();
    // The cache cannot evict what is held.
    const std::uint64_t bytes_max = cache_.usage().bytes_max / recent_share;
    while (recent_.size() > recent_files_max || recent_bytes_ > bytes_max) {
        recent_bytes_ -= recent_.front()->bytes();
        given.push_back(std::move(recent_.front()));
        recent_.pop_front();
    }
    return given;
}

std::shared_ptr<Content> Contents::held(NodeId node) const {
    const MutexLock lock(mutex_);
    const auto found = held_.find(node);
    return found == held_.end() ? nullptr : found->second.lock();
}

}  // namespace weir::mount
