"""A good request for every operation that is served, and a bucket in which it means something."""

import base64
import hashlib
import pathlib
import xml.etree.ElementTree as ElementTree

from signing import Request, sign_v4
from wire import exchange

from weir_server import ROOT, new_bucket_name

LIST = ROOT / "src/s3/proto/implemented_operations.txt"
BODY = b"what was there before"


def implemented_operations(path: pathlib.Path = LIST):
    lines = [line.split() for line in path.read_text().splitlines()]
    return [words[0] for words in lines if words and not words[0].startswith("#")]


class World:
    """A versioned bucket with an object, a second one, an open upload with a part, and an empty bucket."""

    def __init__(self, server, keys):
        self.server, self.keys = server, keys
        self.host = server.endpoint.split("://")[1]
        self.bucket, self.empty = new_bucket_name("kept"), new_bucket_name("empty")
        for bucket in (self.bucket, self.empty):
            self.must("PUT", f"/{bucket}")
        enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.must("PUT", f"/{self.bucket}", [("versioning", "")], body=enabled)
        self.version = self.must("PUT", f"/{self.bucket}/key", body=BODY).headers["x-amz-version-id"]
        self.must("PUT", f"/{self.bucket}/other", body=b"another")
        begun = self.must("POST", f"/{self.bucket}/parts", [("uploads", "")])
        self.upload = ElementTree.fromstring(begun.body).findtext("{*}UploadId")
        part = [("partNumber", "1"), ("uploadId", self.upload)]
        self.part_tag = self.must("PUT", f"/{self.bucket}/parts", part, body=b"a part").headers["etag"]

    def request(self, method, path, query=(), headers=(), body=b""):
        return Request(method, path, tuple(query), (("Host", self.host), *headers), body)

    def must(self, *parts, **more):
        reply = exchange(self.server, sign_v4(self.request(*parts, **more), self.keys))
        assert reply.status in (200, 204), reply
        return reply

    def example(self, operation):
        return EXAMPLES[operation](self)


def md5_of(body):
    return [("Content-MD5", base64.b64encode(hashlib.md5(body).digest()).decode())]


def put_bucket_versioning(world):
    body = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
    return world.request("PUT", f"/{world.bucket}", [("versioning", "")], md5_of(body), body)


def create_bucket(world):
    body = b"<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>"
    return world.request("PUT", f"/{world.bucket}-new", body=body)


def delete_objects(world):
    body = b"<Delete><Object><Key>key</Key></Object><Object><Key>other</Key></Object></Delete>"
    return world.request("POST", f"/{world.bucket}", [("delete", "")], md5_of(body), body)


def complete(world):
    body = f"<Part><PartNumber>1</PartNumber><ETag>{world.part_tag}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode()
    return world.request("POST", f"/{world.bucket}/parts", [("uploadId", world.upload)], body=body)


def put_object(world):
    headers = [("Content-Type", "text/plain"), ("x-amz-meta-a", "b"), ("x-amz-storage-class", "STANDARD")]
    return world.request("PUT", f"/{world.bucket}/key", (), headers, b"what is new")


def part_of(world, number):
    return [("partNumber", str(number)), ("uploadId", world.upload)]


EXAMPLES = {
    "ListBuckets": lambda world: world.request("GET", "/", [("max-buckets", "7")]),
    "CreateBucket": create_bucket,
    "HeadBucket": lambda world: world.request("HEAD", f"/{world.bucket}"),
    "DeleteBucket": lambda world: world.request("DELETE", f"/{world.empty}"),
    "GetBucketLocation": lambda world: world.request("GET", f"/{world.bucket}", [("location", "")]),
    "GetBucketVersioning": lambda world: world.request("GET", f"/{world.bucket}", [("versioning", "")]),
    "PutBucketVersioning": put_bucket_versioning,
    "PutObject": put_object,
    "GetObject": lambda world: world.request(
        "GET", f"/{world.bucket}/key", [("versionId", world.version), ("response-content-type", "a/b")]
    ),
    "HeadObject": lambda world: world.request("HEAD", f"/{world.bucket}/key", [("versionId", world.version)]),
    "DeleteObject": lambda world: world.request("DELETE", f"/{world.bucket}/key", [("versionId", world.version)]),
    "DeleteObjects": delete_objects,
    "CopyObject": lambda world: world.request(
        "PUT", f"/{world.bucket}/copy", (), [("x-amz-copy-source", f"/{world.bucket}/key?versionId={world.version}")]
    ),
    "GetObjectAttributes": lambda world: world.request(
        "GET", f"/{world.bucket}/key", [("attributes", "")], [("x-amz-object-attributes", "ETag,ObjectSize")]
    ),
    "RenameObject": lambda world: world.request(
        "PUT", f"/{world.bucket}/renamed", [("renameObject", "")], [("x-amz-rename-source", f"/{world.bucket}/key")]
    ),
    "CreateMultipartUpload": lambda world: world.request(
        "POST", f"/{world.bucket}/new-parts", [("uploads", "")], [("x-amz-checksum-algorithm", "CRC32")]
    ),
    "UploadPart": lambda world: world.request("PUT", f"/{world.bucket}/parts", part_of(world, 2), body=b"the second part"),
    "UploadPartCopy": lambda world: world.request(
        "PUT",
        f"/{world.bucket}/parts",
        part_of(world, 3),
        [("x-amz-copy-source", f"/{world.bucket}/key"), ("x-amz-copy-source-range", "bytes=0-3")],
    ),
    "CompleteMultipartUpload": complete,
    "AbortMultipartUpload": lambda world: world.request("DELETE", f"/{world.bucket}/parts", [("uploadId", world.upload)]),
    "ListParts": lambda world: world.request("GET", f"/{world.bucket}/parts", [("uploadId", world.upload), ("max-parts", "9")]),
    "ListMultipartUploads": lambda world: world.request("GET", f"/{world.bucket}", [("uploads", ""), ("prefix", "p")]),
    "ListObjects": lambda world: world.request("GET", f"/{world.bucket}", [("prefix", "k"), ("max-keys", "5")]),
    "ListObjectsV2": lambda world: world.request("GET", f"/{world.bucket}", [("list-type", "2"), ("prefix", "k")]),
    "ListObjectVersions": lambda world: world.request("GET", f"/{world.bucket}", [("versions", ""), ("prefix", "k")]),
}
