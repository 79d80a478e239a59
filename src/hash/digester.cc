#include "hash/digester.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "hash/crc.h"
#include "hash/evp.h"

namespace weir::hash {
namespace {

// Sixteen streams' steps fit the second-level cache of every server of the last ten years, with
// room for what else runs there.
constexpr std::size_t step_bytes = 16 * 1024;

std::optional<LaneDigest> lane_digest(AlgorithmSet algorithms) {
    const bool md5 = algorithms.contains(Algorithm::md5);
    const bool sha256 = algorithms.contains(Algorithm::sha256);
    if (md5 && sha256) return LaneDigest::both;
    if (md5) return LaneDigest::md5;
    if (sha256) return LaneDigest::sha256;
    return std::nullopt;
}

}  // namespace

class Digester::Stream {
  public:
    explicit Stream(Algorithm algorithm) : algorithm_(algorithm) {}
    virtual ~Stream() = default;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    Algorithm algorithm() const { return algorithm_; }
    virtual void update(std::span<const std::byte> bytes) = 0;
    // The digest; the stream begins anew.
    virtual std::string finish() = 0;

  private:
    Algorithm algorithm_;
};

class Digester::CrcStream final : public Stream {
  public:
    using Stream::Stream;

    void update(std::span<const std::byte> bytes) override { crc_ = crc(algorithm(), crc_, bytes); }
    std::string finish() override {
        std::string digest;
        const std::uint64_t last = std::exchange(crc_, 0);
        if (info(algorithm()).digest_bytes == 4) {
            append_be32(digest, static_cast<std::uint32_t>(last));
        } else {
            append_be64(digest, last);
        }
        return digest;
    }

  private:
    std::uint64_t crc_ = 0;
};

class Digester::EvpStream final : public Stream {
  public:
    explicit EvpStream(Algorithm algorithm) : Stream(algorithm), context_(new_evp_md_context()) {
        evp_begin(context_.get(), algorithm);
    }

    void update(std::span<const std::byte> bytes) override { evp_update(context_.get(), bytes); }
    std::string finish() override {
        std::string digest = evp_finish(context_.get(), algorithm());
        evp_begin(context_.get(), algorithm());
        return digest;
    }

  private:
    EvpMdContext context_;
};

namespace {

template <typename Canonical>
std::string canonical_bytes(const Canonical& canonical) {
    return {reinterpret_cast<const char*>(canonical.digest), sizeof canonical.digest};
}

// xxHash's three streaming interfaces, under the same names.
struct Xxh64Functions {
    using State = XXH64_state_t;
    static void begin(State* state) { XXH64_reset(state, 0); }
    static void update(State* state, std::span<const std::byte> bytes) {
        XXH64_update(state, bytes.data(), bytes.size());
    }
    static std::string finish(const State* state) {
        XXH64_canonical_t canonical;
        XXH64_canonicalFromHash(&canonical, XXH64_digest(state));
        return canonical_bytes(canonical);
    }
};

struct Xxh3Functions {
    using State = XXH3_state_t;
    static void begin(State* state) { XXH3_64bits_reset(state); }
    static void update(State* state, std::span<const std::byte> bytes) {
        XXH3_64bits_update(state, bytes.data(), bytes.size());
    }
    static std::string finish(const State* state) {
        XXH64_canonical_t canonical;
        XXH64_canonicalFromHash(&canonical, XXH3_64bits_digest(state));
        return canonical_bytes(canonical);
    }
};

struct Xxh128Functions {
    using State = XXH3_state_t;
    static void begin(State* state) { XXH3_128bits_reset(state); }
    static void update(State* state, std::span<const std::byte> bytes) {
        XXH3_128bits_update(state, bytes.data(), bytes.size());
    }
    static std::string finish(const State* state) {
        XXH128_canonical_t canonical;
        XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
        return canonical_bytes(canonical);
    }
};

}  // namespace

template <typename Functions>
class Digester::XxhStream final : public Stream {
  public:
    explicit XxhStream(Algorithm algorithm) : Stream(algorithm) { Functions::begin(&state_); }

