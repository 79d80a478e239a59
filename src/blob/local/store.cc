#include "blob/local/store.h"

#include <fmt/format.h>

#include <chrono>

#include "base/check.h"

namespace weir::blob::local {
namespace {

// Neighbours of 4096 share a directory, and so its syncs.
constexpr unsigned directory_shift = 12;
// Space is reserved for bodies from this size on; smaller ones fit or do not.
constexpr std::uint64_t reserve_hint_bytes_min = 1 * 1024 * 1024;
constexpr std::int64_t space_check_interval_ms = 1000;

std::string writer_path(const std::string& root, std::uint32_t writer) {
    return fmt::format("{}/{:08x}", root, writer);
}

std::string directory_path(const std::string& root, BlobId id) {
    return fmt::format("{}/{:013x}", writer_path(root, id.writer), id.sequence >> directory_shift);
}

std::int64_t steady_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

Result<std::shared_ptr<io::GroupSync>> open_directory(io::Disk& disk, const std::string& path) {
    TRY(std::shared_ptr<io::Directory> directory, disk.open_directory(path));
    return std::make_shared<io::GroupSync>(
        [directory = std::move(directory)] { return directory->sync(); });
}

class LocalWriter final : public Writer {
  public:
    LocalWriter(Store& store, Log& log, BlobId id, std::unique_ptr<io::File> file,
                std::uint64_t reserved_bytes, std::shared_ptr<io::GroupSync> directory_sync)
        : store_(store),
          log_(log),
          id_(id),
          file_(std::move(file)),
          reserved_bytes_(reserved_bytes),
          file_sync_([this] { return file_->sync(); }),
          directory_sync_(std::move(directory_sync)) {}

    BlobId id() const override { return id_; }

    Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
        if (offset + bytes.size() > reserved_bytes_) TRY_VOID(store_.room_for(bytes.size()));
        // A copy into fresh pages of the page cache would cost more than everything else that is
        // done with them, and evict what is being read.
        return file_->write_direct_at(offset, bytes);
    }

    Result<void> sync() override {
        TRY_VOID(file_sync_.sync());
        if (name_is_durable_.load()) return {};
        TRY_VOID(directory_sync_->sync());
        name_is_durable_ = true;
        return {};
    }

    Result<void> seal(std::uint64_t size_bytes) override {
        TRY(const std::uint64_t written_bytes, file_->size_bytes());
        if (written_bytes != size_bytes || reserved_bytes_ > size_bytes)
            TRY_VOID(file_->truncate(size_bytes));
        return sync();
    }

    bool discard() override {
        const Result<void> removed = store_.remove(id_);
        if (!removed)
            log_.warn("blob {} stays for now: {}", id_.text(), removed.error().describe());
        return removed.has_value();
    }

  private:
    Store& store_;
    Log& log_;
    const BlobId id_;
    const std::unique_ptr<io::File> file_;
    const std::uint64_t reserved_bytes_;
    io::GroupSync file_sync_;
    const std::shared_ptr<io::GroupSync> directory_sync_;
    std::atomic<bool> name_is_durable_ = false;
};

using Count = std::atomic<std::size_t>;

class LocalReader final : public Reader {
  public:
    LocalReader(std::unique_ptr<io::File> file, std::shared_ptr<Count> count)
        : file_(std::move(file)),
          descriptor_(std::make_shared<Held>(file_, file_->descriptor(), std::move(count))) {}

    std::uint64_t size_bytes() const override { return file_->size_bytes().value_or(0); }

    std::optional<FileRange> file_range(std::uint64_t offset, std::uint64_t length) const override {
        if (descriptor_->descriptor < 0) return std::nullopt;
        return FileRange{
            .descriptor = std::shared_ptr<const int>(descriptor_, &descriptor_->descriptor),
            .offset = offset,
            .length = length};
    }

    Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        return file_->read_at(offset, out);
    }

  private:
    // What keeps the descriptor valid goes with it.
    struct Held {
        Held(std::shared_ptr<const io::File> held, int number, std::shared_ptr<Count> counted)
            : file(std::move(held)), descriptor(number), count(std::move(counted)) {
            ++*count;
        }
        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;
        ~Held() { --*count; }

        std::shared_ptr<const io::File> file;
        int descriptor;
        std::shared_ptr<Count> count;
    };

    std::shared_ptr<const io::File> file_;
    std::shared_ptr<const Held> descriptor_;
};

}  // namespace

std::string blob_path(const std::string& root, BlobId id) {
    return fmt::format("{}/{}", directory_path(root, id), id.text());
}

