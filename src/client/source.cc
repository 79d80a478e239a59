#include "client/source.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace weir::client {

std::uint64_t Source::bytes() const {
    if (const FileSource* from = file()) return from->length;
    std::uint64_t total = 0;
    for (const std::span<const std::byte>& piece : *pieces()) total += piece.size();
    return total;
}

Result<hash::Digests> Source::digest(hash::AlgorithmSet algorithms,
                                     std::span<std::byte> scratch) const {
    hash::Digester digester(algorithms);
    if (const Pieces* from = pieces()) {
        for (const std::span<const std::byte>& piece : *from) digester.update(piece);
        return digester.finish();
    }
    // Small steps stay in the processor's cache between reading and hashing.
    constexpr std::size_t step_bytes = 256 * 1024;
    scratch = scratch.first(std::min(scratch.size(), step_bytes));
    FileSource rest = *file();
    while (rest.length > 0) {
        const auto wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(scratch.size(), rest.length));
        const ssize_t count =
            ::pread(rest.descriptor, scratch.data(), wanted, static_cast<off_t>(rest.offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(errno_error("reading the file to upload", errno));
        if (count == 0) return fail(Code::io_error, "the file became shorter during its upload");
        digester.update(scratch.first(static_cast<std::size_t>(count)));
        rest.offset += static_cast<std::uint64_t>(count);
        rest.length -= static_cast<std::uint64_t>(count);
    }
    return digester.finish();
}

}  // namespace weir::client
