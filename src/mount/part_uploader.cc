#include "mount/part_uploader.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "hash/crc_combine.h"
#include "mount/store.h"

namespace weir::mount {

// What the pool's threads come in by. It outlives the uploader, for those that come late: they find
// it shut and touch nothing else.
struct PartUploader::Door {
    Mutex mutex;
    ConditionVariable left;
    std::size_t inside GUARDED_BY(mutex) = 0;
    bool open GUARDED_BY(mutex) = true;

    bool enter() {
        const MutexLock lock(mutex);
        if (open) ++inside;
        return open;
    }
    void leave() {
        const MutexLock lock(mutex);
        if (--inside == 0) left.notify_all();
    }
    void shut() {
        const MutexLock lock(mutex);
        open = false;
        while (inside > 0) left.wait(mutex);
    }
};

PartUploader::PartUploader(client::S3Client& client, io::BlockingPool& pool,
                           std::size_t parallelism, Target target, int descriptor)
    : client_(client),
      pool_(pool),
      parallelism_(parallelism),
      target_(std::move(target)),
      descriptor_(descriptor),
      door_(std::make_shared<Door>()) {}

PartUploader::~PartUploader() { stop(); }

void PartUploader::stop() {
    stop_.interrupt();
    {
        const MutexLock lock(mutex_);
        queue_.clear();
    }
    door_->shut();
}

void PartUploader::offer(const Slot& slot) {
    const MutexLock lock(mutex_);
    Part& part = parts_[slot.number];
    if (part.under_way || part.sent || resting_) return;
    part.under_way = true;
    queue_.push_back({.slot = slot});
    start_workers();
}

void PartUploader::changed(unsigned part_number) {
    const MutexLock lock(mutex_);
    ++parts_[part_number].changes;
}

void PartUploader::changed_from(unsigned part_number) {
    const MutexLock lock(mutex_);
    for (auto part = parts_.lower_bound(part_number); part != parts_.end(); ++part)
        ++part->second.changes;
}

client::ObjectHeaders PartUploader::headers() const {
    const MutexLock lock(creating_);
    return headers_;
}

std::uint64_t PartUploader::parts_sent() const {
    const MutexLock lock(mutex_);
    return sent_;
}

std::uint64_t PartUploader::bytes_sent() const {
    const MutexLock lock(mutex_);
    std::uint64_t bytes = 0;
    for (const auto& [number, part] : parts_)
        if (part.sent) bytes += part.sent->span.bytes();
    return bytes;
}

bool PartUploader::current(const Piece& piece) {
    const Part& part = parts_[piece.slot.number];
    return part.sent && part.sent->changes == part.changes && part.sent->span == piece.slot.span;
}

// What no thread of the pool is free for is done by send().
void PartUploader::start_workers() {
    while (workers_ < std::min(parallelism_, queue_.size() + in_flight_)) {
        if (!ask_for_turn()) return;
        ++workers_;
    }
}

bool PartUploader::ask_for_turn() {
    return pool_.submit([door = door_, this] {
        if (!door->enter()) return;
        take_turn();
        door->leave();
    });
}

void PartUploader::take_turn() {
    const MutexLock lock(mutex_);
    if (!queue_.empty()) send_next();
    if (queue_.empty() || !ask_for_turn()) --workers_;
}

void PartUploader::drain() {
    while (!queue_.empty()) send_next();
}

void PartUploader::send_next() {
    const Piece piece = queue_.front();
    queue_.pop_front();
    Part& part = parts_[piece.slot.number];  // stays where it is
    const std::uint64_t changes = part.changes;
    Sending* const sending = sending_;
    ++in_flight_;
    mutex_.unlock();
    Result<client::UploadedPart> done = send_one(piece, sending);
    mutex_.lock();
    --in_flight_;
    part.under_way = false;
    if (done) {
        ++sent_;
        part.sent = Sent{changes, piece.slot.span, *std::move(done)};
    } else if (sending == nullptr) {
        // It may have changed under the request, which is no fault of anybody's.
        resting_ = resting_ || part.changes == changes;
    } else {
        if (!sending->error) sending->error = done.error();
        for (const Piece& left : queue_) parts_[left.slot.number].under_way = false;
        queue_.clear();
    }
    if (in_flight_ == 0) idle_.notify_all();
}

Result<client::UploadedPart> PartUploader::send_one(const Piece& piece, const Sending* sending) {
    const client::Call call =
        sending != nullptr ? sending->call : client::Call{.interrupt = &stop_, .timeout = {}};
    TRY(const std::string id, upload_id(call));
    if (piece.from_base) {
        CHECK(sending != nullptr && sending->base);
        Result<client::UploadedPart> copied = copy_one(piece, *sending->base, id, call);
        // MinIO takes no copied part into an upload whose parts have checksums.
        if (copied || !is_unserved(copied.error())) return copied;
    }
    const Span span = piece.slot.span;
    if (sending != nullptr) TRY_VOID(sending->fill(span));
    const client::FileSource source{descriptor_, span.begin, span.bytes()};
    return client_.upload_part({.bucket = target_.bucket,
                                .key = target_.key,
                                .upload_id = id,
                                .part_number = piece.slot.number},
                               client::Source(source), call);
}

Result<client::UploadedPart> PartUploader::copy_one(const Piece& piece, const Base& base,
                                                    const std::string& id,
                                                    const client::Call& call) {
    const Span span = piece.slot.span;
    TRY(client::UploadedPart part,
        client_.upload_part_copy({.bucket = target_.bucket,
                                  .key = target_.key,
                                  .upload_id = id,
                                  .part_number = piece.slot.number,
                                  .source_bucket = target_.bucket,
                                  .source_key = base.key,
                                  .source_version_id = base.version_id,
                                  .source_if_match = base.etag,
                                  .range = client::ByteSpan{span.begin, span.bytes()}},
                                 call));
    part.bytes = span.bytes();
    return part;
}

Result<std::string> PartUploader::upload_id(const client::Call& call) {
    const MutexLock lock(creating_);
    if (upload_id_.empty()) {
        TRY(headers_, target_.headers(call));
        TRY(client::CreateUploadReply created,
            client_.create_upload(
                {.bucket = target_.bucket, .key = target_.key, .headers = headers_}, call));
        upload_id_ = std::move(created.upload_id);
    }
    return upload_id_;
}

Result<void> PartUploader::send(const std::vector<Piece>& pieces, const std::optional<Base>& base,
                                const Fill& fill, const client::Call& call) {
    Sending sending{.base = base, .fill = fill, .call = call};
    const MutexLock lock(mutex_);
    resting_ = false;
    sending_ = &sending;
    // What was offered before the file was cut shorter is none of the pieces.
    for (const Piece& offered : queue_) parts_[offered.slot.number].under_way = false;
    queue_.clear();
    // What was under way in the background may have failed: once more then.
    for (bool whole = false; !whole && !sending.error;) {
        whole = true;
        for (const Piece& piece : pieces) {
            if (current(piece)) continue;
            whole = false;
            Part& part = parts_[piece.slot.number];
            if (std::exchange(part.under_way, true)) continue;
            queue_.push_back(piece);
        }
        start_workers();
        drain();
        while (in_flight_ > 0) idle_.wait(mutex_);
    }
    sending_ = nullptr;
    if (sending.error) return fail(*sending.error);
    return {};
}

client::CompleteUploadRequest PartUploader::request_of(const std::vector<Piece>& pieces,
                                                       std::optional<std::uint64_t>& crc) {
    client::CompleteUploadRequest request{.bucket = target_.bucket, .key = target_.key};
    crc = 0;
    for (const Piece& piece : pieces) {
        CHECK(current(piece));
        const client::UploadedPart& part = parts_[piece.slot.number].sent->part;
        request.parts.push_back(part);
        if (crc && part.crc64nvme)
            crc = hash::combine(hash::Algorithm::crc64nvme, *crc, *part.crc64nvme,
                                piece.slot.span.bytes());
        else
            crc.reset();
    }
    return request;
}

Result<PartUploader::Completed> PartUploader::complete(const std::vector<Piece>& pieces,
                                                       const client::WriteConditions& conditions,
                                                       const client::Call& call) {
    std::vector<Span> spans;
    for (const Piece& piece : pieces) spans.push_back(piece.slot.span);
    client::CompleteUploadRequest request;
    std::optional<std::uint64_t> crc;
    {
        const MutexLock lock(mutex_);
        // Stores that know what they completed say so to whoever asks for less of it, too.
        if (!asked_.empty() && asked_ != spans)
            return fail(Code::no_such_upload, "the upload was completed, and cut shorter since");
        if (completed_) return *completed_;
        request = request_of(pieces, crc);
        asked_ = std::move(spans);
    }
    request.conditions = conditions;
    TRY(request.upload_id, upload_id(call));
    Result<client::CompleteUploadReply> reply = client_.complete_upload(request, call);
    const MutexLock lock(mutex_);
    if (!reply) {
        if (reply.error().code() == Code::precondition_failed) asked_.clear();
        return fail(reply.error());
    }
    completed_ = Completed{.etag = std::move(reply->etag),
                           .version_id = std::move(reply->version_id),
                           .bytes = pieces.back().slot.span.end,
                           .crc64nvme = crc};
    return *completed_;
}

std::optional<PartUploader::Completed> PartUploader::completed() const {
    const MutexLock lock(mutex_);
    return completed_;
}

void PartUploader::take_away(std::shared_ptr<PartUploader> uploader, bool unwanted) {
    using Clock = std::chrono::steady_clock;
    uploader->stop();
    const auto end = Clock::now() + std::chrono::milliseconds(upload_abort_timeout_ms);
    io::BlockingPool& pool = uploader->pool_;
    // Many that wait for a dead store take no longer than one.
    static_cast<void>(pool.submit([uploader = std::move(uploader), end, unwanted] {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
        if (left.count() <= 0) return;
        const client::Call call{.interrupt = nullptr, .timeout = left};
        const std::optional<Completed> object = uploader->completed();
        if (!object)
            uploader->abort(call);
        else if (unwanted)
            uploader->remove(*object, call);
    }));
}

void PartUploader::abort(const client::Call& call) {
    const MutexLock lock(creating_);
    if (upload_id_.empty()) return;
    // A part that arrives late keeps an upload alive in no store that we know of.
    static_cast<void>(client_.abort_upload(
        {.bucket = target_.bucket, .key = target_.key, .upload_id = upload_id_}, call));
}

// Looked at first, for stores that delete whatever is there.
void PartUploader::remove(const Completed& object, const client::Call& call) {
    if (client_.head_object({.bucket = target_.bucket, .key = target_.key, .if_match = object.etag},
                            call))
        static_cast<void>(client_.delete_object(
            {.bucket = target_.bucket, .key = target_.key, .if_match = object.etag}, call));
}

}  // namespace weir::mount
