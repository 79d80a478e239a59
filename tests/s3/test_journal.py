"""The journal over HTTP: docs/JOURNAL.md, whose examples are run here as they stand there."""

import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import requests

from weir_server import ROOT, new_bucket_name

PATIENCE_S = 60
DOCUMENT = ROOT / "docs/JOURNAL.md"


def signed(server, signer=botocore.auth.S3SigV4Auth, keys=None, **parameters):
    """A prepared request, with what vouches for it."""
    key_id, secret = keys or (server.exports["AWS_ACCESS_KEY_ID"], server.exports["AWS_SECRET_ACCESS_KEY"])
    request = botocore.awsrequest.AWSRequest(
        "GET",
        server.endpoint + "/",
        params={"weir-journal": "", **parameters},
        headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"},
    )
    credentials = botocore.credentials.Credentials(key_id, secret)
    if signer is botocore.auth.HmacV1Auth:
        signer(credentials).add_auth(request)
    else:
        signer(credentials, "s3", "us-east-1").add_auth(request)
    return request.prepare()


def ask(server, request):
    """One without headers of its own is a URL."""
    url, headers = (request, {}) if isinstance(request, str) else (request.url, dict(request.headers))
    return requests.get(url, headers=headers, verify=server.verify, stream=True, timeout=PATIENCE_S)


def refused(server, request):
    with ask(server, request) as reply:
        code = re.search(rb"<Code>(\w+)</Code>", reply.content)
        return reply.status_code, code and code[1].decode()


class Stream:
    """An open stream: lines() gives them as they come."""

    def __init__(self, server, bucket, **parameters):
        self.reply = ask(server, signed(server, bucket=bucket, **parameters))
        assert self.reply.status_code == 200, self.reply.content
        assert self.reply.headers["Transfer-Encoding"] == "chunked"
        self.lines = (json.loads(line) for line in self.reply.iter_lines(chunk_size=None))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reply.close()

    def entries(self, count):
        """The next entries, whatever heartbeats come between."""
        found = []
        while len(found) < count:
            line = next(self.lines)
            assert "end" not in line, line
            if "operation" in line:
                found.append(line)
        return found

    def until(self, member):
        """The next line that has it."""
        return next(line for line in self.lines if member in line)


def test_tells_what_changes(server, s3, bucket, noise):
    s3.put_object(Bucket=bucket, Key="before", Body=b"x")
    with Stream(server, bucket) as stream:
        begin = next(stream.lines)
        assert begin.keys() == {"begin", "incarnation"}
        assert next(stream.lines) == {"heartbeat": begin["begin"]}
        etag = s3.put_object(Bucket=bucket, Key='a/ü "1"', Body=b"hello", Metadata={"mode": "1"})["ETag"].strip('"')
        (put,) = stream.entries(1)
        assert (put["operation"], put["key"], put["etag"], put["size"]) == ("put", 'a/ü "1"', etag, 5)
        assert put["sequence"] > begin["begin"] and put["version"] == put["current"] and put["metadata"] is True
        listed = s3.list_objects_v2(Bucket=bucket, Prefix="a/")["Contents"][0]["LastModified"]
        assert put["last_modified"] == listed.strftime("%Y-%m-%dT%H:%M:%S.") + f"{listed.microsecond // 1000:03}Z"
        s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "before"})
        s3.rename_object(Bucket=bucket, Key="c", RenameSource=f"/{bucket}/b")
        upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
        part = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=noise(100_000))["ETag"]
        s3.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload,
                                     MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})  # fmt: skip
        s3.delete_object(Bucket=bucket, Key="m")
        told = stream.entries(5)
        assert [(line["operation"], line["key"], "etag" in line) for line in told] == [
            ("copy", "b", True),
            ("rename", "b", False),
            ("rename", "c", True),
            ("complete", "m", True),
            ("remove", "m", False),
        ]
        assert told[0]["metadata"] is False
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=bucket, Key="v", Body=b"1")
        first = s3.put_object(Bucket=bucket, Key="v", Body=b"22")["VersionId"]
        s3.delete_object(Bucket=bucket, Key="v")
        s3.delete_object(Bucket=bucket, Key="v", VersionId=first)
        told = stream.entries(5)
        assert [(line["operation"], line.get("key"), "etag" in line) for line in told] == [
            ("bucket", None, False),
            ("put", "v", True),
            ("put", "v", True),
            ("marker", "v", False),
            ("remove", "v", False),
        ]
        assert told[4]["version"] == first == told[2]["current"]


