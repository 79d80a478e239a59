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
// Writing out begins while more is received, so that the sync at the end has little left to do.
constexpr std::uint64_t write_out_bytes_min = 256 * 1024;
constexpr std::int64_t space_check_interval_ms = 1000;

std::string directory_path(const std::string& root, BlobId id) {
    return fmt::format("{}/{:08x}/{:013x}", root, id.writer, id.sequence >> directory_shift);
}

std::int64_t steady_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

class LocalWriter final : public Writer {
  public:
    LocalWriter(BlobId id, std::string path, std::unique_ptr<io::File> file,
                std::shared_ptr<io::GroupSync> directory_sync, io::Disk& disk, Log& log)
        : id_(id),
          path_(std::move(path)),
          file_(std::move(file)),
          file_sync_([this] { return file_->sync(); }),
          directory_sync_(std::move(directory_sync)),
          disk_(disk),
          log_(log) {}

    BlobId id() const override { return id_; }

    Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
        TRY_VOID(file_->write_at(offset, bytes));
        if (bytes.size() >= write_out_bytes_min) file_->start_write_out(offset, bytes.size());
        return {};
    }

    Result<void> sync() override {
        if (broken_.load()) return fail(Code::io_error, path_ + ": an earlier sync failed");
        Result<void> synced = file_sync_.sync();
        if (synced && !name_is_durable_.load()) {
            synced = directory_sync_->sync();
            if (synced) name_is_durable_ = true;
        }
        if (!synced) broken_ = true;
        return synced;
    }

    Result<void> seal(std::uint64_t size_bytes) override {
        TRY(const std::uint64_t written, file_->size_bytes());
        if (written != size_bytes) TRY_VOID(file_->truncate(size_bytes));
        return sync();
    }

    void discard() override {
        if (Result<void> removed = disk_.remove(path_); !removed && removed.error().code() != Code::not_found)
            log_.warn("blob {} stays until the next start: {}", id_.text(), removed.error().describe());
    }

  private:
    const BlobId id_;
    const std::string path_;
    const std::unique_ptr<io::File> file_;
    io::GroupSync file_sync_;
    const std::shared_ptr<io::GroupSync> directory_sync_;
    io::Disk& disk_;
    Log& log_;
    std::atomic<bool> name_is_durable_ = false;
    std::atomic<bool> broken_ = false;
};

class LocalReader final : public Reader {
  public:
    explicit LocalReader(std::unique_ptr<io::File> file)
        : file_(std::move(file)), descriptor_(std::make_shared<Held>(file_, file_->descriptor())) {}

    std::uint64_t size_bytes() const override { return file_->size_bytes().value_or(0); }

    std::optional<FileRange> file_range(std::uint64_t offset, std::uint64_t length) const override {
        if (descriptor_->descriptor < 0) return std::nullopt;
        return FileRange{.descriptor = std::shared_ptr<const int>(descriptor_, &descriptor_->descriptor),
                         .offset = offset,
                         .length = length};
    }

    Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        return file_->read_at(offset, out);
    }

  private:
    // What keeps the descriptor valid goes with it.
    struct Held {
        std::shared_ptr<const io::File> file;
        int descriptor;
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
    return std::unique_ptr<Store>(new Store(options, disk, log));
}

// The directory of the blob's file, made and durable.
Result<std::shared_ptr<io::GroupSync>> Store::directory_for(BlobId id) {
    std::string directory = directory_path(options_.root, id);
    MutexLock lock(directory_mutex_);
    if (directory != directory_) {
        TRY_VOID(io::make_directories(disk_, directory));
        directory_sync_ = std::make_shared<io::GroupSync>(
            [this, directory] { return disk_.sync_directory(directory); });
        directory_ = std::move(directory);
    }
    return directory_sync_;
}

