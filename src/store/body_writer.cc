#include "store/body_writer.h"

#include "base/bytes.h"
#include "base/check.h"
#include "meta/keys.h"
#include "meta/records.h"

namespace weir::store {
namespace {

// CRC64NVME comes from the block checksums; nothing computes it twice.
hash::AlgorithmSet without_crc64nvme(hash::AlgorithmSet algorithms) {
    hash::AlgorithmSet others;
    for (const hash::Algorithm algorithm : hash::all_algorithms) {
        if (algorithm != hash::Algorithm::crc64nvme && algorithms.contains(algorithm))
            others.insert(algorithm);
    }
    return others;
}

}  // namespace

UncommittedBlob::~UncommittedBlob() {
    if (!writer_) return;
    if (writer_->discard()) {
        in_flight_->end(bound_);
    } else {
        in_flight_->leave({.blob = writer_->id(), .bound = bound_});
    }
}

void UncommittedBlob::keep() {
    CHECK(writer_ != nullptr);
    writer_.reset();
    in_flight_->end(bound_);
}

void UncommittedBlob::abandon() {
    CHECK(writer_ != nullptr);
    in_flight_->leave({.blob = writer_->id(), .bound = bound_});
    writer_.reset();
}

BodyWriter::BodyWriter(const Context& context, InFlight& in_flight, Plan plan)
    : context_(context),
      in_flight_(in_flight),
      plan_(std::move(plan)),
      digester_(without_crc64nvme(plan_.algorithms)),
      block_crcs_(checksum_block_bytes) {
    if (plan_.slot) {
        writer_ = plan_.slot->writer.get();
        base_offset_ = plan_.slot->offset;
    }
}

void BodyWriter::discard() {
    writer_ = nullptr;
    blob_.reset();
    plan_.slot.reset();
}

bool BodyWriter::stays_inline(std::size_t more) const {
    return writer_ == nullptr && plan_.may_be_inline &&
           inline_bytes_.size() + more <= context_.limits.inline_object_bytes_max;
}

Result<void> BodyWriter::open_blob() {
    const std::uint64_t bound = in_flight_.begin();
    Result<std::unique_ptr<blob::Writer>> writer =
        context_.blobs.create({.size_bytes = plan_.size_bytes});
    if (!writer) {
        in_flight_.end(bound);
        return fail(std::move(writer).error());
    }
    blob_ = std::make_unique<UncommittedBlob>(*std::move(writer), in_flight_, bound);
    writer_ = &blob_->writer();
    return {};
}

Result<void> BodyWriter::write_to_blob(std::span<const std::byte> bytes) {
    if (plan_.slot && size_bytes_ + bytes.size() > plan_.slot->length_max)
        return fail(Code::invalid_request, "The part is longer than its Content-Length said");
    return writer_->write_at(base_offset_ + size_bytes_, bytes);
}

Result<void> BodyWriter::write(std::span<const std::byte> bytes) {
    const hash::DigesterInput input = digester_input(bytes);
    hash::update_together({&input, 1});
    return store(bytes);
}

Result<void> BodyWriter::store(std::span<const std::byte> bytes) {
    if (bytes.empty()) return {};
    if (stays_inline(bytes.size())) {
        inline_bytes_.append(as_text(bytes));
        size_bytes_ += bytes.size();
        return {};
    }
    if (writer_ == nullptr) {
        TRY_VOID(open_blob());
        if (!inline_bytes_.empty()) TRY_VOID(writer_->write_at(0, as_bytes(inline_bytes_)));
        inline_bytes_.clear();
    }
    TRY_VOID(write_to_blob(bytes));
    size_bytes_ += bytes.size();
    return {};
}

Result<StoredBody> BodyWriter::finish() {
    if (plan_.size_bytes && *plan_.size_bytes != size_bytes_) return fail(Code::incomplete_body);
    const hash::BlockCrcs::Sums sums = block_crcs_.finish();
    CHECK(sums.bytes == size_bytes_);
    StoredBody body;
    body.size_bytes = size_bytes_;
    body.crc64nvme = sums.whole;
    body.digests = digester_.finish();
    std::string crc;
    append_be64(crc, sums.whole);
    body.digests.set(hash::Algorithm::crc64nvme, std::move(crc));
    if (writer_ == nullptr) {
        body.inline_bytes = std::move(inline_bytes_);
        return body;
    }
    if (blob_) {
        TRY_VOID(writer_->seal(size_bytes_));
    } else {
        TRY_VOID(writer_->sync());
    }
    if (size_bytes_ == 0) return body;
    meta::Extent& extent = body.extents.emplace_back();
    extent.set_blob(writer_->id().encode());
    extent.set_offset(base_offset_);
    extent.set_length(size_bytes_);
    extent.set_home(plan_.home.value());
    extent.set_slot(plan_.slot.has_value());
    meta::BlockChecksums blocks;
    blocks.set_block_bytes(static_cast<std::uint32_t>(checksum_block_bytes));
    blocks.set_length(size_bytes_);
    for (const std::uint64_t block : sums.blocks) blocks.add_crc64nvme(block);
    body.checksum_rows.push_back(
        {meta::checksum_row(extent.blob(), extent.offset()), meta::encode(blocks)});
    body.blob = std::move(blob_);
    if (plan_.slot) body.shared = plan_.slot->writer;
    return body;
}

}  // namespace weir::store
