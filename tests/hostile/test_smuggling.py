"""Requests that two readers could take for different ones, and paths that want to lead elsewhere, over raw sockets."""

import itertools
import os
import urllib.parse
import xml.etree.ElementTree as ElementTree

import pytest
from examples import World
from signing import Keys, Request, presign_v4, sign_v4
from wire import Wire, exchange

from weir_server import DOMAIN, WeirServer, new_bucket_name

SECRET = b"the secret of another owner"
CRLF = "\r\n"


@pytest.fixture(scope="module", params=["http", "tls"])
def strict_server(request, tmp_path_factory):
    """A server that gives up soon on a head that never ends."""
    options = ["--domain", DOMAIN, "--reserve-bytes", "0", "--head-timeout-ms", "1500", "--stall-timeout-ms", "1500"]
    if request.param == "tls":
        options += ["--tls", "self-signed"]
    running = WeirServer(tmp_path_factory.mktemp(f"strict-{request.param}") / "weir", *options).start()
    running.root = Keys(running.exports["AWS_ACCESS_KEY_ID"], running.exports["AWS_SECRET_ACCESS_KEY"])
    running.stranger = Keys(*running.create_keys("stranger"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def world(strict_server):
    return World(strict_server, strict_server.root)


def second_request(world):
    """What an attacker would have served as if another client had sent it: a good request for an object."""
    return presign_v4(world.request("GET", f"/{world.bucket}/key"), world.keys).head()


def new_key(counter=itertools.count()):  # noqa: B008
    return f"smuggled-{next(counter)}"


def put_target(world, key):
    """A presigned PUT, which leaves every header but Host to the attacker."""
    return presign_v4(world.request("PUT", f"/{world.bucket}/{key}"), world.keys).target


def get_target(world):
    return presign_v4(world.request("GET", f"/{world.bucket}/key"), world.keys).target


def head_of(world, target, *lines, method="PUT", version="HTTP/1.1"):
    text = CRLF.join([f"{method} {target} {version}", f"Host: {world.host}", *lines]) + CRLF + CRLF
    return text.encode("latin-1")


def is_absent(world, key):
    return exchange(world.server, sign_v4(world.request("GET", f"/{world.bucket}/{key}"), world.keys)).status == 404


# Where a body ends is not certain: (lines of the head, the body).
FRAMINGS = {
    "length and chunked": (["Content-Length: 5", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    "chunked and length": (["Transfer-Encoding: chunked", "Content-Length: 5"], b"0\r\n\r\n"),
    "chunked and no length": (["Transfer-Encoding: chunked", "Content-Length: 0"], b"0\r\n\r\n"),
    "chunked, identity": (["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n"),
    "identity": (["Transfer-Encoding: identity", "Content-Length: 5"], b"hello"),
    "identity alone": (["Transfer-Encoding: identity"], b""),
    "gzip, chunked": (["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n"),
    "chunked twice": (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    "chunked and another": (["Transfer-Encoding: chunked", "Transfer-Encoding: x"], b"0\r\n\r\n"),
    "another and chunked": (["Transfer-Encoding: x", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    "xchunked": (["Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
    "chunked in quotes": (['Transfer-Encoding: "chunked"'], b"0\r\n\r\n"),
    "vertical tab": (["Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n"),
    "form feed": (["Transfer-Encoding: chunked\x0c"], b"0\r\n\r\n"),
    "empty": (["Transfer-Encoding:", "Content-Length: 5"], b"hello"),
    "a space before the colon": (["Transfer-Encoding : chunked"], b"0\r\n\r\n"),
    "a tab before the colon": (["Content-Length\t: 5"], b"hello"),
    "a space before the name": (["A: b", " Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    "folded": (["Transfer-Encoding:", " chunked"], b"0\r\n\r\n"),
    "folded by a tab": (["A: b", "\tTransfer-Encoding: chunked"], b"0\r\n\r\n"),
    "NUL in the name": (["Transfer-Encoding\x00: chunked"], b"0\r\n\r\n"),
    "NUL in the value": (["Content-Length: 5\x00"], b"hello"),
    "bare LF before": (["A: b\nTransfer-Encoding: chunked"], b"0\r\n\r\n"),
    "bare CR before": (["A: b\rTransfer-Encoding: chunked"], b"0\r\n\r\n"),
    "two lengths": (["Content-Length: 5", "Content-Length: 0"], b"hello"),
    "one length twice": (["Content-Length: 5", "Content-Length: 5"], b"hello"),
    "two lengths in one": (["Content-Length: 5, 5"], b"hello"),
    "a length with a plus": (["Content-Length: +5"], b"hello"),
    "a negative length": (["Content-Length: -5"], b"hello"),
    "a hexadecimal length": (["Content-Length: 0x5"], b"hello"),
    "a fraction": (["Content-Length: 5.0"], b"hello"),
    "a length with a space": (["Content-Length: 0 5"], b"hello"),
    "no length": (["Content-Length:"], b"hello"),
    "a length beyond 64 bits": (["Content-Length: 18446744073709551621"], b"hello"),
    "digits that are no ASCII": (["Content-Length: \xb5"], b"hello"),
    "no colon": (["Transfer-Encoding chunked"], b"0\r\n\r\n"),
    "no name": ([": chunked"], b"0\r\n\r\n"),
    "a name with a space": (["Content Length: 5"], b"hello"),
    "Host twice": (["Host: elsewhere.test", "Content-Length: 5"], b"hello"),
    "Host again": (["Host: {host}", "Content-Length: 5"], b"hello"),
    "Host folded": ([" elsewhere.test", "Content-Length: 5"], b"hello"),
}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_doubtful_end_is_refused_and_nothing_follows_it(world, framing):
    lines, body = FRAMINGS[framing]
    lines, key = [line.replace("{host}", world.host) for line in lines], new_key()
    with Wire(world.server) as wire:
        wire.send_as_far_as_possible(head_of(world, put_target(world, key), *lines) + body + second_request(world))
        reply = wire.reply("PUT")
        assert reply is not None and (reply.status, reply.code) in ((400, "InvalidRequest"), (501, "NotImplemented")), reply
        assert reply.headers["connection"] == "close"
        assert wire.ended(), wire.received
    assert is_absent(world, key)


FIRST_LINES = {
    "no version": "GET {target}",
    "version 0.9": "GET {target} HTTP/0.9",
    "version 2": "GET {target} HTTP/2.0",
    "version 1.2": "GET {target} HTTP/1.2",
    "lower case": "GET {target} http/1.1",
    "two spaces": "GET  {target} HTTP/1.1",
    "two spaces after": "GET {target}  HTTP/1.1",
    "a tab": "GET\t{target} HTTP/1.1",
    "a space in the target": "GET {target} x HTTP/1.1",
    "a CR": "GET {target}\r HTTP/1.1",
    "no method": " {target} HTTP/1.1",
    "a colon": "Host: x",
    "a method of signs": "G@T {target} HTTP/1.1",
    "NUL": "GET {target}\x00 HTTP/1.1",
    "empty": "",
    "CONNECT": "CONNECT {host} HTTP/1.1",
    "OPTIONS": "OPTIONS * HTTP/1.1",
    "no slash": "GET key HTTP/1.1",
    "another scheme": "GET ftp://{host}/key HTTP/1.1",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "PRI": "PRI * HTTP/2.0",
}


@pytest.mark.parametrize("first", FIRST_LINES)
def test_a_first_line_that_is_none_serves_nothing(world, first):
    line = FIRST_LINES[first].format(target=get_target(world), host=world.host)
    head = CRLF.join([line, f"Host: {world.host}", "", ""]).encode("latin-1")
    with Wire(world.server) as wire:
        wire.send_as_far_as_possible(head)
        reply = wire.reply()
        # The first line may be empty (RFC 9112 2.2), and then another one follows: here there is none.
        assert reply is not None and reply.status in (400, 403, 501), reply
        assert reply.code in ("InvalidRequest", "InvalidURI", "AccessDenied", "NotImplemented"), reply


def test_lines_that_end_in_bare_lf_are_no_head(world):
    """Alone they never end, so the server says when it gives up; with a real end behind them they are refused."""
    head = head_of(world, get_target(world), method="GET").replace(b"\r\n", b"\n")
    with Wire(world.server) as wire:
        wire.send(head)
        assert wire.reply().outcome == (400, "RequestTimeout")
        assert wire.ended()
    with Wire(world.server) as wire:
        wire.send(head + second_request(world))
        assert wire.reply().outcome == (400, "InvalidRequest")
        assert wire.ended()


def test_http_1_0_has_no_chunks(world):
    key = new_key()
    with Wire(world.server) as wire:
        head = head_of(world, put_target(world, key), "Transfer-Encoding: chunked", version="HTTP/1.0")
        wire.send(head + b"5\r\nhello\r\n0\r\n\r\n" + second_request(world))
        assert wire.reply("PUT").outcome == (400, "InvalidRequest")
        assert wire.ended()
    assert is_absent(world, key)


# Bodies whose chunks are none.
CHUNKS = {
    "hexadecimal with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "a minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "a space before": b" 5\r\nhello\r\n0\r\n\r\n",
    "a tab before": b"\t5\r\nhello\r\n0\r\n\r\n",
    "a word behind": b"5 hello\r\nhello\r\n0\r\n\r\n",
    "beyond 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "an extension without size": b";a=b\r\nhello\r\n0\r\n\r\n",
    "no digits": b"hello\r\nhello\r\n0\r\n\r\n",
    "bare LF after the size": b"5\nhello\r\n0\r\n\r\n",
    "bare LF after the chunk": b"5\r\nhello\n0\r\n\r\n",
    "bare CR after the size": b"5\rhello\r\n0\r\n\r\n",
    "bare LF in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "bare CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "bare CR twice": b"5\r\r\nhello\r\n0\r\n\r\n",
    "NUL in an extension": b"5;a\x00b\r\nhello\r\n0\r\n\r\n",
    "a chunk that is longer": b"5\r\nhello!\r\n0\r\n\r\n",
    "a chunk that is shorter": b"5\r\nhell\r\n0\r\n\r\n",
    "no line end after a chunk": b"5\r\nhello0\r\n\r\n",
    "a comma": b"5,5\r\nhello\r\n0\r\n\r\n",
    "an endless extension": b"5;" + b"a" * 100_000,
    "endless trailers": b"0\r\n" + b"A: b\r\n" * 10_000,
    "bare LF at the end": b"5\r\nhello\r\n0\r\n\n",
    "a bare LF in the trailers": b"5\r\nhello\r\n0\r\nA: b\nC: d\r\n\r\n",
}


@pytest.mark.parametrize("chunks", CHUNKS)
def test_doubtful_chunks_store_nothing_and_nothing_follows_them(world, chunks):
    key = new_key()
    with Wire(world.server) as wire:
        head = head_of(world, put_target(world, key), "Transfer-Encoding: chunked")
        wire.send_as_far_as_possible(head + CHUNKS[chunks] + second_request(world))
        reply = wire.reply("PUT")
        assert reply is not None and reply.outcome == (400, "InvalidRequest"), reply
        assert wire.ended(), wire.received
    assert is_absent(world, key)


def test_chunks_that_are_some_are_taken_and_the_next_request_too(world):
    for chunks in (
        b"5\r\nhello\r\n0\r\n\r\n",
        b"0005;a=b;c\r\nhello\r\n000\r\nContent-Length: 50\r\nTransfer-Encoding: x\r\n\r\n",
        b"2;x\r\nhe\r\n3\r\nllo\r\n0;last\r\n\r\n",
    ):
        with Wire(world.server) as wire:
            head = head_of(world, put_target(world, "chunks"), "transfer-encoding: Chunked")
            wire.send(head + chunks + second_request(world))
            assert wire.reply("PUT").status == 200
            assert wire.reply().body == b"what was there before"
        assert world.must("GET", f"/{world.bucket}/chunks").body == b"hello"


def test_a_body_that_is_longer_than_it_says_is_another_request(world):
    """The surplus is a request of this client's, or none at all; it is no part of the object."""
    with Wire(world.server) as wire:
        head = head_of(world, put_target(world, "longer"), "Content-Length: 5")
        wire.send_as_far_as_possible(head + b"hello and more\r\n\r\n" + second_request(world))
        assert wire.reply("PUT").status == 200
        assert wire.reply().outcome == (400, "InvalidRequest")
        assert wire.ended()
    assert world.must("GET", f"/{world.bucket}/longer").body == b"hello"


def is_silent(wire):
    """Whether nothing more comes; a surplus reply would have come with the one before it."""
    wire.socket.settimeout(1)
    try:
        return not wire.received and not wire.more()
    except TimeoutError:
        return True


def test_a_body_that_is_refused_is_no_request(world):
    """The bytes of a refused body hold a good request, which must not be answered."""
    inner = second_request(world)
    for more in ([f"Content-Length: {len(inner)}"], [f"Content-Length: {len(inner)}", "Expect: 100-continue"]):
        head = head_of(world, f"/{world.bucket}/smuggled", *more)
        with Wire(world.server) as wire:
            wire.send_as_far_as_possible(head + inner)
            assert wire.reply("PUT").outcome == (403, "AccessDenied")
            wire.send_as_far_as_possible(second_request(world))
            after = wire.reply()
            assert after is None or after.body == b"what was there before"
            assert after is None or is_silent(wire), "answered twice"


def test_requests_with_bodies_where_none_belongs(world):
    inner = second_request(world)
    with Wire(world.server) as wire:
        wire.send(head_of(world, get_target(world), f"Content-Length: {len(inner)}", method="GET") + inner)
        assert wire.reply().body == b"what was there before"
        assert is_silent(wire)


# Paths.

KEYS = [
    "..",
    ".",
    "../x",
    "../../etc/passwd",
    "a/../../b",
    "a/./b",
    "./a",
    "/",
    "//",
    "/a",
    "//a",
    "a//b",
    "a/",
    "a/.",
    "a/..",
    "...",
    "..\\..\\x",
    "%2e%2e/x",
    "%2E%2e%2f",
    "%00",
    "%",
    "a%2fb",
    "a?b",
    "a#b",
    "a;b",
    "a&b=c",
    "a+b",
    "a b",
    " ",
    "\t",
    "\r\nHost: x",
    "\x01\x7f",
    "~",
    "con",
    "admin.sock",
    "secret.key",
    "../root-credentials",
    "blobs/../../root-credentials",
    "\u202e\u2066",
    "\ufeff",
    "\U0010ffff",
    "e\u0301",
    "\u00e9",
    "k" * 1024,
    "/" * 1024,
    "../" * 341,
]


def encoded_path(bucket, key):
    return f"/{bucket}/" + urllib.parse.quote(key, safe="/-_.~")


def listed_keys(world, bucket):
    reply = world.must("GET", f"/{bucket}", [("list-type", "2"), ("encoding-type", "url")])
    keys = [each.text for each in ElementTree.fromstring(reply.body).iterfind("{*}Contents/{*}Key")]
    return [urllib.parse.unquote(key) for key in keys]


def test_keys_are_kept_literally(world):
    bucket = new_bucket_name("literal")
    world.must("PUT", f"/{bucket}")
    for number, key in enumerate(KEYS):
        world.must("PUT", encoded_path(bucket, key), body=str(number).encode())
    for number, key in enumerate(KEYS):
        assert world.must("GET", encoded_path(bucket, key)).body == str(number).encode(), key
        # However it is spelled: as it is, and with everything encoded.
        spelled = world.request("GET", f"/{bucket}/" + "".join(f"%{byte:02x}" for byte in key.encode()))
        # The signature is of the canonical spelling.
        good = sign_v4(world.request("GET", encoded_path(bucket, key)), world.keys)
        respelled = Request("GET", spelled.path, good.query, good.headers)
        assert exchange(world.server, respelled).body == str(number).encode(), key
    assert sorted(listed_keys(world, bucket)) == sorted(KEYS)


BAD_PATHS = {
    "NUL": ("%00", "InvalidURI"),
    "NUL within": ("a%00b", "InvalidURI"),
    "a byte that is no UTF-8": ("%ff", "InvalidURI"),
    "an over-long dot": ("%c0%ae%c0%ae", "InvalidURI"),
    "an over-long slash": ("..%c0%af", "InvalidURI"),
    "a surrogate": ("%ed%a0%80", "InvalidURI"),
    "a cut sequence": ("%e2%82", "InvalidURI"),
    "beyond Unicode": ("%f4%90%80%80", "InvalidURI"),
    "half an escape": ("a%", "InvalidURI"),
    "an escape of no digits": ("a%zz", "InvalidURI"),
    "too long": ("k" * 1025, "KeyTooLongError"),
    "too long by its encoding": ("%c3%a9" * 513, "KeyTooLongError"),
}


@pytest.mark.parametrize("what", BAD_PATHS)
@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE", "HEAD"])
def test_paths_that_are_no_keys_are_refused(world, what, method):
    path, code = BAD_PATHS[what]
    reply = exchange(world.server, sign_v4(world.request(method, f"/{world.bucket}/{path}"), world.keys))
    if method in ("GET", "HEAD") and code == "KeyTooLongError":
        assert reply.status in (400, 404), reply
    else:
        assert reply.status == 400, reply
        assert method == "HEAD" or reply.code == code


BUCKET_NAMES = [
    *("..", ".", "...", "%2e%2e", ".%2e", "%2e", "..%5c", "a..b", ".a", "-a", "a-", "A", "a_b", "xn--a", "127.0.0.1"),
    *("a" * 2, "a" * 64, "%20", "%0a", "%2f", "a%2fb", "..%2f..", "%c3%a9", "x-s3alias"),
]


@pytest.mark.parametrize("name", BUCKET_NAMES)
def test_names_that_are_no_buckets_make_none(world, name):
    before = world.must("GET", "/").body
    for method, path in (("PUT", f"/{name}"), ("PUT", f"/{name}/key"), ("GET", f"/{name}/key"), ("DELETE", f"/{name}")):
        reply = exchange(world.server, sign_v4(world.request(method, path), world.keys))
        assert reply.status in (400, 403, 404, 405), (method, path, reply)
    assert world.must("GET", "/").body == before


@pytest.fixture(scope="module")
def victim(strict_server):
    """Another owner's bucket with a secret, which the attacker wants."""
    theirs = World(strict_server, strict_server.stranger)
    theirs.must("PUT", f"/{theirs.bucket}/secret", body=SECRET)
    return theirs


WAYS_TO_A_VICTIM = [
    "/{victim}/secret",
    "//{victim}/secret",
    "/./{victim}/secret",
    "/../{victim}/secret",
    "/{mine}/../{victim}/secret",
    "/{mine}/%2e%2e/{victim}/secret",
    "/{mine}/..%2f{victim}/secret",
    "/{mine}%2f..%2f{victim}%2fsecret",
    "/{mine}/%2e%2e%2f{victim}%2fsecret",
    "/{mine}%2f%2e%2e%2f{victim}/secret",
    "/{mine}/..%5c{victim}%5csecret",
    "/{mine}/../../{victim}/secret",
    "/{mine}//{victim}/secret",
    "/{mine}/;/../{victim}/secret",
    "/%2e%2e/{victim}/secret",
    "/{victim}%2fsecret",
    "/%2f{victim}/secret",
    "/{victim}/./secret",
    "/{victim}/%73ecret",
    "/{mine}?/../{victim}/secret",
    "/{mine}/key%3f/../../{victim}/secret",
    "http://{victim}.{domain}/secret",
    "http://{victim}.{domain}/{victim}/secret",
    "https://{host}/{victim}/secret",
]


@pytest.mark.parametrize("way", WAYS_TO_A_VICTIM)
def test_no_path_leads_to_another_owner(world, victim, way):
    """By whichever reading of the path the attacker signs, and by whichever host."""
    target = way.format(victim=victim.bucket, mine=world.bucket, domain=DOMAIN, host=world.host)
    path, _, query = target.partition("?")
    decoded = urllib.parse.quote(urllib.parse.unquote(path), safe="/-_.~")
    names = [("/" + query, "")] if query else []
    for host in (world.host, f"{victim.bucket}.{DOMAIN}", f"{world.bucket}.{DOMAIN}", DOMAIN, f"{victim.bucket}.{DOMAIN}."):
        for spelling in {path, decoded, urllib.parse.urlsplit(decoded).path or "/"}:
            for method in ("GET", "DELETE", "PUT"):
                request = Request(method, spelling, tuple(names), (("Host", host),))
                signed = sign_v4(request, world.keys)
                for sent in {spelling, path}:
                    reply = exchange(world.server, Request(method, sent, signed.query, signed.headers))
                    assert reply is None or SECRET not in reply.body, (host, method, sent)
    assert victim.must("GET", f"/{victim.bucket}/secret").body == SECRET
    assert victim.must("GET", f"/{victim.bucket}/key").body == b"what was there before"


SOURCES = [
    "/{victim}/secret",
    "{victim}/secret",
    "{mine}/../{victim}/secret",
    "/{mine}/%2e%2e/{victim}/secret",
    "{victim}%2fsecret",
    "%2f{victim}%2fsecret",
    "//{victim}/secret",
    "{mine}%2f..%2f{victim}/secret",
    "arn:aws:s3:::{victim}/secret",
    "http://{host}/{victim}/secret",
    "{mine}/key?versionId=../{victim}/secret",
    "../{victim}/secret",
    "..",
    "/",
    "",
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("way", ["copy", "part", "rename"])
def test_no_source_leads_to_another_owner(world, victim, source, way):
    key = new_key()
    source = source.format(victim=victim.bucket, mine=world.bucket, host=world.host)
    name = "x-amz-rename-source" if way == "rename" else "x-amz-copy-source"
    query = {
        "copy": [],
        "part": [("partNumber", "5"), ("uploadId", world.upload)],
        "rename": [("renameObject", "")],
    }[way]
    path = f"/{world.bucket}/{'parts' if way == 'part' else key}"
    request = world.request("PUT", path, query, [(name, source)])
    # It may name an object of the attacker's own, "../victim/secret", since keys are kept literally.
    exchange(world.server, sign_v4(request, world.keys))
    if way == "part":
        query = [("uploadId", world.upload)]
        parts = world.must("GET", f"/{world.bucket}/parts", query).body
        assert f"<Size>{len(SECRET)}</Size>".encode() not in parts
    reply = exchange(world.server, sign_v4(world.request("GET", f"/{world.bucket}/{key}"), world.keys))
    assert SECRET not in reply.body
    assert victim.must("GET", f"/{victim.bucket}/secret").body == SECRET


def files_around(server):
    """What lies beside the data directory."""
    inside = str(server.data)
    return {
        str(path): path.read_bytes()
        for path in server.folder.parent.rglob("*")
        if path.is_file() and not str(path).startswith(inside) and not path.name.startswith(("weir.", "stdout"))
    }


def test_nothing_outside_the_data_directory_is_read_or_made(world):
    server = world.server
    outside = server.folder.parent / "outside.txt"
    outside.write_bytes(SECRET)
    before = files_around(server)
    inside = [name for name in os.listdir(server.data) if name not in ("lock",)]
    ways = [f"{up}outside.txt" for up in ("../", "../../", "../../../", f"{server.folder.parent}/")]
    ways += [f"{up}{name}" for up in ("", "../", "../../") for name in ("root-credentials", "secret.key", "environment")]
    for way in [*ways, "/etc/passwd", "../" * 20 + "etc/passwd", "/proc/self/environ", "../data/secret.key"]:
        for spelling in (urllib.parse.quote(way, safe="/.-"), urllib.parse.quote(way, safe="").replace(".", "%2e")):
            for path in (f"/{spelling}", f"/{world.bucket}/{spelling}", f"/{world.bucket}/../{spelling}", f"/../{spelling}"):
                got = exchange(server, sign_v4(world.request("GET", path), world.keys))
                assert got.status in (400, 403, 404), (path, got)
                exchange(server, sign_v4(world.request("PUT", path, body=b"x"), world.keys))
                exchange(server, sign_v4(world.request("DELETE", path), world.keys))
    assert files_around(server) == before
    assert sorted(name for name in os.listdir(server.data) if name not in ("lock",)) == sorted(inside)
    links = [f"/proc/{server.process.pid}/fd/{number}" for number in range(3, 1000)]
    held = [os.readlink(link) for link in links if os.path.lexists(link)]
    files = [path for path in held if path.startswith("/") and not path.startswith(("/dev/", str(server.data)))]
    assert files == [], "open outside the data directory"