Result<void> Store::check_space(std::uint64_t bytes) {
    const std::int64_t now_ms = steady_ms();
    if (now_ms - free_checked_ms_.load() >= space_check_interval_ms) {
        TRY(const io::Space space, disk_.space(options_.root));
        free_bytes_ = space.free_bytes;
        free_checked_ms_ = now_ms;
    }
    if (free_bytes_.load() < options_.reserve_bytes + bytes)
        return fail(Code::no_space, fmt::format("The disk under {} has {} bytes left, of which {} are kept free for "
                                                "deleting. Delete objects or add space, then try again.",
                                                options_.root, free_bytes_.load(), options_.reserve_bytes));
    return {};
}

Result<std::unique_ptr<Writer>> Store::create(const CreateHint& hint) {
    TRY_VOID(check_space(hint.size_bytes.value_or(0)));
    const BlobId id{.volume = 0, .region = 0, .writer = options_.writer, .sequence = next_sequence_++};
    TRY(std::shared_ptr<io::GroupSync> directory_sync, directory_for(id));
    std::string path = blob_path(options_.root, id);
    TRY(std::unique_ptr<io::File> file, disk_.create(path));
    if (hint.size_bytes.value_or(0) >= reserve_hint_bytes_min) {
        if (Result<void> reserved = file->reserve(*hint.size_bytes); !reserved) {
            if (Result<void> removed = disk_.remove(path); !removed)
                log_.warn("blob {} stays until the next start: {}", id.text(), removed.error().describe());
            return fail(std::move(reserved).error());
        }
    }
    return std::make_unique<LocalWriter>(id, std::move(path), std::move(file), std::move(directory_sync), disk_, log_);
}

std::shared_ptr<const Reader> Store::try_open(BlobId id) {
    MutexLock lock(open_mutex_);
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return nullptr;
    opened_.splice(opened_.begin(), opened_, found->second);
    return found->second->second;
}

std::shared_ptr<const Reader> Store::keep_open(BlobId id, std::shared_ptr<const Reader> reader) {
    MutexLock lock(open_mutex_);
    if (const auto found = by_id_.find(id); found != by_id_.end()) return found->second->second;
    opened_.emplace_front(id, reader);
    by_id_[id] = opened_.begin();
    if (opened_.size() > options_.open_max) {
        by_id_.erase(opened_.back().first);
        opened_.pop_back();
    }
    return reader;
}

Result<std::shared_ptr<const Reader>> Store::open(BlobId id) {
    if (std::shared_ptr<const Reader> reader = try_open(id)) return reader;
    TRY(std::unique_ptr<io::File> file, disk_.open_to_read(blob_path(options_.root, id)));
    return keep_open(id, std::make_shared<LocalReader>(std::move(file)));
}

Result<void> Store::remove(BlobId id) {
    {
        MutexLock lock(open_mutex_);
        if (const auto found = by_id_.find(id); found != by_id_.end()) {
            opened_.erase(found->second);
            by_id_.erase(found);
        }
    }
    Result<void> removed = disk_.remove(blob_path(options_.root, id));
    if (!removed && removed.error().code() != Code::not_found) return removed;
    free_checked_ms_ = steady_ms() - space_check_interval_ms;
    return {};
}

Result<void> Store::punch(BlobId id, std::uint64_t offset, std::uint64_t length) {
    TRY(const std::unique_ptr<io::File> file, disk_.open_to_write(blob_path(options_.root, id)));
    return file->punch(offset, length);
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
        if (!visit({.id = *id, .size_bytes = stat->size_bytes, .allocated_bytes = stat->allocated_bytes}))
            return false;
    }
    return true;
}

Result<void> Store::list(BlobId from, const std::function<bool(const BlobInfo&)>& visit) {
    const std::string first_writer = fmt::format("{:08x}", from.writer);
    const std::string first_directory = fmt::format("{:013x}", from.sequence >> directory_shift);
    TRY(const std::vector<std::string> writers, disk_.list(options_.root));
    for (const std::string& writer : writers) {
        if (writer < first_writer) continue;
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
                 .free_bytes = space.free_bytes > options_.reserve_bytes ? space.free_bytes - options_.reserve_bytes : 0};
}

std::size_t Store::open_count() const {
    MutexLock lock(open_mutex_);
    return opened_.size();
}

}  // namespace weir::blob::local
