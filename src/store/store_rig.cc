#include "store/store_rig.h"

#include <future>

#include <stdlib.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>

#include "base/bytes.h"
#include "blob/local/store.h"
#include "io/posix_disk.h"
#include "kv/rocksdb/engine.h"
#include "meta/keys.h"
#include "meta/version.h"
#include "store/orphans.h"

namespace weir::store {

struct Rig::Embedded {
    io::PosixDisk disk;
};

std::uint64_t test_seed() {
    const char* given = std::getenv("WEIR_TEST_SEED");
    const std::uint64_t seed =
        given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::cout << "WEIR_TEST_SEED=" << seed << std::endl;
    return seed;
}

std::string content(std::uint64_t seed, std::size_t size) {
    std::mt19937_64 random(seed);
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; i += 4096) bytes[i] = static_cast<char>(random());
    for (std::size_t i = 0; i < std::min<std::size_t>(size, 64); ++i)
        bytes[i] = static_cast<char>(random());
    if (size > 0) bytes.back() = static_cast<char>(random());
    return bytes;
}

std::string md5_hex(std::string_view bytes) {
    return hex_encode(hash::digest(hash::Algorithm::md5, as_bytes(bytes)));
}

Rig::Rig(Kind kind, kv::memory::Options options) : kind_(kind), log_(null_log()) {
    if (kind == Kind::memory) {
        kv_ = std::make_unique<kv::memory::Engine>(options, limits_);
        blobs_ = std::make_unique<blob::memory::Store>();
    } else {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "weir_store_XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        embedded_ = std::make_unique<Embedded>();
        kv_ = must(kv::rocksdb::Engine::open({.path = folder_ + "/db"}, limits_, *log_));
    }
    must(kv_->create_partition(meta::system_partition));
    restart();
}