def test_beats_while_nothing_happens(server, s3, bucket):
    with Stream(server, bucket, heartbeat=1) as stream:
        begin = stream.until("begin")
        began = time.monotonic()
        beats = [stream.until("heartbeat")["heartbeat"] for _ in range(3)]
        assert beats == sorted(beats) and beats[0] >= begin["begin"]
        assert time.monotonic() - began > 1.5


def test_filters_by_prefix_and_goes_on_where_it_was(server, s3, bucket):
    with Stream(server, bucket) as stream:
        begin = stream.until("begin")
        for key in ["a/1", "b/1", "a/2", "b/2"]:
            s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        sequences = [line["sequence"] for line in stream.entries(4)]
    with Stream(server, bucket, prefix="b/", after=begin["begin"], incarnation=begin["incarnation"]) as stream:
        assert [line["key"] for line in stream.entries(2)] == ["b/1", "b/2"]
        assert stream.until("heartbeat")["heartbeat"] >= sequences[3]
    with Stream(server, bucket, after=sequences[1]) as stream:
        assert [line["key"] for line in stream.entries(2)] == ["a/2", "b/2"]


def test_serves_only_the_owner(server, s3, bucket):
    presigned = signed(server, botocore.auth.S3SigV4QueryAuth, bucket=bucket).url
    with ask(server, presigned) as reply:
        assert reply.status_code == 200
        assert b"begin" in next(reply.iter_lines(chunk_size=None))
    assert refused(server, presigned.replace(bucket, bucket + "-2")) == (403, "SignatureDoesNotMatch")
    assert refused(server, f"{server.endpoint}/?weir-journal&bucket={bucket}") == (403, "AccessDenied")
    assert refused(server, signed(server, botocore.auth.HmacV1Auth, bucket=bucket)) == (403, "AccessDenied")
    keys = server.create_keys("somebody")
    assert refused(server, signed(server, keys=keys, bucket=bucket)) == (403, "AccessDenied")
    assert refused(server, signed(server, bucket=bucket + "-2")) == (404, "NoSuchBucket")
    assert refused(server, signed(server)) == (400, "InvalidArgument")
    assert refused(server, signed(server, bucket=bucket, after="x")) == (400, "InvalidArgument")
    assert refused(server, signed(server, bucket=bucket, heartbeat="0")) == (400, "InvalidArgument")


def gone(server, **parameters):
    """What a 410 says: with what to begin."""
    with ask(server, signed(server, **parameters)) as reply:
        assert reply.status_code == 410, reply.content
        assert b"<Code>JournalGone</Code>" in reply.content
        text = reply.content.decode()
    return {
        "after": re.search(r"<Sequence>(\d+)</Sequence>", text)[1],
        "incarnation": re.search(r"<Incarnation>(\w+)</Incarnation>", text)[1],
    }


def test_refuses_whoever_fell_off(own_server):
    server = own_server("--journal-keep-bytes", str(64 * 1024)).start()
    s3 = server.client()
    s3.create_bucket(Bucket="weights")
    with Stream(server, "weights") as stream:
        begin = stream.until("begin")
    for i in range(150):
        s3.put_object(Bucket="weights", Key=f"{i:04}" + "x" * 900, Body=b"x")
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with ask(server, signed(server, bucket="weights", after=begin["begin"])) as reply:
            if reply.status_code == 410:
                break
        assert time.monotonic() < deadline, "nothing was trimmed"
        time.sleep(0.2)
    place = gone(server, bucket="weights", after=begin["begin"])
    assert place["incarnation"] == begin["incarnation"]
    s3.put_object(Bucket="weights", Key="next", Body=b"x")
    with Stream(server, "weights", **place) as stream:
        assert stream.entries(1)[0]["key"] == "next"
    assert int(gone(server, bucket="weights", after=10**15)["after"]) > int(place["after"])
    assert gone(server, bucket="weights", after=place["after"], incarnation="other")


