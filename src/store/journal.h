#pragma once
// Reading a bucket's journal in order, from any sequence that is still kept (docs/JOURNAL.md).
//
// A JournalReader belongs to its follower, and is used by one thread at a time. next() may block on
// a disk, never on a follower.

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kv/engine.h"
#include "meta/records.pb.h"
#include "store/object_store.h"

namespace weir::store {

struct JournalPage {
    struct Line {
        kv::Sequence sequence = 0;
        meta::JournalEntry entry;
    };
    std::vector<Line> lines;
    // All that had been committed when the page was asked for has been read.
    bool current = false;
};

class JournalReader {
  public:
    // Begins behind `after`; nullopt: behind all there is. Only entries of keys that start with
    // `prefix`, and those of the bucket itself. no_such_bucket; journal_gone as next() says.
    static Result<JournalReader> open(ObjectStore& store, Bucket bucket, std::string prefix,
                                      std::optional<kv::Sequence> after);

    // What follows, until its keys and texts are `bytes_max` together: at least one entry where
    // there is one. no_such_bucket once the bucket was deleted, though another may have its name;
    // journal_gone where entries that would have followed were trimmed, or where the journal ends
    // before they began. Then, and after any other error, the position is what it was.
    Result<JournalPage> next(std::size_t bytes_max);

    // Up to here everything was read.
    kv::Sequence position() const { return position_; }
    const Bucket& bucket() const { return bucket_; }

  private:
    JournalReader(ObjectStore& store, Bucket bucket, std::string prefix)
        : store_(&store), bucket_(std::move(bucket)), prefix_(std::move(prefix)) {}

    Result<void> check_bucket() const;
    Result<void> check_kept(kv::Sequence last) const;
    Result<kv::Sequence> read(kv::Sequence last, std::size_t bytes_max, JournalPage& page) const;

    ObjectStore* store_;
    Bucket bucket_;
    std::string prefix_;
    kv::Sequence position_ = 0;
};

}  // namespace weir::store
