"""Everything is done once, well and badly, at the loudest log level; then every place is searched for what nobody may see."""

import base64
import hashlib
import re
import stat
import time
import xml.etree.ElementTree as ElementTree

import pytest
import requests
from examples import EXAMPLES, World
from signing import ChunkSigner, Keys, presign_v2, presign_v4, sign_v2, sign_v4
from wire import Wire, exchange

# What holds secrets in the data directory, by purpose, and is its owner's alone.
FILES_OF_SECRETS = {"root-credentials", "environment", "secret.key"}
GIVEN = Keys("tid_given_by_hand", "tsec_" + "given0by1hand2" * 3)


def spellings(secret):
    """How a secret could be written down by accident."""
    raw = secret.encode()
    return {raw, raw[::-1], raw.hex().encode(), base64.b64encode(raw).rstrip(b"="), b"AWS4" + raw}


class Exercised:
    """A server to which everything was done, and what it said and was told on the way."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.secrets, self.signatures, self.replies, self.outputs = [], [], [], []

    def send(self, request, *, body=None):
        self.note_signature(request)
        with Wire(self.server) as wire:
            body = request.body if body is None else body
            wire.send_as_far_as_possible(request.head(("Content-Length", str(len(body)))) + body)
            reply = wire.reply(request.method)
        if reply:
            self.replies.append(repr((reply.headers, reply.body)))
        return reply

    def note_signature(self, request):
        for text in (request.header("Authorization"), request.parameter("X-Amz-Signature"), request.parameter("Signature")):
            if text:
                self.signatures.append(re.split(r"Signature=|AWS tid_\w+:", text)[-1])

    def weir(self, *arguments, **options):
        result = self.server.run(*arguments, check=False, **options)
        self.outputs.append(result.stdout + result.stderr)
        return result

    def keys_of(self, owner):
        """A new key; what `keys create` prints is the one place that shows its secret."""
        made = Keys(*self.server.create_keys(owner))
        self.secrets.append(made.secret)
        return made


def do_everything(run, root):
    for kind, sign in (("v4", sign_v4), ("v2", sign_v2), ("p4", presign_v4), ("p2", presign_v2)):
        for operation, example in EXAMPLES.items():
            world = World(run.server, root)
            good = sign(example(world), root)
            bad = good.with_header("Host", "elsewhere.test") if kind[1] == "4" else good.with_parameter("uploads", "1")
            assert run.send(bad).status in (400, 403), (kind, operation)
            run.send(sign(example(world), Keys(root.id, root.secret[::-1])))
            run.send(sign(example(world), Keys("tid_nobody", root.secret)))
            run.send(sign(example(world), root, moment=time.time() - 10_000))
            assert run.send(good).status in (200, 204), (kind, operation)


def do_badly(run, root):
    """Requests that fail in the middle, or hold a secret where none belongs."""
    world = World(run.server, root)
    for path in (f"/{world.bucket}/%zz", f"/{world.bucket}/none", "/no-such-bucket/x", f"/{world.bucket}/{'k' * 1025}"):
        run.send(sign_v4(world.request("GET", path), root))
    junk = sign_v4(world.request("POST", f"/{world.bucket}", [("delete", "")], body=b"<Delete><Obj"), root)
    run.send(junk)
    run.send(sign_v4(world.request("PUT", f"/{world.bucket}/k", body=b"x"), root), body=b"y")
    run.send(sign_v4(world.request("PUT", f"/{world.bucket}/k", (), [("Content-MD5", "AAAA")]), root))
    for credential in ("", f"{root.id}", f"{root.id}/x/y/z", f"{root.id}/20130524/a/s3/aws4_request"):
        broken = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature={'ab' * 32}"
        run.send(world.request("GET", "/").adding_header("Authorization", broken))
    signed = sign_v4(
        world.request("PUT", f"/{world.bucket}/c", (), [("x-amz-decoded-content-length", "5")]),
        root,
        payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    )
    signer = ChunkSigner(root, signed)
    run.signatures.append(signer.previous)
    coded = signer.chunk(b"hello").replace(b"hello", b"olleh") + signer.chunk(b"")
    run.signatures.append(signer.previous)
    assert run.send(signed, body=coded + b"\r\n").status == 403
    with Wire(run.server) as wire:
        wire.send(signed.head(("Content-Length", "100")) + b"cut off")
    with Wire(run.server) as wire:
        wire.send_as_far_as_possible(b"GARBAGE " + signed.head())
        run.replies.append(repr(wire.reply()))


def do_as_operator(run, folder):
    listed = folder / "secret-of-given"
    listed.write_text(GIVEN.secret + "\n")
    run.weir("keys", "create", "--owner", "given", "--access-key", GIVEN.id, "--secret-file", str(listed))
    listed.unlink()
    run.secrets.append(GIVEN.secret)
    made = run.keys_of("someone")
    run.weir("keys", "disable", made.id)
    run.weir("keys", "enable", made.id)
    run.weir("keys", "list")
    run.weir("keys", "remove", made.id)
    run.weir("keys", "disable", "tid_nobody")
    run.weir("keys", "create", "--owner", "x", "--access-key", GIVEN.id, "--secret-file", "/nowhere")
    for words in (["admin", "limits"], ["admin", "status"], ["fsck", "--read"], ["scrub", "--rate-mib", "0"], ["blob", "ls"]):
        assert run.weir(*words).returncode == 0
    assert run.weir("backup", str(folder / "backup")).returncode == 0
    assert run.weir("config").returncode == 0


@pytest.fixture(scope="module", params=["http", "tls", "root key by environment"])
def exercised(request, tmp_path_factory):
    from weir_server import WeirServer

    folder = tmp_path_factory.mktemp("secrets")
    options = ["--log-level", "debug", "--access-log", str(folder / "access.log"), "--reserve-bytes", "0"]
    environment = {}
    if request.param == "tls":
        options += ["--tls", "self-signed"]
    if request.param.startswith("root"):
        environment = {"WEIR_ROOT_ACCESS_KEY": "tid_of_environment", "WEIR_ROOT_SECRET_KEY": "tsec_" + "environment" * 4}
    server = WeirServer(folder / "weir", *options, environment=environment).start()
    root = Keys(server.exports["AWS_ACCESS_KEY_ID"], server.exports["AWS_SECRET_ACCESS_KEY"])
    run = Exercised(server, folder)
    run.secrets.append(root.secret)
    do_as_operator(run, folder)
    do_everything(run, root)
    do_badly(run, root)
    do_everything_as(run, run.keys_of("guest"))
    server.stop()
    server.start()  # what was in the log of writes is now in tables, too
    yield run
    server.stop()


def do_everything_as(run, keys):
    for example in EXAMPLES.values():
        run.send(sign_v4(example(World(run.server, keys)), keys))


def found_secrets(run, text, signatures=True):
    """Those that are in it, by what they are and not by what they say."""
    text = text.encode() if isinstance(text, str) else text
    found = [f"secret {n}" for n, secret in enumerate(run.secrets) if any(way in text for way in spellings(secret))]
    if signatures:
        found += [f"signature {n}" for n, signature in enumerate(run.signatures) if signature.encode() in text]
        found += ["an authorization"] if re.search(rb"AWS4-HMAC-SHA256 Cred|Signature=|SignedHeaders=", text) else []
    return found


def test_much_was_said(exercised):
    assert len(exercised.replies) > 400 and len(exercised.signatures) > 400 and len(exercised.secrets) >= 4
    assert (exercised.folder / "access.log").stat().st_size > 100_000


def test_no_log_holds_a_secret(exercised):
    logs = [*exercised.server.folder.glob("weir.*.log"), exercised.folder / "access.log"]
    assert len(logs) == 3
    for path in logs:
        assert found_secrets(exercised, path.read_bytes()) == [], path


def test_no_answer_holds_a_secret(exercised):
    for reply in exercised.replies:
        assert found_secrets(exercised, reply) == [], reply[:300]


def test_no_page_of_the_operator_holds_a_secret(exercised):
    for page in ("/metrics", "/healthz", "/readyz", "/keys", "/limits", "/status", "/"):
        reply = requests.get(exercised.server.admin + page, timeout=60)
        assert found_secrets(exercised, repr(dict(reply.headers)) + reply.text) == [], page
    for text in exercised.outputs:
        assert found_secrets(exercised, text) == [], text[:300]
    for words in (["admin", "limits"], ["admin", "status"], ["keys", "list"]):
        assert found_secrets(exercised, exercised.server.run(*words).stdout) == [], words


def test_no_command_line_holds_a_secret(exercised):
    with open(f"/proc/{exercised.server.process.pid}/cmdline", "rb") as file:
        assert found_secrets(exercised, file.read()) == []
    refused = exercised.weir("serve", "--root-secret-key", "tsec_x")
    assert refused.returncode == 2, "a secret by flag would be in the process list"


def test_no_file_holds_a_secret_in_plain(exercised):
    server, searched, seen_where_it_belongs = exercised.server, 0, 0
    for folder in (server.data, exercised.folder / "backup"):
        for path in folder.rglob("*"):
            if not path.is_file():
                continue
            searched += 1
            body = path.read_bytes()
            if path.name in FILES_OF_SECRETS or body.startswith(b"-----BEGIN PRIVATE KEY"):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
                seen_where_it_belongs += bool(found_secrets(exercised, body))
            else:
                assert found_secrets(exercised, body) == [], path
    assert searched > 20
    assert seen_where_it_belongs, "the search finds nothing at all"
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


def test_the_key_that_encrypts_secrets_is_nowhere_else(exercised):
    key = (exercised.server.data / "secret.key").read_bytes()
    assert len(key) == 32
    for path in exercised.server.data.rglob("*"):
        if path.is_file() and path.name != "secret.key":
            body = path.read_bytes()
            assert key not in body and key.hex().encode() not in body, path
    assert hashlib.sha256(key).hexdigest().encode() not in (exercised.folder / "access.log").read_bytes()


def test_an_error_tells_no_signature_that_would_have_matched(exercised):
    """The signature that the server computes would let anyone finish a request."""
    server = exercised.server
    root = Keys(server.exports["AWS_ACCESS_KEY_ID"], server.exports["AWS_SECRET_ACCESS_KEY"])
    world = World(server, root)
    for sign in (sign_v4, presign_v4, sign_v2, presign_v2):
        good = sign(world.request("GET", f"/{world.bucket}/key"), root)
        exercised.note_signature(good)
        right = exercised.signatures[-1]
        wrong = "0" * len(right)
        target = good.with_parameter("X-Amz-Signature", wrong) if good.parameter("X-Amz-Signature") else good
        if good.parameter("Signature"):
            target = good.with_parameter("Signature", wrong)
        if good.header("Authorization"):
            target = good.with_header("Authorization", good.header("Authorization").replace(right, wrong))
        reply = exchange(server, target)
        assert reply.status == 403 and right.encode() not in reply.body
        assert ElementTree.fromstring(reply.body).findtext("Code") == "SignatureDoesNotMatch"
