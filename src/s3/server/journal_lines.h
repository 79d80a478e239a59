#pragma once
// The lines of a journal's stream, each one JSON object (docs/JOURNAL.md). Pure functions; safe
// from any thread.

#include <string>
#include <string_view>

#include "store/journal.h"

namespace weir::s3 {

// Names one life of a bucket's name: another bucket of that name has another.
std::string incarnation_of(const store::Bucket& bucket);

std::string begin_line(const store::Bucket& bucket, kv::Sequence sequence);
std::string entry_line(const store::JournalPage::Line& line);
std::string heartbeat_line(kv::Sequence sequence);
// `reason`: "draining", "deleted", "gone" or "failed".
std::string end_line(std::string_view reason, kv::Sequence sequence);

}  // namespace weir::s3
