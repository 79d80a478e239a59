#include "client/download.h"

#include <algorithm>
#include <cstring>

#include "hash/crc.h"
#include "hash/crc_combine.h"

namespace weir::client {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t durations_max = 64;
// Who has nothing to do looks so often for ranges that straggle.
constexpr milliseconds look_slice{20};
constexpr unsigned straggles_at_medians = 4;

std::uint64_t part_bytes_of(const S3Client& client, const TransferOptions& options) {
    return options.part_bytes > 0 ? options.part_bytes : client.limits().transfer_part_bytes;
}

Error cancelled() { return Error(Code::cancelled, "another request has taken over"); }

}  // namespace

Download::Download(S3Client& client, const DownloadRequest& request, const ObjectInfo& object,
                   ByteSpan span, Sink& sink, const TransferOptions& options,
                   const net::Interrupt& interrupt, const Call& call)
    : client_(client),
      request_(request),
      object_(object),
      span_(span),
      sink_(sink),
      options_(options),
      interrupt_(interrupt),
      call_(call),
      part_bytes_(part_bytes_of(client, options)),
      crcs_(static_cast<std::size_t>((span.length + part_bytes_ - 1) / part_bytes_)) {}

std::uint64_t Download::crc64nvme() const {
    std::uint64_t crc = 0, left = span_.length;
    // All but the last have one length.
    const hash::CrcCombiner combiner(hash::Algorithm::crc64nvme, part_bytes_);
    for (const std::uint64_t range_crc : crcs_) {
        crc = left >= part_bytes_ ? combiner.combine(crc, range_crc)
                                  : hash::combine(hash::Algorithm::crc64nvme, crc, range_crc, left);
        left -= std::min(left, part_bytes_);
    }
    return crc;
}

unsigned Download::hedged() const {
    MutexLock lock(mutex_);
    return hedged_;
}

milliseconds Download::patience() {
    const milliseconds least(client_.limits().hedge_after_ms);
    std::vector<Clock::duration> sorted = durations_;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    return std::max(least, std::chrono::ceil<milliseconds>(*middle * straggles_at_medians));
}

Download::RangePointer Download::straggler() {
    if (!options_.hedge || durations_.empty()) return nullptr;
    const milliseconds patient = patience();
    const std::uint64_t hedged_max =
        std::max(span_.length / 100 * client_.limits().hedge_percent, part_bytes_);
    for (const RangePointer& range : active_) {
        if (range->helped || Clock::now() - range->began < patient) continue;
        const std::uint64_t left = range->span.length - range->received.load();
        if (left == 0 || hedged_bytes_ + left > hedged_max) continue;
        range->helped = true;
        hedged_bytes_ += left;
        ++hedged_;
        return range;
    }
    return nullptr;
}

std::optional<Download::Job> Download::take() {
    MutexLock lock(mutex_);
    for (;;) {
        if (interrupt_.interrupted()) return std::nullopt;
        if (next_ < crcs_.size()) {
            const std::uint64_t begin = next_ * part_bytes_;
            const ByteSpan span{.offset = span_.offset + begin,
                                .length = std::min(part_bytes_, span_.length - begin)};
            active_.push_back(std::make_shared<Range>(next_++, span, interrupt_));
            return Job{.range = active_.back()};
        }
        if (active_.empty()) return std::nullopt;
        if (RangePointer range = straggler()) return Job{.range = std::move(range), .second = true};
        changed_.wait_for(mutex_, look_slice);
    }
}

Result<bool> Download::step() {
    const std::optional<Job> job = take();
    if (!job && interrupt_.interrupted())
        return fail(Code::cancelled, "the transfer was interrupted");
    if (!job) return false;
    TRY_VOID(job->second ? fetch_again(job->range) : fetch(job->range));
    return true;
}

GetObjectRequest Download::get_request(const Range& range, std::uint64_t from) const {
    return {
        .bucket = request_.bucket,
        .key = request_.key,
        .version_id = request_.version_id,
        .if_match = object_.etag,
        .range = ByteSpan{.offset = range.span.offset + from, .length = range.span.length - from}};
}

