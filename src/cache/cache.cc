#include "cache/cache.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/random.h"
#include "cache/range_lock.h"
#include "hash/block_crcs.h"

namespace weir::cache {
namespace {

constexpr std::size_t forget_at_least = 1024;
constexpr std::size_t piece_bytes = std::size_t{1} << 20;

// Where the kernel does not say, nothing from before is trusted unread.
BootId this_boot() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string text;
    std::getline(file, text);
    std::erase(text, '-');
    const std::optional<std::string> bytes = hex_decode(text);
    if (!bytes || bytes->size() != sizeof(BootId)) return {random_u64(), random_u64()};
    return {read_be64(*bytes), read_be64(std::string_view(*bytes).substr(sizeof(std::uint64_t)))};
}

Result<hash::BlockCrcs::Sums> crcs_of(const WriteFile& file, std::uint64_t size_bytes,
                                      std::uint64_t block_bytes) {
    hash::BlockCrcs crcs(static_cast<std::size_t>(block_bytes));
    std::vector<std::byte> buffer(piece_bytes);
    for (std::uint64_t at = 0; at < size_bytes; at += piece_bytes) {
        const auto piece = std::span(buffer).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, size_bytes - at)));
        TRY_VOID(file.read_at(at, piece));
        crcs.update(piece);
    }
    return crcs.finish();
}

// Of a new entry whose bytes are all there.
Result<void> fill_state(const File& file, const hash::BlockCrcs::Sums& sums,
                        std::optional<std::uint64_t> crc64nvme) {
    TRY(const StateFacts facts, State::read(file));
    TRY(State state, State::map(file, facts));
    for (std::size_t block = 0; block < sums.blocks.size(); ++block)
        state.set_present(block, sums.blocks[block]);
    if (crc64nvme) state.set_whole_crc(*crc64nvme);
    return {};
}

}  // namespace

Result<std::string> default_cache_path() {
    if (::geteuid() == 0) return std::string("/var/cache/weir");
    const char* given = std::getenv("XDG_CACHE_HOME");
    if (given != nullptr && given[0] == '/') return std::string(given) + "/weir";
    const char* home = std::getenv("HOME");
    if (home == nullptr || home[0] != '/')
        return fail(Code::invalid_argument, "no home folder to keep a cache in: name a folder");
    return std::string(home) + "/.cache/weir";
}

// What the rest points to, each to those above it.
struct Cache::Parts {
    Parts(const CacheOptions& options_, Folder root_) : options(options_), root(std::move(root_)) {}

    CacheOptions options;
    Folder root;
    std::optional<Index> index;
    std::optional<Shelf> shelf;
    std::optional<WriteFiles> writes;
    std::optional<Budget> budget;

    // False if the object has an entry already.
    Result<bool> adopt(const std::string& id, const NewState& state, const WriteFile& file,
                       const std::function<Result<void>(File& state)>& fill) const {
        TRY(const IndexLock counting, budget->lock_counting());
        TRY(const IndexLock lock, index->lock_name(id));
        if (shelf->open(id)) return false;
        TRY_VOID(shelf->adopt(id, state, writes->folder(), WriteFiles::data_name(file.id()), fill));
        return true;
    }
};

Result<std::unique_ptr<Cache>> Cache::open(const CacheOptions& options, const Clock& clock,
                                           Log& log) {
    // An object of one byte: the blocks are what they must be.
    TRY_VOID(state_layout(1, options.block_bytes, 0));
    TRY(Folder root, Folder::open_root(options.path));
    auto parts = std::make_unique<Parts>(options, std::move(root));
    TRY(Index index, Index::open(parts->root));
    parts->index.emplace(std::move(index));
    parts->shelf.emplace(parts->root, *parts->index);
    TRY(WriteFiles writes, WriteFiles::open(parts->root, *parts->index));
    parts->writes.emplace(std::move(writes));
    parts->budget.emplace(options.cache_bytes, *parts->index, *parts->shelf, *parts->writes, log);
    if (parts->index->alone()) {
        TRY_VOID(parts->writes->sweep());
        TRY_VOID(parts->budget->count());
        TRY_VOID(parts->index->join());
    }
    return std::unique_ptr<Cache>(new Cache(std::move(parts), clock, log));
}

Cache::Cache(std::unique_ptr<Parts> parts, const Clock& clock, Log& log)
    : parts_(std::move(parts)),
      log_(&log),
      ground_{.budget = &*parts_->budget,
              .shelf = &*parts_->shelf,
              .index = &*parts_->index,
              .clock = &clock,
              .log = &log,
              .completed =
                  [this](const std::shared_ptr<Entry>& entry) {
                      // One block is compared sooner than synced.
                      if (entry->size_bytes() > entry->block_bytes()) syncer_.add(entry);
                  }},
      opener_(ground_, parts_->options.block_bytes,
              parts_->options.boot_id ? *parts_->options.boot_id : this_boot()),
      forget_at_(forget_at_least),
      syncer_(log) {}

