import base64
import datetime
import hashlib
import hmac
import http.client
import ssl
import time
import urllib.parse

import pytest
import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from expect import s3_error
from weir_server import DOMAIN

SIGNATURES = ["s3", "s3v4"]  # version 2 by query, version 4


@pytest.mark.parametrize("path", ["/", "/{bucket}", "/{bucket}/k", "/{bucket}?list-type=2", "/no-such-bucket-here/k"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST"])
def test_anonymous_requests_are_refused(server, s3, bucket, method, path):
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret")
    reply = requests.request(method, server.endpoint + path.format(bucket=bucket), verify=server.verify, timeout=30)
    assert reply.status_code == 403
    assert method == "HEAD" or "<Code>AccessDenied</Code>" in reply.text
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"secret"


def test_a_wrong_secret_and_an_unknown_key(server, bucket):
    known = server.exports["AWS_ACCESS_KEY_ID"]
    with s3_error(403, "SignatureDoesNotMatch"):
        server.client((known, "tsec_wrong")).list_objects_v2(Bucket=bucket)
    with s3_error(403, "InvalidAccessKeyId"):
        server.client(("tid_nobody", "tsec_wrong")).list_objects_v2(Bucket=bucket)


def test_any_region_will_do(server, bucket):
    import boto3

    for region in ("auto", "eu-central-1", "mars-1"):
        client = boto3.client(
            "s3",
            aws_access_key_id=server.exports["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=server.exports["AWS_SECRET_ACCESS_KEY"],
            endpoint_url=server.endpoint,
            region_name=region,
            verify=server.exports.get("AWS_CA_BUNDLE"),
        )
        client.head_bucket(Bucket=bucket)


def signed(server, method, path, body=b"", shift_s=0, **headers):
    """A signed request as a prepared one, its clock moved by `shift_s`."""
    keys = Credentials(server.exports["AWS_ACCESS_KEY_ID"], server.exports["AWS_SECRET_ACCESS_KEY"])
    request = AWSRequest(method, server.endpoint + path, headers, body)
    signer = S3SigV4Auth(keys, "s3", "us-east-1")
    real = signer._modify_request_before_signing

    def modify(request):
        moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=shift_s)
        request.context["timestamp"] = moment.strftime("%Y%m%dT%H%M%SZ")
        real(request)

    signer._modify_request_before_signing = modify
    signer.add_auth(request)
    return request.prepare()


def send(server, request, method):
    return requests.request(method, request.url, headers=request.headers, data=request.body, verify=server.verify, timeout=30)


@pytest.mark.parametrize("shift_s, status", [(0, 200), (-600, 200), (600, 200), (-1200, 403), (1200, 403)])
def test_clocks_that_differ(server, bucket, shift_s, status):
    reply = send(server, signed(server, "GET", f"/{bucket}", shift_s=shift_s), "GET")
    assert reply.status_code == status
    assert status == 200 or "<Code>RequestTimeTooSkewed</Code>" in reply.text


def test_a_body_that_was_changed_on_its_way(server, s3, bucket):
    request = signed(server, "PUT", f"/{bucket}/k", b"what was signed")
    reply = requests.put(request.url, headers=request.headers, data=b"what was sent!!", verify=server.verify, timeout=30)
    assert reply.status_code == 400
    assert "XAmzContentSHA256Mismatch" in reply.text
    with s3_error(404):
        s3.head_object(Bucket=bucket, Key="k")


def test_a_header_that_was_changed_on_its_way(server, bucket):
    request = signed(server, "PUT", f"/{bucket}/k", b"x", **{"x-amz-meta-a": "signed"})
    headers = dict(request.headers) | {"x-amz-meta-a": "changed"}
    reply = requests.put(request.url, headers=headers, data=b"x", verify=server.verify, timeout=30)
    assert (reply.status_code, "SignatureDoesNotMatch" in reply.text) == (403, True)


class ChunkSigner:
    """STREAMING-AWS4-HMAC-SHA256-PAYLOAD: each chunk signed, chained to the one before."""

    def __init__(self, server, trailer=False):
        self.server = server
        self.kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
        self.now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        self.scope = f"{self.now[:8]}/us-east-1/s3/aws4_request"
        key = ("AWS4" + server.exports["AWS_SECRET_ACCESS_KEY"]).encode()
        for word in (self.now[:8], "us-east-1", "s3", "aws4_request"):
            key = hmac.digest(key, word.encode(), "sha256")
        self.key = key

    def sign(self, kind, *lines):
        text = "\n".join([kind, self.now, self.scope, self.previous, *lines])
        self.previous = hmac.new(self.key, text.encode(), "sha256").hexdigest()
        return self.previous

    def chunk(self, data):
        empty = hashlib.sha256(b"").hexdigest()
        signature = self.sign("AWS4-HMAC-SHA256-PAYLOAD", empty, hashlib.sha256(data).hexdigest())
        return b"%x;chunk-signature=%b\r\n%b" % (len(data), signature.encode(), data)

    def request(self, path, pieces, trailer=None, tamper=None):
        body_bytes = sum(map(len, pieces))
        headers = {"x-amz-decoded-content-length": str(body_bytes), "content-encoding": "aws-chunked"}
        if trailer:
            headers["x-amz-trailer"] = trailer[0]
        keys = Credentials(self.server.exports["AWS_ACCESS_KEY_ID"], self.server.exports["AWS_SECRET_ACCESS_KEY"])
        request = AWSRequest("PUT", self.server.endpoint + path, headers, b"")
        request.headers["x-amz-content-sha256"] = self.kind
        signer = S3SigV4Auth(keys, "s3", "us-east-1")
        signer.payload = lambda _: self.kind
        real = signer._modify_request_before_signing

        def modify(request):
            request.context["timestamp"] = self.now
            real(request)

        signer._modify_request_before_signing = modify
        signer.add_auth(request)
        ready = request.prepare()
        self.previous = ready.headers["Authorization"].rsplit("Signature=", 1)[1]
        coded = b"".join(self.chunk(piece) + b"\r\n" for piece in pieces)
        if trailer:
            coded += self.chunk(b"")
            line = f"{trailer[0]}:{trailer[1]}\n"
            signature = self.sign("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(line.encode()).hexdigest())
            coded += f"{trailer[0]}:{trailer[1]}\r\nx-amz-trailer-signature:{signature}\r\n\r\n".encode()
        else:
            coded += self.chunk(b"") + b"\r\n"
        if tamper:
            coded = tamper(coded)
        return requests.put(ready.url, headers=ready.headers, data=coded, verify=self.server.verify, timeout=30)


@pytest.mark.parametrize("trailer", [False, True])
def test_signed_chunks(server, s3, bucket, noise, trailer):
    pieces = [noise(65536, 1), noise(65536, 2), noise(10, 3)]
    sums = ("x-amz-checksum-sha256", base64.b64encode(hashlib.sha256(b"".join(pieces)).digest()).decode())
    reply = ChunkSigner(server, trailer).request(f"/{bucket}/k", pieces, sums if trailer else None)
    assert reply.status_code == 200, reply.text
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(pieces)


@pytest.mark.parametrize("trailer", [False, True])
def test_a_signed_chunk_that_was_changed(server, s3, bucket, noise, trailer):
    pieces = [b"a" * 65536, b"b" * 100]
    sums = ("x-amz-checksum-sha256", base64.b64encode(hashlib.sha256(b"".join(pieces)).digest()).decode())
    reply = ChunkSigner(server, trailer).request(
        f"/{bucket}/k", pieces, sums if trailer else None, lambda coded: coded.replace(b"bbbb", b"cccc", 1)
    )
    assert (reply.status_code, "SignatureDoesNotMatch" in reply.text) == (403, True), reply.text
    with s3_error(404):
        s3.head_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("signature", SIGNATURES)
def test_presigned_addresses(server, bucket, signature):
    s3 = server.client(signature_version=signature)
    where = {"Bucket": bucket, "Key": "a/key with spaces+ümlaut"}
    put = s3.generate_presigned_url("put_object", Params=where, ExpiresIn=60)
    assert ("X-Amz-Signature" in put) == (signature == "s3v4")
    assert requests.put(put, data=b"by address", verify=server.verify, timeout=30).status_code == 200
    get = s3.generate_presigned_url("get_object", Params=where, ExpiresIn=60)
    assert requests.get(get, verify=server.verify, timeout=30).content == b"by address"
    part = requests.get(get, headers={"Range": "bytes=3-4"}, verify=server.verify, timeout=30)
    assert (part.status_code, part.content) == (206, b"ad")
    typed = s3.generate_presigned_url("get_object", Params={**where, "ResponseContentType": "x/y"}, ExpiresIn=60)
    assert requests.get(typed, verify=server.verify, timeout=30).headers["Content-Type"] == "x/y"
    head = s3.generate_presigned_url("head_object", Params=where, ExpiresIn=60)
    assert requests.head(head, verify=server.verify, timeout=30).headers["Content-Length"] == "10"
    listing = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": bucket}, ExpiresIn=60)
    assert b"<Size>10</Size>" in requests.get(listing, verify=server.verify, timeout=30).content
    delete = s3.generate_presigned_url("delete_object", Params=where, ExpiresIn=60)
    assert requests.delete(delete, verify=server.verify, timeout=30).status_code == 204


@pytest.mark.parametrize("signature", SIGNATURES)
def test_presigned_addresses_that_were_changed_or_are_old(server, bucket, signature):
    s3 = server.client(signature_version=signature)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_object(Bucket=bucket, Key="other", Body=b"y")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    changed = requests.get(url.replace("/k?", "/other?"), verify=server.verify, timeout=30)
    assert (changed.status_code, "SignatureDoesNotMatch" in changed.text) == (403, True)
    assert requests.put(url, data=b"z", verify=server.verify, timeout=30).status_code == 403
    old = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=1)
    time.sleep(2.1)
    assert requests.get(old, verify=server.verify, timeout=30).status_code == 403


@pytest.mark.parametrize("signature", SIGNATURES)
def test_presigned_posts_are_not_there_and_say_so(server, bucket, signature):
    form = server.client(signature_version=signature).generate_presigned_post(bucket, "k")
    url = f"{server.endpoint}/{bucket}"
    reply = requests.post(url, data=form["fields"], files={"file": b"x"}, verify=server.verify, timeout=30)
    assert reply.status_code in (403, 501)


def test_virtual_host_style(server, bucket):
    endpoint = server.endpoint.replace("127.0.0.1", DOMAIN)
    s3 = server.client(endpoint=endpoint, s3={"addressing_style": "virtual"})
    s3.put_object(Bucket=bucket, Key="a/b c", Body=b"virtual")
    assert s3.get_object(Bucket=bucket, Key="a/b c")["Body"].read() == b"virtual"
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a/b c"]
    assert bucket in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    assert server.client().get_object(Bucket=bucket, Key="a/b c")["Body"].read() == b"virtual"
    for signature in SIGNATURES:
        signer = server.client(endpoint=endpoint, s3={"addressing_style": "virtual"}, signature_version=signature)
        url = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a/b c"})
        assert f"//{bucket}.{DOMAIN}" in url
        assert requests.get(url, verify=server.verify, timeout=30).content == b"virtual"


def connect(server):
    where = urllib.parse.urlsplit(server.endpoint)
    if server.tls:
        context = ssl.create_default_context(cafile=server.verify)
        return http.client.HTTPSConnection(where.hostname, where.port, context=context, timeout=30)
    return http.client.HTTPConnection(where.hostname, where.port, timeout=30)


def test_a_refused_body_is_not_waited_for(server, bucket):
    """Expect: 100-continue with a wrong signature: the refusal comes before the body is sent."""
    connection = connect(server)
    connection.putrequest("PUT", f"/{bucket}/k")
    connection.putheader("Content-Length", str(1 << 30))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.getresponse().status == 403


def test_a_connection_is_kept(server, bucket):
    connection = connect(server)
    for _ in range(3):
        request = signed(server, "GET", f"/{bucket}")
        connection.request("GET", f"/{bucket}", headers=dict(request.headers))
        reply = connection.getresponse()
        reply.read()
        assert reply.status == 200
        assert not reply.will_close


def test_pipelined_requests_are_answered_in_order(server, s3, bucket):
    keys = [f"k{number}" for number in range(5)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    connection = connect(server)
    connection.connect()
    wire = b""
    for key in keys:
        url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
        where = urllib.parse.urlsplit(url)
        wire += f"GET {where.path}?{where.query} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode()
    connection.sock.sendall(wire)
    received = b""
    while received.count(b"HTTP/1.1 200 OK") < len(keys) or not received.endswith(keys[-1].encode()):
        piece = connection.sock.recv(65536)
        assert piece, received
        received += piece
    bodies = [reply.split(b"\r\n\r\n", 1)[1] for reply in received.split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [key.encode() for key in keys]
