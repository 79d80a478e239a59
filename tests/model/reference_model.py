"""What S3 says, in memory: one method an operation, which returns the reply as botocore shows it or raises S3Error.

What only a server can choose stands in the reply as the object it belongs to: a Version for its id, an Upload for its,
a Moment for a time, a Token for what continues a listing. No code of Weir's, and no SDK.

Where AWS leaves something open, or the suites that judge servers (ceph/s3-tests) ask for another answer than AWS's
guide, `Weir's choice` marks what this model expects.
"""

import base64
import dataclasses
import hashlib
import itertools
import re
import zlib

import awscrt.checksums

PART_BYTES_MIN = 5 * 1024 * 1024
KEY_BYTES_MAX = 1024
PAGE_MAX = 1000
NULL = "null"
MALFORMED = "malformed"  # stands for a version id that is none


class S3Error(Exception):
    """A refusal: its status, the codes that fit it, the headers that come with it."""

    def __init__(self, status, *codes, headers=None):
        super().__init__(f"{status} {' or '.join(codes)}")
        self.status, self.codes, self.headers = status, codes, headers or {}


def no_such_bucket():
    return S3Error(404, "NoSuchBucket")


def no_such_key(headers=None):
    return S3Error(404, "NoSuchKey", headers=headers)


def invalid_argument():
    return S3Error(400, "InvalidArgument")


def invalid_request():
    return S3Error(400, "InvalidRequest")


def precondition_failed():
    return S3Error(412, "PreconditionFailed")


class Moment:
    """A time that the server chose while a request ran; every reply must agree on it."""

    def __init__(self, window):
        self.window = window


@dataclasses.dataclass(eq=False)
class Token:
    """Continues a listing after this entry."""

    after: str
    id: str = None


@dataclasses.dataclass(eq=False)
class Version:
    """An object's version, or a delete marker."""

    key: str
    null: bool = True
    marker: bool = False
    body: bytes = b""
    etag: str = ""
    metadata: dict = dataclasses.field(default_factory=dict)
    content_type: str = "binary/octet-stream"
    checksum: tuple = ()  # algorithm, text, type
    part_sizes: tuple = ()  # of a multipart upload
    part_checksums: tuple = ()
    upload: object = None
    modified: Moment = None
    id: str = None  # what the server calls it

    @property
    def name(self):
        return NULL if self.null else self

    def __repr__(self):
        return f"<{'marker' if self.marker else 'version'} {NULL if self.null else self.id} of {self.key!r}>"


@dataclasses.dataclass
class Part:
    body: bytes
    etag: str
    checksum: tuple
    modified: Moment


@dataclasses.dataclass(eq=False)
class Upload:
    key: str
    metadata: dict
    content_type: str
    algorithm: str  # None: the server's choice
    type: str
    initiated: Moment
    parts: dict = dataclasses.field(default_factory=dict)
    id: str = None

    def __repr__(self):
        return f"<upload {self.id} of {self.key!r}>"


@dataclasses.dataclass
class Bucket:
    created: Moment
    versioning: str = None
    versions: dict = dataclasses.field(default_factory=dict)  # key -> newest first
    uploads: list = dataclasses.field(default_factory=list)  # in the order of their start

    def current(self, key):
        """The newest version, if it is no delete marker."""
        newest = self.newest(key)
        return newest if newest and not newest.marker else None

    def newest(self, key):
        return next(iter(self.versions.get(key, ())), None)

    def find(self, key, which):
        for version in self.versions.get(key, ()):
            if version is which or (which == NULL and version.null):
                return version
        return None

    def drop(self, version):
        kept = self.versions[version.key]
        kept.remove(version)
        if not kept:
            del self.versions[version.key]

    def add(self, version):
        """Makes it the newest. Only an enabled bucket keeps what was the null version."""
        version.null = self.versioning != "Enabled"
        replaced = self.find(version.key, NULL) if version.null else None
        if replaced:
            self.drop(replaced)
        self.versions.setdefault(version.key, []).insert(0, version)
        return version

    def shown(self, version):
        """The version id that a reading reply shows: none where versioning was never set."""
        return {"VersionId": version.name} if self.versioning else {}