def test_ends_with_its_bucket(server, s3):
    name = new_bucket_name()
    s3.create_bucket(Bucket=name)
    with Stream(server, name, heartbeat=60) as stream:
        begin = stream.until("begin")
        s3.delete_bucket(Bucket=name)
        assert stream.until("end")["end"] == "deleted"
        assert list(stream.lines) == []
    assert refused(server, signed(server, bucket=name)) == (404, "NoSuchBucket")
    s3.create_bucket(Bucket=name)
    again = gone(server, bucket=name, after=begin["begin"], incarnation=begin["incarnation"])
    assert again["incarnation"] != begin["incarnation"]


def test_ends_when_the_server_stops_and_goes_on_with_the_next(own_server, tmp_path):
    server = own_server("--access-log", str(tmp_path / "access"), "--drain-timeout-ms", "600000").start()
    s3 = server.client()
    s3.create_bucket(Bucket="weights")
    with Stream(server, "weights", heartbeat=60) as stream:
        stream.until("heartbeat")
        s3.put_object(Bucket="weights", Key="a", Body=b"x")
        stream.entries(1)
        server.stop()
        end = stream.until("end")
        assert end["end"] == "draining" and list(stream.lines) == []
    (line,) = [json.loads(line) for line in (tmp_path / "access").read_text().splitlines() if "FollowJournal" in line]
    assert (line["bucket"], line["status"], line["complete"]) == ("weights", 200, True)
    assert line["bytes_out"] > 100
    server.start()
    server.client().put_object(Bucket="weights", Key="b", Body=b"x")
    server.kill()
    server.start()
    server.client().put_object(Bucket="weights", Key="c", Body=b"x")
    with Stream(server, "weights", after=end["sequence"]) as stream:
        assert [line["key"] for line in stream.entries(2)] == ["b", "c"]


def limit_use(server, name):
    text = requests.get(server.admin + "/metrics", timeout=PATIENCE_S).text
    return float(re.search(rf'weir_limit_use{{limit="{name}"}} (\S+)', text)[1])


def test_bounds_the_streams(own_server):
    server = own_server("--journal-streams-max", "2").start()
    server.client().create_bucket(Bucket="weights")
    with Stream(server, "weights", heartbeat=1), Stream(server, "weights", heartbeat=1):
        assert refused(server, signed(server, bucket="weights")) == (503, "SlowDown")
        assert limit_use(server, "journal-streams-max") == 2
    deadline = time.monotonic() + PATIENCE_S
    while limit_use(server, "journal-streams-max") > 0:
        assert time.monotonic() < deadline, "streams that nobody reads are still there"
        time.sleep(0.1)
    with Stream(server, "weights") as stream:
        assert stream.until("begin")


