#include "mount/draft.h"

#include <algorithm>
#include <utility>

#include "mount/draft_description.h"

namespace weir::mount {

Draft::Draft(const DraftGround& ground, DraftStart start)
    : ground_(ground),
      plan_(ground.limits.part_bytes),
      state_{.key = std::move(start.key),
             .base = std::move(start.base),
             .placeholder = start.placeholder,
             .metadata = std::move(start.metadata)} {}

Result<std::unique_ptr<Draft>> Draft::adopt(const DraftGround& ground,
                                            std::unique_ptr<cache::WriteFile> file) {
    TRY(DraftDescription left, read_description(file->info()));
    TRY(const std::uint64_t size_bytes, file->size_bytes());
    auto draft = std::make_unique<Draft>(
        ground, DraftStart{.key = left.key, .base = left.base, .metadata = left.metadata});
    const ReadBase reader = left.base ? ground.reader(left.key, *left.base) : ReadBase();
    TRY(std::shared_ptr<DraftBytes> bytes,
        DraftBytes::make(std::move(file), size_bytes, left.base_valid_bytes, reader));
    const MutexLock lock(draft->mutex_);
    draft->state_.replaces = left.replaces;
    draft->state_.metadata_changed = true;
    draft->state_.described = true;
    draft->bytes_ = std::move(bytes);
    return draft;
}

Draft::~Draft() { drop_upload(); }

Draft::State Draft::state() const {
    const MutexLock lock(mutex_);
    return state_;
}

std::shared_ptr<DraftBytes> Draft::bytes() const {
    const MutexLock lock(mutex_);
    return bytes_;
}

std::string Draft::key() const { return state().key; }

std::uint64_t Draft::size_bytes() const {
    const MutexLock lock(mutex_);
    if (bytes_) return bytes_->size_bytes();
    return state_.base ? state_.base->bytes : 0;
}

Attributes Draft::attributes() const { return state().metadata.attributes; }

std::optional<ObjectVersion> Draft::version() const { return state().base; }

std::string Draft::stored_etag() const {
    const MutexLock lock(mutex_);
    return state_.stored_etag();
}

bool Draft::discarded() const {
    const MutexLock lock(mutex_);
    return state_.discarded;
}

bool Draft::changed() const {
    const MutexLock lock(mutex_);
    if (state_.discarded) return false;
    return !state_.base || state_.metadata_changed ||
           (bytes_ && (bytes_->dirty() || bytes_->size_bytes() != state_.base->bytes ||
                       bytes_->base_valid_bytes() != state_.base->bytes));
}

std::string Draft::recovery_id() const {
    const MutexLock lock(mutex_);
    return bytes_ ? bytes_->file().id() : std::string();
}

std::uint64_t Draft::parts_sent() const {
    const MutexLock lock(mutex_);
    return parts_sent_ + (uploader_ ? uploader_->parts_sent() : 0);
}

std::uint64_t Draft::bytes_sent() const {
    const MutexLock lock(mutex_);
    return uploader_ ? uploader_->bytes_sent() : 0;
}

Result<std::size_t> Draft::read(std::uint64_t offset, std::span<std::byte> out) {
    const Gate::Pass pass(reading_);
    if (const std::shared_ptr<DraftBytes> bytes = this->bytes()) return bytes->read(offset, out);
    const State now = state();
    if (!now.base || offset >= now.base->bytes) return 0U;
    const std::size_t length =
        static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), now.base->bytes - offset));
    TRY_VOID(ground_.reader(now.key, *now.base)(offset, out.first(length)));
    return length;
}

Result<std::shared_ptr<DraftBytes>> Draft::bytes_to_write() {
    const MutexLock lock(mutex_);
    if (!bytes_) {
        TRY(bytes_, make_bytes());
    }
    return bytes_;
}

