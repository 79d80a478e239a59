#pragma once
// Is it text? Pure; safe from any thread.

#include <string_view>

namespace weir::s3 {

// UTF-8 without NUL, which neither XML nor a key of Weir holds.
bool is_utf8_text(std::string_view text);

}  // namespace weir::s3