def test_a_follower_that_does_not_read_holds_nobody_up(server, s3, bucket):
    keys = [f"{i:04}" + "x" * 1000 for i in range(1500)]
    place = urllib.parse.urlsplit(server.endpoint)
    if server.tls:
        pytest.skip("the raw socket below speaks no TLS; over http this is tested")
    request = signed(server, bucket=bucket)
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect((place.hostname, place.port))
        raw.settimeout(PATIENCE_S)
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        raw.sendall(f"GET {request.url[len(server.endpoint) :]} HTTP/1.0\r\nHost: {place.netloc}\r\n{head}\r\n".encode())
        received = b""
        while b"heartbeat" not in received:
            received += raw.recv(4096)
        slices = [keys[i::8] for i in range(8)]
        threads = [
            threading.Thread(target=lambda mine=mine: [s3.put_object(Bucket=bucket, Key=k, Body=b"x") for k in mine])
            for mine in slices
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # More than all buffers between us hold; now that it reads, it gets everything.
        told = []
        with raw.makefile("rb") as file:
            while len(told) < len(keys):
                with contextlib.suppress(json.JSONDecodeError):
                    told += [line["key"] for line in [json.loads(file.readline())] if "key" in line]
    assert sorted(told) == keys


class Follower(threading.Thread):
    """Folds the journal over a listing, and drops its connection whenever it likes."""

    def __init__(self, server, bucket, prefix, seed):
        super().__init__()
        self.server, self.bucket, self.prefix = server, bucket, prefix
        self.random = random.Random(seed)
        self.listing, self.sequences, self.place = None, [], {}
        self.stop_at = None  # a sequence: not before it has come so far
        self.error = None

    def run(self):
        try:
            while self.stop_at is None or self.place.get("after", -1) < self.stop_at:
                self.follow_for_a_while(self.random.randrange(1, 40))
        except Exception as error:
            self.error = error

    def follow_for_a_while(self, lines_max):
        with Stream(self.server, self.bucket, prefix=self.prefix, heartbeat=1, **self.place) as stream:
            for line, _ in zip(stream.lines, range(lines_max), strict=False):
                self.take(line)
                if self.stop_at is not None and self.place["after"] >= self.stop_at:
                    return

    def take(self, line):
        assert "end" not in line, line
        if "begin" in line and self.listing is None:
            self.listing = listing(self.server, self.bucket, self.prefix)
            self.place = {"incarnation": line["incarnation"]}
        if "key" in line:
            self.sequences.append(line["sequence"])
            assert line["key"].startswith(self.prefix)
            self.listing.pop(line["key"], None)
            if "etag" in line:
                self.listing[line["key"]] = (line["etag"], line["size"])
        self.place["after"] = next(line[x] for x in ("begin", "heartbeat", "sequence") if x in line)


def listing(server, bucket, prefix):
    pages = server.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {each["Key"]: (each["ETag"].strip('"'), each["Size"]) for page in pages for each in page.get("Contents", [])}


@pytest.mark.parametrize("versioning", ["Suspended", "Enabled"])
def test_folds_to_the_listing_whoever_writes_and_whenever_it_breaks(server, s3, bucket, versioning):
    seed = int(os.environ.get("WEIR_TEST_SEED", random.randrange(2**32)))
    print(f"WEIR_TEST_SEED={seed}")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": versioning})
    for i in range(5):
        s3.put_object(Bucket=bucket, Key=f"a/{i}", Body=b"before")

    def write(number):
        draw, client = random.Random(seed + number), server.client()
        for i in range(100):
            key = f"{draw.choice('ab')}/{draw.randrange(10)}"
            if draw.random() < 0.3:
                client.delete_object(Bucket=bucket, Key=key)
            else:
                client.put_object(Bucket=bucket, Key=key, Body=f"{number} {i} {seed}".encode())

    followers = [Follower(server, bucket, prefix, seed + i) for i, prefix in enumerate(["", "", "b/"])]
    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in followers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    with Stream(server, bucket) as stream:
        last = stream.until("begin")["begin"]
    for follower in followers:
        follower.stop_at = last
    for follower in followers:
        follower.join(PATIENCE_S)
        assert not follower.is_alive() and follower.error is None, follower.error
        assert follower.listing == listing(server, bucket, follower.prefix), follower.prefix
        assert follower.sequences == sorted(set(follower.sequences)), "each once, in order"


def code_of_document(language):
    (code,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return code


def test_the_documents_follower(server, s3, tmp_path):
    name = new_bucket_name()
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="before", Body=b"x")
    script = tmp_path / "follower.py"
    script.write_text(
        code_of_document("python")
        + "\nimport sys\nfor listing, line in follow(sys.argv[1]):\n    print(json.dumps(sorted(listing)), flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, script, name], env=server.client_environment(), stdout=subprocess.PIPE, text=True
    )

    def wait_for(keys):
        for line in process.stdout:
            if json.loads(line) == keys:
                return
        raise AssertionError(f"the follower ended without {keys}")

    try:
        wait_for(["before"])
        s3.put_object(Bucket=name, Key="a", Body=b"x")
        wait_for(["a", "before"])
        s3.delete_object(Bucket=name, Key="before")
        wait_for(["a"])
        s3.delete_object(Bucket=name, Key="a")
        wait_for([])
        s3.delete_bucket(Bucket=name)
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="another", Body=b"x")
        wait_for(["another"])
    finally:
        process.kill()
        process.wait()


def test_the_documents_command(server, s3):
    name = new_bucket_name()
    s3.create_bucket(Bucket=name)
    command = code_of_document("bash").replace("my-models", name).replace("curl ", "curl --max-time 3 ")
    environment = server.client_environment()
    environment["CURL_CA_BUNDLE"] = environment.get("AWS_CA_BUNDLE", "")
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert "begin" in lines[0] and "heartbeat" in lines[1], (done.stdout, done.stderr)
