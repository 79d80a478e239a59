#pragma once
// What vouches for a request's body: its CRC64NVME, which the server stores, and over plain HTTP
// its SHA-256, which the signature covers. Private to client.

#include <cstdint>

#include "client/core.h"
#include "client/request.h"

namespace weir::client {

// Reads the source once, and adds the headers. Its CRC64NVME.
Result<std::uint64_t> vouch_for(Core& core, Request& request, const Source& source,
                                const Call& call);
// The same of an XML body.
Result<void> vouch_for_xml(Core& core, Request& request, const Source& source, const Call& call);

}  // namespace weir::client
