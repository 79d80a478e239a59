"""What a golden data directory holds, as clients see it."""

import hashlib

KiB, MiB = 1024, 1024 * 1024
BUCKET = "golden"


def pattern(size: int) -> bytes:
    """Bytes that compress well and of which no two blocks are the same."""
    return b"".join(f"{number:08x}".encode() + bytes(1016) for number in range(size // 1024 + 1))[:size]


def body_of(s3, version: dict) -> dict:
    """One version with its bytes' digest."""
    got = s3.get_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"], ChecksumMode="ENABLED")
    return {
        "etag": got["ETag"],
        "sha256": hashlib.sha256(got["Body"].read()).hexdigest(),
        "modified": version["LastModified"].isoformat(),
        "latest": version["IsLatest"],
        "type": got["ContentType"],
        "metadata": got["Metadata"],
        "checksums": {name: value for name, value in got.items() if name.startswith("Checksum")},
    }


def describe(s3) -> dict:
    """Buckets, versions, delete markers, open uploads."""
    listed = s3.list_object_versions(Bucket=BUCKET)
    versions = {f"{version['Key']}@{version['VersionId']}": body_of(s3, version) for version in listed["Versions"]}
    markers = [[marker["Key"], marker["VersionId"], marker["IsLatest"]] for marker in listed.get("DeleteMarkers", [])]
    uploads = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    parts = [
        [upload["Key"], part["PartNumber"], part["ETag"], part["Size"]]
        for upload in uploads
        for part in s3.list_parts(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])["Parts"]
    ]
    return {
        "buckets": [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]],
        "versioning": s3.get_bucket_versioning(Bucket=BUCKET).get("Status"),
        "objects": [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]],
        "versions": versions,
        "markers": markers,
        "parts": parts,
    }