Result<std::shared_ptr<DraftBytes>> Draft::make_bytes() {
    const std::uint64_t size_bytes = state_.base ? state_.base->bytes : 0;
    TRY(cache::WriteInfo info, write_info({.endpoint = ground_.client.endpoint().url(),
                                           .bucket = ground_.bucket,
                                           .key = state_.key,
                                           .base = state_.base,
                                           .base_valid_bytes = size_bytes,
                                           .replaces = state_.replaces,
                                           .moving_to = state_.moving_to,
                                           .metadata = state_.metadata,
                                           .created_at = ground_.clock.now()}));
    TRY(auto file, ground_.cache.create_write(std::move(info)));
    const ReadBase reader = state_.base ? ground_.reader(state_.key, *state_.base) : ReadBase();
    TRY(std::shared_ptr<DraftBytes> bytes,
        DraftBytes::make(std::move(file), size_bytes, size_bytes, reader));
    state_.described = true;
    if (state_.discarded) set_expendable(*bytes);
    return bytes;
}

Result<void> Draft::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    const Gate::Pass pass(writing_);
    return write_some(offset, bytes);
}

Result<void> Draft::write_some(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (offset > object_bytes_max || bytes.size() > object_bytes_max - offset)
        return fail(Code::entity_too_large);
    if (bytes.empty()) return {};
    TRY(const std::shared_ptr<DraftBytes> file, bytes_to_write());
    const Span span{offset, offset + bytes.size()};
    // What follows a commit is described by that, not by what was there before.
    TRY_VOID(describe(*file));
    TRY_VOID(file->write(offset, bytes));
    if (file->pieces() > ground_.limits.pieces_max) {
        Span slot = plan_.at(offset).span;
        TRY_VOID(file->fill(slot));
        file->join(slot);
    }
    note_write(*file, span);
    return {};
}

void Draft::note_write(DraftBytes& bytes, Span span) {
    {
        const MutexLock lock(mutex_);
        state_.metadata.attributes.mtime = state_.metadata.attributes.ctime = ground_.clock.now();
        state_.metadata.mtime_given = false;
    }
    std::shared_ptr<PartUploader> uploader;
    {
        const MutexLock lock(mutex_);
        uploader = uploader_;
        if (!uploader) begin_upload(bytes);
    }
    if (!uploader) return;
    for (std::uint64_t at = span.begin; at < span.end;) {
        const Slot slot = plan_.at(at);
        uploader->changed(slot.number);
        if (bytes.dirty_all(slot.span)) uploader->offer(slot);
        at = slot.span.end;
    }
}

// The first part goes once it is known that there will be a second.
void Draft::begin_upload(const DraftBytes& bytes) {
    if (state_.discarded || bytes.size_bytes() <= ground_.limits.part_bytes) return;
    std::vector<Slot> whole;
    for (const Span& span : bytes.dirty_spans())
        for (std::uint64_t at = span.begin; at < span.end;) {
            const Slot slot = plan_.at(at);
            if (span.begin <= slot.span.begin && slot.span.end <= span.end) whole.push_back(slot);
            at = slot.span.end;
        }
    if (whole.empty()) return;
    make_uploader();
    for (const Slot& slot : whole) uploader_->offer(slot);
}

void Draft::make_uploader() {
    uploader_ = std::make_shared<PartUploader>(
        ground_.client, ground_.pool, ground_.limits.file_parallelism,
        PartUploader::Target{ground_.bucket, state_.key,
                             [this](const client::Call& call) { return headers_of_upload(call); }},
        bytes_->file().descriptor());
}

void Draft::drop_upload() {
    std::shared_ptr<PartUploader> uploader;
    bool unwanted = false;
    {
        const MutexLock lock(mutex_);
        uploader = std::exchange(uploader_, nullptr);
        if (uploader) parts_sent_ += uploader->parts_sent();
        unwanted = uploader && (state_.discarded || uploader->key() != state_.key);
    }
    if (uploader) PartUploader::take_away(std::move(uploader), unwanted);
}

