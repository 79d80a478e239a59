// Two servers' stores over one engine and one blob store, in one process: threads race on a handful
// of keys, while the servers are replaced one after the other and the clock jumps about. Writes
// what each thread was told, for tests/linearizability to judge; no lock in a process may be what
// makes it linearizable.
//
// linearizability_history memory|embedded plain|versioned OPERATIONS SEED HISTORY

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <thread>

#include "base/bytes.h"
#include "base/mutex.h"
#include "store/orphans.h"
#include "store/store_rig.h"

namespace weir::store {
namespace {

constexpr std::size_t threads = 8, keys_at_a_time = 5;
constexpr std::uint64_t operations_per_key = 500, operations_per_server = 1000;
// Of 100 commits, in memory.
constexpr unsigned replies_lost = 2;

struct Upload {
    std::string id;
    std::string part_etag;
    std::string etag;
};

// One line of the history (tests/linearizability/history.go).
struct Operation {
    std::size_t client = 0;
    std::string key;
    std::string_view op;
    std::string_view condition;
    std::string match;
    std::string writes;
    Upload upload;
    std::string bytes;
    std::int64_t call = 0;
    std::int64_t returned = 0;
    std::string_view outcome;
    std::string etag;
};

std::string to_line(const Operation& done) {
    return fmt::format(
        R"({{"client":{},"key":"{}","op":"{}","condition":"{}","match":"{}","writes":"{}",)"
        R"("upload":"{}","call":{},"return":{},"outcome":"{}","etag":"{}"}})",
        done.client, done.key, done.op, done.condition, done.match, done.writes, done.upload.id,
        done.call, done.returned, done.outcome, done.etag);
}

std::string_view outcome_of(const Error& error) {
    switch (error.code()) {
        case Code::precondition_failed:
            return "precondition_failed";
        case Code::no_such_key:
            return "no_such_key";
        case Code::no_such_upload:
            return "no_such_upload";
        case Code::slow_down:
        case Code::conflict:
            return "refused";
        case Code::unavailable:
            return "unknown";
        default:
            throw std::runtime_error("nobody expected: " + error.describe());
    }
}

std::string multipart_etag(const std::string& part_etag) {
    return md5_hex(hex_decode(part_etag).value()) + "-1";
}

// What the threads share.
class Race {
  public:
    Race(Rig& rig, Bucket bucket, std::uint64_t operations, std::ostream& history)
        : rig_(rig), bucket_(std::move(bucket)), operations_(operations), history_(history) {
        for (std::size_t i = 0; i < servers_.size(); ++i) replace_server(i);
    }

    const Bucket& bucket() const { return bucket_; }
    std::shared_ptr<ObjectStore> server(std::size_t client) {
        MutexLock lock(mutex_);
        return servers_[client % servers_.size()];
    }

    // The handful of keys that the next operation is on; nullopt when there are enough.
    std::optional<std::uint64_t> next(std::mt19937_64& random) {
        const std::uint64_t number = begun_++;
        if (number >= operations_) return std::nullopt;
        if (number % operations_per_server == operations_per_server - 1)
            replace_server(number / operations_per_server);
        if (number % 16 == 0)
            rig_.clock().set((1'700'000'000 + random() % 7200) * nanos_per_second);
        return number / (operations_per_key * keys_at_a_time);
    }

    std::int64_t now() const {
        return std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin_).count();
    }

    void end(const Operation& done) {
        MutexLock lock(mutex_);
        history_ << to_line(done) << '\n';
        if (done.outcome == "done" && !done.etag.empty()) seen_[done.key] = done.etag;
    }

    // The latest ETag that somebody was told of.
    std::string seen(const std::string& key) {
        MutexLock lock(mutex_);
        return seen_[key];
    }

    void share(const std::string& key, const Upload& upload) {
        MutexLock lock(mutex_);
        uploads_[key].push_back(upload);
    }
    std::optional<Upload> take(const std::string& key) {
        MutexLock lock(mutex_);
        std::vector<Upload>& waiting = uploads_[key];
        if (waiting.empty()) return std::nullopt;
        Upload upload = std::move(waiting.back());
        waiting.pop_back();
        return upload;
    }

  private:
    // Those that still use the old one end with it.
    void replace_server(std::size_t number) {
        Context context = rig_.context();
        Result<std::uint32_t> writer = register_writer(rig_.kv());
        while (!writer && writer.error().code() == Code::unavailable)
            writer = register_writer(rig_.kv());
        context.source.writer = must(std::move(writer));
        auto server = std::make_shared<ObjectStore>(context);
        MutexLock lock(mutex_);
        servers_[number % servers_.size()] = std::move(server);
    }

    Rig& rig_;
    const Bucket bucket_;
    const std::uint64_t operations_;
    const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::atomic<std::uint64_t> begun_ = 0;
    Mutex mutex_;
    std::ostream& history_ GUARDED_BY(mutex_);
    std::array<std::shared_ptr<ObjectStore>, 2> servers_ GUARDED_BY(mutex_);
    std::map<std::string, std::string> seen_ GUARDED_BY(mutex_);
    std::map<std::string, std::vector<Upload>> uploads_ GUARDED_BY(mutex_);
};

// One thread, a client of one of the servers.
class Client {
  public:
    Client(Race& race, std::size_t number, std::uint64_t seed)
        : race_(race), number_(number), seed_(seed), random_(seed + number) {}

