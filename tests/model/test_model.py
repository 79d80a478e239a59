"""Random operations through boto3 against a server that restarts and is killed, each answer compared with the model's.

`WEIR_MODEL_SECONDS` says for how long. Each round prints its seed; `WEIR_TEST_SEED` makes that round the first.
"""

import datetime
import itertools
import os
import random
import time
import typing
import urllib.parse

import hypothesis
import hypothesis.stateful
import numpy
import pytest
from botocore.exceptions import ClientError
from compare import brief, compare
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test
from reference_model import MALFORMED, NULL, PART_BYTES_MIN, Conditions, Model, S3Error, Version

from weir_server import WeirServer

SECONDS = float(os.environ.get("WEIR_MODEL_SECONDS", "60"))
EXAMPLES_PER_ROUND = 10
STEPS = 100
RESTARTS_MAX = 2  # in one example
BEFORE = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
NO_CONTENT = {"delete_object", "delete_bucket", "abort_multipart_upload"}
OTHER_ETAG = '"00000000000000000000000000000000"'

# Names that other stores fold, cut, decode, normalise or mis-sort.
XML_KEYS = [
    "a", "a/", "a//b", "a/b", "a/b/c", "a/b/", "aa", "A", "a b", "a+b", "a%20b", "%2F", "/", "//a", ".", "..", "../x",
    "./a", "a/../b", "ü", "u\u0308", "é/é", "\U0010ffff", "\uffee", "\U0001f9e0/x", "a\r", "a\r\nb", "a\tb", " a ",
    "&<>\"'", "&amp;", "a?versionId=x", "a#b", "a,b;c", "null", "a\x7f", "a\x85", "k" * 1024,
]  # fmt: skip
# XML 1.0 has no way to write these: they stay out of requests and replies that do not encode keys.
OTHER_KEYS = ["a\x01", "\x1f/", "a\uffff"]
TOO_LONG = "k" * 1023 + "ü"
PREFIXES = ["", "", "", "a", "a/", "a/b", "/", "..", "ü", "\U0001f9e0", "a\r", "k" * 1024, "zz"]
DELIMITERS = ["", "", "/", "/", "/", "//", "b", "a", "%", "\r", "é", "/b/"]

SIZES = [0, 1, 5, 100, 16 * 1024, 16 * 1024 + 1, 70_000]
PART_SIZES = [PART_BYTES_MIN, PART_BYTES_MIN, PART_BYTES_MIN + 1, 0, 10, 70_000]
POSITIONS = [0, 1, 2, 4, 5, 99, 100, 16 * 1024, 69_999, PART_BYTES_MIN - 1, PART_BYTES_MIN, 10**10, 10**30]
NOISE = numpy.random.default_rng(0).bytes(PART_BYTES_MIN + 4096)


class Body(typing.NamedTuple):
    """Short to print, so that a failing sequence can be read. Bodies of one size differ by their place."""

    size: int
    place: int

    @property
    def bytes(self):
        return NOISE[self.place : self.place + self.size]


def own(values):
    """One of the running machine's own values, as they are when the rule runs."""
    return st.runner().flatmap(lambda machine: st.sampled_from(values(machine)))


