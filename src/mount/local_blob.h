#pragma once
// The file in which a Weir on this machine keeps an object: read in place of a copy in the cache.
// The store tells where it is (`x-weir-blob`), and is believed only as far as it can be checked:
// this very kernel (its boot id), a regular file of that device and inode and of the object's size,
// that this process may read, and that belongs to the user whose server listens at the endpoint's
// port. So an endpoint cannot make root's mount show files that are not its own.
//
// The file stays readable and as it is while it is open, whatever becomes of the object: a blob is
// written once, and its space is given back with its last name.
//
// Plain functions; safe from any thread.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/requests.h"

namespace weir::mount {

// A name or address of this machine's loopback. Others may be of this machine too, but have their
// bytes sent.
bool on_loopback(std::string_view host);

// The text of /proc/net/tcp or tcp6: who listens at the port; nullopt if nobody does, or several.
std::optional<uid_t> listener_of(std::string_view table, std::uint16_t port);
std::optional<uid_t> listener_of(std::uint16_t port);

// The open file, to be closed by the caller; -1 where it is not all of the above.
int open_local_blob(const client::LocalBlob& blob, std::uint64_t bytes, uid_t owner);

}  // namespace weir::mount
