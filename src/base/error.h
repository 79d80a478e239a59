#pragma once
// What can go wrong, as one table: every failure that leaves a function is one of these codes, and
// the table in error.cc says what each means to an HTTP client (status, S3 code), to a file system
// (errno) and to a caller that could try again. The S3 codes are spelled as AWS spells them:
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
//
// Pure values; safe from any thread.

#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

enum class Code : std::uint8_t {
    // The caller's fault, in general terms.
    invalid_argument,
    invalid_request,
    malformed_xml,
    illegal_versioning_configuration,
    invalid_storage_class,
    missing_content_length,
    entity_too_large,
    entity_too_small,
    key_too_long,
    metadata_too_large,
    invalid_uri,
    method_not_allowed,
    not_implemented,
    request_timeout,
    request_header_too_large,
    incomplete_body,
    // Names and places.
    no_such_bucket,
    no_such_key,
    no_such_version,
    no_such_upload,
    not_found,
    invalid_bucket_name,
    bucket_already_exists,
    bucket_already_owned_by_you,
    bucket_not_empty,
    too_many_buckets,
    // Preconditions, races and ranges.
    precondition_failed,
    not_modified,
    conditional_request_conflict,
    operation_aborted,
    invalid_range,
    invalid_part,
    invalid_part_number,
    invalid_part_order,
    // Digests.
    bad_digest,
    invalid_digest,
    checksum_mismatch,
    content_sha256_mismatch,
    // Who is asking.
    access_denied,
    invalid_access_key_id,
    signature_does_not_match,
    request_time_too_skewed,
    expired_presigned_request,
    authorization_header_malformed,
    authorization_query_parameters_error,
    missing_security_header,
    invalid_token,
    invalid_encoding,
    // Ours.
    journal_gone,             // entries that a follower asks for are no longer kept
    rename_too_large,         // more than one batch holds: nothing was renamed
    rename_target_not_empty,  // as rename(2) has it
    conflict,                 // a commit's conditions did not hold: read again and retry
    would_block,              // the answer is not in memory: ask again from a thread that may wait
    slow_down,                // a bound is reached: the client retries later
    unavailable,              // draining, or an engine that cannot be reached
    read_only,                // a write failed before, and the cause is not gone: nothing was tried
    timeout,
    cancelled,
    corrupt,  // bytes that are not what was written
    no_space,
    io_error,
    internal_error,
};

inline constexpr std::size_t code_count = static_cast<std::size_t>(Code::internal_error) + 1;

struct CodeInfo {
    Code code;
    std::string_view name;  // for logs: "no_such_key"
    unsigned http_status;
    std::string_view s3_code;  // "NoSuchKey"
    int posix_errno;
    bool retry;                // may the same request succeed later, unchanged?
    std::string_view message;  // what S3 says when the error brings no message of its own
};

const CodeInfo& info(Code code);

// A code, and one sentence for the person who reads it: what was wrong and what to do. The message
// never holds a secret.
class Error {
  public:
    explicit Error(Code code) : code_(code) {}
    Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}

    Code code() const { return code_; }
    // The error's own message, or the table's.
    std::string_view message() const { return message_.empty() ? info(code_).message : message_; }
    // "no_such_key: The specified key does not exist." for logs.
    std::string describe() const;

  private:
    Code code_;
    std::string message_;
};

// The error of a failed system call: `what` names the call and its object, `error_number` is its
// errno.
Error errno_error(std::string_view what, int error_number);

}  // namespace weir
