#include "mount/streams.h"

#include <algorithm>

namespace weir::mount {
namespace {

// The kernel asks out of order: so far from where a stream is it still belongs to it.
constexpr std::uint64_t reach_bytes = 2 * MiB;

}  // namespace

Streams::Stream* Streams::find(std::uint64_t offset, std::uint64_t bytes) {
    Stream* best = nullptr;
    std::uint64_t nearest = reach_bytes + 1;
    for (Stream& each : streams_) {
        const std::uint64_t distance =
            offset > each.at ? offset - each.at : each.at - std::min(each.at, offset + bytes);
        if (distance < nearest) {
            nearest = distance;
            best = &each;
        }
    }
    return best;
}

Streams::Next Streams::reads(std::uint64_t offset, std::uint64_t bytes) {
    Stream* stream = find(offset, bytes);
    const std::uint64_t end = std::min(offset + bytes, file_bytes_);
    if (stream == nullptr) {
        if (streams_.size() >= streams_max_)
            streams_.erase(std::ranges::min_element(streams_, {}, &Stream::used));
        // Who begins at the beginning will most likely go on.
        const std::uint64_t window = offset == 0 ? window_bytes_min_ : 0;
        stream = &streams_.emplace_back(
            Stream{.at = end, .window = window, .fetched = end, .discarded = offset});
    } else {
        if (end > stream->at && stream->window == 0) stream->window = window_bytes_min_;
        stream->at = std::max(stream->at, end);
        stream->fetched = std::max(stream->fetched, stream->at);
    }
    stream->used = ++now_;
    Next next;
    const std::uint64_t ahead = stream->fetched - stream->at;
    if (stream->window > 0 && ahead <= stream->window / 2 && stream->fetched < file_bytes_) {
        const std::uint64_t to = std::min(file_bytes_, stream->at + stream->window);
        if (to > stream->fetched) {
            next.fetch = {stream->fetched, to - stream->fetched};
            stream->fetched = to;
        }
        stream->window = std::min(stream->window * 2, window_bytes_max_);
    }
    if (stream->at > stream->discarded + 2 * kept_bytes_) {
        const std::uint64_t to = stream->at - kept_bytes_;
        next.behind = {stream->discarded, to - stream->discarded};
        stream->discarded = to;
    }
    return next;
}

}  // namespace weir::mount
