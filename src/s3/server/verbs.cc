#include "s3/server/verbs.h"

namespace weir::s3 {

Verb verb_of(Operation operation) {
    switch (operation) {
        case Operation::ListBuckets:
            return list_buckets;
        case Operation::CreateBucket:
            return create_bucket;
        case Operation::HeadBucket:
            return head_bucket;
        case Operation::DeleteBucket:
            return delete_bucket;
        case Operation::GetBucketLocation:
            return get_bucket_location;
        case Operation::GetBucketVersioning:
            return get_bucket_versioning;
        case Operation::PutBucketVersioning:
            return put_bucket_versioning;
        case Operation::ListObjects:
            return list_objects;
        case Operation::ListObjectsV2:
            return list_objects_v2;
        case Operation::ListObjectVersions:
            return list_object_versions;
        case Operation::DeleteObject:
            return delete_object;
        case Operation::DeleteObjects:
            return delete_objects;
        case Operation::CopyObject:
            return copy_object;
        case Operation::RenameObject:
            return rename_object;
        case Operation::GetObjectAttributes:
            return get_object_attributes;
        case Operation::CreateMultipartUpload:
            return create_multipart_upload;
        case Operation::UploadPartCopy:
            return upload_part_copy;
        case Operation::CompleteMultipartUpload:
            return complete_multipart_upload;
        case Operation::AbortMultipartUpload:
            return abort_multipart_upload;
        case Operation::ListParts:
            return list_parts;
        case Operation::ListMultipartUploads:
            return list_multipart_uploads;
        default:
            return nullptr;
    }
}

bool has_xml_body(Operation operation) {
    return operation == Operation::CreateBucket || operation == Operation::PutBucketVersioning ||
           operation == Operation::DeleteObjects || operation == Operation::CompleteMultipartUpload;
}

}  // namespace weir::s3
