"""Every operation, signed in every way, with each signed part changed in turn: refused by the head alone, nothing touched.

A change is `(name, request, (status, code))`; the requests that carry them are sent without their bodies, so a server that
wanted to read them first would never answer.
"""

import base64
import dataclasses
import hashlib
import itertools
import time
import urllib.parse

import pytest
from examples import BODY, EXAMPLES, World, implemented_operations
from signing import V2_PARAMETERS, ChunkSigner, Keys, presign_v2, presign_v4, sign_v2, sign_v4
from wire import Wire, exchange

from weir_server import DOMAIN

DENIED = (403, "AccessDenied")
MISMATCH = (403, "SignatureDoesNotMatch")
UNKNOWN_KEY = (403, "InvalidAccessKeyId")
SKEWED = (403, "RequestTimeTooSkewed")
MALFORMED = (400, "AuthorizationHeaderMalformed")
BAD_QUERY = (400, "AuthorizationQueryParametersError")
ARGUMENT = (400, "InvalidArgument")
REQUEST = (400, "InvalidRequest")
TOKEN = (400, "InvalidToken")
NOT_IMPLEMENTED = (501, "NotImplemented")
NO_HASH = (400, "MissingSecurityHeader")
WEEK_S = 7 * 24 * 3600
# How a refused request would go on: a body that waits for leave, a long one, a short one; none of them ever comes.
ANNOUNCED = [
    [("Expect", "100-continue"), ("Content-Length", "1000")],
    [("Content-Length", str(1 << 30))],
    [("Content-Length", "1000")],
    [("Transfer-Encoding", "chunked")],
]


def test_every_operation_has_an_example():
    assert sorted(EXAMPLES) == sorted(implemented_operations())


# What is changed.


def changed_text(text):
    """One character differs."""
    if not text:
        return "x"
    middle = len(text) // 2
    return text[:middle] + ("0" if text[middle] != "0" else "1") + text[middle + 1 :]


def method_changes(request):
    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        if method != request.method:
            yield f"method {method}", dataclasses.replace(request, method=method), MISMATCH
    yield "method in lower case", dataclasses.replace(request, method=request.method.lower()), MISMATCH


def path_changes(request):
    for path in (request.path + "-x", request.path + "/x", "/another-bucket/key", "//" + request.path):
        yield f"path {path}", dataclasses.replace(request, path=path), MISMATCH


def parameter_changes(request, signed=lambda name: True):
    for name, value in request.query:
        if signed(name):
            yield f"parameter {name} changed", request.with_parameter(name, changed_text(value)), MISMATCH
            yield f"parameter {name} gone", request.with_parameter(name, None), MISMATCH
            yield f"parameter {name} twice", request.adding_parameter(name, value), MISMATCH
            yield f"parameter {name} changed, twice", request.adding_parameter(name, value + "x"), MISMATCH
    for name in ("versionId", "uploads", "acl"):
        if request.parameter(name) is None:
            yield f"parameter {name} added", request.adding_parameter(name, "1"), MISMATCH


def signed_header_changes(request, names):
    for name in names:
        value = request.header(name)
        yield f"{name} changed", request.with_header(name, changed_text(value)), MISMATCH
        yield f"{name} gone", request.with_header(name, None), MISMATCH
        yield f"{name} twice", request.adding_header(name, value), MISMATCH
        first = dataclasses.replace(request, headers=((name, "x"), *request.headers))
        yield f"{name} before itself", first, MISMATCH


def host_changes(request, doubled=REQUEST):
    host = request.header("Host")
    yield "Host changed", request.with_header("Host", "elsewhere.test"), MISMATCH
    yield "Host gone", request.with_header("Host", None), doubled
    yield "Host twice", request.adding_header("Host", host), doubled


def smuggled_headers(request, outcome=DENIED):
    """Headers that mean something and were not signed."""
    for name, value in (
        ("x-amz-acl", "private"),
        ("x-amz-copy-source", "/a/b"),
        ("X-Amz-Meta-Smuggled", "x"),
        ("x-amz-rename-source", "/a/b"),
        ("x-amz-bypass-governance-retention", "true"),
        ("x-amz-expected-bucket-owner", "root"),
        ("x-amz-mfa", "1 2"),
    ):
        if request.header(name) is None:
            yield f"{name} smuggled in", request.adding_header(name, value), outcome
    yield "a token", request.adding_header("x-amz-security-token", "x"), TOKEN