bodies = st.builds(Body, st.sampled_from(SIZES), st.integers(0, 3))
part_bodies = st.builds(Body, st.sampled_from(PART_SIZES), st.integers(0, 3))
metadata = st.dictionaries(st.sampled_from(["a", "x-y", "long"]), st.sampled_from(["", "1", "a b", "=?;,\"'", "v" * 60]))
content_types = st.sampled_from(["binary/octet-stream", "text/plain; charset=utf-8", "application/x-weights"])
algorithms = st.sampled_from([None, None, "CRC64NVME", "CRC32", "CRC32C", "SHA256"])
buckets = own(lambda machine: [*machine.names[:1] * 3, *machine.names])
keys = own(lambda machine: machine.keys)
xml_keys = own(lambda machine: machine.xml_keys)
anywhere = st.tuples(buckets, keys)
# (bucket, key), mostly one that has something.
places = st.one_of(anywhere, *[own(lambda machine: machine.taken() or [(machine.names[0], machine.keys[0])])] * 3)
# The latest uploads are the likeliest to be open still.
uploads = own(lambda machine: range(max(0, len(machine.uploads) - 4), len(machine.uploads)))
chances = st.integers(0, 9)
ranges = st.one_of(
    st.none(),
    st.builds("bytes={}-{}".format, st.sampled_from(POSITIONS), st.sampled_from(POSITIONS)),
    st.builds("bytes={}-".format, st.sampled_from(POSITIONS)),
    st.builds("bytes=-{}".format, st.sampled_from(POSITIONS)),
    st.sampled_from(["bytes=5-2", "bytes=x-1", "lines=0-1", "bytes=-", "bytes=0-0,2-3", "bytes"]),
)
# Which ETag a condition names: the current one, an older one, one that nobody has.
etags = st.sampled_from([None, None, None, "current", "current", "old", OTHER_ETAG, "*"])
write_conditions = st.sampled_from(
    [{}, {}, {}, {"match": "current"}, {"match": "old"}, {"match": OTHER_ETAG}, {"none_match": "*"}]
)
delete_conditions = st.sampled_from([{}, {}, {}, {"match": "current"}, {"match": "old"}, {"match": OTHER_ETAG}, {"match": "*"}])
sinces = st.sampled_from([None, None, None, "before", "same"])
read_conditions = st.one_of(
    st.just({}),
    st.just({}),
    st.fixed_dictionaries({"match": etags, "none_match": etags, "modified_since": sinces, "unmodified_since": sinces}),
)
# Which version is meant: mostly the current one, else one by number, "null", one that went, or no version id at all.
whiches = st.one_of(st.none(), st.none(), st.integers(0, 4), st.sampled_from([NULL, "gone", MALFORMED]))
page_sizes = st.sampled_from([None, 0, 1, 2, 3, 1000, 5000])


def utc_now():
    return datetime.datetime.now(datetime.UTC)


def decode_uploads(reply):
    """What botocore does to every listing but this one."""
    for name in ("Prefix", "Delimiter", "KeyMarker", "NextKeyMarker"):
        if name in reply:
            reply[name] = urllib.parse.unquote_plus(reply[name])
    for name, member in (("Uploads", "Key"), ("CommonPrefixes", "Prefix")):
        for each in reply.get(name, []):
            each[member] = urllib.parse.unquote_plus(each[member])


class Weir:
    """The one server that every example uses, each with buckets of its own."""

    def __init__(self, folder):
        self.server = WeirServer(folder, "--reserve-bytes", "0", "--reclaim-delay-s", "1")
        self.examples = itertools.count()
        self.operations = 0
        self.restarts = 0

    def start(self):
        self.server.start()
        self.s3 = self.server.client(request_checksum_calculation="when_required", response_checksum_validation="when_required")

    def restart(self, kill):
        self.restarts += 1
        if kill:
            self.server.kill()
        else:
            self.server.stop()
        self.start()

    def stop(self):
        if self.server.process and self.server.process.poll() is None:
            self.server.stop()

    def ensure_running(self):
        """An example that ended the server must not fail those after it."""
        if self.server.process is None or self.server.process.poll() is not None:
            self.start()

    def ask(self, operation, parameters):
        """(reply, None), or (None, error)."""
        self.operations += 1
        try:
            reply = getattr(self.s3, operation)(**parameters)
            if "Body" in reply:
                reply["Body"] = reply["Body"].read()
            if operation == "list_multipart_uploads":
                decode_uploads(reply)
        except ClientError as error:
            return None, error.response
        except Exception as error:
            error.add_note(f"{operation} {parameters}\nthe server's log ends with:\n{self.server.log()[-2000:]}")
            raise
        return reply, None


weir = None


