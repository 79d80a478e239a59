// Parallel downloads and uploads, with and without faults.

#include <fcntl.h>
#include <unistd.h>

#include "client_fixture.h"
#include "hash/crc.h"

namespace weir::client::test {
namespace {

using Kind = Fault::Kind;

// A file without a name.
class TemporaryFile {
  public:
    explicit TemporaryFile(std::string_view content = "") {
        char path[] = "/tmp/weir-transfer-XXXXXX";
        descriptor_ = ::mkstemp(path);
        ::unlink(path);
        EXPECT_EQ(::pwrite(descriptor_, content.data(), content.size(), 0),
                  static_cast<ssize_t>(content.size()));
    }
    ~TemporaryFile() { ::close(descriptor_); }
    TemporaryFile(const TemporaryFile&) = delete;

    int descriptor() const { return descriptor_; }
    std::string content() const {
        std::string text(static_cast<std::size_t>(::lseek(descriptor_, 0, SEEK_END)), '\0');
        EXPECT_EQ(::pread(descriptor_, text.data(), text.size(), 0),
                  static_cast<ssize_t>(text.size()));
        return text;
    }
    FileSource source() const {
        return {.descriptor = descriptor_,
                .length = static_cast<std::uint64_t>(::lseek(descriptor_, 0, SEEK_END))};
    }

  private:
    int descriptor_ = -1;
};

class TransferTest : public ClientTest {
  protected:
    const std::string bytes_ = noise(10'000'123);
    const TransferOptions small_parts_{.parallelism = 4, .part_bytes = 1'000'000};
};

TEST_F(TransferTest, DownloadsIntoAFile) {
    put("k", bytes_);
    const TemporaryFile file;
    FileSink sink(file.descriptor());
    std::atomic<std::uint64_t> moved = 0;
    TransferOptions options = small_parts_;
    options.on_progress = [&](std::uint64_t more) { moved += more; };
    const auto got = direct->transfers->download({.bucket = bucket, .key = "k"}, sink, options);
    ASSERT_TRUE(got) << what(got);
    EXPECT_EQ(got->bytes, bytes_.size());
    EXPECT_TRUE(got->verified);
    EXPECT_EQ(moved.load(), bytes_.size());
    EXPECT_EQ(file.content(), bytes_);
}

TEST_F(TransferTest, DownloadsIntoMemory) {
    put("k", bytes_);
    for (const ByteSpan span :
         {ByteSpan{0, bytes_.size()}, ByteSpan{12'345, 5'000'000}, ByteSpan{10'000'000, 123}}) {
        std::vector<std::byte> memory(span.length);
        MemorySink sink(memory, span.offset);
        const auto got = direct->transfers->download({.bucket = bucket, .key = "k", .range = span},
                                                     sink, small_parts_);
        ASSERT_TRUE(got) << what(got);
        EXPECT_EQ(as_text(memory), bytes_.substr(span.offset, span.length));
        EXPECT_EQ(got->verified, span.length == bytes_.size());
    }
}

TEST_F(TransferTest, DownloadsWithoutAnyThreadOfThePool) {
    put("k", bytes_);
    direct->pool.stop();
    std::vector<std::byte> memory(bytes_.size());
    MemorySink sink(memory, 0);
    EXPECT_TRUE(direct->transfers->download({.bucket = bucket, .key = "k"}, sink, small_parts_));
    EXPECT_EQ(as_text(memory), bytes_);
}

TEST_F(TransferTest, DownloadsWhatIsEmpty) {
    put("k", "");
    const TemporaryFile file;
    FileSink sink(file.descriptor());
    const auto got = direct->transfers->download({.bucket = bucket, .key = "k"}, sink);
    ASSERT_TRUE(got) << what(got);
    EXPECT_EQ(got->bytes, 0u);
}

TEST_F(TransferTest, DownloadsThroughFaults) {
    put("k", bytes_);
    // Every other connection breaks somewhere.
    FaultProxy broken(weir->endpoint().port, [](unsigned i) {
        return i % 2 == 0 ? Fault{.kind = Kind::cut_reply, .bytes = i * 97'777ul} : Fault();
    });
    const auto client = through(broken);
    const TemporaryFile file;
    FileSink sink(file.descriptor());
    const auto got =
        client->transfers->download({.bucket = bucket, .key = "k"}, sink, small_parts_);
    ASSERT_TRUE(got) << what(got);
    EXPECT_TRUE(got->verified);
    EXPECT_EQ(file.content(), bytes_);
}

TEST_F(TransferTest, ADownloadEndsWithItsFirstError) {
    put("k", bytes_);
    class Failing final : public Sink {
      public:
        Result<void> write(std::uint64_t, std::span<const std::byte>) override {
            return fail(Code::no_space, "full");
        }
    } sink;
    const auto got =
        direct->transfers->download({.bucket = bucket, .key = "k"}, sink, small_parts_);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), Code::no_space) << got.error().describe();
    const auto missing = direct->transfers->download({.bucket = bucket, .key = "none"}, sink);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code(), Code::no_such_key) << missing.error().describe();
}

TEST_F(TransferTest, ADownloadIsPinned) {
    put("k", bytes_);
    const auto head = direct->s3->head_object({.bucket = bucket, .key = "k"});
    put("k", noise(10'000'123, 2));
    std::vector<std::byte> memory(bytes_.size());
    MemorySink sink(memory, 0);
    const auto got = direct->transfers->download({.bucket = bucket, .key = "k", .object = *head},
                                                 sink, small_parts_);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), Code::precondition_failed);
}