    void run() {
        while (const std::optional<std::uint64_t> generation = race_.next(random_)) {
            store_ = race_.server(number_);
            Operation next = choose(fmt::format("{}-{}", *generation, random_() % keys_at_a_time));
            next.call = race_.now();
            const Result<std::string> etag = perform(next);
            next.returned = race_.now();
            next.outcome = etag ? "done" : outcome_of(etag.error());
            next.etag = etag.value_or("");
            race_.end(next);
            // Whoever does not know sends it again, and sometimes one who does.
            const bool again = next.outcome == "unknown" || (next.outcome == "done" && chance(20));
            if (next.op == "complete" && again) again_ = std::move(next);
        }
    }

  private:
    bool chance(unsigned percent) { return random_() % 100 < percent; }

    // Like no other; in a row or in a blob.
    std::string new_bytes() {
        std::string bytes = fmt::format("{} of client {}, seed {}\n", ++bodies_, number_, seed_);
        bytes.resize(chance(25) ? 20'000 : 100, 'w');
        return bytes;
    }

    Operation choose(std::string key) {
        if (again_) return *std::exchange(again_, std::nullopt);
        Operation next;
        next.client = number_;
        next.key = std::move(key);
        const std::uint64_t dice = random_() % 100;
        if (dice < 28) {
            next.op = dice < 20 ? "get" : "head";
        } else if (dice < 70) {
            next.op = "put";
            next.bytes = new_bytes();
            next.writes = md5_hex(next.bytes);
            choose_condition(next, 30);
        } else if (dice < 85) {
            next.op = "delete";
            choose_condition(next, 0);
        } else {
            next.op = "complete";
            next.upload = choose_upload(next.key);
            next.writes = next.upload.etag;
            choose_condition(next, 30);
        }
        return next;
    }

    void choose_condition(Operation& next, unsigned absent_percent) {
        if (chance(absent_percent)) {
            next.condition = "absent";
        } else if (next.match = race_.seen(next.key); !next.match.empty() && chance(60)) {
            next.condition = "match";
        } else {
            next.match.clear();
        }
    }

    Upload choose_upload(const std::string& key) {
        if (chance(50)) {
            if (std::optional<Upload> shared = race_.take(key)) return *std::move(shared);
        }
        for (;;) {
            Result<Upload> made = new_upload(key);
            if (!made && outcome_of(made.error()) == "unknown") continue;
            const Upload upload = must(std::move(made));
            for (std::uint64_t others = random_() % 3; others > 0; --others)
                race_.share(key, upload);
            return upload;
        }
    }

    Result<Upload> new_upload(const std::string& key) {
        const std::string bytes = new_bytes();
        TRY(const std::string id,
            store_->create_upload(
                race_.bucket(),
                {.key = key, .headers = {}, .checksum_algorithm = "", .owner = "owner"}));
        const PartId part{.key = key, .upload_id = id, .part_number = 1};
        TRY(BodyWriter writer,
            store_->begin_part(race_.bucket(), part, bytes.size(), {hash::Algorithm::md5}));
        TRY_VOID(writer.write(as_bytes(bytes)));
        TRY(StoredBody body, writer.finish());
        const std::string etag = md5_hex(bytes);
        TRY_VOID(store_->put_part(race_.bucket(), part, etag, {}, std::move(body)));
        return Upload{.id = id, .part_etag = etag, .etag = multipart_etag(etag)};
    }

    static Precondition to_precondition(const Operation& next) {
        if (next.condition.empty()) return nullptr;
        const bool removes = next.op == "delete";
        if (next.condition == "absent")
            return [](const meta::ObjectRecord* current) -> Result<void> {
                if (current != nullptr) return fail(Code::precondition_failed);
                return {};
            };
        return [removes, etag = next.match](const meta::ObjectRecord* current) -> Result<void> {
            if (current == nullptr && removes) return {};
            if (current == nullptr) return fail(Code::no_such_key);
            if (current->etag() != etag) return fail(Code::precondition_failed);
            return {};
        };
    }

    // The ETag of what was written or read.
    Result<std::string> perform(const Operation& next) {
        if (next.op == "put") return put(next);
        if (next.op == "complete") return complete(next);
        if (next.op == "delete") {
            TRY_VOID(store_->remove(
                race_.bucket(),
                {.key = next.key, .version = std::nullopt, .precondition = to_precondition(next)}));
            return "";
        }
        return read(next);
    }

    Result<std::string> put(const Operation& next) {
        BodyWriter writer = store_->begin_body(race_.bucket(), next.bytes.size(), {});
        TRY_VOID(writer.write(as_bytes(next.bytes)));
        const bool prepared = writer.in_memory() && chance(50);
        TRY(StoredBody body, writer.finish());
        const PutRequest request{.key = next.key,
                                 .headers = {},
                                 .etag = next.writes,
                                 .checksums = {},
                                 .precondition = to_precondition(next)};
        TRY(const meta::ObjectRecord record,
            prepared ? put_prepared(*store_, race_.bucket(), request, std::move(body))
                     : store_->put(race_.bucket(), request, std::move(body)));
        return record.etag();
    }

    Result<std::string> complete(const Operation& next) {
        TRY(const meta::ObjectRecord record,
            store_->complete_upload(
                race_.bucket(),
                {.key = next.key,
                 .upload_id = next.upload.id,
                 .parts = {{.part_number = 1, .etag = next.upload.part_etag, .checksums = {}}},
                 .size_bytes = {},
                 .checksums = {},
                 .checksum_type = {},
                 .precondition = to_precondition(next)}));
        return record.etag();
    }

    Result<std::string> read(const Operation& next) {
        for (;;) {
            TRY(const Found found, store_->find(race_.bucket(), next.key, std::nullopt));
            const meta::ObjectRecord& record = found.record;
            if (record.delete_marker()) return fail(Code::no_such_key);
            if (next.op == "head") return record.etag();
            const Result<std::string> bytes = read_body(next.key, record);
            if (!bytes && bytes.error().code() == Code::conflict) continue;
            const std::string etag = md5_hex(must(bytes));
            if (record.etag() == etag || record.etag() == multipart_etag(etag))
                return record.etag();
            return record.etag() + " with other bytes";
        }
    }

    Result<std::string> read_body(const std::string& key, const meta::ObjectRecord& record) {
        TRY(const Body body,
            store_->open_body(race_.bucket(), key, record, 0, record.size_bytes()));
        std::string bytes = body.bytes;
        for (const Body::Piece& piece : body.pieces) {
            std::string run(piece.length, '\0');
            TRY_VOID(piece.reader->read_at(piece.offset, std::as_writable_bytes(std::span(run))));
            bytes += run;
        }
        return bytes;
    }

    Race& race_;
    const std::size_t number_;
    const std::uint64_t seed_;
    std::mt19937_64 random_;
    std::uint64_t bodies_ = 0;
    std::shared_ptr<ObjectStore> store_;
    std::optional<Operation> again_;
};

void record(Rig::Kind kind, bool versioned, std::uint64_t operations, std::uint64_t seed,
            const std::string& path) {
    Rig rig(kind, {.seed = seed});
    const Bucket bucket =
        rig.bucket("races", versioned ? meta::VERSIONING_ENABLED : meta::VERSIONING_UNSET);
    std::ofstream history(path);
    history << fmt::format(R"({{"versioned":{},"seed":{}}})", versioned, seed) << '\n';
    Race race(rig, bucket, operations, history);
    if (kind == Rig::Kind::memory) rig.memory_kv().lose_replies(replies_lost);
    {
        std::vector<std::jthread> running;
        for (std::size_t i = 0; i < threads; ++i)
            running.emplace_back([&race, i, seed] { Client(race, i, seed).run(); });
    }
    if (!history.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace
}  // namespace weir::store

int main(int count, char** arguments) {
    const std::vector<std::string> words(arguments, arguments + count);
    if (words.size() != 6) {
        std::cerr << "linearizability_history memory|embedded plain|versioned OPERATIONS SEED "
                     "HISTORY\n";
        return 2;
    }
    using Kind = weir::store::Rig::Kind;
    weir::store::record(words[1] == "memory" ? Kind::memory : Kind::embedded,
                        words[2] == "versioned", std::stoull(words[3]), std::stoull(words[4]),
                        words[5]);
    return 0;
}