Result<void> Download::finish(Range& range) {
    crcs_[range.index] = range.crc;
    MutexLock lock(mutex_);
    range.done = true;
    // Whoever else is at it need not go on.
    if (range.helped) range.second.interrupt();
    const Clock::duration took = Clock::now() - range.began;
    if (durations_.size() < durations_max) {
        durations_.push_back(took);
    } else {
        durations_[oldest_duration_++ % durations_max] = took;
    }
    std::erase_if(active_, [&range](const RangePointer& other) { return other.get() == &range; });
    changed_.notify_all();
    return {};
}

Result<void> Download::deliver(Range& range, std::uint64_t offset,
                               std::span<const std::byte> piece) {
    if (range.memory.empty()) {
        TRY_VOID(sink_.write(offset, piece));
    } else {
        std::memcpy(range.memory.data() + (offset - range.span.offset), piece.data(), piece.size());
    }
    range.crc = hash::crc64nvme(range.crc, piece);
    range.received += piece.size();
    progress(piece.size());
    return {};
}

Result<void> Download::fetch_into_memory(Range& range) {
    GetObjectRequest request = get_request(range, 0);
    request.crc64nvme = true;
    const Result<GetObjectReply> reply = client_.get_object(
        request, Destination{.memory = range.memory, .received = &range.received},
        {.interrupt = &range.first, .timeout = call_.timeout});
    if (!reply) {
        // What is there is there: whoever goes on needs its checksum.
        range.crc = hash::crc64nvme(0, range.memory.first(range.received.load()));
        return fail(reply.error());
    }
    range.crc = *reply->crc64nvme;
    progress(range.span.length);
    return {};
}

Result<void> Download::fetch_by_pieces(Range& range) {
    const auto take = [&](std::uint64_t offset, std::span<const std::byte> piece) {
        return deliver(range, offset, piece);
    };
    const Result<GetObjectReply> reply = client_.get_object(
        get_request(range, 0), take, {.interrupt = &range.first, .timeout = call_.timeout});
    if (!reply) return fail(reply.error());
    return {};
}

Result<void> Download::fetch(const RangePointer& range) {
    range->memory = sink_.memory(range->span.offset, range->span.length);
    const Result<void> fetched =
        range->memory.empty() ? fetch_by_pieces(*range) : fetch_into_memory(*range);
    if (fetched && range->received.load() != range->span.length)
        return fail(Code::corrupt, "the object ended before a range of it did");
    if (fetched) {
        if (!range->memory.empty()) TRY_VOID(sink_.write(range->span.offset, range->memory));
        return finish(*range);
    }
    MutexLock lock(mutex_);
    range->first_gone = true;
    changed_.notify_all();
    // The second request has it now, or may still save it.
    if (range->helped && !interrupt_.interrupted()) {
        range->first_error = fetched.error();
        return {};
    }
    return fail(fetched.error());
}

// The second request has got further than the first: waits until that has let go. False if it got
// to the end meanwhile.
Result<bool> Download::take_over(Range& range) {
    range.first.interrupt();
    MutexLock lock(mutex_);
    while (!range.first_gone && !range.done) changed_.wait(mutex_);
    return !range.done;
}

Result<void> Download::fetch_again(const RangePointer& range) {
    bool owns = false;
    const auto take = [&](std::uint64_t offset, std::span<const std::byte> piece) -> Result<void> {
        const auto written = [&] { return range->span.offset + range->received.load(); };
        if (!owns) {
            if (offset + piece.size() <= written()) return {};
            TRY(owns, take_over(*range));
            if (!owns) return fail(cancelled());
        }
        const std::uint64_t end = offset + piece.size(), from = std::max(offset, written());
        if (end <= from) return {};
        return deliver(*range, from, piece.last(static_cast<std::size_t>(end - from)));
    };
    const Result<GetObjectReply> reply =
        client_.get_object(get_request(*range, range->received.load()), take,
                           {.interrupt = &range->second, .timeout = call_.timeout});
    if (owns) {
        if (!reply) return fail(reply.error());
        if (range->received.load() != range->span.length)
            return fail(Code::corrupt, "the object ended before a range of it did");
        if (!range->memory.empty()) TRY_VOID(sink_.write(range->span.offset, range->memory));
        return finish(*range);
    }
    // The first one was faster, or is all that is left, or had failed and waited for this.
    MutexLock lock(mutex_);
    if (range->done || !range->first_gone) {
        range->helped = range->done;
        return {};
    }
    return fail(range->first_error.value_or(reply ? Error(Code::internal_error) : reply.error()));
}

}  // namespace weir::client