def broken_signatures(signature):
    """Texts that are not this hexadecimal signature."""
    for at in (0, 31, 63):
        flipped = format(int(signature[at], 16) ^ 1, "x")
        yield f"bit of digit {at}", signature[:at] + flipped + signature[at + 1 :]
    yield "upper case", signature[:-1] + "A" if signature.isdigit() else signature.upper()
    yield "cut", signature[:-1]
    yield "longer", signature + "0"
    yield "empty", ""
    yield "zeros", "0" * 64
    yield "NUL", signature[:-1] + "%00"


def credential_changes(server, credential, malformed):
    """(what, credential, outcome)."""
    key, date, region, service, terminal = credential.rsplit("/", 4)

    def joined(*parts):
        return "/".join(parts)

    yield "unknown key", joined("tid_nobody", date, region, service, terminal), UNKNOWN_KEY
    yield "key in upper case", joined(key.upper(), date, region, service, terminal), UNKNOWN_KEY
    yield "disabled key", joined(server.disabled.id, date, region, service, terminal), UNKNOWN_KEY
    yield "another owner's key", joined(server.stranger.id, date, region, service, terminal), MISMATCH
    yield "no key", joined("", date, region, service, terminal), malformed
    yield "date before", joined(key, str(int(date) - 1), region, service, terminal), malformed
    yield "no date", joined(key, "", region, service, terminal), malformed
    yield "region", joined(key, date, "mars-1", service, terminal), MISMATCH
    yield "no region", joined(key, date, "", service, terminal), malformed
    yield "service", joined(key, date, region, "sts", terminal), malformed
    yield "terminal", joined(key, date, region, service, "aws5_request"), malformed
    yield "a part less", joined(key, date, region, service), malformed
    yield "reordered", joined(key, region, date, service, terminal), malformed


def signed_names_changes(names):
    """(what, SignedHeaders, outcome)."""
    for name in names:
        rest = [other for other in names if other != name]
        is_bound = name == "host" or (name.startswith("x-amz-") and name != "x-amz-content-sha256")
        yield f"{name} not signed", ";".join(rest), DENIED if is_bound else MISMATCH
    yield "reordered", ";".join([*names[1:], names[0]]), MISMATCH if len(names) > 1 else None
    yield "doubled", ";".join([*names, names[0]]), MISMATCH
    yield "one more", ";".join([*names, "x-amz-none"]), MISMATCH
    yield "none", "", DENIED


def authorization_v4_changes(server, request):
    scheme, rest = request.header("Authorization").split(" ", 1)
    fields = dict(field.split("=", 1) for field in rest.split(", "))

    def rebuilt(name, value):
        changed = {**fields, name: value}
        text = ", ".join(f"{field}={given}" for field, given in changed.items() if given is not None)
        return request.with_header("Authorization", f"{scheme} {text}")

    for what, credential, outcome in credential_changes(server, fields["Credential"], MALFORMED):
        yield f"credential: {what}", rebuilt("Credential", credential), outcome
    for what, names, outcome in signed_names_changes(fields["SignedHeaders"].split(";")):
        if outcome:
            yield f"SignedHeaders: {what}", rebuilt("SignedHeaders", names), outcome
    for what, signature in broken_signatures(fields["Signature"]):
        yield f"signature: {what}", rebuilt("Signature", signature), MISMATCH
    for name in fields:
        yield f"{name} gone", rebuilt(name, None), MALFORMED
        doubled = request.with_header("Authorization", f"{scheme} {rest}, {name}={fields[name]}")
        yield f"{name} twice", doubled, MALFORMED
    yield "a field more", request.with_header("Authorization", f"{scheme} {rest}, Extra=1"), MALFORMED
    yield "another scheme", request.with_header("Authorization", f"AWS4-HMAC-SHA512 {rest}"), ARGUMENT
    yield "no fields", request.with_header("Authorization", scheme), MALFORMED


