// What a request costs apart from its bytes: signatures, targets, XML, records, a page of a
// listing. `ninja codec_bench`, then `codec_bench [--benchmark_filter=...]`; one core.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"
#include "hash/hmac.h"
#include "kv/rocksdb/engine.h"
#include "meta/keys.h"
#include "meta/listing.h"
#include "meta/records.h"
#include "s3/proto/model_list.h"
#include "s3/proto/model_object.h"
#include "s3/proto/model_time.h"
#include "s3/proto/operations.h"
#include "s3/proto/sigv4.h"
#include "s3/proto/uri.h"

namespace weir {
namespace {

constexpr std::string_view raw_target = "/my-models/llama-3/model-00002-of-00004.safetensors";
constexpr std::string_view timestamp = "20261123T120000Z";
constexpr std::size_t page_keys = 1000;
const kv::PartitionId partition{2000};

// A GET as boto3 signs it; owns what the view looks at.
class SignedGet {
  public:
    SignedGet() : target_(s3::parse_target(raw_target).value()) {
        view_.method = "GET";
        view_.host = "localhost:9000";
        view_.bucket = "my-models";
        view_.key = std::string_view(target_.path).substr(view_.bucket.size() + 2);
        view_.headers = {{"Host", "localhost:9000"},
                         {"User-Agent", "Boto3/1.43.0 md/Botocore#1.43.0"},
                         {"x-amz-checksum-mode", "ENABLED"},
                         {"X-Amz-Date", timestamp},
                         {"X-Amz-Content-SHA256", empty_sha256_},
                         {"Authorization", authorization_}};
        // Signed with the digits of nothing first, to learn what there is to sign.
        set_signature(std::string(64, '0'));
        const s3::SignatureV4 parsed = s3::parse_signature_v4(request()).value();
        const std::string text = s3::string_to_sign_v4(
            parsed, s3::canonical_request_v4(request(), parsed, target_.path));
        set_signature(hex_encode(hash::hmac_sha256(key().bytes, text)));
    }

    s3::SignedRequest request() const {
        return {.view = view_, .path = target_.path, .raw_path = target_.raw_path};
    }
    const s3::SigningKey& key() const { return key_; }

  private:
    void set_signature(const std::string& digits) {
        authorization_ = fmt::format(
            "AWS4-HMAC-SHA256 Credential=tid_example/20261123/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;x-amz-checksum-mode;x-amz-content-sha256;x-amz-date, Signature={}",
            digits);
        view_.headers.back().value = authorization_;
    }

