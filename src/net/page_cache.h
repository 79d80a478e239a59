#pragma once
// What of a file the kernel's page cache holds: what is there a core sends by itself, for the rest
// it would wait for the disk.
//
// Private to net. Safe from any thread.

#include <cstdint>

namespace weir::net {

// Whether the whole range, which is not empty, can be had at once. To ask may make the kernel read
// ahead. Where the kernel does not tell of a
// whole range (before 6.5) only its ends are looked at.
bool is_resident(int file, std::uint64_t offset, std::uint64_t length);

// The same file, opened once more: the kernel decides by open file how far it reads ahead, and this
// one may have other readers. Without a descriptor for it, this one all the same.
class OpenedAgain {
  public:
    explicit OpenedAgain(int file);
    ~OpenedAgain();
    OpenedAgain(const OpenedAgain&) = delete;
    OpenedAgain& operator=(const OpenedAgain&) = delete;

    int file() const { return own_ >= 0 ? own_ : file_; }

  private:
    const int file_, own_;
};

}  // namespace weir::net