class S3Machine(hypothesis.stateful.RuleBasedStateMachine):
    """Two buckets, a handful of keys, everything that S3 lets one do to them."""

    def __init__(self):
        super().__init__()
        weir.ensure_running()
        self.window = None
        self.model = Model(lambda: self.window)
        self.ids = set()  # every version id and upload id that was given out
        self.gone = []  # versions that were removed
        self.uploads = []
        self.restarts = 0
        self.broken = False
        example = next(weir.examples)
        self.prefix = f"model-{os.getpid()}-{example}-"
        self.names = [self.prefix + "a", self.prefix + "b"]
        self.keys = self.xml_keys = ["a"]

    @initialize(
        keys=st.lists(st.sampled_from(XML_KEYS), min_size=2, max_size=5, unique=True),
        other=st.sampled_from([*[None] * 8, *OTHER_KEYS, TOO_LONG]),
        statuses=st.tuples(*[st.sampled_from([None, "Enabled", "Enabled", "Suspended"])] * 2),
    )
    def begin(self, keys, other, statuses):
        self.xml_keys = keys
        self.keys = [*keys, other] if other else keys
        for name, status in zip(self.names, statuses, strict=True):
            self.create_bucket(name)
            if status:
                self.put_versioning(name, status)

    def taken(self):
        return [(name, key) for name, bucket in self.model.buckets.items() for key in sorted(bucket.versions)]

    # --- asking both

    def same(self, wanted, operation, **parameters):
        """Asks the server, then the model, and compares; the model's reply, None if both refuse."""
        parameters = {name: value for name, value in parameters.items() if value is not None}
        begin = utc_now()
        reply, error = weir.ask(operation, parameters)
        self.window = begin, utc_now()
        refusal = None
        try:
            want = wanted()
        except S3Error as refused:
            refusal, want = refused, None
        difference = self.difference(operation, refusal, want, error, reply)
        if difference:
            self.broken = True
            asked = f"{operation} {brief(parameters)}"
            raise AssertionError(f"{asked}\n{difference}\nwanted {refusal or brief(want)}\ngot {error or brief(reply)}")
        return want

    def difference(self, operation, refusal, want, error, reply):
        if refusal and error:
            return self.difference_of_errors(refusal, error)
        if refusal or error:
            return "one refuses, the other does not"
        status = 204 if operation in NO_CONTENT else 206 if "ContentRange" in want else 200
        if status != reply["ResponseMetadata"]["HTTPStatusCode"]:
            return f"the status is not {status}"
        return compare(want, reply, self.ids)

    def difference_of_errors(self, want, error):
        status, headers = error["ResponseMetadata"]["HTTPStatusCode"], error["ResponseMetadata"]["HTTPHeaders"]
        if status != want.status:
            return f"the status is not {want.status}"
        # No body, or one that is no XML 1.0 because it repeats the key: botocore takes the status for the code.
        code = error["Error"]["Code"]
        if code != str(status) and code not in want.codes:
            return "another code"
        if "x-amz-delete-marker" in headers and "x-amz-delete-marker" not in want.headers:
            return "no delete marker is there"
        differences = (compare(value, headers.get(name), self.ids) for name, value in want.headers.items())
        return next(filter(None, differences), None)

    def version(self, name, key, which):
        """The Version that a drawn number means, for the model."""
        if which in (None, NULL, MALFORMED) or isinstance(which, Version):
            return which
        if which == "gone":
            # A null version is named by "null", whichever it is.
            return next((gone for gone in reversed(self.gone) if gone.id), MALFORMED)
        bucket = self.model.buckets.get(name)
        versions = bucket.versions.get(key, []) if bucket else []
        return versions[which % len(versions)].name if versions else NULL

    def version_id(self, version):
        """The same for the server."""
        if version in (None, NULL):
            return version
        return "no version of ours" if version == MALFORMED else version.id

    def meant(self, name, key, which):
        bucket = self.model.buckets.get(name)
        if bucket is None or which == MALFORMED:
            return None
        return bucket.find(key, which) if which else bucket.newest(key)

    def conditions(self, drawn, name, key, which=None):
        """The drawn conditions with the ETags that they mean."""
        meant = self.meant(name, key, which)
        current = meant.etag if meant and not meant.marker else OTHER_ETAG
        bucket = self.model.buckets.get(name)
        others = [version.etag for version in bucket.versions.get(key, ())] if bucket else []
        old = others[-1] if others and others[-1] else OTHER_ETAG
        etags = {"current": current, "old": old}
        named = {field: etags.get(drawn.get(field), drawn.get(field)) for field in ("match", "none_match")}
        return Conditions(**(drawn | named))

    def read_parameters(self, conditions, name, key, which, of=""):
        times = {"before": BEFORE}
        if "same" in (conditions.modified_since, conditions.unmodified_since):
            times["same"] = self.last_modified(name, key, which)
        return {
            f"{of}IfMatch": conditions.match,
            f"{of}IfNoneMatch": conditions.none_match,
            f"{of}IfModifiedSince": times.get(conditions.modified_since),
            f"{of}IfUnmodifiedSince": times.get(conditions.unmodified_since),
        }

    def last_modified(self, name, key, which):
        meant = self.meant(name, key, which)
        if meant is None or meant.marker:
            return BEFORE
        return weir.ask("head_object", self.object(name, key) | self.version_parameter(which))[0]["LastModified"]

    def object(self, name, key):
        return {"Bucket": name, "Key": key}

    def version_parameter(self, which):
        return {} if which is None else {"VersionId": self.version_id(which)}

    def source(self, name, key, which):
        return {"Bucket": name, "Key": key} | self.version_parameter(which)

    # --- buckets

    def create_bucket(self, name):
        self.same(lambda: self.model.create_bucket(name), "create_bucket", Bucket=name)

    def put_versioning(self, name, status):
        self.same(
            lambda: self.model.put_bucket_versioning(name, status),
            "put_bucket_versioning",
            Bucket=name,
            VersioningConfiguration={"Status": status},
        )

    @rule(name=buckets, status=st.sampled_from(["Enabled", "Suspended"]))
    def set_versioning(self, name, status):
        self.put_versioning(name, status)

    @rule(name=buckets, then=st.sampled_from([None, None, "delete", "create"]))
    def look_at_buckets(self, name, then):
        self.same(lambda: self.model.get_bucket_versioning(name), "get_bucket_versioning", Bucket=name)
        self.same(lambda: self.model.head_bucket(name), "head_bucket", Bucket=name)
        self.same(lambda: self.model.list_buckets(self.prefix), "list_buckets", Prefix=self.prefix)
        if then == "delete":
            self.same(lambda: self.model.delete_bucket(name), "delete_bucket", Bucket=name)
        if then == "create" or name not in self.model.buckets:
            self.create_bucket(name)

    # --- objects

    @rule(
        name=buckets,
        key=keys,
        body=bodies,
        metadata=metadata,
        content_type=content_types,
        algorithm=algorithms,
        drawn=write_conditions,
    )
    def put(self, name, key, body, metadata, content_type, algorithm, drawn):
        conditions = self.conditions(drawn, name, key)
        self.same(
            lambda: self.model.put_object(name, key, body.bytes, metadata, content_type, algorithm, conditions),
            "put_object",
            **self.object(name, key),
            Body=body.bytes,
            Metadata=metadata,
            ContentType=content_type,
            ChecksumAlgorithm=algorithm,
            IfMatch=conditions.match,
            IfNoneMatch=conditions.none_match,
        )

    @rule(name=buckets, key=keys, body=bodies)
    def put_plainly(self, name, key, body):
        self.put(name, key, body, {}, "binary/octet-stream", None, {})

    @rule(
        place=places,
        which=whiches,
        drawn=read_conditions,
        byte_range=ranges,
        part=st.sampled_from([None] * 6 + [1, 2, 3]),
        checksum=st.booleans(),
        head=st.booleans(),
    )
    def get(self, place, which, drawn, byte_range, part, checksum, head):
        name, key = place
        which = self.version(name, key, which)
        conditions = self.conditions(drawn, name, key, which)

        def wanted():
            reply = self.model.get_object(name, key, which, conditions, byte_range, part, checksum)
            if head:
                del reply["Body"]
            return reply

        self.same(
            wanted,
            "head_object" if head else "get_object",
            **self.object(name, key),
            **self.version_parameter(which),
            **self.read_parameters(conditions, name, key, which),
            Range=byte_range,
            PartNumber=part,
            ChecksumMode="ENABLED" if checksum else None,
        )

    @rule(place=places, which=whiches, drawn=delete_conditions)
    def delete(self, place, which, drawn):
        name, key = place
        which = self.version(name, key, which)
        conditions = self.conditions(drawn, name, key, which)
        meant = self.meant(name, key, which)
        if self.same(
            lambda: self.model.delete_object(name, key, which, conditions),
            "delete_object",
            **self.object(name, key),
            **self.version_parameter(which),
            IfMatch=conditions.match,
        ):
            self.note_gone([meant])

    @rule(place=places)
    def delete_plainly(self, place):
        self.delete(place, None, {})

    @rule(
        name=buckets,
        drawn=st.lists(
            st.tuples(xml_keys, whiches.filter(lambda which: which != MALFORMED), delete_conditions),
            min_size=1,
            max_size=5,
        ),
        quiet=st.booleans(),
    )
    def delete_many(self, name, drawn, quiet):
        """Of one key listed twice, nothing says which is judged first: those come without conditions."""
        objects = []
        keys = [key for key, _, _ in drawn]
        for key, which, condition in drawn:
            version = self.version(name, key, which)
            version = NULL if version == MALFORMED else version
            condition = {} if keys.count(key) > 1 else condition
            objects.append((key, version, self.conditions(condition, name, key, version)))
        before = [self.meant(name, key, which) for key, which, _ in objects]
        sent = [
            {"Key": key} | self.version_parameter(which) | ({"ETag": given.match} if given.match else {})
            for key, which, given in objects
        ]
        self.same(
            lambda: self.model.delete_objects(name, objects, quiet),
            "delete_objects",
            Bucket=name,
            Delete={"Objects": sent, "Quiet": quiet},
        )
        self.note_gone(before)
        if quiet:  # the reply names no new delete markers: the listing does
            self.list_versions(name, "", "", None, None)

    def note_gone(self, versions):
        for version in versions:
            if version and not any(version in bucket.versions.get(version.key, ()) for bucket in self.model.buckets.values()):
                self.gone.append(version)

    # --- copies

    @rule(
        source=places,
        which=whiches,
        place=anywhere,
        replaced=st.one_of(st.none(), st.tuples(metadata, content_types)),
        algorithm=algorithms,
        source_drawn=read_conditions,
        drawn=write_conditions,
    )
    def copy(self, source, which, place, replaced, algorithm, source_drawn, drawn):
        (from_name, from_key), (name, key) = source, place
        which = self.version(from_name, from_key, which)
        source_conditions = self.conditions(source_drawn, from_name, from_key, which)
        conditions = self.conditions(drawn, name, key)
        directive = {}
        if replaced:
            directive = {"MetadataDirective": "REPLACE", "Metadata": replaced[0], "ContentType": replaced[1]}
        self.same(
            lambda: self.model.copy_object(
                (from_name, from_key, which), name, key, replaced, algorithm, source_conditions, conditions
            ),
            "copy_object",
            **self.object(name, key),
            CopySource=self.source(from_name, from_key, which),
            **self.read_parameters(source_conditions, from_name, from_key, which, of="CopySource"),
            **directive,
            ChecksumAlgorithm=algorithm,
            IfMatch=conditions.match,
            IfNoneMatch=conditions.none_match,
        )

    @rule(
        source=places,
        key=keys,
        source_drawn=read_conditions,
        drawn=write_conditions,
        whole_path=st.booleans(),
    )
    def rename(self, source, key, source_drawn, drawn, whole_path):
        name, source_key = source
        source_conditions = self.conditions(source_drawn, name, source_key)
        conditions = self.conditions(drawn, name, key)
        path = urllib.parse.quote(source_key)
        if whole_path or path.startswith("/"):
            path = f"/{name}/{path}"
        renamed = self.same(
            lambda: self.model.rename_object(name, source_key, key, source_conditions, conditions),
            "rename_object",
            **self.object(name, key),
            RenameSource=path,
            **self.read_parameters(source_conditions, name, source_key, None, of="Source"),
            DestinationIfMatch=conditions.match,
            DestinationIfNoneMatch=conditions.none_match,
        )
        if renamed is not None:  # the reply names no version: the listing does
            self.list_versions(name, "", "", None, None)

    # --- multipart uploads

    @rule(name=buckets, key=xml_keys, metadata=metadata, content_type=content_types, algorithm=algorithms)
    def create_upload(self, name, key, metadata, content_type, algorithm):
        self.start_upload(name, key, metadata, content_type, algorithm)

    def start_upload(self, name, key, metadata, content_type, algorithm):
        """Its place in `uploads`, None if it was refused."""
        reply = self.same(
            lambda: self.model.create_upload(name, key, metadata, content_type, algorithm),
            "create_multipart_upload",
            **self.object(name, key),
            Metadata=metadata,
            ContentType=content_type,
            ChecksumAlgorithm=algorithm,
        )
        if reply is None:
            return None
        self.uploads.append((name, reply["UploadId"]))
        return len(self.uploads) - 1

    def upload(self, chosen):
        name, upload = self.uploads[chosen]
        return {"Bucket": name, "Key": upload.key, "UploadId": upload.id}

    @precondition(lambda self: self.uploads)
    @rule(chosen=uploads, number=st.sampled_from([1, 1, 2, 2, 3, 4, 10_000, 0, 10_001]), body=part_bodies)
    def upload_part(self, chosen, number, body):
        name, upload = self.uploads[chosen]
        self.same(
            lambda: self.model.upload_part(name, upload, number, body.bytes),
            "upload_part",
            **self.upload(chosen),
            PartNumber=number,
            Body=body.bytes,
        )

    @precondition(lambda self: self.uploads)
    @rule(
        chosen=uploads,
        number=st.integers(1, 4),
        source=places,
        which=whiches,
        span=st.sampled_from([None, None, (0, 0), (1, 99), (3, 69_999), (0, PART_BYTES_MIN - 1)]),
    )
    def upload_part_copy(self, chosen, number, source, which, span):
        name, upload = self.uploads[chosen]
        from_name, from_key = source
        which = self.version(from_name, from_key, which)
        self.same(
            lambda: self.model.upload_part_copy((from_name, from_key, which), name, upload, number, span),
            "upload_part_copy",
            **self.upload(chosen),
            PartNumber=number,
            CopySource=self.source(from_name, from_key, which),
            CopySourceRange="bytes={}-{}".format(*span) if span else None,
        )

    @precondition(lambda self: self.uploads)
    @rule(chosen=uploads, marker=st.sampled_from([None, 0, 1, 2, 10_000]), size=page_sizes)
    def list_parts(self, chosen, marker, size):
        name, upload = self.uploads[chosen]
        self.same(
            lambda: self.model.list_parts(name, upload, marker or 0, size),
            "list_parts",
            **self.upload(chosen),
            PartNumberMarker=marker,
            MaxParts=size,
        )

    @precondition(lambda self: self.uploads)
    @rule(
        chosen=uploads,
        how=st.sampled_from(["all"] * 6 + ["last", "reversed", "wrong ETag", "not there", "nothing"]),
        wrong_size=st.sampled_from([None, None, None, False, True]),
        drawn=write_conditions,
    )
    def complete(self, chosen, how, wrong_size, drawn):
        name, upload = self.uploads[chosen]
        listed = [(number, upload.parts[number].etag) for number in sorted(upload.parts)]
        if how == "last":
            listed = listed[-1:]
        if how == "reversed":
            listed.reverse()
        if how == "wrong ETag" and listed:
            listed[0] = listed[0][0], OTHER_ETAG
        if how == "not there":
            listed = [*listed, (9_999, OTHER_ETAG)]
        if how == "nothing":
            listed = []
        size = None
        if wrong_size is not None:
            size = sum(len(upload.parts[number].body) for number, _ in listed if number in upload.parts) + wrong_size
        conditions = self.conditions(drawn, name, upload.key)
        self.same(
            lambda: self.model.complete_upload(name, upload, listed, conditions, size),
            "complete_multipart_upload",
            **self.upload(chosen),
            MultipartUpload={"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in listed]},
            IfMatch=conditions.match,
            IfNoneMatch=conditions.none_match,
            MpuObjectSize=size,
        )

    @precondition(lambda self: self.uploads)
    @rule(chosen=uploads, chance=chances)
    def abort(self, chosen, chance):
        if chance < 4:  # or few would live to be completed
            name, upload = self.uploads[chosen]
            self.same(lambda: self.model.abort_upload(name, upload), "abort_multipart_upload", **self.upload(chosen))

    @rule(
        name=buckets,
        key=xml_keys,
        algorithm=algorithms,
        sizes=st.sampled_from([[10], [PART_BYTES_MIN, 10], [PART_BYTES_MIN, 0], [PART_BYTES_MIN + 1, PART_BYTES_MIN, 70_000]]),
        backwards=st.booleans(),
        again=st.booleans(),
    )
    def upload_whole(self, name, key, algorithm, sizes, backwards, again):
        chosen = self.start_upload(name, key, {"whole": "1"}, "text/plain", algorithm)
        if chosen is None:
            return
        numbered = list(enumerate(sizes, 1))
        if again:
            self.upload_part(chosen, 1, Body(sizes[0], 3))
        for number, size in reversed(numbered) if backwards else numbered:
            self.upload_part(chosen, number, Body(size, number - 1))
        self.complete(chosen, "all", None, {})

    # --- listings

    @rule(
        name=buckets,
        prefix=st.sampled_from(PREFIXES),
        delimiter=st.sampled_from(DELIMITERS),
        after=st.one_of(st.none(), keys, st.sampled_from(PREFIXES)),
        size=page_sizes,
        versions=st.booleans(),
    )
    def list_page(self, name, prefix, delimiter, after, size, versions):
        self.list_v2(name, prefix, delimiter, after, None, size)
        self.list_v1(name, prefix, delimiter, after, size)
        if versions:
            self.list_versions(name, prefix, delimiter, after, size)
            self.list_uploads(name, prefix, delimiter, after, size)

    def listing(self, name, prefix, delimiter, size, word="MaxKeys"):
        return {"Bucket": name, "Prefix": prefix, "Delimiter": delimiter, word: size}

    def list_v1(self, name, prefix, delimiter, marker, size):
        return self.same(
            lambda: self.model.list_objects(name, prefix, delimiter, marker or "", size),
            "list_objects",
            **self.listing(name, prefix, delimiter, size),
            Marker=marker,
        )

    def list_v2(self, name, prefix, delimiter, start_after, token, size):
        return self.same(
            lambda: self.model.list_objects_v2(name, prefix, delimiter, start_after, token, size),
            "list_objects_v2",
            **self.listing(name, prefix, delimiter, size),
            StartAfter=start_after,
            ContinuationToken=token.id if token else None,
        )

    def list_versions(self, name, prefix, delimiter, key_marker, size, version_marker=None):
        return self.same(
            lambda: self.model.list_object_versions(name, prefix, delimiter, key_marker or "", version_marker, size),
            "list_object_versions",
            **self.listing(name, prefix, delimiter, size),
            KeyMarker=key_marker,
            VersionIdMarker=self.version_id(version_marker.name) if version_marker else None,
        )

    def list_uploads(self, name, prefix, delimiter, key_marker, size, upload_marker=None):
        return self.same(
            lambda: self.model.list_uploads(name, prefix, delimiter, key_marker or "", upload_marker, size),
            "list_multipart_uploads",
            **self.listing(name, prefix, delimiter, size, "MaxUploads"),
            KeyMarker=key_marker,
            UploadIdMarker=upload_marker.id if upload_marker else None,
            EncodingType="url",
        )

    @rule(
        name=buckets,
        prefix=st.sampled_from(PREFIXES),
        delimiter=st.sampled_from(DELIMITERS),
        size=st.sampled_from([1, 2, 3]),
    )
    def list_pages(self, name, prefix, delimiter, size):
        """Each page of each listing is compared, so that they hold everything once."""
        listing = name, prefix, delimiter
        reply = self.list_v1(*listing, None, size)
        while reply and reply["IsTruncated"]:
            reply = self.list_v1(*listing, reply.get("NextMarker") or reply["Contents"][-1]["Key"], size)
        reply = self.list_v2(*listing, None, None, size)
        while reply and reply["IsTruncated"]:
            reply = self.list_v2(*listing, None, reply["NextContinuationToken"], size)
        reply = self.list_versions(*listing, None, size)
        while reply and reply["IsTruncated"]:
            key, which = reply["NextKeyMarker"], reply.get("NextVersionIdMarker")
            last = self.model.bucket(name).find(key, which) if which else None
            reply = self.list_versions(*listing, key, size, last)
        reply = self.list_uploads(*listing, None, size)
        while reply and reply["IsTruncated"]:
            reply = self.list_uploads(*listing, reply["NextKeyMarker"], size, reply["NextUploadIdMarker"] or None)

    # --- restarts, and what must be true at any time

    @precondition(lambda self: self.restarts < RESTARTS_MAX)
    @rule(kill=st.booleans())
    def restart(self, kill):
        self.restarts += 1
        weir.restart(kill)
        self.look_at_everything()

    def look_at_everything(self):
        for name, bucket in self.model.buckets.items():
            self.list_pages(name, "", "", 1000)
            for key, versions in bucket.versions.items():
                for version in versions:
                    self.read_whole(name, key, version.name)
        for chosen in range(len(self.uploads)):
            self.list_parts(chosen, None, None)

    def read_whole(self, name, key, which):
        self.same(
            lambda: self.model.get_object(name, key, which, checksum_mode=True),
            "get_object",
            **self.object(name, key),
            **self.version_parameter(which),
            ChecksumMode="ENABLED",
        )

    def teardown(self):
        """Unless something was wrong already: looks at all there is, and takes it away."""
        if self.broken:
            return
        self.look_at_everything()
        for name in list(self.model.buckets):
            versions = self.model.bucket(name).versions
            for version in [version for key in versions for version in versions[key]]:
                self.delete((name, version.key), version.name, {})
            self.same(lambda name=name: self.model.delete_bucket(name), "delete_bucket", Bucket=name)


SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES_PER_ROUND,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,  # the seed says it all
    print_blob=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)


def run_round(seed):
    print(f"WEIR_TEST_SEED={seed}", flush=True)
    try:
        run_state_machine_as_test(hypothesis.seed(seed)(S3Machine), settings=SETTINGS)
    except BaseException as error:
        error.add_note(f"WEIR_TEST_SEED={seed} repeats it")
        raise


@pytest.mark.timeout(SECONDS + 540)  # a failing sequence is made short before it is shown
def test_every_answer_is_the_models(tmp_path):
    global weir
    weir = Weir(tmp_path / "weir")
    end = time.monotonic() + SECONDS
    first = int(os.environ.get("WEIR_TEST_SEED") or random.randrange(1 << 32))
    try:
        for seed in itertools.count(first):
            run_round(seed)
            if time.monotonic() > end:
                break
    finally:
        print(f"{seed - first + 1} rounds, {weir.operations} operations, {weir.restarts} restarts")
        weir.stop()
