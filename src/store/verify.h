#pragma once
// Bytes against their checksums: for fsck and scrub, for copies that read, and for GETs of those
// who want each read verified. Blocking.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "blob/store.h"
#include "kv/engine.h"
#include "meta/records.pb.h"
#include "store/damage.h"

namespace weir::store {

// Reads the run of the blob that starts at `offset` and compares each block. The first difference
// as a sentence, nullopt if all is well; an error if it cannot be read. `pace` hears how many bytes
// were read and may sleep.
Result<std::optional<std::string>> verify_blocks(const blob::Reader& reader, std::uint64_t offset,
                                                 const meta::BlockChecksums& blocks,
                                                 const std::function<void(std::uint64_t)>& pace);

// Whether an error that a read ended with says something about what was to be read; others, like a
// lack of descriptors, only about the moment.
bool is_damage(const Error& error);

// An inline body against its record.
std::optional<std::string> verify_inline(const std::string& bytes,
                                         const meta::ObjectRecord& record);

// The row that a record says it has, an inline body or a part table, as it was read.
std::optional<std::string> verify_body_row(const Result<std::optional<std::string>>& row,
                                           const meta::ObjectRecord& record);

// One reader's way through part of a blob: each block is verified once, however the windows lie.
// One thread at a time.
class RangeVerifier {
  public:
    // What is verified, all of it or less: `extent` of an object, which `reader` reads.
    RangeVerifier(kv::Engine& kv, Damage& damage, const meta::Extent& extent,
                  std::shared_ptr<const blob::Reader> reader);

    // Every block of which [offset, offset + length) of the blob holds bytes. Code::corrupt if one
    // is not what was written; the damage is known then. Ranges come in order.
    Result<void> verify(std::uint64_t offset, std::uint64_t length);

  private:
    struct Run {
        std::uint64_t offset = 0;
        meta::BlockChecksums blocks;
    };
    Result<void> load();
    Result<void> verify_run(const Run& run, std::uint64_t begin, std::uint64_t end,
                            std::vector<std::byte>& buffer);
    std::unexpected<Error> damaged(const std::string& what);

    kv::Engine& kv_;
    Damage& damage_;
    const meta::Extent extent_;
    const std::shared_ptr<const blob::Reader> reader_;
    std::vector<Run> runs_;  // that hold bytes of the extent, in order
    bool loaded_ = false;
    std::uint64_t verified_to_ = 0;
};

}  // namespace weir::store