@dataclasses.dataclass(frozen=True)
class Conditions:
    """ETags as sent; times as "before" the object's own, or the "same"."""

    match: str = None
    none_match: str = None
    modified_since: str = None
    unmodified_since: str = None

    def names(self, header, etag):
        return header == "*" or header.strip('"') == etag.strip('"')

    def fails_match(self, version):
        if self.match is not None:
            return not self.names(self.match, version.etag)
        return self.unmodified_since == "before"

    def fails_none_match(self, version):
        if self.none_match is not None:
            return self.names(self.none_match, version.etag)
        return self.modified_since == "same"

    def check_read(self, version):
        if self.fails_match(version):
            raise precondition_failed()
        if self.fails_none_match(version):
            raise S3Error(304, "NotModified")

    def check_source(self, version):
        if self.fails_match(version) or self.fails_none_match(version):
            raise precondition_failed()

    def check_write(self, current):
        if current is not None:
            self.check_source(current)
        elif self.match is not None:
            raise no_such_key()

    def check_delete(self, version):
        """Weir's choice, as s3-tests': nothing there is no failure, and a delete marker matches only "*".

        AWS's guide says 404 of nothing, and of conditions that they see the current version only.
        """
        if version is not None and self.match is not None and not self.names(self.match, version.etag):
            raise precondition_failed()


ANY = Conditions()


def utf8(text):
    return text.encode()


def check_key(key):
    if len(utf8(key)) > KEY_BYTES_MAX:
        raise S3Error(400, "KeyTooLongError")


def md5_etag(body):
    return f'"{hashlib.md5(body).hexdigest()}"'


def digest(algorithm, body):
    if algorithm in ("SHA1", "SHA256"):
        return hashlib.new(algorithm, body).digest()
    crc, size = {
        "CRC32": (zlib.crc32, 4),
        "CRC32C": (awscrt.checksums.crc32c, 4),
        "CRC64NVME": (awscrt.checksums.crc64nvme, 8),
    }[algorithm]
    return crc(body).to_bytes(size, "big")


def text_of(digest_bytes):
    return base64.b64encode(digest_bytes).decode()


def checksum_of(body, algorithm):
    """As an object of one piece has it: CRC64NVME unless the client named another."""
    algorithm = algorithm or "CRC64NVME"
    return algorithm, text_of(digest(algorithm, body)), "FULL_OBJECT"


def shown_checksum(checksum):
    algorithm, text, kind = checksum
    return {f"Checksum{algorithm}": text, "ChecksumType": kind}


def select_range(header, size):
    """(first, end) of the bytes asked for, None where the header is to be ignored."""
    ends = re.fullmatch(r"bytes=(\d*)-(\d*)", header)
    if not ends or ends.groups() == ("", ""):
        return None
    first, last = (int(digits) if digits else None for digits in ends.groups())
    if first is not None and last is not None and last < first:
        return None
    if first is None and last > 0 and size > 0:
        return max(0, size - last), size
    if first is None or first >= size:
        raise S3Error(416, "InvalidRange", headers={"content-range": f"bytes */{size}"})
    return first, size if last is None else min(last + 1, size)


def rolled(key, prefix, delimiter):
    """The common prefix that the key rolls up to."""
    at = key.find(delimiter, len(prefix)) if delimiter else -1
    return None if at < 0 else key[: at + len(delimiter)]


def page_of(entries, size):
    """The first entries, and whether there are more. An empty page is never truncated."""
    page = list(itertools.islice(entries, size + 1)) if size else []
    return page[:size], len(page) > size


def roll_up(rows, prefix, delimiter, passed):
    """(key, row) in order -> (name, row), or (common prefix, None) once; not the prefix `passed`."""
    last = passed
    for key, row in rows:
        if not key.startswith(prefix):
            continue
        folder = rolled(key, prefix, delimiter)
        if folder is None:
            yield key, row
        elif folder != last:
            last = folder
            yield folder, None


