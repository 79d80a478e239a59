"""One boto3 client under power cuts: what it did, what was acknowledged, and so what must be there.

Its state is cells. A cell is ("object", key): a Stored or None; ("versions", key): a tuple of Stored, the newest last,
None for a delete marker; ("upload", id): the key and parts of an open upload, or None. An acknowledged operation has
changed its cells. Of the one operation that a cut fell into, each Change is there whole or not at all.
"""

import collections
import dataclasses
import hashlib
import random
import threading

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from weights import PART_BYTES, body, digest, random_size

PLAIN, KEPT = "plain", "kept"
KEYS = 8
VERSIONS_MAX = 6
UPLOADS_MAX = 3
RACE_KEY = "race"
UNKNOWN = "unknown"  # a version id that no reply has told


@dataclasses.dataclass(frozen=True)
class Stored:
    """What a read of an object must show. `body` names the content, "-" is a delete marker."""

    etag: str
    size: int
    body: str
    note: str = ""
    content_type: str = "binary/octet-stream"
    version_id: str | None = None

    def is_like(self, other):
        """The same, but for a version id that one of them does not know."""
        if other is None:
            return False
        if UNKNOWN in (self.version_id, other.version_id):
            other = dataclasses.replace(other, version_id=self.version_id)
        if UNKNOWN in (self.etag, other.etag):
            other = dataclasses.replace(other, etag=self.etag)
        return self == other


MARKER = Stored("", 0, "-")


def etag_of(data):
    """Of what is uploaded in one piece."""
    return f'"{hashlib.md5(data).hexdigest()}"'


