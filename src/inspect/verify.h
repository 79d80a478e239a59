#pragma once
// Bytes against their checksums, for fsck and scrub. Blocking, pure otherwise.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "blob/store.h"
#include "meta/records.pb.h"

namespace weir::inspect {

// Reads the run of the blob that starts at `offset` and compares each block. The first difference
// as a sentence, nullopt if all is well; an error if it cannot be read. `pace` hears how many bytes
// were read and may sleep.
Result<std::optional<std::string>> verify_blocks(const blob::Reader& reader, std::uint64_t offset,
                                                 const meta::BlockChecksums& blocks,
                                                 const std::function<void(std::uint64_t)>& pace);

// An inline body against its record.
std::optional<std::string> verify_inline(const std::string& bytes,
                                         const meta::ObjectRecord& record);

}  // namespace weir::inspect