Rig::~Rig() {
    store_.reset();
    blobs_.reset();
    kv_.reset();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

void Rig::restart() {
    store_.reset();
    interposed_ = nullptr;
    writer_ = must(register_writer(*kv_));
    if (kind_ == Kind::embedded)
        blobs_ = must(blob::local::Store::open({.root = folder_ + "/blobs", .writer = writer_},
                                               embedded_->disk, *log_));
    store_ = std::make_unique<ObjectStore>(context());
}

void Rig::interpose(kv::Engine& engine) {
    interposed_ = &engine;
    store_ = std::make_unique<ObjectStore>(context());
}

kv::memory::Engine& Rig::memory_kv() { return dynamic_cast<kv::memory::Engine&>(*kv_); }

Context Rig::context() {
    return Context{.kv = interposed_ != nullptr ? *interposed_ : *kv_,
                   .blobs = *blobs_,
                   .clock = clock_,
                   .log = *log_,
                   .limits = limits_,
                   .settings = {},
                   .source = {.region = 0, .writer = writer_}};
}

Bucket Rig::bucket(const std::string& name, meta::Versioning versioning) {
    const Bucket bucket = must(store_->create_bucket(name, "owner", ""));
    if (versioning != meta::VERSIONING_UNSET) must(store_->set_versioning(bucket, versioning));
    return bucket;
}

Result<void> commit_and_wait(ObjectStore& store, const Bucket& bucket,
                             ObjectStore::PreparedPut& prepared) {
    std::promise<Result<void>> outcome;
    store.commit_put(bucket, prepared,
                     [&](Result<void> done) { outcome.set_value(std::move(done)); });
    return outcome.get_future().get();
}

Result<meta::ObjectRecord> put_prepared(ObjectStore& store, const Bucket& bucket,
                                        const PutRequest& request, StoredBody body) {
    Result<ObjectStore::PreparedPut> prepared = store.prepare_put(bucket, request, body);
    const Result<void> committed =
        prepared ? commit_and_wait(store, bucket, *prepared) : Result<void>(fail(prepared.error()));
    if (committed) return std::move(prepared->record);
    const Code code = committed.error().code();
    if (code == Code::would_block || code == Code::conflict)
        return store.put(bucket, request, std::move(body));
    if (!prepared) return fail(committed.error());
    TRY(const bool applied, store.was_put(bucket, *prepared, committed.error()));
    if (!applied) return fail(committed.error());
    return std::move(prepared->record);
}

Result<meta::ObjectRecord> Rig::put(const Bucket& bucket, const std::string& key,
                                    const std::string& bytes, Precondition precondition) {
    BodyWriter writer = store_->begin_body(bucket, bytes.size(), {hash::Algorithm::md5});
    TRY_VOID(writer.write(as_bytes(bytes)));
    TRY(StoredBody stored, writer.finish());
    PutRequest request{.key = key,
                       .headers = {},
                       .etag = hex_encode(*stored.digests[hash::Algorithm::md5]),
                       .checksums = {},
                       .precondition = std::move(precondition)};
    return store_->put(bucket, request, std::move(stored));
}

Result<std::string> Rig::body(const Bucket& bucket, const std::string& key,
                              const meta::ObjectRecord& record) {
    return body(bucket, key, record, 0, record.size_bytes());
}

Result<std::string> Rig::body(const Bucket& bucket, const std::string& key,
                              const meta::ObjectRecord& record, std::uint64_t offset,
                              std::uint64_t length) {
    TRY(const Body body, store_->open_body(bucket, key, record, offset, length));
    std::string bytes = body.bytes;
    for (const Body::Piece& piece : body.pieces) {
        std::string run(piece.length, '\0');
        TRY_VOID(piece.reader->read_at(piece.offset, std::as_writable_bytes(std::span(run))));
        bytes += run;
    }
    return bytes;
}

Result<std::string> Rig::get(const Bucket& bucket, const std::string& key,
                             const std::optional<meta::VersionName>& version) {
    Result<std::string> bytes;
    for (int look = 0; look < 100; ++look) {
        TRY(const Found found, store_->find(bucket, key, version));
        if (found.record.delete_marker()) return fail(Code::no_such_key);
        bytes = body(bucket, key, found.record);
        if (bytes || bytes.error().code() != Code::conflict) break;
    }
    return bytes;
}

Result<KeyChange::Removed> Rig::remove(const Bucket& bucket, const std::string& key,
                                       const std::optional<meta::VersionName>& version) {
    return store_->remove(bucket, {.key = key, .version = version, .precondition = {}});
}

Result<CopyResult> Rig::copy(const Bucket& from, const std::string& source, const Bucket& to,
                             const std::string& key) {
    CopyRequest request;
    request.source_bucket = &from;
    request.source_key = source;
    request.key = key;
    return store_->copy(to, request);
}

Result<std::string> Rig::create_upload(const Bucket& bucket, const std::string& key,
                                       const std::string& algorithm, meta::ChecksumType type) {
    return store_->create_upload(bucket, {.key = key,
                                          .headers = {},
                                          .checksum_algorithm = algorithm,
                                          .checksum_type = type,
                                          .owner = "owner"});
}

Result<meta::PartRecord> Rig::put_part(const Bucket& bucket, const PartId& part,
                                       const std::string& bytes, const std::string& algorithm) {
    const std::optional<hash::Algorithm> named = hash::algorithm_by_name(algorithm);
    hash::AlgorithmSet algorithms{hash::Algorithm::md5};
    if (named) algorithms.insert(*named);
    TRY(BodyWriter writer, store_->begin_part(bucket, part, bytes.size(), algorithms));
    // In two pieces, as a network brings them.
    const std::string_view view(bytes);
    TRY_VOID(writer.write(as_bytes(view.substr(0, bytes.size() / 2))));
    TRY_VOID(writer.write(as_bytes(view.substr(bytes.size() / 2))));
    TRY(StoredBody stored, writer.finish());
    std::vector<meta::Checksum> checksums;
    if (named) {
        checksums.emplace_back().set_algorithm(algorithm);
        checksums.back().set_value(*stored.digests[*named]);
    }
    const std::string etag = hex_encode(*stored.digests[hash::Algorithm::md5]);
    return store_->put_part(bucket, part, etag, std::move(checksums), std::move(stored));
}

Result<meta::ObjectRecord> Rig::complete(const Bucket& bucket, const std::string& key,
                                         const std::string& upload_id,
                                         const std::vector<std::uint32_t>& parts) {
    CompleteRequest request;
    request.key = key;
    request.upload_id = upload_id;
    TRY(const PartsListing listed, store_->list_parts(bucket, key, upload_id, 0, 10'000));
    for (const ListedPart& part : listed.parts) {
        if (!parts.empty() && std::ranges::find(parts, part.part_number) == parts.end()) continue;
        request.parts.push_back({part.part_number, part.record.etag(), {}});
    }
    return store_->complete_upload(bucket, request);
}

Result<void> Rig::reclaim() {
    Reclaimer reclaimer(*store_, writer_);
    // Twice: what the first pass gives back may be what the second waits for.
    TRY_VOID(reclaimer.run_once(clock_.now() + day_nanos));
    return reclaimer.run_once(clock_.now() + day_nanos);
}

std::vector<blob::BlobInfo> Rig::all_blobs() {
    std::vector<blob::BlobInfo> blobs;
    must(blobs_->list({}, [&](const blob::BlobInfo& info) {
        blobs.push_back(info);
        return true;
    }));
    return blobs;
}

void Rig::flip_bit(blob::BlobId blob, std::uint64_t offset) {
    std::fstream file(blob::local::blob_path(folder_ + "/blobs", blob),
                      std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(static_cast<std::streamoff>(offset));
    ASSERT_TRUE(file.put(byte));
}

std::vector<kv::Row> Rig::rows(kv::PartitionId partition, char kind) {
    std::vector<kv::Row> rows;
    must(kv::scan_all(*kv_, partition, kv::prefix_range(std::string(1, kind)),
                      [&](std::string_view key, std::string_view value) {
                          rows.push_back({std::string(key), std::string(value)});
                          return true;
                      }));
    return rows;
}

std::vector<std::string> Rig::rows_left(kv::PartitionId partition) {
    std::vector<std::string> left;
    for (const char kind : std::string_view("otvdupgbc"))
        for (const kv::Row& row : rows(partition, kind)) left.push_back(row.key);
    return left;
}

void Rig::expect_all_readable(const Bucket& bucket) {
    const meta::VersionsListing listing = must(store_->list_versions(bucket, {}));
    ASSERT_FALSE(listing.truncated);
    for (const meta::ListedVersion& listed : listing.versions) {
        if (listed.record.delete_marker()) continue;
        const Result<std::string> bytes = body(bucket, listed.key, listed.record);
        ASSERT_TRUE(bytes) << listed.key << ": " << bytes.error().describe();
        std::string crc;
        append_be64(crc, listed.record.crc64nvme());
        EXPECT_EQ(hash::digest(hash::Algorithm::crc64nvme, as_bytes(*bytes)), crc) << listed.key;
    }
}

std::string kind_name(const ::testing::TestParamInfo<Rig::Kind>& info) {
    return info.param == Rig::Kind::memory ? "Memory" : "Embedded";
}

}  // namespace weir::store
