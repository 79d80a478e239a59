#pragma once
// The second seam to an engine: bytes that are written once under a fresh id and never change once
// they are acknowledged. Implementations: blob/memory, blob/local (one file a blob).
// blob/contract_test.h says what each must do; RADOS objects must be able to pass it unchanged.
//
// A Store is owned by main() and safe from any thread; every call may block on a disk. A Writer's
// write_at may be called from several threads for ranges that do not overlap.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::blob {

// Who made a blob and when: `writer` is a number that one start of one server holds alone,
// `sequence` counts its blobs up from zero. So ids are never reused, and neighbours lie together.
// 16 bytes, big-endian, in rows; hexadecimal in file names: volume 2, region 2, writer 4,
// sequence 8.
struct BlobId {
    std::uint16_t volume = 0;
    std::uint16_t region = 0;
    std::uint32_t writer = 0;
    std::uint64_t sequence = 0;

    std::string encode() const;  // 16 bytes
    static std::optional<BlobId> decode(std::string_view bytes);
    std::string text() const;  // 32 hexadecimal digits
    static std::optional<BlobId> parse(std::string_view text);

    friend auto operator<=>(const BlobId&, const BlobId&) = default;
};

struct CreateHint {
    // What the whole blob will hold, if known: space is reserved for it, so that a full disk is
    // found out early.
    std::optional<std::uint64_t> size_bytes;
};

// A blob that is being written. Dropping a Writer before seal() leaves a blob that nothing refers
// to: call discard(), or the orphan check at the next start removes it.
class Writer {
  public:
    virtual ~Writer() = default;
    virtual BlobId id() const = 0;

    // Writes all of `bytes` or fails. A byte is written at most once.
    virtual Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;

    // Everything that write_at returned from before this call is durable under the blob's id when
    // it returns, and so is the blob's name. After a failure nothing about the blob may be trusted:
    // never retry, discard it.
    virtual Result<void> sync() = 0;

    // sync(), and the blob ends at `size_bytes`. No write may follow. A blob shared by the parts of
    // an upload is readable after sync() already, and sealed when the upload completes.
    virtual Result<void> seal(std::uint64_t size_bytes) = 0;

    // Removes the blob. False, with the reason in the log, if it could not: try remove() later, or
    // leave it to the orphan check of the next start.
    virtual bool discard() = 0;
};

// Bytes [offset, offset + length) of a file that stays open as long as the range is held.
struct FileRange {
    std::shared_ptr<const int> descriptor;  // closes it when the last owner goes
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

// An open blob: it stays readable while the Reader lives, even if the blob is removed meanwhile.
// Safe from any thread.
class Reader {
  public:
    virtual ~Reader() = default;
    virtual std::uint64_t size_bytes() const = 0;

    // A file range for sendfile, where the engine has one; nullopt where bytes must be read.
    virtual std::optional<FileRange> file_range(std::uint64_t offset,
                                                std::uint64_t length) const = 0;

    // Fills `out` from `offset`; Code::corrupt if the blob ends before.
    virtual Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
};

struct BlobInfo {
    BlobId id;
    std::uint64_t size_bytes = 0;       // where it ends
    std::uint64_t allocated_bytes = 0;  // what it takes on the disk
};

struct Space {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;  // for us, the reserve already taken off
};

class Store {
  public:
    virtual ~Store() = default;

    virtual Result<std::unique_ptr<Writer>> create(const CreateHint& hint) = 0;

    // Code::not_found if there is no such blob: the caller reads the record again, which has
    // changed.
    virtual Result<std::shared_ptr<const Reader>> open(BlobId id) = 0;
    // The same if it is open already (a cache of open blobs); nullptr otherwise. Never blocks.
    virtual std::shared_ptr<const Reader> try_open(BlobId id) = 0;

    // Removing what is not there is no error.
    virtual Result<void> remove(BlobId id) = 0;

    // Gives the space of a range back, where the engine can; reads of it give zeros after.
    virtual Result<void> punch(BlobId id, std::uint64_t offset, std::uint64_t length) = 0;

    // Gives back what a writer that is gone had reserved behind the blob's end.
    virtual Result<void> trim(BlobId id) = 0;

    // Every blob whose id is at least `from`, in the order of ids. Blobs made meanwhile may be
    // missed.
    virtual Result<void> list(BlobId from, const std::function<bool(const BlobInfo&)>& visit) = 0;

    // The sequence that the next blob of this start will get.
    virtual std::uint64_t next_sequence() const = 0;

    virtual Result<Space> space() const = 0;

    // Code::no_space, with what to do about it, if `bytes` more would eat the reserve that deleting
    // needs. For what is kept elsewhere on the same disk; a Writer asks by itself.
    virtual Result<void> room_for(std::uint64_t bytes) = 0;
};

}  // namespace weir::blob