    void update(std::span<const std::byte> bytes) override { Functions::update(&state_, bytes); }
    std::string finish() override {
        std::string digest = Functions::finish(&state_);
        Functions::begin(&state_);
        return digest;
    }

  private:
    typename Functions::State state_ = {};
};

std::unique_ptr<Digester::Stream> Digester::make_stream(Algorithm algorithm) {
    switch (algorithm) {
        case Algorithm::crc32:
        case Algorithm::crc32c:
        case Algorithm::crc64nvme:
            return std::make_unique<CrcStream>(algorithm);
        case Algorithm::sha1:
        case Algorithm::sha512:
            return std::make_unique<EvpStream>(algorithm);
        case Algorithm::xxhash64:
            return std::make_unique<XxhStream<Xxh64Functions>>(algorithm);
        case Algorithm::xxhash3:
            return std::make_unique<XxhStream<Xxh3Functions>>(algorithm);
        case Algorithm::xxhash128:
            return std::make_unique<XxhStream<Xxh128Functions>>(algorithm);
        case Algorithm::md5:
        case Algorithm::sha256:
            break;
    }
    return nullptr;
}

Digester::Digester(AlgorithmSet algorithms) : algorithms_(algorithms) {
    if (const std::optional<LaneDigest> digest = lane_digest(algorithms)) lanes_.emplace(*digest);
    for (const Algorithm algorithm : all_algorithms) {
        if (!algorithms.contains(algorithm)) continue;
        if (std::unique_ptr<Stream> stream = make_stream(algorithm))
            streams_.push_back(std::move(stream));
    }
}

Digester::~Digester() = default;
Digester::Digester(Digester&& other) noexcept = default;
Digester& Digester::operator=(Digester&& other) noexcept = default;

void Digester::update(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const std::span<const std::byte> step = bytes.first(std::min(bytes.size(), step_bytes));
        if (lanes_) {
            const LaneInput input{&*lanes_, step};
            update_together(std::span(&input, 1));
        }
        update_streams(step);
        bytes = bytes.subspan(step.size());
    }
}

void Digester::update_streams(std::span<const std::byte> bytes) {
    for (const std::unique_ptr<Stream>& stream : streams_) stream->update(bytes);
}

Digests Digester::finish() {
    Digests digests;
    if (lanes_) {
        LaneStream::Digests finished = lanes_->finish();
        if (!finished.md5.empty()) digests.set(Algorithm::md5, std::move(finished.md5));
        if (!finished.sha256.empty()) digests.set(Algorithm::sha256, std::move(finished.sha256));
    }
    for (const std::unique_ptr<Stream>& stream : streams_) {
        digests.set(stream->algorithm(), stream->finish());
    }
    return digests;
}

// Step by step, so that what one digest has seen is in the cache for the next.
void update_together(std::span<const DigesterInput> inputs) {
    std::vector<LaneInput> lanes;
    std::size_t longest = 0;
    for (const DigesterInput& input : inputs) longest = std::max(longest, input.bytes.size());
    for (std::size_t done = 0; done < longest; done += step_bytes) {
        lanes.clear();
        for (const DigesterInput& input : inputs) {
            if (done >= input.bytes.size()) continue;
            const std::span<const std::byte> step =
                input.bytes.subspan(done, std::min(input.bytes.size() - done, step_bytes));
            if (input.digester->lanes_) lanes.push_back({&*input.digester->lanes_, step});
            input.digester->update_streams(step);
            if (input.block_crcs != nullptr) input.block_crcs->update(step);
        }
        update_together(lanes);
    }
}

std::string digest(Algorithm algorithm, std::span<const std::byte> bytes) {
    Digester digester({algorithm});
    digester.update(bytes);
    return *digester.finish()[algorithm];
}

}  // namespace weir::hash
