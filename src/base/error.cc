#include "base/error.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/check.h"

namespace weir {
namespace {

// One row a code, in the order of the enum (checked by info() and by a test).
constexpr std::array<CodeInfo, code_count> table{{
    // clang-format off
    {Code::invalid_argument, "invalid_argument", 400, "InvalidArgument", EINVAL, false, "Invalid Argument"},
    {Code::invalid_request, "invalid_request", 400, "InvalidRequest", EINVAL, false, "Invalid Request"},
    {Code::malformed_xml, "malformed_xml", 400, "MalformedXML", EINVAL, false, "The XML you provided was not well-formed or did not validate against our published schema"},
    {Code::illegal_versioning_configuration, "illegal_versioning_configuration", 400, "IllegalVersioningConfigurationException", EINVAL, false, "The Versioning element must be specified"},
    {Code::invalid_storage_class, "invalid_storage_class", 400, "InvalidStorageClass", EINVAL, false, "The storage class you specified is not valid"},
    {Code::missing_content_length, "missing_content_length", 411, "MissingContentLength", EINVAL, false, "You must provide the Content-Length HTTP header."},
    {Code::entity_too_large, "entity_too_large", 400, "EntityTooLarge", EFBIG, false, "Your proposed upload exceeds the maximum allowed size"},
    {Code::entity_too_small, "entity_too_small", 400, "EntityTooSmall", EINVAL, false, "Your proposed upload is smaller than the minimum allowed size"},
    {Code::key_too_long, "key_too_long", 400, "KeyTooLongError", ENAMETOOLONG, false, "Your key is too long"},
    {Code::metadata_too_large, "metadata_too_large", 400, "MetadataTooLarge", E2BIG, false, "Your metadata headers exceed the maximum allowed metadata size"},
    {Code::invalid_uri, "invalid_uri", 400, "InvalidURI", EINVAL, false, "Couldn't parse the specified URI."},
    {Code::method_not_allowed, "method_not_allowed", 405, "MethodNotAllowed", EPERM, false, "The specified method is not allowed against this resource."},
    {Code::not_implemented, "not_implemented", 501, "NotImplemented", ENOSYS, false, "A header you provided implies functionality that is not implemented"},
    {Code::request_timeout, "request_timeout", 400, "RequestTimeout", ETIMEDOUT, true, "Your socket connection to the server was not read from or written to within the timeout period."},
    {Code::request_header_too_large, "request_header_too_large", 400, "RequestHeaderSectionTooLarge", E2BIG, false, "Your request header section exceeds the maximum allowed size"},
    {Code::incomplete_body, "incomplete_body", 400, "IncompleteBody", EPIPE, true, "You did not provide the number of bytes specified by the Content-Length HTTP header"},
    {Code::no_such_bucket, "no_such_bucket", 404, "NoSuchBucket", ENOENT, false, "The specified bucket does not exist"},
    {Code::no_such_key, "no_such_key", 404, "NoSuchKey", ENOENT, false, "The specified key does not exist."},
    {Code::no_such_version, "no_such_version", 404, "NoSuchVersion", ENOENT, false, "The specified version does not exist."},
    {Code::no_such_upload, "no_such_upload", 404, "NoSuchUpload", ENOENT, false, "The specified multipart upload does not exist. The upload ID might be invalid, or the multipart upload might have been aborted or completed."},
    {Code::not_found, "not_found", 404, "NotFound", ENOENT, false, "Not Found"},
    {Code::invalid_bucket_name, "invalid_bucket_name", 400, "InvalidBucketName", EINVAL, false, "The specified bucket is not valid."},
    {Code::bucket_already_exists, "bucket_already_exists", 409, "BucketAlreadyExists", EEXIST, false, "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."},
    {Code::bucket_already_owned_by_you, "bucket_already_owned_by_you", 409, "BucketAlreadyOwnedByYou", EEXIST, false, "Your previous request to create the named bucket succeeded and you already own it."},
    {Code::bucket_not_empty, "bucket_not_empty", 409, "BucketNotEmpty", ENOTEMPTY, false, "The bucket you tried to delete is not empty"},
    {Code::too_many_buckets, "too_many_buckets", 400, "TooManyBuckets", EDQUOT, false, "You have attempted to create more buckets than allowed"},
    {Code::precondition_failed, "precondition_failed", 412, "PreconditionFailed", EEXIST, false, "At least one of the pre-conditions you specified did not hold"},
    {Code::not_modified, "not_modified", 304, "NotModified", 0, false, "Not Modified"},
    {Code::conditional_request_conflict, "conditional_request_conflict", 409, "ConditionalRequestConflict", EAGAIN, true, "The conditional request cannot succeed due to a conflicting operation against this resource."},
    {Code::operation_aborted, "operation_aborted", 409, "OperationAborted", EAGAIN, true, "A conflicting conditional operation is currently in progress against this resource. Try again."},
    {Code::invalid_range, "invalid_range", 416, "InvalidRange", EINVAL, false, "The requested range is not satisfiable"},
    {Code::invalid_part, "invalid_part", 400, "InvalidPart", EINVAL, false, "One or more of the specified parts could not be found. The part might not have been uploaded, or the specified entity tag might not match the part's entity tag."},
    {Code::invalid_part_number, "invalid_part_number", 416, "InvalidPartNumber", EINVAL, false, "The requested partnumber is not satisfiable"},
    {Code::invalid_part_order, "invalid_part_order", 400, "InvalidPartOrder", EINVAL, false, "The list of parts was not in ascending order. The parts list must be specified in order by part number."},
    {Code::bad_digest, "bad_digest", 400, "BadDigest", EIO, false, "The Content-MD5 or checksum value that you specified did not match what the server received."},
    {Code::invalid_digest, "invalid_digest", 400, "InvalidDigest", EINVAL, false, "The Content-MD5 or checksum value that you specified is not valid."},
    {Code::checksum_mismatch, "checksum_mismatch", 400, "BadDigest", EIO, false, "The checksum you specified did not match the calculated checksum."},
    {Code::content_sha256_mismatch, "content_sha256_mismatch", 400, "XAmzContentSHA256Mismatch", EIO, false, "The provided 'x-amz-content-sha256' header does not match what was computed."},
    {Code::access_denied, "access_denied", 403, "AccessDenied", EACCES, false, "Access Denied"},
    {Code::invalid_access_key_id, "invalid_access_key_id", 403, "InvalidAccessKeyId", EACCES, false, "The AWS Access Key Id you provided does not exist in our records."},
    {Code::signature_does_not_match, "signature_does_not_match", 403, "SignatureDoesNotMatch", EACCES, false, "The request signature we calculated does not match the signature you provided. Check your key and signing method."},
    {Code::request_time_too_skewed, "request_time_too_skewed", 403, "RequestTimeTooSkewed", EACCES, false, "The difference between the request time and the current time is too large."},
    {Code::expired_presigned_request, "expired_presigned_request", 403, "AccessDenied", EACCES, false, "Request has expired"},
    {Code::authorization_header_malformed, "authorization_header_malformed", 400, "AuthorizationHeaderMalformed", EINVAL, false, "The authorization header that you provided is not valid."},
    {Code::authorization_query_parameters_error, "authorization_query_parameters_error", 400, "AuthorizationQueryParametersError", EINVAL, false, "The query parameters that carry the signature are not valid."},
    {Code::missing_security_header, "missing_security_header", 400, "MissingSecurityHeader", EINVAL, false, "Your request was missing a required header."},
    {Code::invalid_token, "invalid_token", 400, "InvalidToken", EACCES, false, "The provided token is malformed or otherwise not valid."},
    {Code::invalid_encoding, "invalid_encoding", 400, "InvalidRequest", EINVAL, false, "The request is not encoded as its headers say."},
    {Code::journal_gone, "journal_gone", 410, "JournalGone", ESTALE, false, "The journal no longer holds what follows that sequence. List the bucket, and follow it from the sequence given here."},
    {Code::rename_too_large, "rename_too_large", 400, "RenameTooLarge", EXDEV, false, "There are more keys under the prefix than can be renamed at once. Nothing was renamed."},
    {Code::rename_target_not_empty, "rename_target_not_empty", 409, "RenameTargetNotEmpty", ENOTEMPTY, false, "There are keys under the new prefix. Nothing was renamed."},
    {Code::conflict, "conflict", 409, "OperationAborted", EAGAIN, true, "A conflicting operation changed the resource. Try again."},
    {Code::would_block, "would_block", 500, "InternalError", EWOULDBLOCK, true, "We encountered an internal error. Please try again."},
    {Code::slow_down, "slow_down", 503, "SlowDown", EAGAIN, true, "Please reduce your request rate."},
    {Code::unavailable, "unavailable", 503, "ServiceUnavailable", EAGAIN, true, "Service is unable to handle request."},
    {Code::read_only, "read_only", 503, "ServiceUnavailable", EROFS, true, "The store cannot write at the moment; the server's log says why."},
    {Code::timeout, "timeout", 503, "ServiceUnavailable", ETIMEDOUT, true, "Service is unable to handle request in time."},
    {Code::cancelled, "cancelled", 503, "ServiceUnavailable", ECANCELED, true, "The request was cancelled."},
    {Code::corrupt, "corrupt", 500, "InternalError", EIO, false, "The stored bytes failed their checksum; the server's log says which."},
    {Code::no_space, "no_space", 507, "InsufficientStorage", ENOSPC, true, "The store's disk is full. Delete objects or add space, then try again."},
    {Code::io_error, "io_error", 500, "InternalError", EIO, true, "We encountered an internal error. Please try again."},
    {Code::internal_error, "internal_error", 500, "InternalError", EIO, true, "We encountered an internal error. Please try again."},
    // clang-format on
}};

}  // namespace

const CodeInfo& info(Code code) {
    const CodeInfo& row = table[static_cast<std::size_t>(code)];
    CHECK(row.code == code);
    return row;
}

std::string Error::describe() const { return fmt::format("{}: {}", info(code_).name, message()); }

Error errno_error(std::string_view what, int error_number) {
    Code code = Code::io_error;
    if (error_number == ENOSPC || error_number == EDQUOT) code = Code::no_space;
    if (error_number == ENOENT) code = Code::not_found;
    if (error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM)
        code = Code::unavailable;
    return Error(code, fmt::format("{}: {}", what, std::generic_category().message(error_number)));
}

}  // namespace weir
