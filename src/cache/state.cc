#include "cache/state.h"

#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <climits>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "hash/crc_combine.h"

namespace weir::cache {
namespace {

constexpr std::uint64_t bits_per_word = 64, word_bytes = 8;
// States are written in pieces of this size.
constexpr std::size_t piece_bytes = std::size_t{256} * 1024;

std::uint64_t bit_of(std::uint64_t block) { return 1ULL << block % bits_per_word; }

// Shared between processes: not FUTEX_PRIVATE_FLAG.
void futex_wake(std::uint32_t* word) {
    ::syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace

Result<void> State::write_new(File& file, const NewState& state) {
    std::string bytes = new_state_head(state);
    TRY(const StateLayout layout, state_layout(state.identity.size_bytes, state.block_bytes,
                                               bytes.size() - sizeof(StateHeader)));
    bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(layout.file_bytes, piece_bytes)));
    TRY_VOID(file.write_at(0, as_bytes(bytes)));
    const std::vector<std::byte> zeros(layout.file_bytes > piece_bytes ? piece_bytes : 0);
    for (std::uint64_t at = bytes.size(); at < layout.file_bytes; at += piece_bytes)
        TRY_VOID(
            file.write_at(at, std::span(zeros).first(static_cast<std::size_t>(
                                  std::min<std::uint64_t>(piece_bytes, layout.file_bytes - at)))));
    return {};
}

Result<StateFacts> State::read(const File& file) {
    TRY(const FileFacts facts, file.facts());
    std::vector<std::byte> head(
        static_cast<std::size_t>(std::min<std::uint64_t>(facts.size_bytes, state_head_bytes_max)));
    TRY_VOID(file.read_at(0, head));
    Result<StateFacts> state = parse_state(head, facts.size_bytes);
    if (!state)
        return fail(state.error().code(),
                    fmt::format("{}: {}", file.name(), state.error().message()));
    return state;
}

Result<State> State::map(const File& file, const StateFacts& facts) {
    void* bytes = ::mmap(nullptr, static_cast<std::size_t>(facts.layout.file_bytes),
                         PROT_READ | PROT_WRITE, MAP_SHARED, file.descriptor(), 0);
    if (bytes == MAP_FAILED)
        return fail(errno_error(fmt::format("mapping {}", file.name()), errno));
    return State(static_cast<std::byte*>(bytes), facts);
}

State::State(std::byte* bytes, const StateFacts& facts)
    : bytes_(bytes),
      layout_(facts.layout),
      size_bytes_(facts.identity.size_bytes),
      block_bytes_(facts.block_bytes) {}

State::State(State&& other) noexcept { *this = std::move(other); }

State& State::operator=(State&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    layout_ = other.layout_;
    size_bytes_ = other.size_bytes_;
    block_bytes_ = other.block_bytes_;
    return *this;
}

State::~State() {
    if (bytes_ != nullptr) ::munmap(bytes_, static_cast<std::size_t>(layout_.file_bytes));
}

std::atomic_ref<std::uint64_t> State::word_of(std::uint64_t block) const {
    CHECK(block < layout_.blocks);
    return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(bytes_ + layout_.bits_offset +
                                                             block / bits_per_word * word_bytes));
}

std::atomic_ref<std::uint64_t> State::crc_of(std::uint64_t block) const {
    CHECK(block < layout_.blocks);
    return std::atomic_ref(
        *reinterpret_cast<std::uint64_t*>(bytes_ + layout_.crcs_offset + block * word_bytes));
}

bool State::present(std::uint64_t block) const {
    return (word_of(block).load() & bit_of(block)) != 0;
}

std::uint64_t State::first(std::uint64_t begin, std::uint64_t end, std::uint64_t flip) const {
    for (std::uint64_t block = begin; block < end;) {
        const std::uint64_t skipped = block % bits_per_word;
        const std::uint64_t found = (word_of(block).load() ^ flip) >> skipped;
        if (found != 0)
            return std::min(end, block + static_cast<std::uint64_t>(std::countr_zero(found)));
        block += bits_per_word - skipped;
    }
    return end;
}

std::uint64_t State::first_missing(std::uint64_t begin, std::uint64_t end) const {
    return first(begin, end, ~0ULL);
}
std::uint64_t State::first_present(std::uint64_t begin, std::uint64_t end) const {
    return first(begin, end, 0);
}

void State::set_present(std::uint64_t block, std::uint64_t crc) {
    crc_of(block).store(crc);
    word_of(block).fetch_or(bit_of(block));
}

void State::clear_present(std::uint64_t block) { word_of(block).fetch_and(~bit_of(block)); }

std::uint64_t State::crc(std::uint64_t block) const { return crc_of(block).load(); }

std::uint64_t State::combined_crc() const {
    constexpr hash::Algorithm algorithm = hash::Algorithm::crc64nvme;
    if (layout_.blocks == 0) return 0;
    const hash::CrcCombiner full_block(algorithm, block_bytes_);
    std::uint64_t whole = 0;
    for (std::uint64_t block = 0; block + 1 < layout_.blocks; ++block)
        whole = full_block.combine(whole, crc(block));
    const std::uint64_t last = layout_.blocks - 1;
    return hash::combine(algorithm, whole, crc(last), size_bytes_ - last * block_bytes_);
}

bool State::has(StateFlag flag) const { return (flags().load() & flag) != 0; }
void State::set(StateFlag flag) { flags().fetch_or(flag); }
void State::clear_pin() { flags().fetch_and(~std::uint32_t{pinned_flag}); }

BootId State::boot_id() const {
    BootId& boot_id = header().boot_id;
    return {std::atomic_ref(boot_id[0]).load(), std::atomic_ref(boot_id[1]).load()};
}

void State::set_boot_id(const BootId& boot_id) {
    for (std::size_t i = 0; i < boot_id.size(); ++i)
        std::atomic_ref(header().boot_id[i]).store(boot_id[i]);
}

void State::distrust() {
    flags().fetch_and(~std::uint32_t{complete_flag | verified_flag | durable_flag});
}

std::optional<std::uint64_t> State::whole_crc() const {
    if (!has(crc_known_flag)) return std::nullopt;
    return std::atomic_ref(header().whole_crc).load();
}

void State::set_whole_crc(std::uint64_t crc) {
    std::atomic_ref(header().whole_crc).store(crc);
    set(crc_known_flag);
}

void State::touch(UnixNanos now) {
    const std::atomic_ref last_use(header().last_use);
    const UnixNanos before = last_use.load(std::memory_order_relaxed);
    if (now < before || now - before >= nanos_per_second)
        last_use.store(now, std::memory_order_relaxed);
}

std::uint64_t State::discards() const { return std::atomic_ref(header().discards).load(); }
void State::count_discard() { std::atomic_ref(header().discards).fetch_add(1); }

std::uint32_t State::wake_word(std::uint64_t block) const {
    return std::atomic_ref(header().wake[block % wake_words]).load();
}

void State::sleep(std::uint64_t block, std::uint32_t word, std::chrono::nanoseconds timeout) const {
    if (timeout.count() <= 0) return;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
    const timespec relative{.tv_sec = seconds.count(), .tv_nsec = (timeout - seconds).count()};
    ::syscall(SYS_futex, &header().wake[block % wake_words], FUTEX_WAIT, word, &relative, nullptr,
              0);
}

void State::wake(std::uint64_t block) {
    std::uint32_t& word = header().wake[block % wake_words];
    std::atomic_ref(word).fetch_add(1);
    futex_wake(&word);
}

void State::wake_all() {
    for (std::size_t i = 0; i < wake_words; ++i) wake(i);
}

}  // namespace weir::cache