Cache::~Cache() = default;

Result<std::shared_ptr<Entry>> Cache::entry(const ObjectIdentity& identity,
                                            std::optional<std::uint64_t> crc64nvme) {
    const std::string id = entry_id(identity);
    for (bool again = false;; again = true) {
        std::shared_ptr<Entry> entry = open_already(id);
        if (!entry) {
            TRY(OpenedEntry opened, opener_.open(id, identity));
            entry = remember(id, std::make_shared<Entry>(ground_, id, std::move(opened.files),
                                                         std::move(opened.state)));
        }
        if (entry->identity() != identity)
            return fail(Code::internal_error,
                        fmt::format("{} and {} have one name", identity.describe(),
                                    entry->identity().describe()));
        Result<void> fits = crc64nvme ? entry->expect_crc(*crc64nvme) : Result<void>();
        if (fits) fits = entry->settle_if_full();
        if (fits) return entry;
        // What was there was wrong, and is gone: the next one is new.
        if (again || !entry->dropped()) return fail(fits.error());
    }
}

bool Cache::has(const std::string& id) const { return parts_->shelf->has(id); }

std::shared_ptr<Entry> Cache::open_already(const std::string& id) {
    const MutexLock lock(mutex_);
    const auto found = open_.find(id);
    if (found == open_.end()) return nullptr;
    std::shared_ptr<Entry> entry = found->second.lock();
    if (entry && entry->dropped()) entry.reset();
    return entry;
}

std::shared_ptr<Entry> Cache::remember(const std::string& id, std::shared_ptr<Entry> entry) {
    const MutexLock lock(mutex_);
    std::weak_ptr<Entry>& known = open_[id];
    const std::shared_ptr<Entry> before = known.lock();
    if (before && !before->dropped()) return before;
    known = entry;
    if (open_.size() >= forget_at_) {
        std::erase_if(open_, [](const auto& one) { return one.second.expired(); });
        forget_at_ = std::max(forget_at_least, 2 * open_.size());
    }
    return entry;
}

Result<std::unique_ptr<WriteFile>> Cache::create_write(WriteInfo info) {
    return WriteFile::create(*parts_->writes, *parts_->budget, std::move(info));
}

Result<std::vector<AbandonedWrite>> Cache::abandoned_writes() const {
    return parts_->writes->abandoned();
}

Result<std::unique_ptr<WriteFile>> Cache::adopt_write(const std::string& id) {
    return WriteFile::adopt(*parts_->writes, *parts_->budget, id);
}

Result<std::shared_ptr<Entry>> Cache::keep(std::unique_ptr<WriteFile> file,
                                           const ObjectIdentity& identity,
                                           std::optional<std::uint64_t> crc64nvme) {
    const Result<void> kept = make_entry(*file, identity, crc64nvme);
    if (!kept && kept.error().code() == Code::corrupt) {
        // Not what was uploaded: somebody may want to look at it.
        TRY_VOID(file->set_info(file->info()));
        return fail(kept.error());
    }
    if (!kept) {
        TRY_VOID(file->remove());
        return fail(kept.error());
    }
    file.reset();
    return entry(identity, crc64nvme);
}

Result<void> Cache::make_entry(WriteFile& file, const ObjectIdentity& identity,
                               std::optional<std::uint64_t> crc64nvme) {
    TRY(const std::uint64_t size_bytes, file.size_bytes());
    if (size_bytes != identity.size_bytes)
        return fail(Code::corrupt,
                    fmt::format("{} has {} bytes, the file that was uploaded {}",
                                identity.describe(), identity.size_bytes, size_bytes));
    TRY(const hash::BlockCrcs::Sums sums, crcs_of(file, size_bytes, parts_->options.block_bytes));
    if (crc64nvme && *crc64nvme != sums.whole)
        return fail(Code::corrupt,
                    fmt::format("{}: the file that was uploaded has another CRC64NVME than the "
                                "store gives",
                                identity.describe()));
    TRY(const StateLayout layout,
        state_layout(size_bytes, parts_->options.block_bytes, encode(identity).size()));
    TRY_VOID(parts_->budget->reserve(layout.file_bytes));
    const std::string id = entry_id(identity);
    const auto fill = [&](File& state) { return fill_state(state, sums, crc64nvme); };
    const Result<bool> adopted = parts_->budget->with_room(layout.file_bytes, [&] {
        return parts_->adopt(id, opener_.new_state(identity), file, fill);
    });
    if (!adopted || !*adopted) parts_->budget->release(layout.file_bytes);
    if (!adopted) return fail(adopted.error());
    if (!*adopted) return file.remove();
    file.forget();
    return parts_->writes->remove(file.id());
}

Cache::Usage Cache::usage() const {
    return Usage{.used_bytes = parts_->budget->used_bytes(),
                 .bytes_max = parts_->budget->bytes_max(),
                 .evicted = parts_->budget->evicted(),
                 .entries_to_sync = syncer_.held()};
}

}  // namespace weir::cache
