#pragma once
// What an upload sends: memory, or part of an open file. It is read from its start for its digest,
// and again for each try, so it must not change until the call returns; a file that does change is
// refused by the server, because the digest was sent first.
//
// Never owns what it refers to. A plain value.

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "base/result.h"
#include "hash/digester.h"

namespace weir::client {

struct FileSource {
    int descriptor = -1;  // any file that pread() and sendfile() take
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

class Source {
  public:
    Source() = default;  // nothing
    Source(std::span<const std::byte> bytes) : what_(Pieces{bytes}) {}
    // One after the other: buffers of a pool.
    explicit Source(std::vector<std::span<const std::byte>> pieces) : what_(std::move(pieces)) {}
    Source(const FileSource& file) : what_(file) {}

    using Pieces = std::vector<std::span<const std::byte>>;

    std::uint64_t bytes() const;
    const Pieces* pieces() const { return std::get_if<Pieces>(&what_); }
    const FileSource* file() const { return std::get_if<FileSource>(&what_); }

    // A file is read through `scratch`; io_error where it is shorter than it was.
    Result<hash::Digests> digest(hash::AlgorithmSet algorithms, std::span<std::byte> scratch) const;

  private:
    std::variant<Pieces, FileSource> what_;
};

}  // namespace weir::client