std::size_t Store::IdHash::operator()(const BlobId& id) const {
    // Sequences of one writer are dense: any mixing of the two spreads them.
    return std::hash<std::uint64_t>()(id.sequence * 0x9e3779b97f4a7c15ULL + id.writer);
}

Result<std::unique_ptr<Store>> Store::open(const Options& options, io::Disk& disk, Log& log) {
    TRY_VOID(io::make_directories(disk, options.root));
    auto store = std::unique_ptr<Store>(new Store(options, disk, log));
    // It matters only to those who list.
    if (const Result<void> removed = store->remove_empty_directories(); !removed)
        log.warn("empty directories stay under {}: {}", options.root, removed.error().describe());
    return store;
}

Result<void> Store::remove_empty_directories() {
    TRY(const std::vector<std::string> writers, disk_.list(options_.root));
    for (const std::string& name : writers) {
        const std::string writer = options_.root + "/" + name;
        if (writer == writer_path(options_.root, options_.writer)) continue;
        TRY(const std::vector<std::string> directories, disk_.list(writer));
        for (const std::string& directory : directories)
            TRY_VOID(disk_.remove_directory(writer + "/" + directory));
        TRY_VOID(disk_.remove_directory(writer));
    }
    return {};
}

Result<Store::Place> Store::next_place() {
    MutexLock lock(directory_mutex_);
    // Of a directory whose sync failed nobody knows which names are durable: it gets no more.
    if (directory_sync_ != nullptr && directory_sync_->failure())
        next_sequence_ = ((next_sequence_ >> directory_shift) + 1) << directory_shift;
    BlobId id{.volume = 0, .region = 0, .writer = options_.writer, .sequence = next_sequence_};
    TRY_VOID(enter_directory(id));
    ++next_sequence_;
    return Place{.id = id, .directory_sync = directory_sync_};
}

// An earlier try may have made it, and failed to make its name durable: then the name is made anew,
// since a sync that is only tried again proves nothing.
Result<std::shared_ptr<io::GroupSync>> Store::make_directory(const std::string& path,
                                                             const std::string& parent) {
    if (Result<bool> removed = disk_.remove_directory(path);
        !removed && removed.error().code() != Code::not_found)
        return fail(std::move(removed).error());
    TRY_VOID(disk_.make_directory(path));
    TRY(std::shared_ptr<io::GroupSync> opened, open_directory(disk_, path));
    TRY_VOID(io::sync_directory(disk_, parent));
    return opened;
}

Result<void> Store::enter_directory(BlobId id) {
    std::string directory = directory_path(options_.root, id);
    if (directory == directory_) return {};
    const std::string writer = writer_path(options_.root, id.writer);
    if (!writer_directory_made_) {
        TRY_VOID(make_directory(writer, options_.root));
        writer_directory_made_ = true;
    }
    TRY(directory_sync_, make_directory(directory, writer));
    directory_ = std::move(directory);
    return {};
}

// What was granted since the disk was asked is taken off, so that a burst does not eat the reserve.
Result<void> Store::room_for(std::uint64_t bytes) {
    MutexLock lock(space_mutex_);
    const std::int64_t now_ms = steady_ms();
    if (now_ms - space_checked_ms_ >= space_check_interval_ms) {
        TRY(const Space now, space());
        free_bytes_ = now.free_bytes;
        space_checked_ms_ = now_ms;
    }
    if (free_bytes_ == 0 || free_bytes_ < bytes)
        return fail(Code::no_space,
                    fmt::format("The disk under {} has room for {} more bytes, {} are needed, {} "
                                "are kept free for deleting. Delete objects or add space, then "
                                "try again.",
                                options_.root, free_bytes_, bytes, options_.reserve_bytes));
    free_bytes_ -= bytes;
    return {};
}

Result<std::unique_ptr<Writer>> Store::create(const CreateHint& hint) {
    const std::uint64_t hint_bytes = hint.size_bytes.value_or(0);
    const std::uint64_t reserved_bytes = hint_bytes >= reserve_hint_bytes_min ? hint_bytes : 0;
    TRY_VOID(room_for(reserved_bytes));
    TRY(Place place, next_place());
    TRY(std::unique_ptr<io::File> file, disk_.create(blob_path(options_.root, place.id)));
    const Result<void> reserved = file->reserve(reserved_bytes);
    auto writer = std::make_unique<LocalWriter>(*this, log_, place.id, std::move(file),
                                                reserved_bytes, std::move(place.directory_sync));
    if (!reserved) {
        writer->discard();
        return fail(reserved.error());
    }
    return writer;
}

std::shared_ptr<const Reader> Store::try_open(BlobId id) {
    MutexLock lock(open_mutex_);
    return find_open(id);
}

