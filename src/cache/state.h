#pragma once
// The state of an entry, mapped: what every process that uses the entry sees of it at once. A bit
// is set after the bytes of its block are in the file, so whoever sees the bit sees the bytes.
//
// Owned by an Entry; safe from any thread. Nothing here fails once it is mapped: the file was
// written in full when it was made, so its pages have their place on the disk. (Where a file system
// copies on write and is full, the kernel ends a process that touches a mapping. No such file
// system keeps a promise of space.)

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "cache/file.h"
#include "cache/state_layout.h"

namespace weir::cache {

class State {
  public:
    // The whole file, made anew; nothing is durable.
    static Result<void> write_new(File& file, const NewState& state);
    // corrupt. Parses the file's beginning only.
    static Result<StateFacts> read(const File& file);
    // The file is as read() found it.
    static Result<State> map(const File& file, const StateFacts& facts);

    State(State&& other) noexcept;
    State& operator=(State&& other) noexcept;
    ~State();

    bool present(std::uint64_t block) const;
    // The first block of the range that is missing (or there); `end` if none is.
    std::uint64_t first_missing(std::uint64_t begin, std::uint64_t end) const;
    std::uint64_t first_present(std::uint64_t begin, std::uint64_t end) const;
    // The CRC first, then the bit.
    void set_present(std::uint64_t block, std::uint64_t crc);
    void clear_present(std::uint64_t block);
    std::uint64_t crc(std::uint64_t block) const;
    // What the blocks' CRCs are together; every block is there.
    std::uint64_t combined_crc() const;

    bool has(StateFlag flag) const;
    void set(StateFlag flag);
    void clear_pin();

    std::optional<std::uint64_t> whole_crc() const;
    void set_whole_crc(std::uint64_t crc);

    // Written once a second at most: a mapping that changes is written to the disk again and again.
    void touch(UnixNanos now);

    std::uint64_t discards() const;
    void count_discard();

    // Whoever waits for a block reads its word, looks again at what it waits for, and sleeps until
    // the word is another, somebody wakes it for no reason, or `timeout` is over.
    std::uint32_t wake_word(std::uint64_t block) const;
    void sleep(std::uint64_t block, std::uint32_t word, std::chrono::nanoseconds timeout) const;
    void wake(std::uint64_t block);
    void wake_all();

    // In which the blocks were written, or compared.
    BootId boot_id() const;
    // Only by whoever compares them.
    void set_boot_id(const BootId& boot_id);
    // What was found out about the blocks is forgotten.
    void distrust();

  private:
    State(std::byte* bytes, const StateFacts& facts);

    StateHeader& header() const { return *reinterpret_cast<StateHeader*>(bytes_); }
    std::atomic_ref<std::uint64_t> word_of(std::uint64_t block) const;
    std::atomic_ref<std::uint64_t> crc_of(std::uint64_t block) const;
    std::atomic_ref<std::uint32_t> flags() const { return std::atomic_ref(header().flags); }
    std::uint64_t first(std::uint64_t begin, std::uint64_t end, std::uint64_t flip) const;

    std::byte* bytes_ = nullptr;
    StateLayout layout_;
    std::uint64_t size_bytes_ = 0;
    std::uint64_t block_bytes_ = 0;
};

}  // namespace weir::cache