// A range that stands still for good: only a second request can end the transfer.
class Hedging : public TransferTest, public ::testing::WithParamInterface<bool> {};

TEST_P(Hedging, HelpsARangeThatStraggles) {
    put("k", bytes_);
    FaultProxy stalling(weir->endpoint().port, [](unsigned i) {
        return i == 2 ? Fault{.kind = Kind::stall_reply, .bytes = 400'000} : Fault();
    });
    ClientLimits limits;
    limits.hedge_after_ms = 20;
    limits.stall_timeout_ms = 3'600'000;
    const auto client = through(stalling, limits);
    const TemporaryFile file;
    FileSink file_sink(file.descriptor());
    std::vector<std::byte> memory(bytes_.size());
    MemorySink memory_sink(memory, 0);
    Sink& sink = GetParam() ? static_cast<Sink&>(memory_sink) : file_sink;
    const auto head = direct->s3->head_object({.bucket = bucket, .key = "k"});
    const auto got = client->transfers->download({.bucket = bucket, .key = "k", .object = *head},
                                                 sink, small_parts_);
    ASSERT_TRUE(got) << what(got);
    EXPECT_GE(got->hedged, 1u);
    EXPECT_TRUE(got->verified);
    EXPECT_TRUE((GetParam() ? std::string(as_text(memory)) : file.content()) == bytes_);
}

INSTANTIATE_TEST_SUITE_P(Sinks, Hedging, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "Memory" : "File"; });

TEST_F(TransferTest, UploadsAFile) {
    const std::string large = noise(3 * part_bytes_min + 77);
    for (const std::string& content : {std::string(), noise(1000), large}) {
        const TemporaryFile file(content);
        std::atomic<std::uint64_t> moved = 0;
        const TransferOptions options{.parallelism = 4,
                                      .part_bytes = part_bytes_min,
                                      .on_progress = [&](std::uint64_t more) { moved += more; }};
        const auto sent = direct->transfers->upload(
            {.bucket = bucket, .key = "k", .headers = {.metadata = {{"a", "b"}}}}, file.source(),
            options);
        ASSERT_TRUE(sent) << what(sent);
        EXPECT_EQ(sent->bytes, content.size());
        EXPECT_EQ(sent->parts, content.size() > part_bytes_min ? 4u : 0u);
        EXPECT_EQ(moved.load(), content.size());
        EXPECT_EQ(get("k"), content);
        const auto head = direct->s3->head_object({.bucket = bucket, .key = "k"});
        EXPECT_EQ(head->etag, sent->etag);
        EXPECT_EQ(head->headers.metadata.at("a"), "b");
        EXPECT_EQ(head->crc64nvme, hash::crc64nvme(0, as_bytes(content)));
    }
}

