"""Clients that take more than they should: each costs bounded memory, is told so or cut off, and the others go on."""

import contextlib
import os
import resource
import select
import socket
import threading
import time
import xml.etree.ElementTree as ElementTree

import pytest
from examples import World
from signing import Keys, presign_v4, sign_v4
from wire import Wire, exchange

from weir_server import BINARY, WeirServer

KiB, MiB = 1024, 1024 * 1024
# Of the server's whole memory. Generous: caches and allocators take what they like, a leak by connection does not fit in.
IDLE_CONNECTION_BYTES_MAX = 48 * KiB
SLACK_BYTES = 192 * MiB
# Sanitizers keep what was freed.
IS_SANITIZED = any(word in BINARY.read_bytes() for word in (b"__asan_init", b"__tsan_init"))
SLOW_DOWN = (503, "SlowDown")
# botocore's default ("legacy"): a try and four more.
SDK_TRIES = 5
SPARE_DESCRIPTORS = 500
IDLE_CONNECTIONS = 10_000


@pytest.fixture(scope="module", autouse=True)
def many_descriptors():
    """As many as this machine lets one process have, this one and the servers that it starts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = before[1]
    if most < IDLE_CONNECTIONS + SPARE_DESCRIPTORS:
        with contextlib.suppress(ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE_CONNECTIONS + SPARE_DESCRIPTORS,) * 2)
            most = IDLE_CONNECTIONS + SPARE_DESCRIPTORS
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield most
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0], most))


@pytest.fixture(params=["http", "tls"])
def loaded(request, tmp_path):
    """Makes a server with these options, over http or TLS, and a bucket in it."""
    made = []

    def make(*options):
        if request.param == "tls":
            options = (*options, "--tls", "self-signed")
        running = WeirServer(tmp_path / f"weir{len(made)}", "--reserve-bytes", "0", *options).start()
        made.append(running)
        return World(running, Keys(running.exports["AWS_ACCESS_KEY_ID"], running.exports["AWS_SECRET_ACCESS_KEY"]))

    yield make
    for running in made:
        running.stop()


def memory(world, field="VmRSS"):
    with open(f"/proc/{world.server.process.pid}/status") as file:
        return next(int(line.split()[1]) * KiB for line in file if line.startswith(field))


def assert_memory(world, bytes_max, field="VmRSS"):
    """`VmHWM` is the most that it ever was."""
    assert memory(world, field) < bytes_max or IS_SANITIZED


def assert_others_go_on(world, size=2 * MiB):
    """A client who does everything as it should is served, within the tries that SDKs give a `SlowDown`."""
    body = os.urandom(size)
    for _ in range(SDK_TRIES):
        reply = exchange(world.server, sign_v4(world.request("PUT", f"/{world.bucket}/others", body=body), world.keys))
        if reply.status == 200:
            break
        assert (reply.status, reply.code) == SLOW_DOWN, reply
    assert reply.status == 200, reply
    assert exchange(world.server, sign_v4(world.request("GET", f"/{world.bucket}/others"), world.keys)).body == body
    assert exchange(world.server, sign_v4(world.request("GET", f"/{world.bucket}"), world.keys)).status == 200


@contextlib.contextmanager
def connections(world, count, **options):
    """Many of them, closed at the end."""
    opened = []
    try:
        for _ in range(count):
            opened.append(Wire(world.server, **options))
        yield opened
    finally:
        for wire in opened:
            wire.close()


def closed_within(wires, seconds):
    """How many of them the server has ended by then, whatever it said before."""
    poller, by_number, ended = select.poll(), {}, 0
    for wire in wires:
        poller.register(wire.socket, select.POLLIN)
        by_number[wire.socket.fileno()] = wire.socket
    until = time.monotonic() + seconds
    while by_number and time.monotonic() < until:
        for number, _ in poller.poll(500):
            try:
                gone = not by_number[number].recv(65_536)
            except (BlockingIOError, TimeoutError):
                continue
            except OSError:
                gone = True
            if gone:
                poller.unregister(number)
                del by_number[number]
                ended += 1
    return ended


def put_head(world, key, size):
    return presign_v4(world.request("PUT", f"/{world.bucket}/{key}"), world.keys).head(("Content-Length", str(size)))


# Those who say nothing, or never stop.


def test_connections_that_never_speak_are_closed_in_time(loaded):
    """Over TLS some never begin the handshake, others do nothing after it."""
    world = loaded("--idle-timeout-ms", "1000", "--head-timeout-ms", "1000")
    with connections(world, 100, handshake=False) as silent, connections(world, 50) as idle:
        assert_others_go_on(world)
        assert closed_within([*silent, *idle], 60) == 150
    assert_others_go_on(world)


def test_heads_that_never_end_are_refused_and_closed_in_time(loaded):
    world = loaded("--head-timeout-ms", "1500")
    with connections(world, 50) as slow:
        for wire in slow:
            wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
        until = time.monotonic() + 60
        while time.monotonic() < until and not select.select([wire.socket for wire in slow], [], [], 0.3)[0]:
            for wire in slow:
                wire.send_as_far_as_possible(b"a: b\r\n")  # progress, but no end
        assert_others_go_on(world)
        for wire in slow:
            assert wire.reply().outcome == (400, "RequestTimeout")
            assert wire.ended()


def test_floods_of_headers_are_refused(loaded):
    world = loaded()
    before = memory(world)
    start = b"GET / HTTP/1.1\r\nHost: x\r\n"
    floods = [
        b"a: b\r\n" * 20_000,
        b"a" * 10 * MiB,
        b"a: " + b"b" * 10 * MiB,
        b"x-amz-meta-a: b\r\n" * 300 + b"\r\n",
        b"\r" * MiB,
    ]
    for flood in floods:
        for _ in range(10):
            with Wire(world.server) as wire:
                wire.send_as_far_as_possible(start + flood)
                reply = wire.reply()
                assert reply is None or reply.outcome == (400, "RequestHeaderSectionTooLarge"), reply
    with Wire(world.server) as wire:
        wire.send(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.reply().outcome == (400, "RequestHeaderSectionTooLarge")
    assert_others_go_on(world)
    assert_memory(world, before + SLACK_BYTES, "VmHWM")


# Bodies that are slow, short or long.


def test_readers_who_stop_cost_nothing_and_are_closed_in_time(loaded):
    world = loaded("--stall-timeout-ms", "2000")
    world.must("PUT", f"/{world.bucket}/big", body=os.urandom(64 * MiB))
    get = presign_v4(world.request("GET", f"/{world.bucket}/big"), world.keys).head()
    listing = presign_v4(world.request("GET", f"/{world.bucket}"), world.keys).head()
    before = memory(world)
    with connections(world, 100, receive_buffer=4096) as readers, connections(world, 20, receive_buffer=4096) as listers:
        for wire in readers:
            wire.send(get)
        for wire in listers:
            wire.send(listing * 200)  # many answers that nobody takes
        assert_others_go_on(world)
        time.sleep(3)
        # The server has given up: what it sent is all there is, far from all it had.
        for wire in readers[:10]:
            while wire.more():
                assert len(wire.received) < 64 * MiB
        assert_others_go_on(world)
        assert_memory(world, before + SLACK_BYTES)
    assert_memory(world, before + SLACK_BYTES, "VmHWM")


def test_writers_who_stop_are_told_and_closed_in_time(loaded):
    """More of them than there are buffers."""
    world = loaded("--stall-timeout-ms", "2000", "--body-buffers-max", "16")
    before = memory(world)
    with connections(world, 60) as writers:
        for number, wire in enumerate(writers):
            wire.send(put_head(world, f"slow-{number}", 4 * MiB) + b"a few bytes")
        for wire in writers:
            reply = wire.reply("PUT")
            assert reply.outcome in ((400, "RequestTimeout"), SLOW_DOWN), reply
        assert_others_go_on(world)
    assert_memory(world, before + SLACK_BYTES, "VmHWM")
    assert world.must("GET", f"/{world.bucket}", [("prefix", "slow")]).body.count(b"<Key>") == 0


def test_writers_who_dribble_do_not_keep_others_from_writing(loaded):
    """Each sends a byte now and then, which is progress, and there are more of them than buffers: the others are served, or
    told early to come back, and are served once they do."""
    world = loaded("--stall-timeout-ms", "3000", "--body-buffers-max", "8")
    stop = threading.Event()
    with connections(world, 24) as writers:
        for number, wire in enumerate(writers):
            wire.send(put_head(world, f"dribble-{number}", 4 * MiB) + b"x")

        def dribble():
            while not stop.wait(0.5):
                for wire in writers:
                    wire.send_as_far_as_possible(b"x")

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            put = sign_v4(world.request("PUT", f"/{world.bucket}/others", body=b"o" * MiB), world.keys)
            until, outcome = time.monotonic() + 60, None
            while time.monotonic() < until and outcome != 200:
                reply = exchange(world.server, put)
                assert reply.status == 200 or reply.outcome == SLOW_DOWN, reply
                outcome = reply.status
            assert outcome == 200
            # What takes no buffer goes on meanwhile.
            assert_others_go_on(world, size=10 * KiB)
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_bodies_that_end_early_store_nothing(loaded, coding):
    world = loaded()
    for number, sent in enumerate((0, 1, 100, 70_000, 3 * MiB)):
        for way in ("half", "whole", "reset"):
            key, body = f"short-{coding}-{number}-{way}", b"s" * sent
            if coding == "length":
                head = put_head(world, key, 4 * MiB)
            else:
                signed = presign_v4(world.request("PUT", f"/{world.bucket}/{key}"), world.keys)
                head, body = signed.head(("Transfer-Encoding", "chunked")), b"%x\r\n" % (4 * MiB) + body
            with Wire(world.server) as wire:
                wire.send_as_far_as_possible(head + body)
                if way == "half" and not world.server.tls:
                    wire.socket.shutdown(socket.SHUT_WR)
                    assert wire.reply("PUT").outcome == (400, "IncompleteBody")
                    assert wire.ended()
                elif way == "reset":
                    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert_others_go_on(world)
    assert world.must("GET", f"/{world.bucket}", [("prefix", "short")]).body.count(b"<Key>") == 0
    assert "0 damaged" in world.server.run("fsck", "--read").stdout


def test_bodies_that_are_too_long_are_refused_before_they_come(loaded):
    world = loaded()
    for size in (5 * 1024 * MiB + 1, 2**62, 2**63, 2**64 - 1):
        with Wire(world.server) as wire:
            wire.send(put_head(world, "long", size) + b"x")
            reply = wire.reply("PUT")
            assert reply.outcome == (400, "EntityTooLarge") or (size > 2**62 and reply.status == 400), reply
    xml = sign_v4(world.request("POST", f"/{world.bucket}", [("delete", "")], [("Content-MD5", "A" * 22 + "==")]), world.keys)
    with Wire(world.server) as wire:
        wire.send(xml.head(("Content-Length", str(9 * MiB))))
        assert wire.reply("POST").outcome[0] == 400
    assert_others_go_on(world)


# Too many of them.


@pytest.mark.slow
def test_ten_thousand_idle_connections(loaded, many_descriptors):
    """Half of them have been served before and are kept; TLS has its own state for each."""
    world = loaded("--connections-max", "20000")
    count = min(IDLE_CONNECTIONS, many_descriptors - SPARE_DESCRIPTORS)
    bound = IDLE_CONNECTION_BYTES_MAX * (4 if world.server.tls else 1)
    get = presign_v4(world.request("GET", f"/{world.bucket}/key"), world.keys).head()
    assert_others_go_on(world)
    before = memory(world)
    with connections(world, count) as idle:
        for wire in idle[::2]:
            wire.send(get)
        for wire in idle[::2]:
            assert wire.reply().status == 200
        grown = memory(world) - before
        print(f"{count} connections: {grown / count / KiB:.1f} KiB each")
        assert_memory(world, before + count * bound + SLACK_BYTES)
        assert_others_go_on(world)
        for wire in idle[:: count // 50]:  # and any of them still works
            wire.send(get)
            assert wire.reply().status == 200
    assert_others_go_on(world)
    if count < IDLE_CONNECTIONS:
        pytest.skip(f"passed with {count} connections: a process may have no more than {many_descriptors} descriptors")


def test_twice_the_connections_that_the_limit_allows(loaded):
    """Those above it are told SlowDown at once, or closed; those within it are served all the time; room is taken again."""
    limit = 100
    world = loaded("--connections-max", str(limit))
    get = presign_v4(world.request("GET", f"/{world.bucket}/key"), world.keys).head()

    def is_served(wire):
        wire.send(get)
        return wire.reply().status == 200

    with connections(world, limit) as within:
        assert all(is_served(wire) for wire in within)
        with connections(world, limit, handshake=False) as above:
            told = 0
            if world.server.tls:
                assert closed_within(above, 60) == limit
            for wire in [] if world.server.tls else above:
                wire.send_as_far_as_possible(get)
                reply = wire.reply()
                assert reply is None or reply.outcome == SLOW_DOWN, reply
                told += reply is not None
                assert reply is None or wire.ended()
            assert told >= limit // 4 or world.server.tls
            assert all(is_served(wire) for wire in within)
        assert all(is_served(wire) for wire in within)
    until = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError, AssertionError, AttributeError):
            assert_others_go_on(world)
            break
        assert time.monotonic() < until, "no room again"


def test_xml_that_never_ends_is_bounded_in_memory(loaded):
    """8 MiB less a byte each, which are never read as XML: those for whom there is no memory are told to come back."""
    world = loaded("--xml-memory-bytes-max", str(64 * MiB))
    before, size, writers = memory(world), 8 * MiB, 40
    delete = presign_v4(world.request("POST", f"/{world.bucket}", [("delete", "")]), world.keys)
    head = delete.head(("Content-Length", str(size)), ("Content-MD5", "A" * 22 + "=="))
    filler, outcomes = b"<" * (size - 1), []
    with connections(world, writers) as wires:

        def send(wire):
            with contextlib.suppress(OSError):
                wire.send(head + filler)

        threads = [threading.Thread(target=send, args=(wire,)) for wire in wires]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for wire in wires:
            wire.socket.settimeout(1)
            with contextlib.suppress(TimeoutError):
                outcomes.append(wire.reply("POST").outcome)
        assert set(outcomes) == {SLOW_DOWN} and len(outcomes) >= writers // 2, outcomes
        # What is not XML goes on meanwhile.
        body = os.urandom(2 * MiB)
        put = sign_v4(world.request("PUT", f"/{world.bucket}/others", body=body), world.keys)
        assert exchange(world.server, put).status == 200
    assert_memory(world, before + 64 * MiB + SLACK_BYTES, "VmHWM")
    until = time.monotonic() + 60
    while exchange(world.server, sign_v4(world.request("GET", f"/{world.bucket}"), world.keys)).status != 200:
        assert time.monotonic() < until, "no memory was given back"


def test_listings_that_nobody_takes_are_bounded_in_memory(loaded):
    """Of 1,000 keys that are long and need escaping: megabytes each."""
    # While they are made they are bounded by the threads that make them.
    world = loaded("--xml-memory-bytes-max", str(32 * MiB), "--blocking-threads-max", "4", "--stall-timeout-ms", "20000")
    s3 = world.server.client()
    for number in range(1000):
        s3.put_object(Bucket=world.bucket, Key="&" * 1000 + f"{number:04}", Body=b"")
    before = memory(world)
    listing = presign_v4(world.request("GET", f"/{world.bucket}"), world.keys).head()
    with connections(world, 40, receive_buffer=4096) as readers:
        for wire in readers:
            wire.send(listing)
        assert all(wire.more() for wire in readers)
        statuses = {wire.received.split(b" ")[1] for wire in readers}
        assert statuses == {b"200", b"503"}, statuses
    assert_memory(world, before + 32 * MiB + SLACK_BYTES, "VmHWM")
    until = time.monotonic() + 60
    while exchange(world.server, presign_v4(world.request("GET", f"/{world.bucket}"), world.keys)).status != 200:
        assert time.monotonic() < until, "no memory was given back"


def test_a_body_that_was_refused_is_drained_only_so_long(loaded):
    """A byte now and then keeps no connection."""
    world = loaded("--stall-timeout-ms", "1500")
    bad = presign_v4(world.request("PUT", f"/{world.bucket}/key"), Keys(world.keys.id, "wrong"))
    with connections(world, 20) as wires:
        for wire in wires:
            wire.send(bad.head(("Content-Length", "100000")) + b"x")
            assert wire.reply("PUT").outcome == (403, "SignatureDoesNotMatch")
        until, left = time.monotonic() + 60, list(wires)
        while left and time.monotonic() < until:
            for wire in left:
                wire.send_as_far_as_possible(b"x")
            left = [wire for wire in left if not closed_within([wire], 0.01)]
            time.sleep(0.3)
        assert not left
    assert_others_go_on(world)


def test_a_storm_of_requests_is_told_to_slow_down(loaded):
    """With hardly a thread and hardly a queue: answers are 200 or 503, and all come."""
    world = loaded("--blocking-threads-max", "4", "--blocking-queue-max", "4")
    puts = [sign_v4(world.request("PUT", f"/{world.bucket}/storm", body=b"x" * 20_000), world.keys) for _ in range(200)]
    with connections(world, len(puts)) as wires:
        for wire, put in zip(wires, puts, strict=True):
            wire.send(put.head(("Content-Length", "20000")) + put.body)
        outcomes = [wire.reply("PUT").outcome for wire in wires]
    assert set(outcomes) <= {(200, None), SLOW_DOWN}, set(outcomes)
    assert (200, None) in outcomes
    assert_others_go_on(world)


@pytest.mark.slow
def test_a_thousand_uploads_that_never_finish(loaded):
    """Each with a part, and with another one of which only the beginning came."""
    world = loaded("--body-buffers-max", "32", "--stall-timeout-ms", "5000")
    before, uploads = memory(world), []
    with Wire(world.server) as wire:
        for number in range(1000):
            key = f"/{world.bucket}/upload-{number}"
            wire.send(sign_v4(world.request("POST", key, [("uploads", "")]), world.keys).head(("Content-Length", "0")))
            uploads.append((key, ElementTree.fromstring(wire.reply().body).findtext("{*}UploadId")))
            part = [("partNumber", "1"), ("uploadId", uploads[-1][1])]
            signed = sign_v4(world.request("PUT", key, part, body=b"p" * 10_000), world.keys)
            wire.send(signed.head(("Content-Length", "10000")) + signed.body)
            assert wire.reply("PUT").status == 200
    with connections(world, 1000) as wires:
        for wire, (key, upload) in zip(wires, uploads, strict=True):
            part = [("partNumber", "2"), ("uploadId", upload)]
            wire.send(presign_v4(world.request("PUT", key, part), world.keys).head(("Content-Length", str(6 * MiB))) + b"x")
        assert_others_go_on(world)
        assert_memory(world, before + 2 * SLACK_BYTES)
    listed = world.must("GET", f"/{world.bucket}", [("uploads", ""), ("prefix", "upload-")]).body
    assert listed.count(b"<Upload>") == 1000
    assert_others_go_on(world)
    assert_memory(world, before + 2 * SLACK_BYTES, "VmHWM")
    for key, upload in uploads[::100]:
        assert exchange(world.server, sign_v4(world.request("DELETE", key, [("uploadId", upload)]), world.keys)).status == 204
    report = world.server.run("fsck", "--read", check=False).stdout
    assert " 0 damaged" in report, report


def test_ten_thousand_ranges_in_one_header_are_one_answer(loaded):
    """S3 serves one range a request; of several, AWS sends the whole object, once."""
    world = loaded()
    body = os.urandom(MiB)
    world.must("PUT", f"/{world.bucket}/ranged", body=body)
    before = memory(world)
    ranges = "bytes=" + ",".join(["0-99"] * 10_000)
    for value in (ranges, ranges + ",", "bytes=" + "0-,5-," * 5_000, "bytes=" + "-1," * 10_000):
        get = presign_v4(world.request("GET", f"/{world.bucket}/ranged"), world.keys)
        with connections(world, 20) as wires:
            for wire in wires:
                wire.send(get.head(("Range", value)))
            for wire in wires:
                reply = wire.reply()
                assert reply.status in (200, 416), reply.status
                assert reply.body == body or reply.code == "InvalidRange"
    many = [("Range", f"bytes={n}-{n + 100}") for n in range(200)]
    with Wire(world.server) as wire:
        wire.send(presign_v4(world.request("GET", f"/{world.bucket}/ranged"), world.keys).head(*many))
        assert wire.reply().body in (body, body[:101])
    assert_others_go_on(world)
    assert_memory(world, before + SLACK_BYTES, "VmHWM")