Result<void> Draft::zero(Span span) {
    const std::vector<std::byte> zeros(
        static_cast<std::size_t>(std::min(draft_piece_bytes, span.bytes())));
    const Gate::Pass pass(writing_);
    span.end = std::min(span.end, size_bytes());
    for (std::uint64_t at = span.begin; at < span.end;) {
        const std::uint64_t bytes = std::min<std::uint64_t>(zeros.size(), span.end - at);
        TRY_VOID(write_some(at, std::span(zeros).first(static_cast<std::size_t>(bytes))));
        at += bytes;
    }
    return {};
}

Result<void> Draft::truncate(std::uint64_t size_bytes) {
    if (size_bytes > object_bytes_max) return fail(Code::entity_too_large);
    const Gate::Shut alone(writing_);
    TRY(const std::shared_ptr<DraftBytes> file, bytes_to_write());
    const std::uint64_t before = file->size_bytes();
    TRY_VOID(file->resize(size_bytes));
    if (size_bytes <= ground_.limits.part_bytes) drop_upload();
    const MutexLock lock(mutex_);
    if (size_bytes != before) {
        state_.metadata.attributes.mtime = state_.metadata.attributes.ctime = ground_.clock.now();
        state_.metadata.mtime_given = false;
    }
    if (uploader_ && size_bytes < before) uploader_->changed_from(plan_.at(size_bytes).number);
    state_.described = state_.described && !state_.base;
    return {};
}

void Draft::change_metadata(const std::function<void(DraftMetadata&)>& change) {
    const MutexLock lock(mutex_);
    change(state_.metadata);
    state_.metadata_changed = true;
    state_.described = false;
}

Result<ObjectVersion> Draft::move(const Rename& rename, const ObjectVersion& base) {
    std::shared_ptr<DraftBytes> bytes;
    {
        const MutexLock lock(mutex_);
        bytes = std::exchange(state_.described, false) ? bytes_ : nullptr;
        state_.moving_to = rename.key;
    }
    Result<void> described;
    if (bytes) described = describe(*bytes);
    Result<ObjectVersion> moved = described ? rename.move(base) : fail(described.error());
    const MutexLock lock(mutex_);
    state_.moving_to.clear();
    return moved;
}

Result<void> Draft::rename(const Rename& rename) {
    const Gate::Shut alone(writing_);
    const bool unsaved = changed();
    const State before = state();
    std::optional<ObjectVersion> base = before.base;
    const bool moves =
        base && !before.discarded && (rename.moved || !(before.placeholder && unsaved));
    if (before.discarded) {
        // It has no name in the store any more.
    } else if (moves) {
        TRY(base, rename.moved ? rename.move(*base) : move(rename, *base));
    } else if (!rename.moved) {
        TRY_VOID(drop(rename, before));
        base.reset();
    }
    std::shared_ptr<DraftBytes> bytes;
    {
        const MutexLock lock(mutex_);
        state_.key = rename.key;
        if (base) state_.replaces.clear();
        if (!base && !rename.moved) state_.replaces = rename.replaces;
        if (base && bytes_) bytes_->reread(ground_.reader(state_.key, *base));
        state_.base = std::move(base);
        state_.placeholder = state_.placeholder && moves;
        bytes = std::exchange(state_.described, false) ? bytes_ : nullptr;
    }
    // What a crash leaves is to have the new name.
    if (!bytes) return {};
    if (const Result<void> done = describe(*bytes); !done)
        ground_.log.warn("{}: if this process dies now, it is recovered as {}: {}", rename.key,
                         before.key, done.error().describe());
    return {};
}

// What the old name has in the store. Of what was to give way somebody else may have made another.
Result<void> Draft::drop(const Rename& rename, const State& before) {
    if (before.base) return rename.drop(before.base);
    if (before.replaces.empty()) return {};
    const Result<void> dropped = rename.drop(ObjectVersion{.etag = before.replaces});
    const bool gone = !dropped && (dropped.error().code() == Code::precondition_failed ||
                                   dropped.error().code() == Code::no_such_key);
    return gone ? Result<void>() : dropped;
}

