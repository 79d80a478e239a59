#pragma once
// A body on its way in. Bytes are fed in order; each is hashed, and written to a blob or, while
// they are few, kept in memory for a row. Once finish() returns they are durable; they become an
// object when a commit refers to them.
//
// A BodyWriter belongs to one request and is used by one thread at a time (not always the same
// one). If it is dropped at any point before a commit, its blob is discarded.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "blob/store.h"
#include "hash/block_crcs.h"
#include "hash/digester.h"
#include "kv/engine.h"
#include "meta/records.pb.h"
#include "store/context.h"
#include "store/in_flight.h"

namespace weir::store {

// CRC64NVME is kept for every run of this many bytes of an extent (rows `c`).
inline constexpr std::size_t checksum_block_bytes = 1 * MiB;

// A slot of a blob that the parts of an upload share. The blob's Writer lives as long as any slot
// of it.
struct Slot {
    std::shared_ptr<blob::Writer> writer;
    std::uint64_t offset = 0;
    std::uint64_t length_max = 0;
    bool begins_upload = false;  // no other part of the upload was known
};

// A blob of this body's own that no commit refers to yet: discarded unless keep() or abandon() was
// called.
class UncommittedBlob {
  public:
    UncommittedBlob(std::unique_ptr<blob::Writer> writer, InFlight& in_flight, std::uint64_t bound)
        : writer_(std::move(writer)), in_flight_(&in_flight), bound_(bound) {}
    ~UncommittedBlob();
    UncommittedBlob(const UncommittedBlob&) = delete;
    UncommittedBlob& operator=(const UncommittedBlob&) = delete;

    blob::Writer& writer() { return *writer_; }
    // A commit refers to it now.
    void keep();
    // Nobody knows whether a commit refers to it: the reclaimer will, or the next start.
    void abandon();

  private:
    std::unique_ptr<blob::Writer> writer_;
    InFlight* in_flight_;
    std::uint64_t bound_;
};

// A durable body that waits for its commit.
struct StoredBody {
    std::uint64_t size_bytes = 0;
    std::uint64_t crc64nvme = 0;
    hash::Digests digests;              // what was asked for
    std::string inline_bytes;           // all of it, if it is to be a row
    std::vector<meta::Extent> extents;  // else: where it lies
    std::vector<kv::Row> checksum_rows;
    std::unique_ptr<UncommittedBlob> blob;  // null for inline bytes, slots and copies
    // A slot's: while it is held, the shared blob is not discarded as unused.
    std::shared_ptr<blob::Writer> shared;

    void keep() {
        if (blob) blob->keep();
    }
    void abandon() {
        if (blob) blob->abandon();
    }
};

class BodyWriter {
  public:
    struct Plan {
        kv::PartitionId home;                     // whose rows will tell about the blob
        std::optional<std::uint64_t> size_bytes;  // what was announced
        hash::AlgorithmSet algorithms;
        std::optional<Slot> slot;
        bool may_be_inline = true;  // parts never are: an object is either a row or extents
    };

    BodyWriter(const Context& context, InFlight& in_flight, Plan plan);

    Result<void> write(std::span<const std::byte> bytes);

    // The same in two halves that may run at the same time on two threads: feeding this input
    // (hash/lane_scheduler.h), with the same bytes in the same order, and store().
    hash::DigesterInput digester_input(std::span<const std::byte> bytes) {
        return {.digester = &digester_, .block_crcs = &block_crcs_, .bytes = bytes};
    }
    Result<void> store(std::span<const std::byte> bytes);

    // Whether writing so many bytes may block on a disk; else they only go to memory.
    bool may_block(std::size_t bytes) const { return !stays_inline(bytes); }
    std::uint64_t size_bytes() const { return size_bytes_; }
    // Where the next byte will lie in its file, if it goes to one.
    std::uint64_t next_offset() const { return base_offset_ + size_bytes_; }
    // All of it so far; then finish() does not block.
    bool in_memory() const { return writer_ == nullptr; }

    // Makes the bytes durable. Fails with incomplete_body when fewer came than were announced.
    Result<StoredBody> finish();

    // Gives the bytes up, as the destructor does, which may block on a disk for as long as it takes
    // to remove them.
    void discard();

  private:
    bool stays_inline(std::size_t more) const;
    Result<void> open_blob();
    Result<void> write_to_blob(std::span<const std::byte> bytes);

    const Context& context_;
    InFlight& in_flight_;
    Plan plan_;
    hash::Digester digester_;
    hash::BlockCrcs block_crcs_;
    std::uint64_t size_bytes_ = 0;
    std::string inline_bytes_;
    std::unique_ptr<UncommittedBlob> blob_;
    blob::Writer* writer_ = nullptr;  // blob_'s or the slot's, once one is open
    std::uint64_t base_offset_ = 0;
};

}  // namespace weir::store