    const s3::Target target_;
    const std::string empty_sha256_ = hash::sha256_hex("");
    const s3::SigningKey key_ = s3::derive_signing_key("secret", "20261123", "us-east-1");
    std::string authorization_;
    s3::RequestView view_;
};

void signature_v4(benchmark::State& state) {
    const SignedGet get;
    const UnixNanos now = s3::parse_date("2026-11-23T12:00:00Z").value();
    for (auto _ : state) {
        const s3::SignatureV4 signature = s3::parse_signature_v4(get.request()).value();
        CHECK(s3::verify_v4(get.request(), signature, get.key(), now));
    }
}
BENCHMARK(signature_v4);

void signing_key(benchmark::State& state) {
    for (auto _ : state)
        benchmark::DoNotOptimize(s3::derive_signing_key("secret", "20261123", "us-east-1"));
}
BENCHMARK(signing_key);

void target_and_route(benchmark::State& state) {
    const SignedGet get;
    for (auto _ : state) {
        const s3::Target target = s3::parse_target(raw_target).value();
        benchmark::DoNotOptimize(s3::find_place(target.path, "localhost:9000", {}));
        CHECK(s3::route(get.request().view).has_value());
    }
}
BENCHMARK(target_and_route);

void get_object_request(benchmark::State& state) {
    const SignedGet get;
    for (auto _ : state) CHECK(s3::parse<s3::GetObjectRequest>(get.request().view).has_value());
}
BENCHMARK(get_object_request);

void per_key(benchmark::State& state) {
    state.counters["per_key"] =
        benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(page_keys),
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void delete_objects_xml(benchmark::State& state) {
    std::string body = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (std::size_t i = 0; i < page_keys; ++i)
        body += fmt::format("<Object><Key>checkpoints/{:06}/optimizer.bin</Key></Object>", i);
    body += "</Delete>";
    const s3::RequestView view{.method = "POST", .bucket = "my-models", .query = {{"delete", ""}}};
    for (auto _ : state)
        CHECK(s3::parse<s3::DeleteObjectsRequest>(view, body)->deletion.objects.size() ==
              page_keys);
    per_key(state);
}
BENCHMARK(delete_objects_xml);

void list_objects_xml(benchmark::State& state) {
    s3::ListObjectsV2Reply message;
    for (std::size_t i = 0; i < page_keys; ++i) {
        s3::ListedObject& listed = message.contents.emplace_back();
        listed.key = fmt::format("checkpoints/{:06}/optimizer.bin", i);
        listed.last_modified = 1'795'435'200'000'000'000;
        listed.etag = "\"9a129038d9a00aed0cf6a7ea059ca50a\"";
        listed.checksum_algorithm = {"CRC64NVME"};
        listed.checksum_type = "FULL_OBJECT";
        listed.size = 4096;
        listed.storage_class = "STANDARD";
    }
    for (auto _ : state) {
        s3::Reply reply;
        write(message, reply);
        benchmark::DoNotOptimize(reply.body.data());
    }
    per_key(state);
}
BENCHMARK(list_objects_xml);

meta::ObjectRecord example_record() {
    meta::ObjectRecord record;
    record.mutable_version()->set_time_nanos(1'795'435'200'000'000'000);
    record.set_last_modified_nanos(1'795'435'200'000'000'000);
    record.set_size_bytes(4096);
    record.set_etag("9a129038d9a00aed0cf6a7ea059ca50a");
    meta::Checksum& checksum = *record.add_checksums();
    checksum.set_algorithm("CRC64NVME");
    checksum.set_value("12345678");
    record.set_body(meta::BODY_INLINE);
    return record;
}

void record_encode(benchmark::State& state) {
    const meta::ObjectRecord record = example_record();
    for (auto _ : state) benchmark::DoNotOptimize(meta::encode(record));
}
BENCHMARK(record_encode);

void record_decode(benchmark::State& state) {
    const std::string bytes = meta::encode(example_record());
    for (auto _ : state) CHECK(meta::decode<meta::ObjectRecord>(bytes).has_value());
}
BENCHMARK(record_decode);

// A database with `page_keys` objects below each of 100 prefixes.
class FilledEngine {
  public:
    FilledEngine() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "weir_codec_XXXXXX").string();
        CHECK(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
        engine_ = kv::rocksdb::Engine::open({.path = path_}, Limits(), *log_).value();
        CHECK(engine_->create_partition(partition));
        const std::string record = meta::encode(example_record());
        for (std::size_t folder = 0; folder < 100; ++folder) {
            kv::Batch batch;
            for (std::size_t i = 0; i < page_keys; ++i)
                batch.put(meta::current_row(fmt::format("{:03}/{:06}", folder, i)), record);
            CHECK(kv::commit_and_wait(*engine_, partition, std::move(batch)));
        }
    }
    ~FilledEngine() {
        engine_.reset();
        std::filesystem::remove_all(path_);
    }

    meta::Listing list(const meta::ListQuery& query) {
        return meta::list_objects(*engine_, partition, query).value();
    }

  private:
    const std::shared_ptr<Log> log_ = null_log();
    std::string path_;
    std::unique_ptr<kv::rocksdb::Engine> engine_;
};

void list_page(benchmark::State& state) {
    FilledEngine engine;
    for (auto _ : state)
        CHECK(engine.list({.prefix = "050/", .delimiter = "", .after = ""}).objects.size() ==
              page_keys);
    per_key(state);
}
BENCHMARK(list_page);

void list_root_by_delimiter(benchmark::State& state) {
    FilledEngine engine;
    for (auto _ : state)
        CHECK(engine.list({.prefix = "", .delimiter = "/", .after = ""}).common_prefixes.size() ==
              100);
}
BENCHMARK(list_root_by_delimiter);

}  // namespace
}  // namespace weir

BENCHMARK_MAIN();