def alike(one, other):
    """Whether two cells show the same."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(alike(a, b) for a, b in zip(one, other, strict=True))
    return one.is_like(other) if isinstance(one, Stored) else one == other


class Broken(AssertionError):
    """What must never happen."""


class Cut(Exception):
    """The power was cut before a reply came."""


class Client(threading.Thread):
    """A thread that works until the server is gone, and then says what was lost or made up."""

    def __init__(self, number, server, seed, cut_has_begun):
        super().__init__(daemon=True)
        self.number = number
        self.s3 = server.client(read_timeout=60)
        self.rng = random.Random(seed * 1000 + number)
        self.cut_has_begun = cut_has_begun
        self.prefix = f"c{number}/"
        self.bodies = number * 10**9
        self.cells = {}
        self.pending = []  # the Changes of the operation that was never answered: dicts of cells
        self.races = []  # (etag before, etag after, acknowledged)
        self.new_upload = None  # the key of an upload that may have begun
        self.operations = 0
        self.problem = None
        self.go = threading.Semaphore(0)
        self.idle = threading.Semaphore(0)
        self.last = ""
        self.ending = set()  # the uploads of which a Complete or Abort may have been cut off
        self.history = collections.deque(maxlen=500)

    # --- the thread

    def run(self):
        """A round at a time, as `begin()` says."""
        while True:
            self.go.acquire()
            try:
                getattr(self, self.round)()
            except BaseException as problem:
                self.problem = problem
            self.idle.release()

    def begin(self, what):
        """ "work": until the server does not answer; or "verify"."""
        self.round = what
        self.go.release()

    def wait(self):
        """Until the round is over; raises what went wrong in it."""
        self.idle.acquire()
        if self.problem:
            raise self.problem

    def work(self):
        while True:
            operation = self.rng.choices(OPERATIONS, WEIGHTS)[0]
            self.last = operation.__name__
            self.pending, self.new_upload = [], None
            try:
                if operation(self) is not False:
                    self.operations += 1
            except Cut:
                return
            except (HTTPClientError, BotoCoreError) as error:
                self.end_of_round(error)
                return
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                    raise Broken(f"{self.last}: {error}; expected {self.pending}") from error
                self.end_of_round(error)
                return

    def end_of_round(self, error):
        if not self.cut_has_begun.is_set():
            raise Broken(f"{self.last} failed before the power was cut: {error!r}")

    def do(self, call, *changes, **parameters):
        """One request; its changes are pending until it is answered, and then so."""
        self.pending = list(changes)
        self.history += [(self.last, cell, value) for change in changes for cell, value in change.items()]
        reply = self.answered(call(**parameters))
        for change in changes:
            self.cells.update(change)
        self.pending = []
        return reply

    def answered(self, reply):
        """The reply, if it came before the cut. A machine without power sends none: what a server says between the end of
        its file system and its own proves nothing, since ext4 lets an fdatasync succeed that it fell into."""
        if self.cut_has_begun.is_set():
            raise Cut
        return reply

    # --- what it writes

    def next_body(self, size_max=2 * 1024 * 1024):
        self.bodies += 1
        size = random_size(self.rng, size_max)
        return body(self.bodies, size)

    def described(self, data, version_id=None):
        """The parameters of a write, and what a read must show."""
        note = f"note-{self.rng.randrange(10**6)}"
        content_type = self.rng.choice(["application/x-weights", "text/plain"])
        stored = Stored(etag_of(data), len(data), digest(data), note, content_type, version_id)
        return {"Metadata": {"note": note}, "ContentType": content_type}, stored

    def key(self):
        return f"{self.prefix}{self.rng.randrange(KEYS)}"

    def has(self, kind):
        return [name for (of, name), value in self.cells.items() if of == kind and value]

    # --- operations; False: there was nothing to do

    def put(self, key=None, **conditions):
        data, key = self.next_body(), key or self.key()
        headers, stored = self.described(data)
        self.do(self.s3.put_object, {("object", key): stored}, Bucket=PLAIN, Key=key, Body=data, **headers, **conditions)

    def put_if_match(self):
        keys = self.has("object")
        if not keys:
            return False
        key = self.rng.choice(keys)
        return self.put(key, IfMatch=self.cells["object", key].etag)

    def put_refused(self):
        """A condition that does not hold changes nothing."""
        keys = self.has("object")
        if not keys:
            return False
        try:
            self.s3.put_object(Bucket=PLAIN, Key=self.rng.choice(keys), Body=b"never", IfNoneMatch="*")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 412:
                return None
            raise
        raise Broken("a PUT with If-None-Match: * replaced an object")

    def put_version(self):
        data, key = self.next_body(), self.key()
        versions = self.cells.get(("versions", key), ())
        if len(versions) >= VERSIONS_MAX:
            return self.delete_version(key)
        headers, stored = self.described(data, version_id=UNKNOWN)
        reply = self.do(
            self.s3.put_object, {("versions", key): (*versions, stored)}, Bucket=KEPT, Key=key, Body=data, **headers
        )
        self.cells["versions", key] = (*versions, dataclasses.replace(stored, version_id=reply["VersionId"]))
        return None

    def delete_marker(self):
        key = self.key()
        versions = self.cells.get(("versions", key), ())
        if len(versions) >= VERSIONS_MAX:
            return self.delete_version(key)
        marker = dataclasses.replace(MARKER, version_id=UNKNOWN)
        reply = self.do(self.s3.delete_object, {("versions", key): (*versions, marker)}, Bucket=KEPT, Key=key)
        marker = dataclasses.replace(marker, version_id=reply["VersionId"])
        self.cells["versions", key] = (*versions, marker)
        return None

    def delete_version(self, key=None):
        keys = [key] if key else self.has("versions")
        if not keys:
            return False
        key = self.rng.choice(keys)
        versions = self.cells["versions", key]
        gone = self.rng.choice(versions)
        left = tuple(version for version in versions if version is not gone)
        self.do(self.s3.delete_object, {("versions", key): left}, Bucket=KEPT, Key=key, VersionId=gone.version_id)
        return None

    def get(self):
        keys = self.has("object")
        if not keys:
            return False
        key = self.rng.choice(keys)
        self.expect(("object", key), self.read(PLAIN, key))
        return None

    def copy(self):
        keys = self.has("object")
        if not keys:
            return False
        source, key = self.rng.choice(keys), self.key()
        if source == key:
            return False
        stored = self.cells["object", source]
        from_there = {"Bucket": PLAIN, "Key": source}
        if self.rng.random() < 0.5:
            self.do(self.s3.copy_object, {("object", key): stored}, Bucket=PLAIN, Key=key, CopySource=from_there)
            return None
        versions = self.cells.get(("versions", key), ())
        if len(versions) >= VERSIONS_MAX:
            return self.delete_version(key)
        copied = dataclasses.replace(stored, version_id=UNKNOWN)
        change = {("versions", key): (*versions, copied)}
        reply = self.do(self.s3.copy_object, change, Bucket=KEPT, Key=key, CopySource=from_there)
        self.cells["versions", key] = (*versions, dataclasses.replace(copied, version_id=reply["VersionId"]))
        return None

    def rename(self):
        keys = self.has("object")
        if not keys:
            return False
        source, key = self.rng.choice(keys), self.key()
        if source == key:
            return False
        change = {("object", key): self.cells["object", source], ("object", source): None}
        self.do(self.s3.rename_object, change, Bucket=PLAIN, Key=key, RenameSource=f"/{PLAIN}/{source}")
        return None

    def delete(self):
        key = self.key()
        self.do(self.s3.delete_object, {("object", key): None}, Bucket=PLAIN, Key=key)

    def delete_some(self):
        keys = sorted({self.key() for _ in range(3)})
        changes = [{("object", key): None} for key in keys]
        reply = self.do(self.s3.delete_objects, *changes, Bucket=PLAIN, Delete={"Objects": [{"Key": key} for key in keys]})
        if reply.get("Errors"):
            raise Broken(f"DeleteObjects: {reply['Errors']}")

    def create_upload(self):
        if len(self.has("upload")) >= UPLOADS_MAX:
            return self.abort()
        key = self.key()
        self.new_upload = key
        described = {"Metadata": {"note": key}, "ContentType": "text/plain"}
        reply = self.answered(self.s3.create_multipart_upload(Bucket=PLAIN, Key=key, **described))
        self.new_upload = None
        self.cells["upload", reply["UploadId"]] = (key, ())
        return None

    def upload_part(self):
        uploads = self.has("upload")
        if not uploads:
            return False
        upload = self.rng.choice(uploads)
        key, parts = self.cells["upload", upload]
        number = self.rng.randrange(1, 4)
        self.bodies += 1
        # All but the last are at least 5 MiB: the third may be short, the others rarely come, they cost so much.
        size = random_size(self.rng) if number == 3 or self.rng.random() < 0.7 else PART_BYTES
        data = body(self.bodies, size)
        others = tuple(part for part in parts if part[0] != number)
        change = {("upload", upload): (key, tuple(sorted((*others, (number, etag_of(data), len(data), self.bodies)))))}
        where = {"Bucket": PLAIN, "Key": key, "UploadId": upload, "PartNumber": number}
        return self.change_part(upload, self.s3.upload_part, change, Body=data, **where)

    def copy_part(self):
        uploads, keys = self.has("upload"), self.has("object")
        if not uploads or not keys:
            return False
        upload, source = self.rng.choice(uploads), self.rng.choice(keys)
        key, parts = self.cells["upload", upload]
        stored = self.cells["object", source]
        others = tuple(part for part in parts if part[0] != 3)
        change = {("upload", upload): (key, (*others, (3, UNKNOWN, stored.size, stored.body)))}
        where = {"Bucket": PLAIN, "Key": key, "UploadId": upload, "PartNumber": 3}
        if not (reply := self.change_part(upload, self.s3.upload_part_copy, change, CopySource=f"{PLAIN}/{source}", **where)):
            return False
        etag = reply["CopyPartResult"]["ETag"]
        self.cells["upload", upload] = (key, (*others, (3, etag, stored.size, stored.body)))
        return None

    def change_part(self, upload, call, change, **parameters):
        """The reply; None if a Complete or Abort that a cut fell into keeps the parts as they are for a minute."""
        try:
            return self.do(call, change, **parameters)
        except ClientError as error:
            if error.response["Error"]["Code"] != "OperationAborted" or upload not in self.ending:
                raise
            return None

    def complete(self):
        """Parts of at least 5 MiB and then one of any size; of uploaded ones the bytes are known."""
        for upload in self.has("upload"):
            key, parts = self.cells["upload", upload]
            known = [part for part in parts if isinstance(part[3], int)]
            chosen = [part for part in known[:-1] if part[2] >= PART_BYTES] + known[-1:]
            if chosen:
                break
        else:
            return False
        data = b"".join(body(number, size) for _, _, size, number in chosen)
        stored = Stored(UNKNOWN, len(data), digest(data), key, "text/plain")
        change = {("upload", upload): None, ("object", key): stored}
        listed = [{"PartNumber": number, "ETag": etag} for number, etag, _, _ in chosen]
        self.ending.add(upload)
        reply = self.do(
            self.s3.complete_multipart_upload, change, Bucket=PLAIN, Key=key, UploadId=upload, MultipartUpload={"Parts": listed}
        )
        self.cells["object", key] = dataclasses.replace(stored, etag=reply["ETag"])
        return None

    def abort(self):
        uploads = self.has("upload")
        if not uploads:
            return False
        upload = self.rng.choice(uploads)
        key, _ = self.cells["upload", upload]
        self.ending.add(upload)
        self.do(self.s3.abort_multipart_upload, {("upload", upload): None}, Bucket=PLAIN, Key=key, UploadId=upload)
        return None

    def race(self):
        """All clients replace one object, each only what it has seen: the acknowledged ones are a chain."""
        before = self.s3.head_object(Bucket=PLAIN, Key=RACE_KEY)["ETag"]
        self.bodies += 1
        data = body(self.bodies, 20)
        after = etag_of(data)
        self.races.append((before, after, False))
        try:
            self.answered(self.s3.put_object(Bucket=PLAIN, Key=RACE_KEY, Body=data, IfMatch=before))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (409, 412):
                raise
            self.races.pop()
            return None
        self.races[-1] = (before, after, True)
        return None

    def on(self, cell):
        """The latest operations on it."""
        return "".join(f"\n  {name}: {value}" for name, of, value in self.history if of == cell)

    # --- what is there

    def read(self, bucket, key, **version):
        reply = self.s3.get_object(Bucket=bucket, Key=key, **version)
        data = reply["Body"].read()
        version_id = reply.get("VersionId") if bucket == KEPT else None
        note = reply["Metadata"].get("note", "")
        return Stored(reply["ETag"], len(data), digest(data), note, reply["ContentType"], version_id)

    def expect(self, cell, found):
        if not alike(self.cells.get(cell), found):
            raise Broken(f"client {self.number}: {cell} is {found}, and should be {self.cells.get(cell)}")

    def read_all(self):
        """Every cell as the server shows it: listings, and each object read whole."""
        cells = {}
        for entry in self.s3.list_objects_v2(Bucket=PLAIN, Prefix=self.prefix).get("Contents", []):
            stored = self.read(PLAIN, entry["Key"])
            if (entry["ETag"], entry["Size"]) != (stored.etag, stored.size):
                raise Broken(f"{entry['Key']} is listed as {entry} and read as {stored}")
            cells["object", entry["Key"]] = stored
        listing = self.s3.list_object_versions(Bucket=KEPT, Prefix=self.prefix)
        entries = [(entry, "ETag" not in entry) for entry in listing.get("Versions", []) + listing.get("DeleteMarkers", [])]
        # Version ids sort by their time.
        for entry, is_marker in sorted(entries, key=lambda each: each[0]["VersionId"]):
            name = ("versions", entry["Key"])
            if is_marker:
                stored = dataclasses.replace(MARKER, version_id=entry["VersionId"])
            else:
                stored = self.read(KEPT, entry["Key"], VersionId=entry["VersionId"])
                if (entry["ETag"], entry["Size"]) != (stored.etag, stored.size):
                    raise Broken(f"{entry['Key']} is listed as {entry} and read as {stored}")
            cells[name] = (*cells.get(name, ()), stored)
        for upload in self.s3.list_multipart_uploads(Bucket=PLAIN, Prefix=self.prefix).get("Uploads", []):
            where = {"Bucket": PLAIN, "Key": upload["Key"], "UploadId": upload["UploadId"]}
            parts = self.s3.list_parts(**where).get("Parts", [])
            shown = tuple((part["PartNumber"], part["ETag"], part["Size"]) for part in parts)
            cells["upload", upload["UploadId"]] = (upload["Key"], shown)
        return cells

    def verify(self):
        """Compares the server with what was acknowledged, and takes over which way the cut went."""
        try:
            found = self.read_all()
        except ClientError as error:
            raise Broken(f"client {self.number} cannot read: {error}") from error
        for change in self.pending:
            done = [shows(found.get(cell), value) for cell, value in change.items()]
            undone = [shows(found.get(cell), self.cells.get(cell)) for cell in change]
            if all(done):
                self.cells.update(change)
            elif not all(undone):
                raise Broken(f"client {self.number}: {self.last} is half done: {change} over {self.cells}, found {found}")
        if self.new_upload:
            for cell, value in found.items():
                if cell[0] == "upload" and cell not in self.cells and value == (self.new_upload, ()):
                    self.cells[cell] = value
        for cell in {*found, *self.cells}:
            if not shows(found.get(cell), self.cells.get(cell)):
                raise Broken(
                    f"client {self.number}: {cell} is {found.get(cell)}, and should be {self.cells.get(cell)}; "
                    f"the last operation was {self.last}, pending {self.pending}; before on this cell: {self.on(cell)}"
                )
        self.take_over(found)

    def take_over(self, found):
        """What only the server knew of the last operation: ETags and version ids."""
        for cell, value in found.items():
            if cell[0] != "upload":
                self.cells[cell] = value
                continue
            key, parts = self.cells[cell]
            shown = {number: etag for number, etag, _ in value[1]}
            self.cells[cell] = (key, tuple((number, shown[number], size, of) for number, _, size, of in parts))
        self.cells = {cell: value for cell, value in self.cells.items() if value}
        self.pending, self.new_upload = [], None


def shows(found, expected):
    """Whether a cell that was read is the one that should be there."""
    found, expected = found or None, expected or None
    if found is None or expected is None or not isinstance(expected[0] if isinstance(expected, tuple) else expected, str):
        return alike(found, expected)
    # An upload: its key and parts, of which the content is not shown.
    parts = tuple((number, etag, size) for number, etag, size, _ in expected[1])
    return (
        found[0] == expected[0]
        and len(found[1]) == len(parts)
        and all(
            one[0] == other[0] and one[2] == other[2] and UNKNOWN in (one[1], other[1]) or one == other
            for one, other in zip(found[1], parts, strict=True)
        )
    )


OPERATIONS, WEIGHTS = zip(
    (Client.put, 24),
    (Client.put_if_match, 5),
    (Client.put_refused, 2),
    (Client.put_version, 12),
    (Client.delete_marker, 4),
    (Client.delete_version, 5),
    (Client.get, 8),
    (Client.copy, 8),
    (Client.rename, 6),
    (Client.delete, 6),
    (Client.delete_some, 3),
    (Client.create_upload, 5),
    (Client.upload_part, 9),
    (Client.copy_part, 4),
    (Client.complete, 4),
    (Client.abort, 2),
    (Client.race, 4),
    strict=True,
)