def authorization_changes(request):
    """Of either version."""
    given = request.header("Authorization")
    yield "unsigned", request.with_header("Authorization", None), DENIED
    yield "an empty authorization", request.with_header("Authorization", ""), DENIED
    yield "basic authorization", request.with_header("Authorization", "Basic cm9vdDpyb290"), ARGUMENT
    twice = request.adding_header("Authorization", given)
    yield "authorized twice", twice, (None, None)
    other = given.replace("Signature=", "Signature=0") if "Signature=" in given else given + "0"
    yield "authorized twice, differently", request.adding_header("Authorization", other), (None, None)
    for name, value in (("X-Amz-Signature", "0" * 64), ("Signature", "x"), ("AWSAccessKeyId", "x")):
        yield f"authorized by {name} too", request.adding_parameter(name, value), ARGUMENT


def v4_header_changes(server, request):
    names = [name for name, _ in request.headers if name.lower() not in ("host", "authorization")]
    special = {"x-amz-date": DENIED, "x-amz-content-sha256": NO_HASH}
    for what, changed, outcome in signed_header_changes(request, names):
        name = what.split(" ")[0].lower()
        if name in special and not what.endswith("twice"):
            continue
        yield what, changed, outcome if name not in special else (None, None)
    yield from host_changes(request)
    date = request.header("x-amz-date")
    later = date[:-2] + ("0Z" if date[-2] != "0" else "1Z")
    yield "x-amz-date a second off", request.with_header("x-amz-date", later), MISMATCH
    yield "x-amz-date of another day", request.with_header("x-amz-date", f"20130524{date[8:]}"), MALFORMED
    yield "x-amz-date gone", request.with_header("x-amz-date", None), DENIED
    yield "x-amz-date unreadable", request.with_header("x-amz-date", "today"), DENIED
    payload = request.header("x-amz-content-sha256")
    for other in (changed_text(payload), "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
        yield f"payload {other}", request.with_header("x-amz-content-sha256", other), MISMATCH
    yield "payload unreadable", request.with_header("x-amz-content-sha256", "junk"), ARGUMENT
    yield "payload gone", request.with_header("x-amz-content-sha256", None), NO_HASH
    yield from smuggled_headers(request)
    yield from authorization_changes(request)
    yield from authorization_v4_changes(server, request)


def v4_query_changes(server, request):
    own = [name for name, _ in request.query if name.startswith("X-Amz-")]
    without_own = dataclasses.replace(request, query=tuple(pair for pair in request.query if pair[0] not in own))
    for what, changed, outcome in parameter_changes(without_own):
        signed = dataclasses.replace(changed, query=changed.query + request.query[-len(own) :])
        yield what, signed, outcome
    for name in own:
        yield f"{name} gone", request.with_parameter(name, None), BAD_QUERY
        outcome = BAD_QUERY if name == "X-Amz-Signature" else MISMATCH
        yield f"{name} twice", request.adding_parameter(name, request.parameter(name)), outcome
    yield "all of them gone", without_own, DENIED
    for what, credential, outcome in credential_changes(server, request.parameter("X-Amz-Credential"), BAD_QUERY):
        yield f"credential: {what}", request.with_parameter("X-Amz-Credential", credential), outcome
    for what, names, outcome in signed_names_changes(request.parameter("X-Amz-SignedHeaders").split(";")):
        if outcome:
            yield f"X-Amz-SignedHeaders: {what}", request.with_parameter("X-Amz-SignedHeaders", names), outcome
    for what, signature in broken_signatures(request.parameter("X-Amz-Signature")):
        yield f"signature: {what}", request.with_parameter("X-Amz-Signature", signature), MISMATCH
    date = request.parameter("X-Amz-Date")
    later = date[:-2] + ("0Z" if date[-2] != "0" else "1Z")
    for value, outcome in ((later, MISMATCH), (f"20130524{date[8:]}", BAD_QUERY), ("today", BAD_QUERY)):
        yield f"X-Amz-Date {value}", request.with_parameter("X-Amz-Date", value), outcome
    for value, outcome in (
        ("601", MISMATCH),
        ("0600", MISMATCH),
        (str(WEEK_S + 1), DENIED),
        ("9" * 30, DENIED),
        ("-1", DENIED),
        ("0", DENIED),
        ("soon", BAD_QUERY),
        ("", BAD_QUERY),
    ):
        yield f"X-Amz-Expires {value}", request.with_parameter("X-Amz-Expires", value), outcome
    yield "algorithm", request.with_parameter("X-Amz-Algorithm", "AWS4-HMAC-SHA1"), BAD_QUERY
    signed = [name for name, _ in request.headers if name != "Host"]
    yield from signed_header_changes(request, signed)
    yield from host_changes(request)
    yield from smuggled_headers(request)
    yield "authorized by header too", request.adding_header("Authorization", "AWS a:b"), ARGUMENT
    token = request.adding_parameter("X-Amz-Security-Token", "x")
    yield "a token in the query", token, TOKEN


def v2_base_changes(server, request, signed_parameters):
    yield from method_changes(request)
    yield from path_changes(request)
    # Version 2 signs no other parameters, at AWS neither.
    yield from parameter_changes(request, lambda name: name in signed_parameters)
    signed = [name for name, _ in request.headers if name.lower().startswith(("x-amz-", "content-"))]
    yield from signed_header_changes(request, signed)
    yield from smuggled_headers(request, MISMATCH)


def v2_header_changes(server, request):
    yield from v2_base_changes(server, request, V2_PARAMETERS)
    yield from authorization_changes(request)
    key, signature = request.header("Authorization")[4:].split(":")
    for what, other, outcome in (
        ("unknown key", f"AWS tid_nobody:{signature}", UNKNOWN_KEY),
        ("disabled key", f"AWS {server.disabled.id}:{signature}", UNKNOWN_KEY),
        ("another owner's key", f"AWS {server.stranger.id}:{signature}", MISMATCH),
        ("signature changed", f"AWS {key}:{changed_text(signature)}", MISMATCH),
        ("signature cut", f"AWS {key}:{signature[:-1]}", MISMATCH),
        ("no signature", f"AWS {key}:", ARGUMENT),
        ("no key", f"AWS :{signature}", ARGUMENT),
        ("reordered", f"AWS {signature}:{key}", UNKNOWN_KEY),
    ):
        yield what, request.with_header("Authorization", other), outcome
    yield "Date gone", request.with_header("Date", None), DENIED
    yield "Date changed", request.with_header("Date", "Fri, 24 May 2013 00:00:00 GMT"), SKEWED
    yield "Date of version 4", request.adding_header("x-amz-date", "Fri, 24 May 2013 00:00:00 GMT"), SKEWED


def v2_query_changes(server, request):
    yield from v2_base_changes(server, request, V2_PARAMETERS)
    signature = request.parameter("Signature")
    for name in ("AWSAccessKeyId", "Expires", "Signature"):
        yield f"{name} gone", request.with_parameter(name, None), DENIED
    for name, value, outcome in (
        ("AWSAccessKeyId", "tid_nobody", UNKNOWN_KEY),
        ("AWSAccessKeyId", server.disabled.id, UNKNOWN_KEY),
        ("AWSAccessKeyId", server.stranger.id, MISMATCH),
        ("Expires", str(int(request.parameter("Expires")) + 1), MISMATCH),
        ("Expires", "1", DENIED),
        ("Expires", "soon", DENIED),
        ("Expires", "9" * 30, DENIED),
        ("Signature", changed_text(signature), MISMATCH),
        ("Signature", "", MISMATCH),
    ):
        yield f"{name} {value}", request.with_parameter(name, value), outcome
    yield "a header as a parameter", request.adding_parameter("x-amz-meta-none", "x"), MISMATCH
    yield "authorized by header too", request.adding_header("Authorization", "AWS a:b"), ARGUMENT
    yield "authorized by version 4 too", request.adding_parameter("X-Amz-Signature", "0" * 64), ARGUMENT


def changes(kind, server, request):
    if kind.startswith("v4"):
        yield from method_changes(request)
        yield from path_changes(request)
    if kind == "v4 header":
        yield from parameter_changes(request)
        yield from v4_header_changes(server, request)
    if kind == "v4 query":
        yield from v4_query_changes(server, request)
    if kind == "v2 header":
        yield from v2_header_changes(server, request)
    if kind == "v2 query":
        yield from v2_query_changes(server, request)


SIGNERS = {"v4 header": sign_v4, "v4 query": presign_v4, "v2 header": sign_v2, "v2 query": presign_v2}


def badly_signed(kind, server, example, keys):
    """Signed as it should be, but by whom or when it should not."""
    sign, now = SIGNERS[kind], time.time()
    yield "by an unknown key", sign(example, Keys("tid_nobody", keys.secret)), UNKNOWN_KEY
    yield "by a disabled key", sign(example, server.disabled), UNKNOWN_KEY
    yield "with another's secret", sign(example, Keys(keys.id, server.stranger.secret)), MISMATCH
    yield "with no secret", sign(example, Keys(keys.id, "")), MISMATCH
    if kind == "v4 header":
        yield "for another service", sign(example, keys, service="sts"), MALFORMED
    if kind == "v4 query":
        yield "for another service", sign(example, keys, service="sts"), BAD_QUERY
        yield "for more than a week", sign(example, keys, expires=WEEK_S + 1), DENIED
        yield "for less than nothing", sign(example, keys, expires=-1), DENIED
        yield "ahead of its time", sign(example, keys, moment=now + 1000), DENIED
    if kind.endswith("header"):
        yield "a replay", sign(example, keys, moment=now - 1000), SKEWED
        yield "ahead of its time", sign(example, keys, moment=now + 1000), SKEWED
    else:
        yield "expired", sign(example, keys, moment=now - 700), DENIED
        yield "expired by a second", sign(example, keys, moment=now - 601), DENIED


# What is asserted.


def refusal(server, request, announced):
    """The answer to a head whose body does not come."""
    with Wire(server) as wire:
        wire.send(request.head(*announced))
        reply = wire.reply(request.method)
    assert reply is not None, "closed without an answer"
    assert reply.interim == [], "the body was asked for"
    return reply


def check_refusal(what, reply, method, outcome):
    status, code = outcome
    if status is not None:
        assert reply.status == status, (what, reply)
    assert reply.status in (400, 403), (what, reply)
    assert "x-amz-request-id" in reply.headers, (what, reply)
    if method != "HEAD":
        assert code in (None, reply.code), (what, reply)


def files_of(server, folder="."):
    """Everything in the data directory but RocksDB's own log: what a commit or a blob would change."""
    found = {}
    for path in sorted((server.data / folder).rglob("*")):
        if path.is_file() and path.name not in ("LOG", "lock"):
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def state_of(world):
    """What a client sees, and the record of an object."""
    shown = [
        exchange(world.server, sign_v4(world.request("GET", path, query), world.keys))
        for path, query in (
            ("/", ()),
            (f"/{world.bucket}", [("versions", "")]),
            (f"/{world.bucket}", [("uploads", "")]),
            (f"/{world.bucket}", [("versioning", "")]),
            (f"/{world.bucket}/parts", [("uploadId", world.upload)]),
            (f"/{world.bucket}/key", ()),
        )
    ]
    assert all(reply.status == 200 for reply in shown)
    stat = world.server.run("object", "stat", f"{world.bucket}/key").stdout
    return [reply.body for reply in shown], stat


def assert_untouched(world, act):
    """Runs `act`, which must change nothing, on disk nor for clients. Once after blobs were made the reclaimer notes how
    far their numbers have gone (it looks every five seconds), so an act during which something was written runs again."""
    server = world.server
    for _ in range(3):
        before, files = state_of(world), files_of(server)
        act()
        after = files_of(server)
        assert state_of(world) == before
        if after == files:
            return
    raise AssertionError([path for path in files | after if files.get(path) != after.get(path)])


@pytest.fixture
def world(quiet_server):
    return World(quiet_server, quiet_server.root)


@pytest.mark.parametrize("kind", SIGNERS)
@pytest.mark.parametrize("operation", EXAMPLES)
def test_each_changed_part_is_refused_by_the_head_alone(world, operation, kind):
    server, example = world.server, world.example(operation)
    good = SIGNERS[kind](example, world.keys)
    tried = [*changes(kind, server, good), *badly_signed(kind, server, example, world.keys)]
    assert len(tried) > 25
    bodies = itertools.cycle(ANNOUNCED)

    def try_all():
        for what, request, outcome in tried:
            check_refusal(what, refusal(server, request, next(bodies)), request.method, outcome)

    assert_untouched(world, try_all)
    served = exchange(server, good)
    assert served.status in (200, 204, 206), served


@pytest.mark.parametrize("operation", EXAMPLES)
def test_another_owners_key_reaches_nothing(world, operation):
    server, example = world.server, world.example(operation)
    if operation == "CreateBucket":
        example = dataclasses.replace(example, path=f"/{world.bucket}")

    def try_it():
        reply = exchange(server, sign_v4(example, server.stranger))
        if operation == "ListBuckets":
            assert reply.status == 200 and world.bucket.encode() not in reply.body
        else:
            assert reply.status == (409 if operation == "CreateBucket" else 403), reply

    assert_untouched(world, try_it)


@pytest.mark.parametrize("operation", EXAMPLES)
def test_a_body_that_is_not_the_signed_one_does_nothing(world, operation):
    """Cut off, emptied or changed on its way; the signature of the head is good."""
    example = world.example(operation)
    if not example.body:
        return
    files = state_of(world)
    for body in (b"", example.body[:-1], example.body + b" ", example.body.swapcase()):
        reply = exchange(world.server, sign_v4(example, world.keys), body=body)
        assert (reply.status, reply.code) == (400, "XAmzContentSHA256Mismatch"), (body, reply)
    assert state_of(world) == files


def test_words_that_version_2_joins_are_not_split_elsewhere(world):
    """It signs `a=1&b=2` unencoded: an encoded `&` within a value must not read as the same."""
    part = world.request("PUT", f"/{world.bucket}/parts", [("partNumber", "2"), ("uploadId", world.upload)])
    good = presign_v2(part, world.keys)
    joined = good.with_parameter("uploadId", None).with_parameter("partNumber", f"2&uploadId={world.upload}")
    check_refusal("joined", refusal(world.server, joined, ANNOUNCED[2]), "PUT", MISMATCH)
    typed = world.request("GET", f"/{world.bucket}/key", [("response-content-type", "a/b"), ("versionId", world.version)])
    good = presign_v2(typed, world.keys)
    assert exchange(world.server, good).body == BODY
    joined = good.with_parameter("versionId", None)
    joined = joined.with_parameter("response-content-type", f"a/b&versionId={world.version}")
    check_refusal("joined", refusal(world.server, joined, ANNOUNCED[2]), "GET", MISMATCH)


@pytest.mark.parametrize("name", ["x-amz-copy-source", "x-amz-meta-a", "x-amz-acl"])
def test_headers_in_the_query_of_version_2_are_refused_by_name(world, name):
    """botocore puts them there. The signature is good, so nothing but this refusal keeps the object as it was."""
    put = world.request("PUT", f"/{world.bucket}/key", (), [(name, f"{world.bucket}/other")])
    moved = presign_v2(put, world.keys).with_header(name, None).adding_parameter(name, f"{world.bucket}/other")
    files = state_of(world)
    for announced in ANNOUNCED:
        reply = refusal(world.server, moved, announced)
        assert reply.outcome == NOT_IMPLEMENTED and name.encode() in reply.body, reply
    assert exchange(world.server, moved.with_parameter("Signature", "x" * 28)).outcome == MISMATCH, "strangers learn nothing"
    assert state_of(world) == files


@pytest.mark.parametrize("kind", SIGNERS)
def test_parameters_that_come_twice_are_refused_by_name(world, kind):
    """Version 4 signs them in the order of their values, whatever order they come in."""
    part = [("partNumber", "1"), ("uploadId", world.upload)]
    cases = [
        (world.request("PUT", f"/{world.bucket}/parts", [*part, ("partNumber", "2")], body=b"p"), "partNumber"),
        (world.request("DELETE", f"/{world.bucket}/key", [("versionId", world.version)] * 2), "versionId"),
        (world.request("GET", f"/{world.bucket}", [("prefix", "a"), ("max-keys", "1"), ("prefix", "k")]), "prefix"),
        (world.request("GET", f"/{world.bucket}/key", [("of no meaning", "1")] * 2), "of no meaning"),
    ]
    files = state_of(world)
    for request, name in cases:
        reply = exchange(world.server, SIGNERS[kind](request, world.keys))
        assert reply.outcome == ARGUMENT and f"<ArgumentName>{name}</ArgumentName>".encode() in reply.body, reply
    assert state_of(world) == files


def test_a_header_that_is_split_is_not_read_in_part(world):
    """`a: 1,2` and `a: 1` with `a: 2` have the same signature, so they must mean the same."""
    world.must("PUT", f"/{world.bucket}/comma,name", body=b"with a comma")
    world.must("PUT", f"/{world.bucket}/comma", body=b"without")
    source = f"/{world.bucket}/comma"
    copy = world.request("PUT", f"/{world.bucket}/copy", (), [("x-amz-copy-source", f"{source},name")])
    split = sign_v4(copy, world.keys).with_header("x-amz-copy-source", source).adding_header("x-amz-copy-source", "name")
    reply = exchange(world.server, split)
    if reply.status == 200:
        assert world.must("GET", f"/{world.bucket}/copy").body == b"with a comma"
    else:
        assert reply.status in (400, 403), reply


def test_virtual_hosts_are_part_of_what_is_signed(world):
    request = dataclasses.replace(world.request("GET", "/key"), headers=(("Host", f"{world.bucket}.{DOMAIN}"),))
    for kind, sign in SIGNERS.items():
        of_path = dataclasses.replace(request, path=f"/{world.bucket}/key") if kind.startswith("v2") else request
        good = dataclasses.replace(sign(of_path, world.keys), path=request.path)
        assert exchange(world.server, good).body == BODY
        elsewhere = good.with_header("Host", f"{world.empty}.{DOMAIN}")
        check_refusal("host", refusal(world.server, elsewhere, ANNOUNCED[2]), "GET", MISMATCH)


# Signed chunks.

PIECES = [b"a" * 8192, b"b" * 8192, b"c" * 100]
SUM = ("x-amz-checksum-sha256", base64.b64encode(hashlib.sha256(b"".join(PIECES)).digest()).decode())


def chunked_request(world, key="chunked", trailer=False):
    """The head of an aws-chunked PUT, and its pieces: chunks, the last chunk, and the trailer or the line end."""
    payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    headers = [("x-amz-decoded-content-length", str(sum(map(len, PIECES)))), ("Content-Encoding", "aws-chunked")]
    if trailer:
        headers.append(("x-amz-trailer", SUM[0]))
    signed = sign_v4(world.request("PUT", f"/{world.bucket}/{key}", (), headers), world.keys, payload=payload)
    signer = ChunkSigner(world.keys, signed)
    coded = [signer.chunk(piece) for piece in [*PIECES, b""]]
    coded.append(signer.trailer(*SUM) if trailer else b"\r\n")
    return signed, coded


def swapped(coded, i, j):
    coded = list(coded)
    coded[i], coded[j] = coded[j], coded[i]
    return coded


def with_signature_of(chunk, other):
    """A chunk under the signature of another."""
    size, rest = chunk.split(b";", 1)
    return size + b";" + other.split(b"\r\n")[0].split(b";", 1)[1] + b"\r\n" + rest.split(b"\r\n", 1)[1]


CHUNK_TAMPERING = {
    "reordered": lambda coded: swapped(coded, 0, 1),
    "the first used again": lambda coded: [coded[0], coded[0], *coded[2:]],
    "one left out": lambda coded: [coded[0], *coded[2:]],
    "one twice": lambda coded: [coded[0], coded[0], *coded[1:]],
    "under another's signature": lambda coded: [coded[0], with_signature_of(coded[1], coded[0]), *coded[2:]],
    "its bytes changed": lambda coded: [coded[0].replace(b"aaaa", b"aaab"), *coded[1:]],
    "its signature changed": lambda coded: [coded[0].replace(b"signature=", b"signature=0"), *coded[1:]],
    "a signature cut": lambda coded: [coded[0].replace(b"\r\naaa", b"\r\naaa").replace(b";chunk-signature=", b";"), *coded[1:]],
    "unsigned": lambda coded: [b"2000\r\n" + b"a" * 8192 + b"\r\n", *coded[1:]],
    "truncated": lambda coded: [coded[0], coded[1][:-100]],
    "shortened, its size too": lambda coded: [coded[0].replace(b"2000;", b"1fff;").replace(b"aa\r\n", b"a\r\n"), *coded[1:]],
    "extended": lambda coded: [coded[0].replace(b"2000;", b"2001;").replace(b"aa\r\n", b"aaa\r\n"), *coded[1:]],
    "the last chunk missing": lambda coded: coded[:3],
    "the last chunk changed": lambda coded: [*coded[:3], coded[3].replace(b"signature=", b"signature=0"), coded[4]],
    "the last chunk early": lambda coded: [coded[0], coded[3], coded[4]],
    "bytes after the end": lambda coded: [*coded, b"0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n"],
}
TRAILER_TAMPERING = {
    "its signature wrong": lambda trailer: trailer[:-8] + b"0000\r\n\r\n",
    "its signature missing": lambda trailer: trailer.split(b"\r\n")[0] + b"\r\n\r\n",
    "missing": lambda trailer: b"\r\n",
    "another value": lambda trailer: trailer.replace(b"sha256:", b"sha256:A", 1),
    "twice": lambda trailer: trailer.split(b"\r\n")[0] + b"\r\n" + trailer,
    "one that was not announced": lambda trailer: b"x-amz-meta-a:b\r\n" + trailer,
    "one after the signature": lambda trailer: trailer[:-2] + b"x-amz-meta-a:b\r\n\r\n",
}


def refused_chunks(world, signed, coded):
    blobs = files_of(world.server, "blobs")
    body = b"".join(coded)
    reply = exchange(world.server, signed, body=body)
    assert reply.status in (400, 403), reply
    assert reply.code in ("SignatureDoesNotMatch", "IncompleteBody", "InvalidRequest"), reply
    assert exchange(world.server, sign_v4(world.request("GET", f"/{world.bucket}/chunked"), world.keys)).status == 404
    assert files_of(world.server, "blobs") == blobs, "something was kept"


@pytest.mark.parametrize("trailer", [False, True], ids=["plain", "trailer"])
@pytest.mark.parametrize("tampering", CHUNK_TAMPERING)
def test_tampered_chunks_store_nothing(world, tampering, trailer):
    signed, coded = chunked_request(world, trailer=trailer)
    tampered = CHUNK_TAMPERING[tampering](coded)
    assert b"".join(tampered) != b"".join(coded)
    refused_chunks(world, signed, tampered)


@pytest.mark.parametrize("tampering", TRAILER_TAMPERING)
def test_tampered_trailers_store_nothing(world, tampering):
    signed, coded = chunked_request(world, trailer=True)
    refused_chunks(world, signed, [*coded[:-1], TRAILER_TAMPERING[tampering](coded[-1])])


@pytest.mark.parametrize("trailer", [False, True], ids=["plain", "trailer"])
def test_good_chunks_are_stored(world, trailer):
    signed, coded = chunked_request(world, trailer=trailer)
    assert exchange(world.server, signed, body=b"".join(coded)).status == 200
    assert world.must("GET", f"/{world.bucket}/chunked").body == b"".join(PIECES)


def test_chunks_of_another_request_are_refused(world):
    """The chain begins with the signature of the head."""
    _, coded = chunked_request(world, key="other-chunked")
    signed, _ = chunked_request(world)
    refused_chunks(world, signed, coded)


def test_a_presigned_address_serves_only_what_it_was_made_for(world):
    """Through the quoting that people and proxies do to addresses."""
    good = presign_v4(world.request("GET", f"/{world.bucket}/key"), world.keys)
    assert exchange(world.server, good).body == BODY
    recoded = dataclasses.replace(good, path=urllib.parse.quote(good.path, safe="").replace("%2F", "/"))
    assert exchange(world.server, recoded).body == BODY
    for path in (f"/{world.bucket}/key/", f"/{world.bucket}/./key", f"/{world.bucket}//key", f"/{world.bucket}/key%20"):
        changed = dataclasses.replace(good, path=path)
        check_refusal(path, refusal(world.server, changed, ANNOUNCED[2]), "GET", MISMATCH)