def common_prefixes(page):
    prefixes = [{"Prefix": name} for name, row in page if row is None]
    return {"CommonPrefixes": prefixes} if prefixes else {}


def delimiter_shown(delimiter):
    return {"Delimiter": delimiter} if delimiter else {}


def bounded(size):
    if size is None:
        return PAGE_MAX
    if size < 0:
        raise invalid_argument()
    return min(size, PAGE_MAX)


class Model:
    """One account's buckets. `now()` gives the window within which the running request chooses its times."""

    def __init__(self, now):
        self.now = now
        self.buckets = {}

    def moment(self):
        return Moment(self.now())

    def bucket(self, name):
        if name not in self.buckets:
            raise no_such_bucket()
        return self.buckets[name]

    # --- buckets

    def create_bucket(self, name):
        """Again by its owner changes nothing, as in us-east-1; other regions answer 409 BucketAlreadyOwnedByYou."""
        self.buckets.setdefault(name, Bucket(self.moment()))
        return {"Location": f"/{name}"}

    def delete_bucket(self, name):
        if self.bucket(name).versions:
            raise S3Error(409, "BucketNotEmpty")
        del self.buckets[name]  # with its open uploads
        return {}

    def head_bucket(self, name):
        self.bucket(name)
        return {"BucketRegion": "us-east-1"}

    def list_buckets(self, prefix):
        names = sorted(name for name in self.buckets if name.startswith(prefix))
        listed = [{"Name": name, "CreationDate": self.buckets[name].created} for name in names]
        return {"Buckets": listed, "Prefix": prefix}

    def put_bucket_versioning(self, name, status):
        self.bucket(name).versioning = status
        return {}

    def get_bucket_versioning(self, name):
        status = self.bucket(name).versioning
        return {"Status": status} if status else {}

    # --- objects

    def new_version(self, bucket, version):
        version.modified = self.moment()
        bucket.add(version)
        # Weir's choice: a null version's id is not told to its writer.
        return {} if version.null else {"VersionId": version}

    def put_object(self, name, key, body, metadata, content_type, algorithm, conditions=ANY):
        check_key(key)
        bucket = self.bucket(name)
        conditions.check_write(bucket.current(key))
        version = Version(
            key,
            body=body,
            etag=md5_etag(body),
            metadata=metadata,
            content_type=content_type,
            checksum=checksum_of(body, algorithm),
        )
        told = self.new_version(bucket, version)
        return {"ETag": version.etag, **told, **shown_checksum(version.checksum)}

    def find(self, bucket, key, which):
        if which == MALFORMED:
            raise invalid_argument()
        version = bucket.find(key, which) if which else bucket.newest(key)
        if version is None:
            raise S3Error(404, "NoSuchVersion") if which else no_such_key()
        return version

    def get_object(self, name, key, which=None, conditions=ANY, byte_range=None, part=None, checksum_mode=False):
        """GetObject, and HeadObject with the body's length only."""
        bucket = self.bucket(name)
        version = self.find(bucket, key, which)
        if version.marker:
            headers = {"x-amz-delete-marker": "true", "x-amz-version-id": version.name}
            raise S3Error(405, "MethodNotAllowed", headers=headers) if which else no_such_key(headers)
        conditions.check_read(version)
        reply = {
            "AcceptRanges": "bytes",
            "LastModified": version.modified,
            "ETag": version.etag,
            "ContentType": version.content_type,
            "Metadata": version.metadata,
            **bucket.shown(version),
        }
        selected = self.select(version, byte_range, part)
        first, end = selected or (0, len(version.body))
        if selected:
            reply["ContentRange"] = f"bytes {first}-{end - 1}/{len(version.body)}"
        if part and version.part_sizes:
            reply["PartsCount"] = len(version.part_sizes)
        if checksum_mode:
            reply |= self.read_checksum(version, selected, part)
        return reply | {"ContentLength": end - first, "Body": version.body[first:end]}

    def select(self, version, byte_range, part):
        if part and byte_range:
            raise invalid_request()
        if byte_range:
            return select_range(byte_range, len(version.body))
        if not part:
            return None
        sizes = version.part_sizes or (len(version.body),)
        if part > len(sizes):
            # Weir's choice, as s3-tests'; AWS answers 416 InvalidPartNumber.
            raise S3Error(400, "InvalidPart")
        first = sum(sizes[: part - 1])
        empty = not version.part_sizes and not version.body
        return None if empty else (first, first + sizes[part - 1])

    def read_checksum(self, version, selected, part):
        """The object's only with all of its bytes, a part's with that part."""
        if not selected:
            return shown_checksum(version.checksum)
        if not (part and version.part_sizes):
            return {}
        checksum = version.part_checksums[part - 1]
        shown = {f"Checksum{checksum[0]}": checksum[1]} if checksum else {}
        return shown | {"ChecksumType": version.checksum[2]}

    def delete_object(self, name, key, which=None, conditions=ANY):
        check_key(key)
        bucket = self.bucket(name)
        if which == MALFORMED:
            raise invalid_argument()
        if which:
            return self.delete_version(bucket, key, which, conditions)
        newest = bucket.newest(key)
        conditions.check_delete(newest)
        if bucket.versioning is None:
            if newest:
                bucket.drop(newest)
            return {}
        if newest is None and conditions != ANY:
            return {}  # Weir's choice: nothing was there to match, so nothing is covered
        marker = Version(key, marker=True)
        self.new_version(bucket, marker)
        return {"DeleteMarker": True, "VersionId": marker.name}

    def delete_version(self, bucket, key, which, conditions):
        version = bucket.find(key, which)
        conditions.check_delete(version)
        if version is None:
            return {"VersionId": which}
        bucket.drop(version)
        return {"VersionId": version.name, **({"DeleteMarker": True} if version.marker else {})}

    def delete_objects(self, name, objects, quiet):
        """`objects`: (key, which, conditions), in the order in which they take effect."""
        self.bucket(name)
        deleted, errors = [], []
        for key, which, conditions in objects:
            asked = {"Key": key} | ({"VersionId": which} if which else {})
            try:
                reply = self.delete_object(name, key, which, conditions)
            except S3Error as error:
                errors.append(asked | {"Code": error.codes[0]})
                continue
            if reply.get("DeleteMarker"):
                asked |= {"DeleteMarker": True, "DeleteMarkerVersionId": reply["VersionId"]}
            deleted.append(asked)
        shown = {"Deleted": deleted} if deleted and not quiet else {}
        return shown | ({"Errors": errors} if errors else {})

    # --- copies

    def source(self, name, key, which, conditions):
        bucket = self.bucket(name)
        version = self.find(bucket, key, which)
        if version.marker:
            raise invalid_request() if which else no_such_key()
        conditions.check_source(version)
        return version

    def copied(self, version, key):
        """Weir's choice: a copy keeps the parts, the ETag and the checksum of its source; AWS computes them again."""
        return dataclasses.replace(version, key=key, id=None, upload=None)

    def copy_object(self, source, name, key, replaced=None, algorithm=None, source_conditions=ANY, conditions=ANY):
        """`source`: bucket, key, version; `replaced`: metadata and content type that take the place of the source's."""
        from_name, from_key, which = source
        check_key(key)
        check_key(from_key)
        bucket = self.bucket(name)
        self.bucket(from_name)
        if which == MALFORMED:
            raise invalid_argument()
        if (from_name, from_key, which) == (name, key, None) and not replaced:
            raise invalid_request()
        found = self.source(from_name, from_key, which, source_conditions)
        version = self.copied(found, key)
        if replaced:
            version.metadata, version.content_type = replaced
        if algorithm and (algorithm, "FULL_OBJECT") != (version.checksum[0], version.checksum[2]):
            version.checksum = checksum_of(version.body, algorithm)
        conditions.check_write(bucket.current(key))
        from_version = {"CopySourceVersionId": found.name} if self.buckets[from_name].versioning else {}
        told = self.new_version(bucket, version)
        result = {"ETag": version.etag, "LastModified": version.modified, **shown_checksum(version.checksum)}
        return {"CopyObjectResult": result, **told, **from_version}

    def rename_object(self, name, source_key, key, source_conditions=ANY, conditions=ANY):
        """AWS has it in directory buckets, which keep no versions. Where they are kept, it is a copy and a delete."""
        check_key(key)
        bucket = self.bucket(name)
        check_key(source_key)
        if source_key == key:
            raise invalid_request()
        found = self.source(name, source_key, None, source_conditions)
        conditions.check_write(bucket.current(key))
        version = self.copied(found, key)
        version.upload = found.upload if bucket.versioning is None else None
        self.new_version(bucket, version)
        self.delete_object(name, source_key)
        return {}

    # --- multipart uploads

    def create_upload(self, name, key, metadata, content_type, algorithm):
        check_key(key)
        kind = "COMPOSITE" if algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256") else "FULL_OBJECT"
        upload = Upload(key, metadata, content_type, algorithm, kind, self.moment())
        self.bucket(name).uploads.append(upload)
        named = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind} if algorithm else {}
        return {"Bucket": name, "Key": key, "UploadId": upload, **named}

    def open_upload(self, name, upload):
        bucket = self.bucket(name)
        if upload not in bucket.uploads:
            raise S3Error(404, "NoSuchUpload")
        return bucket

    def put_part(self, upload, number, body):
        checksum = (upload.algorithm, text_of(digest(upload.algorithm, body))) if upload.algorithm else ()
        part = Part(body, md5_etag(body), checksum, self.moment())
        upload.parts[number] = part
        return part, ({f"Checksum{checksum[0]}": checksum[1]} if checksum else {})

    def check_part_number(self, number):
        if not 1 <= number <= 10_000:
            raise invalid_argument()

    def upload_part(self, name, upload, number, body):
        self.check_part_number(number)
        self.open_upload(name, upload)
        part, shown = self.put_part(upload, number, body)
        return {"ETag": part.etag, **shown}

    def upload_part_copy(self, source, name, upload, number, span=None):
        """`span`: the first and the last byte."""
        from_name, from_key, which = source
        self.check_part_number(number)
        check_key(from_key)
        self.bucket(name)
        self.bucket(from_name)
        if which == MALFORMED:
            raise invalid_argument()
        self.open_upload(name, upload)
        found = self.source(from_name, from_key, which, ANY)
        first, last = span or (0, len(found.body) - 1)
        if span and last >= len(found.body):
            raise S3Error(416, "InvalidRange")
        part, shown = self.put_part(upload, number, found.body[first : last + 1])
        from_version = {"CopySourceVersionId": found.name} if self.buckets[from_name].versioning else {}
        return {"CopyPartResult": {"ETag": part.etag, "LastModified": part.modified, **shown}, **from_version}

    def list_parts(self, name, upload, marker=0, size=None):
        size = bounded(size)
        self.open_upload(name, upload)
        numbers = [number for number in sorted(upload.parts) if number > marker]
        page = numbers[:size]
        reply = {
            "Bucket": name,
            "Key": upload.key,
            "UploadId": upload,
            "PartNumberMarker": marker,
            "NextPartNumberMarker": page[-1] if page else 0,
            "MaxParts": size,
            "IsTruncated": len(numbers) > size,
            "StorageClass": "STANDARD",
        }
        if upload.algorithm:
            reply |= {"ChecksumAlgorithm": upload.algorithm, "ChecksumType": upload.type}
        parts = [self.listed_part(number, upload.parts[number]) for number in page]
        return reply | ({"Parts": parts} if parts else {})

    def listed_part(self, number, part):
        shown = {f"Checksum{part.checksum[0]}": part.checksum[1]} if part.checksum else {}
        return {
            "PartNumber": number,
            "LastModified": part.modified,
            "ETag": part.etag,
            "Size": len(part.body),
            **shown,
        }

    def complete_upload(self, name, upload, listed, conditions=ANY, size=None):
        """`listed`: (number, ETag), as the client sends them."""
        if not listed:
            raise S3Error(400, "MalformedXML")
        bucket = self.bucket(name)
        if upload not in bucket.uploads:
            return self.completed_before(name, upload)
        parts = self.choose_parts(upload, listed)
        version = self.assemble(upload, parts)
        if size is not None and size != len(version.body):
            raise invalid_request()
        conditions.check_write(bucket.current(upload.key))
        bucket.uploads.remove(upload)
        told = self.new_version(bucket, version)
        return self.completed(name, version) | told

    def completed_before(self, name, upload):
        """A Complete that is sent again answers as it did, while the object is still the newest."""
        version = self.buckets[name].current(upload.key)
        if version is None or version.upload is not upload:
            raise S3Error(404, "NoSuchUpload")
        return self.completed(name, version) | ({} if version.null else {"VersionId": version})

    def completed(self, name, version):
        return {"Bucket": name, "Key": version.key, "ETag": version.etag, **shown_checksum(version.checksum)}

    def choose_parts(self, upload, listed):
        """All that is wrong with a list is found; which of it a server says first is its own affair."""
        wrong = set()
        numbers = [number for number, _ in listed]
        if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
            wrong.add("InvalidPartOrder")
        parts = [upload.parts.get(number) for number in numbers]
        if any(part is None or part.etag != etag for part, (_, etag) in zip(parts, listed, strict=True)):
            wrong.add("InvalidPart")
        if any(part and len(part.body) < PART_BYTES_MIN for part in parts[:-1]):
            wrong.add("EntityTooSmall")
        if wrong:
            raise S3Error(400, *sorted(wrong))
        return parts

    def assemble(self, upload, parts):
        digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
        body = b"".join(part.body for part in parts) if len(parts) > 1 else parts[0].body
        checksum = checksum_of(body, upload.algorithm)
        if upload.type == "COMPOSITE":
            of_parts = b"".join(digest(upload.algorithm, part.body) for part in parts)
            text = f"{text_of(digest(upload.algorithm, of_parts))}-{len(parts)}"
            checksum = upload.algorithm, text, upload.type
        return Version(
            upload.key,
            body=body,
            etag=f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"',
            metadata=upload.metadata,
            content_type=upload.content_type,
            checksum=checksum,
            part_sizes=tuple(len(part.body) for part in parts),
            part_checksums=tuple(part.checksum for part in parts),
            upload=upload,
        )

    def abort_upload(self, name, upload):
        self.open_upload(name, upload).uploads.remove(upload)
        return {}

    # --- listings

    def objects_page(self, bucket, prefix, delimiter, after, size):
        keys = sorted((key for key in bucket.versions if bucket.current(key)), key=utf8)
        rows = ((key, bucket.current(key)) for key in keys if utf8(key) > utf8(after))
        return page_of(roll_up(rows, prefix, delimiter, after), size)

    def contents(self, page):
        listed = [self.listed(version) for _, version in page if version]
        return {"Contents": listed} if listed else {}

    def listed(self, version):
        return {
            "Key": version.key,
            "LastModified": version.modified,
            "ETag": version.etag,
            "ChecksumAlgorithm": [version.checksum[0]],
            "ChecksumType": version.checksum[2],
            "Size": len(version.body),
            "StorageClass": "STANDARD",
        }

    def list_objects(self, name, prefix="", delimiter="", marker="", size=None):
        size = bounded(size)
        page, more = self.objects_page(self.bucket(name), prefix, delimiter, marker, size)
        # Only with a delimiter: without one the last key is the marker.
        following = {"NextMarker": page[-1][0]} if more and delimiter else {}
        return {
            "Name": name,
            "Prefix": prefix,
            "Marker": marker,
            "MaxKeys": size,
            "IsTruncated": more,
            "EncodingType": "url",
            **delimiter_shown(delimiter),
            **following,
            **self.contents(page),
            **common_prefixes(page),
        }

    def list_objects_v2(self, name, prefix="", delimiter="", start_after=None, token=None, size=None):
        size = bounded(size)
        after = token.after if token else start_after or ""
        page, more = self.objects_page(self.bucket(name), prefix, delimiter, after, size)
        reply = {
            "Name": name,
            "Prefix": prefix,
            "MaxKeys": size,
            "KeyCount": len(page),
            "IsTruncated": more,
            "EncodingType": "url",
        }
        if start_after is not None:
            reply["StartAfter"] = start_after
        if token:
            reply["ContinuationToken"] = token
        if more:
            reply["NextContinuationToken"] = Token(page[-1][0])
        return reply | delimiter_shown(delimiter) | self.contents(page) | common_prefixes(page)

    def list_object_versions(self, name, prefix="", delimiter="", key_marker="", version_marker=None, size=None):
        """`version_marker`: a Version of `key_marker` that is there."""
        size = bounded(size)
        bucket = self.bucket(name)
        if version_marker and not key_marker:
            raise invalid_argument()
        rows = self.version_rows(bucket, key_marker, version_marker)
        page, more = page_of(roll_up(rows, prefix, delimiter, None if version_marker else key_marker), size)
        reply = {
            "Name": name,
            "Prefix": prefix,
            "KeyMarker": key_marker,
            "VersionIdMarker": version_marker.name if version_marker else "",
            "MaxKeys": size,
            "IsTruncated": more,
            "EncodingType": "url",
        }
        if more:
            last_name, last = page[-1]
            reply["NextKeyMarker"] = last_name
            if last:
                reply["NextVersionIdMarker"] = last.name
        versions = [self.listed_version(bucket, row) for _, row in page if row and not row.marker]
        markers = [self.listed_version(bucket, row) for _, row in page if row and row.marker]
        reply |= {"Versions": versions} if versions else {}
        reply |= {"DeleteMarkers": markers} if markers else {}
        return reply | delimiter_shown(delimiter) | common_prefixes(page)

    def version_rows(self, bucket, key_marker, version_marker):
        for key in sorted(bucket.versions, key=utf8):
            versions = bucket.versions[key]
            if key == key_marker and version_marker:
                versions = versions[versions.index(version_marker) + 1 :]
            elif utf8(key) <= utf8(key_marker):
                continue
            for version in versions:
                yield key, version

    def listed_version(self, bucket, version):
        shown = {"Key": version.key, "LastModified": version.modified} if version.marker else self.listed(version)
        return shown | {"VersionId": version.name, "IsLatest": version is bucket.newest(version.key)}

    def list_uploads(self, name, prefix="", delimiter="", key_marker="", upload_marker=None, size=None):
        """By key, and those of one key in the order of their start. `upload_marker`: an open Upload of `key_marker`."""
        size = bounded(size)
        uploads = sorted(self.bucket(name).uploads, key=lambda upload: utf8(upload.key))
        skipped = uploads.index(upload_marker) + 1 if upload_marker else 0
        rows = [(upload.key, upload) for upload in uploads[skipped:]]
        if not upload_marker:
            rows = [(key, upload) for key, upload in rows if utf8(key) > utf8(key_marker)]
        page, more = page_of(roll_up(rows, prefix, delimiter, None if upload_marker else key_marker), size)
        reply = {
            "Bucket": name,
            "Prefix": prefix,
            "KeyMarker": key_marker,
            "UploadIdMarker": upload_marker or "",
            "MaxUploads": size,
            "IsTruncated": more,
            "EncodingType": "url",
        }
        if more:
            last_name, last = page[-1]
            reply |= {"NextKeyMarker": last_name, "NextUploadIdMarker": last or ""}
        listed = [self.listed_upload(upload) for _, upload in page if upload]
        reply |= {"Uploads": listed} if listed else {}
        return reply | delimiter_shown(delimiter) | common_prefixes(page)

    def listed_upload(self, upload):
        named = {"ChecksumAlgorithm": upload.algorithm, "ChecksumType": upload.type} if upload.algorithm else {}
        return {
            "Key": upload.key,
            "UploadId": upload,
            "Initiated": upload.initiated,
            "StorageClass": "STANDARD",
            **named,
        }