void Draft::set_removing(bool removing) {
    std::shared_ptr<DraftBytes> bytes;
    {
        const MutexLock lock(mutex_);
        state_.removing = removing;
        state_.described = false;
        bytes = bytes_;
    }
    if (!bytes || !changed()) return;
    if (const Result<void> done = describe(*bytes); !done)
        ground_.log.warn("{}: if this process dies now, it may be recovered: {}", key(),
                         done.error().describe());
}

Result<void> Draft::discard(const std::function<Result<void>(bool in_store)>& erase) {
    const Gate::Shut alone(writing_);
    const State now = state();
    set_removing(true);
    // What it was to replace is still there.
    if (const Result<void> erased = erase(!now.stored_etag().empty()); !erased) {
        set_removing(false);
        return erased;
    }
    {
        const MutexLock lock(mutex_);
        state_.discarded = true;
        if (bytes_) set_expendable(*bytes_);
    }
    drop_upload();
    return {};
}

void Draft::set_expendable(DraftBytes& bytes) {
    state_.described = false;
    if (const Result<void> done = bytes.file().set_expendable(); !done)
        ground_.log.warn("{} in dirty/ may be taken for unsaved, which it is not: {}",
                         bytes.file().id(), done.error().describe());
}

Result<void> Draft::describe() {
    const Gate::Pass pass(reading_);
    TRY(const std::shared_ptr<DraftBytes> bytes, bytes_to_write());
    return describe(*bytes);
}

Result<void> Draft::describe(DraftBytes& bytes) {
    // One after the other, and none of what has changed since.
    const MutexLock lock(mutex_);
    // What is removed is not to be recovered, whatever is written into it.
    if (state_.described || state_.discarded) return {};
    TRY(cache::WriteInfo info, write_info({.endpoint = ground_.client.endpoint().url(),
                                           .bucket = ground_.bucket,
                                           .key = state_.key,
                                           .base = state_.base,
                                           .base_valid_bytes = bytes.base_valid_bytes(),
                                           .replaces = state_.replaces,
                                           .moving_to = state_.moving_to,
                                           .removing = state_.removing,
                                           .problem = state_.problem,
                                           .metadata = state_.metadata,
                                           .created_at = bytes.file().info().created_at}));
    TRY_VOID(bytes.file().set_info(std::move(info)));
    state_.described = true;
    return {};
}

Result<void> Draft::keep_for_recovery(std::string_view problem) {
    constexpr std::size_t problem_bytes_max = 1024;
    const Gate::Pass pass(reading_);
    TRY(const std::shared_ptr<DraftBytes> bytes, bytes_to_write());
    {
        const MutexLock lock(mutex_);
        problem = problem.substr(0, problem_bytes_max);
        state_.described = state_.described && state_.problem == problem;
        state_.problem = problem;
    }
    TRY_VOID(describe(*bytes));
    return bytes->file().sync();
}

Result<void> Draft::detach(std::string key) {
    const Gate::Shut alone(writing_);
    if (const std::shared_ptr<DraftBytes> file = bytes())
        TRY_VOID(file->fill({0, file->size_bytes()}));
    drop_upload();
    const MutexLock lock(mutex_);
    state_.key = std::move(key);
    state_.base.reset();
    state_.replaces.clear();
    state_.described = false;
    return {};
}

Result<void> Draft::keep() {
    const Gate::Shut no_writers(writing_);
    const Gate::Shut no_readers(reading_);
    if (changed()) return {};
    std::shared_ptr<DraftBytes> bytes;
    State now;
    {
        const MutexLock lock(mutex_);
        bytes = std::exchange(bytes_, nullptr);
        now = state_;
    }
    if (!bytes) return {};
    const bool whole = bytes->whole();
    std::unique_ptr<cache::WriteFile> file = bytes->take();
    if (now.discarded || !whole) return file->remove();
    TRY_VOID(ground_.cache.keep(std::move(file),
                                {.endpoint = ground_.client.endpoint().url(),
                                 .bucket = ground_.bucket,
                                 .key = now.key,
                                 .etag = now.base->etag,
                                 .version_id = {},  // as Contents has it
                                 .size_bytes = now.base->bytes},
                                now.crc64nvme));
    return {};
}

}  // namespace weir::mount