std::shared_ptr<const Reader> Store::find_open(BlobId id) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return nullptr;
    opened_.splice(opened_.begin(), opened_, found->second);
    return found->second->second;
}

Result<std::shared_ptr<const Reader>> Store::open(BlobId id) {
    std::uint64_t removals = 0;
    {
        MutexLock lock(open_mutex_);
        if (std::shared_ptr<const Reader> reader = find_open(id)) return reader;
        removals = removals_;
    }
    if (descriptors() >= options_.descriptors_max)
        return fail(Code::slow_down, "Too many blobs are being read. Please try again later.");
    TRY(std::unique_ptr<io::File> file, disk_.open_to_read(blob_path(options_.root, id)));
    std::shared_ptr<const Reader> reader =
        std::make_shared<LocalReader>(std::move(file), descriptors_);
    Opened dropped;  // closed after the lock: closing can be slow, and try_open() may not wait
    MutexLock lock(open_mutex_);
    if (std::shared_ptr<const Reader> earlier = find_open(id)) return earlier;
    // It may have been this blob that was removed meanwhile: keeping it would keep its space.
    if (removals != removals_) return reader;
    opened_.emplace_front(id, reader);
    by_id_[id] = opened_.begin();
    if (opened_.size() > std::min(options_.open_max, options_.descriptors_max / 2)) {
        by_id_.erase(opened_.back().first);
        dropped.splice(dropped.begin(), opened_, std::prev(opened_.end()));
    }
    return reader;
}

Result<void> Store::remove(BlobId id) {
    Result<void> removed = disk_.remove(blob_path(options_.root, id));
    if (!removed && removed.error().code() != Code::not_found) return removed;
    Opened dropped;  // closed after the lock, as in open()
    {
        MutexLock lock(open_mutex_);
        ++removals_;
        if (const auto found = by_id_.find(id); found != by_id_.end()) {
            dropped.splice(dropped.begin(), opened_, found->second);
            by_id_.erase(found);
        }
    }
    MutexLock lock(space_mutex_);
    space_checked_ms_ = steady_ms() - space_check_interval_ms;
    return {};
}

Result<void> Store::punch(BlobId id, std::uint64_t offset, std::uint64_t length) {
    TRY(const std::unique_ptr<io::File> file, disk_.open_to_write(blob_path(options_.root, id)));
    return file->punch(offset, length);
}

Result<void> Store::trim(BlobId id) {
    TRY(const std::unique_ptr<io::File> file, disk_.open_to_write(blob_path(options_.root, id)));
    TRY(const std::uint64_t size_bytes, file->size_bytes());
    return file->truncate(size_bytes);
}

// False when the visitor stopped.
Result<bool> Store::list_directory(const std::string& path, BlobId from,
                                   const std::function<bool(const BlobInfo&)>& visit) {
    TRY(const std::vector<std::string> names, disk_.list(path));
    for (const std::string& name : names) {
        const std::optional<BlobId> id = BlobId::parse(name);
        if (!id || *id < from) continue;
        Result<io::Stat> stat = disk_.stat(path + "/" + name);
        if (!stat && stat.error().code() == Code::not_found) continue;  // removed meanwhile
        if (!stat) return fail(std::move(stat).error());
        if (!visit({.id = *id,
                    .size_bytes = stat->size_bytes,
                    .allocated_bytes = stat->allocated_bytes}))
            return false;
    }
    return true;
}

Result<void> Store::list(BlobId from, const std::function<bool(const BlobInfo&)>& visit) {
    const std::string first_writer = fmt::format("{:08x}", from.writer);
    const std::string first_directory = fmt::format("{:013x}", from.sequence >> directory_shift);
    TRY(const std::vector<std::string> writers, disk_.list(options_.root));
    for (const std::string& writer : writers) {
        if (writer < first_writer || writer.size() != first_writer.size()) continue;
        const std::string path = options_.root + "/" + writer;
        TRY(const std::vector<std::string> directories, disk_.list(path));
        for (const std::string& directory : directories) {
            if (writer == first_writer && directory < first_directory) continue;
            TRY(const bool more, list_directory(path + "/" + directory, from, visit));
            if (!more) return {};
        }
    }
    return {};
}

Result<Space> Store::space() const {
    TRY(const io::Space space, disk_.space(options_.root));
    return Space{.total_bytes = space.total_bytes,
                 .free_bytes = space.free_bytes > options_.reserve_bytes
                                   ? space.free_bytes - options_.reserve_bytes
                                   : 0};
}

std::size_t Store::open_count() const {
    MutexLock lock(open_mutex_);
    return opened_.size();
}

}  // namespace weir::blob::local
