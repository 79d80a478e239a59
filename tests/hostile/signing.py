"""Requests and their signatures, made by hand so that each part can be changed after it was signed."""

import base64
import dataclasses
import datetime
import hashlib
import hmac
import time
import urllib.parse

REGION = "us-east-1"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
# What version 2 signs of a query, of the parameters that the examples use.
V2_PARAMETERS = {
    *("acl", "delete", "location", "partNumber", "uploadId", "uploads", "versionId", "versioning", "versions"),
    *("response-content-type", "response-expires"),
}


@dataclasses.dataclass(frozen=True)
class Keys:
    id: str
    secret: str


@dataclasses.dataclass(frozen=True)
class Request:
    """As it goes over the wire: `path` is encoded, `query` is not, names may come twice."""

    method: str
    path: str
    query: tuple = ()
    headers: tuple = ()
    body: bytes = b""

    def header(self, name):
        return next((value for given, value in self.headers if given.lower() == name.lower()), None)

    def parameter(self, name):
        return next((value for given, value in self.query if given == name), None)

    def with_header(self, name, value):
        """In the place of those of that name, or last; None leaves it away."""
        kept = [pair for pair in self.headers if pair[0].lower() != name.lower()]
        return dataclasses.replace(self, headers=(*kept, *([] if value is None else [(name, value)])))

    def with_parameter(self, name, value):
        kept = [pair for pair in self.query if pair[0] != name]
        return dataclasses.replace(self, query=(*kept, *([] if value is None else [(name, value)])))

    def adding_header(self, name, value):
        return dataclasses.replace(self, headers=(*self.headers, (name, value)))

    def adding_parameter(self, name, value):
        return dataclasses.replace(self, query=(*self.query, (name, value)))

    @property
    def target(self):
        pairs = [f"{encode(name)}={encode(value)}" if value else encode(name) for name, value in self.query]
        return self.path + ("?" + "&".join(pairs) if pairs else "")

    def head(self, *more):
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in (*self.headers, *more)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def encode(text):
    return urllib.parse.quote(text, safe="-_.~")


def amz_date(moment):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment))


def http_date(moment):
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


def hmac_sha256(key, text):
    return hmac.digest(key, text.encode(), "sha256")


def signing_key(secret, date, region=REGION, service="s3"):
    key = hmac_sha256(("AWS4" + secret).encode(), date)
    for word in (region, service, "aws4_request"):
        key = hmac_sha256(key, word)
    return key


def signature_v4(request, keys, date, scope, signed_headers, payload):
    """The signature of a request that has everything but it."""
    query = sorted((encode(name), encode(value)) for name, value in request.query)
    lines = [request.method, request.path, "&".join(f"{name}={value}" for name, value in query)]
    for name in signed_headers:
        values = [" ".join(value.split()) for given, value in request.headers if given.lower() == name]
        lines.append(f"{name}:{','.join(values)}")
    lines += ["", ";".join(signed_headers), payload]
    canonical = "\n".join(lines).encode("latin-1")
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical).hexdigest()])
    return hmac_sha256(signing_key(keys.secret, *scope.split("/")[:3]), text).hex()


def names_to_sign(request):
    return sorted({name.lower() for name, _ in request.headers})


def scope_of(date, region=REGION, service="s3"):
    return f"{date[:8]}/{region}/{service}/aws4_request"


def sign_v4(request, keys, *, moment=None, region=REGION, service="s3", payload=None):
    """Signed by header: every header that is there, and the SHA-256 of the body."""
    date = amz_date(time.time() if moment is None else moment)
    payload = hashlib.sha256(request.body).hexdigest() if payload is None else payload
    request = request.with_header("x-amz-date", date).with_header("x-amz-content-sha256", payload)
    names, scope = names_to_sign(request), scope_of(date, region, service)
    signature = signature_v4(request, keys, date, scope, names, payload)
    fields = f"Credential={keys.id}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return request.adding_header("Authorization", f"AWS4-HMAC-SHA256 {fields}")


def presign_v4(request, keys, *, moment=None, region=REGION, service="s3", expires="600"):
    date = amz_date(time.time() if moment is None else moment)
    names, scope = names_to_sign(request), scope_of(date, region, service)
    for name, value in (
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", f"{keys.id}/{scope}"),
        ("X-Amz-Date", date),
        ("X-Amz-Expires", str(expires)),
        ("X-Amz-SignedHeaders", ";".join(names)),
    ):
        request = request.adding_parameter(name, value)
    signature = signature_v4(request, keys, date, scope, names, "UNSIGNED-PAYLOAD")
    return request.adding_parameter("X-Amz-Signature", signature)


def signature_v2(request, keys, date):
    amz = sorted((name.lower(), value) for name, value in request.headers if name.lower().startswith("x-amz-"))
    chosen = sorted(pair for pair in request.query if pair[0] in V2_PARAMETERS)
    resource = request.path
    if chosen:
        resource += "?" + "&".join(f"{name}={value}" if value else name for name, value in chosen)
    lines = [request.method, request.header("content-md5") or "", request.header("content-type") or "", date]
    lines += [f"{name}:{value}" for name, value in amz] + [resource]
    return base64.b64encode(hmac.digest(keys.secret.encode(), "\n".join(lines).encode("latin-1"), "sha1")).decode()


def sign_v2(request, keys, *, moment=None):
    date = http_date(time.time() if moment is None else moment)
    request = request.with_header("Date", date)
    return request.adding_header("Authorization", f"AWS {keys.id}:{signature_v2(request, keys, date)}")


def presign_v2(request, keys, *, moment=None, expires=600):
    until = str(int((time.time() if moment is None else moment) + expires))
    signature = signature_v2(request, keys, until)
    for pair in (("AWSAccessKeyId", keys.id), ("Expires", until), ("Signature", signature)):
        request = request.adding_parameter(*pair)
    return request


class ChunkSigner:
    """aws-chunked with a signature for each chunk, which covers the one before."""

    def __init__(self, keys, signed):
        self.date = signed.header("x-amz-date")
        self.scope = scope_of(self.date)
        self.key = signing_key(keys.secret, self.date[:8])
        self.previous = signed.header("Authorization").rsplit("Signature=", 1)[1]

    def sign(self, kind, *lines):
        self.previous = hmac_sha256(self.key, "\n".join([kind, self.date, self.scope, self.previous, *lines])).hex()
        return self.previous

    def chunk(self, data):
        """One chunk as it is sent, with the line end after its bytes; of nothing, the last one, without it."""
        signature = self.sign("AWS4-HMAC-SHA256-PAYLOAD", EMPTY_SHA256, hashlib.sha256(data).hexdigest())
        return b"%x;chunk-signature=%b\r\n%b" % (len(data), signature.encode(), data + b"\r\n" if data else b"")

    def trailer(self, name, value):
        signature = self.sign("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(f"{name}:{value}\n".encode()).hexdigest())
        return f"{name}:{value}\r\nx-amz-trailer-signature:{signature}\r\n\r\n".encode()
