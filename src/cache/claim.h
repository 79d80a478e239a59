#pragma once
// The right and the duty to fetch some blocks of an entry, which nobody else fetches meanwhile. The
// bytes are filled in from the first to the last; each block can be read as soon as it is whole.
// What is not filled when the claim goes is free again, and takes no space.
//
// Owned by whoever fetches; one thread at a time. If the process dies, others may claim the rest at
// once.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "cache/entry.h"

namespace weir::cache {

class Claim {
  public:
    // For Entry.
    Claim(std::shared_ptr<Entry> entry, std::uint64_t begin_block, std::uint64_t end_block);
    Claim(Claim&& other) noexcept;
    Claim& operator=(Claim&&) = delete;
    ~Claim();

    // What is still to be fetched.
    ByteRange range() const;
    bool done() const { return range().length == 0; }

    // The next bytes. `crc64nvme` is theirs, if the caller has it already. no_space if the budget
    // or the disk has no room. After a failure nothing of the block that was being filled is kept,
    // and range() begins with it again. corrupt if they were the last of the object and the whole
    // is not what the store says, naming the object. The fill that ends the last block that was
    // missing makes the entry complete.
    Result<void> fill(std::span<const std::byte> bytes,
                      std::optional<std::uint64_t> crc64nvme = std::nullopt);

  private:
    Result<void> fill_block(std::span<const std::byte> bytes, std::uint64_t crc64nvme);
    void abandon_block();

    std::shared_ptr<Entry> entry_;
    std::uint64_t block_;       // the one that is being filled
    std::uint64_t end_;         // behind the last
    std::uint64_t filled_ = 0;  // of the block
    std::uint64_t crc_ = 0;     // of what is filled
    bool reserved_ = false;     // the block has its place in the budget
};

}  // namespace weir::cache