TEST_F(TransferTest, UploadsAStream) {
    for (const std::size_t size : {0ul, 5ul, static_cast<std::size_t>(part_bytes_min),
                                   static_cast<std::size_t>(2 * part_bytes_min),
                                   static_cast<std::size_t>(2 * part_bytes_min) + 1}) {
        const std::string content = noise(size);
        std::size_t at = 0;
        const auto read = [&](std::span<std::byte> space) -> Result<std::size_t> {
            const std::string_view piece =
                std::string_view(content).substr(at, std::min<std::size_t>(space.size(), 70'001));
            std::ranges::copy(as_bytes(piece), space.begin());
            at += piece.size();
            return piece.size();
        };
        const auto sent = direct->transfers->upload_stream(
            {.bucket = bucket, .key = "k"}, read, {.parallelism = 3, .part_bytes = part_bytes_min});
        ASSERT_TRUE(sent) << what(sent);
        EXPECT_EQ(sent->bytes, size);
        EXPECT_TRUE(get("k") == content) << size;
    }
    EXPECT_TRUE(direct->s3->list_uploads({.bucket = bucket})->uploads.empty());
}

TEST_F(TransferTest, UploadsThroughFaults) {
    const std::string content = noise(4 * part_bytes_min + 1);
    const TemporaryFile file(content);
    FaultProxy broken(weir->endpoint().port, [](unsigned i) {
        switch (i % 4) {
            case 0:
                return Fault{.kind = Kind::cut_request, .bytes = 300'000ul * i + 100};
            case 2:
                return Fault{.kind = Kind::cut_reply, .bytes = 10};
            default:
                return Fault();
        }
    });
    const auto client = through(broken);
    const auto sent = client->transfers->upload({.bucket = bucket, .key = "k"}, file.source(),
                                                {.parallelism = 4, .part_bytes = part_bytes_min});
    ASSERT_TRUE(sent) << what(sent);
    EXPECT_TRUE(get("k") == content);
}

TEST_F(TransferTest, AFailedUploadIsAborted) {
    const TemporaryFile file(noise(2 * part_bytes_min));
    put("k", "there");
    const auto sent =
        direct->transfers->upload({.bucket = bucket, .key = "k", .conditions = {.if_absent = true}},
                                  file.source(), {.parallelism = 2, .part_bytes = part_bytes_min});
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code(), Code::precondition_failed);
    EXPECT_TRUE(direct->s3->list_uploads({.bucket = bucket})->uploads.empty());
    EXPECT_EQ(get("k"), "there");
}

TEST_F(TransferTest, AnUploadGoesOnAfterAnInterruption) {
    std::string content = noise(4 * part_bytes_min);
    const TemporaryFile file(content);
    net::Interrupt interrupt;
    std::atomic<int> parts = 0;
    const TransferOptions options{
        .parallelism = 1, .part_bytes = part_bytes_min, .on_progress = [&](std::uint64_t) {
            if (++parts == 2) interrupt.interrupt();
        }};
    const UploadRequest request{.bucket = bucket, .key = "k", .resume = true};
    const auto broken =
        direct->transfers->upload(request, file.source(), options, {.interrupt = &interrupt});
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().code(), Code::cancelled);
    ASSERT_EQ(direct->s3->list_uploads({.bucket = bucket})->uploads.size(), 1u);
    // The second part has changed meanwhile.
    content[part_bytes_min + 5] ^= 1;
    ASSERT_EQ(::pwrite(file.descriptor(), content.data(), content.size(), 0),
              static_cast<ssize_t>(content.size()));
    const auto sent = direct->transfers->upload(request, file.source(),
                                                {.parallelism = 2, .part_bytes = part_bytes_min});
    ASSERT_TRUE(sent) << what(sent);
    EXPECT_EQ(sent->parts, 4u);
    EXPECT_EQ(sent->parts_resumed, 1u);
    EXPECT_TRUE(get("k") == content);
    EXPECT_TRUE(direct->s3->list_uploads({.bucket = bucket})->uploads.empty());
}

TEST_F(TransferTest, Copies) {
    put("k", bytes_);
    const auto copied = direct->transfers->copy(
        {.bucket = bucket, .key = "copy", .source_bucket = bucket, .source_key = "k"});
    ASSERT_TRUE(copied) << what(copied);
    EXPECT_TRUE(get("copy") == bytes_);
    const auto missing = direct->transfers->copy(
        {.bucket = bucket, .key = "copy", .source_bucket = bucket, .source_key = "none"});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code(), Code::no_such_key);
}

}  // namespace
}  // namespace weir::client::test
