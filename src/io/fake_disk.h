#pragma once
// A disk for tests: in memory, and as unkind as POSIX allows. crash() is a power cut: bytes, sizes
// and names that no successful sync covered are lost or kept, page by page and name by name, as a
// seed decides. A sync that fails loses for good what it was to write, and the next one succeeds:
// what Linux does. Any call can be made to fail; a write that fails may have written a part.
//
// Owned by a test; safe from any thread. Paths are absolute. What was opened before a crash fails
// after it.

#include "io/disk.h"

namespace weir::io {

enum class DiskCall : std::uint8_t {
    create,
    open,
    read,
    write,
    sync,
    truncate,
    reserve,
    punch,
    size,
    make_directory,
    open_directory,
    sync_directory,
    remove,
    remove_directory,
    rename,
    stat,
    list,
    space,
    lock,
};

class FakeDisk final : public Disk {
  public:
    static constexpr std::uint64_t page_bytes = 4096;

    explicit FakeDisk(std::uint64_t total_bytes = 1ULL << 40);

    // The nth call from now on fails once with this errno; 1 is the next.
    void fail(DiskCall call, std::uint64_t nth, int error_number);
    void fail_any(std::uint64_t nth, int error_number);
    // The nth call from now on and all that follow do nothing and fail, until crash().
    void cut_power(std::uint64_t nth);
    // The calls that failed for want of power did nothing, and all that came before is there: as if
    // only a process had died.
    void return_power();
    // Seed 0: all that was not synced is lost. Others: some of it survives. Ends what fail() and
    // cut_power() began.
    void crash(std::uint64_t seed);

    std::uint64_t calls() const;
    std::uint64_t calls(DiskCall call) const;

    Result<std::unique_ptr<File>> create(const std::string& path) override;
    Result<std::unique_ptr<File>> open_to_read(const std::string& path) override;
    Result<std::unique_ptr<File>> open_to_write(const std::string& path) override;
    Result<std::unique_ptr<Directory>> open_directory(const std::string& path) override;
    Result<void> make_directory(const std::string& path) override;
    Result<void> remove(const std::string& path) override;
    Result<bool> remove_directory(const std::string& path) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<Stat> stat(const std::string& path) override;
    Result<std::vector<std::string>> list(const std::string& path) override;
    Result<Space> space(const std::string& path) override;
    Result<std::unique_ptr<Lock>> lock(const std::string& path) override;

    struct State;

  private:
    Result<std::unique_ptr<File>> open(const std::string& path);

    std::shared_ptr<State> state_;
};

}  // namespace weir::io
