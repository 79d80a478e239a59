#include "hash/lane_stream.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bytes.h"
#include "base/check.h"
#include "hash/lane_tables.h"

namespace weir::hash {
namespace {

constexpr std::array each_digest = {LaneDigest::md5, LaneDigest::sha256, LaneDigest::both};

// How to run so many lanes at the least cost.
struct Choice {
    unsigned cost = 0;
    const LaneKernel* first = nullptr;  // for as many lanes as it has; null: MD5, then SHA-256
};

class Choices {
  public:
    Choices() {
        for (const LaneDigest digest : each_digest) {
            for (std::size_t lanes = 1; lanes <= kernel_lanes_max; ++lanes)
                at(digest, lanes) = cheapest(digest, lanes);
        }
    }

    const Choice& of(LaneDigest digest, std::size_t lanes) const {
        return choices_[static_cast<std::size_t>(digest) - 1][lanes];
    }

  private:
    Choice& at(LaneDigest digest, std::size_t lanes) {
        return choices_[static_cast<std::size_t>(digest) - 1][lanes];
    }

    Choice cheapest(LaneDigest digest, std::size_t lanes) const {
        Choice best{.cost = ~0U};
        for (const LaneKernel& kernel : lane_kernels()) {
            if (kernel.digest != digest) continue;
            const std::size_t rest = lanes - std::min(lanes, kernel.lanes);
            const unsigned cost = kernel.cost + of(digest, rest).cost;
            if (cost < best.cost) best = {.cost = cost, .first = &kernel};
        }
        if (digest == LaneDigest::both) {
            const unsigned cost =
                of(LaneDigest::md5, lanes).cost + of(LaneDigest::sha256, lanes).cost;
            if (cost < best.cost) best = {.cost = cost};
        }
        return best;
    }

    std::array<std::array<Choice, kernel_lanes_max + 1>, each_digest.size()> choices_ = {};
};

const Choices& choices() {
    static const Choices made;
    return made;
}

}  // namespace

void run_lanes(LaneDigest digest, std::span<const Lane> lanes, std::size_t blocks) {
    while (!lanes.empty()) {
        const std::size_t count = std::min(lanes.size(), kernel_lanes_max);
        const LaneKernel* const kernel = choices().of(digest, count).first;
        if (kernel == nullptr) {
            run_lanes(LaneDigest::md5, lanes, blocks);
            return run_lanes(LaneDigest::sha256, lanes, blocks);
        }
        const std::size_t taken = std::min(count, kernel->lanes);
        kernel->run(lanes.first(taken), blocks);
        lanes = lanes.subspan(taken);
    }
}

std::size_t lanes_worth_gathering() {
    std::size_t most = 1;
    for (const LaneKernel& kernel : lane_kernels()) most = std::max(most, kernel.lanes);
    return most;
}

void LaneStream::begin() {
    md5_ = md5_start;
    sha256_ = sha256_start;
    bytes_ = 0;
}

std::span<const std::byte> LaneStream::take_odd_bytes(std::span<const std::byte> bytes) {
    const std::size_t open = bytes_ % lane_block_bytes;
    if (open == 0 && bytes.size() >= lane_block_bytes) return bytes;
    const std::size_t taken = std::min(bytes.size(), lane_block_bytes - open);
    std::copy_n(bytes.begin(), taken, open_.begin() + static_cast<std::ptrdiff_t>(open));
    bytes_ += taken;
    if (open + taken == lane_block_bytes) {
        const Lane full = lane(open_.data());
        run_lanes(digest_, {&full, 1}, 1);
    }
    return bytes.subspan(taken);
}

LaneStream::Digests LaneStream::finish() {
    const std::size_t open = bytes_ % lane_block_bytes;
    std::array<std::byte, 2 * lane_block_bytes> last{};
    std::copy_n(open_.begin(), open, last.begin());
    last[open] = std::byte{0x80};
    const std::size_t blocks = open + 1 + sizeof bytes_ <= lane_block_bytes ? 1 : 2;
    std::byte* const length = last.data() + blocks * lane_block_bytes - sizeof bytes_;
    const std::uint64_t bits = bytes_ * 8;
    const Lane ending = lane(last.data());
    Digests digests;
    if (digest_ != LaneDigest::sha256) {
        std::memcpy(length, &bits, sizeof bits);
        run_lanes(LaneDigest::md5, {&ending, 1}, blocks);
        digests.md5.assign(reinterpret_cast<const char*>(md5_.data()), sizeof md5_);
    }
    if (digest_ != LaneDigest::md5) {
        const std::uint64_t swapped = std::byteswap(bits);
        std::memcpy(length, &swapped, sizeof swapped);
        run_lanes(LaneDigest::sha256, {&ending, 1}, blocks);
        for (const std::uint32_t word : sha256_) append_be32(digests.sha256, word);
    }
    begin();
    return digests;
}

// One call of update_together for the streams of one LaneDigest, at most kernel_lanes_max at a
// time.
class LaneRun {
  public:
    explicit LaneRun(LaneDigest digest) : digest_(digest) {}

    void add(const LaneInput& input) {
        if (busy_ == kernel_lanes_max) advance();
        inputs_[busy_] = input;
        ++busy_;
        settle(busy_ - 1);
    }
    void finish() {
        while (busy_ > 0) advance();
    }

  private:
    // As many blocks as all have; at least one lane is free afterwards.
    void advance() {
        std::array<Lane, kernel_lanes_max> lanes;
        std::size_t blocks = inputs_[0].bytes.size() / lane_block_bytes;
        for (std::size_t i = 0; i < busy_; ++i) {
            lanes[i] = inputs_[i].stream->lane(inputs_[i].bytes.data());
            blocks = std::min(blocks, inputs_[i].bytes.size() / lane_block_bytes);
        }
        run_lanes(digest_, std::span(lanes).first(busy_), blocks);
        for (std::size_t i = busy_; i > 0; --i) {
            LaneInput& input = inputs_[i - 1];
            input.bytes = input.bytes.subspan(blocks * lane_block_bytes);
            input.stream->bytes_ += blocks * lane_block_bytes;
            settle(i - 1);
        }
    }
    // Sees to it that a lane has whole blocks to run; else it is given up.
    void settle(std::size_t i) {
        LaneInput& input = inputs_[i];
        while (!input.bytes.empty()) {
            const std::size_t before = input.bytes.size();
            input.bytes = input.stream->take_odd_bytes(input.bytes);
            if (input.bytes.size() == before) return;
        }
        --busy_;
        inputs_[i] = inputs_[busy_];
    }

    const LaneDigest digest_;
    std::array<LaneInput, kernel_lanes_max> inputs_ = {};
    std::size_t busy_ = 0;
};

void update_together(std::span<const LaneInput> inputs) {
    for (const LaneDigest digest : each_digest) {
        LaneRun run(digest);
        for (const LaneInput& input : inputs) {
            if (input.stream->digest() == digest) run.add(input);
        }
        run.finish();
    }
}

}  // namespace weir::hash
