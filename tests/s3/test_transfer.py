"""boto3's managed transfers: upload_file and the like, which send and fetch in parts and in threads."""

import io
import socket
import ssl
import urllib.parse

import boto3
import pytest
from boto3.s3.transfer import TransferConfig

from expect import s3_error
from weir_server import new_bucket_name

MiB = 1024 * 1024
SIZES = {"empty": 0, "small": 1000, "at the threshold": 8 * MiB, "parts and a rest": 21 * MiB + 5}
CONFIGS = {
    "default": TransferConfig(),
    "smallest parts, many threads": TransferConfig(
        multipart_threshold=5 * MiB, multipart_chunksize=5 * MiB, max_concurrency=16, io_chunksize=65_536
    ),
    "one part": TransferConfig(multipart_threshold=64 * MiB),
    "no threads": TransferConfig(multipart_threshold=5 * MiB, use_threads=False),
}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_files_and_streams(s3, bucket, noise, tmp_path, config, size):
    body = noise(size)
    (tmp_path / "up").write_bytes(body)
    s3.upload_file(str(tmp_path / "up"), bucket, "file", Config=config, ExtraArgs={"Metadata": {"a": "b"}})
    s3.upload_fileobj(io.BytesIO(body), bucket, "stream", Config=config)
    assert s3.head_object(Bucket=bucket, Key="file")["Metadata"] == {"a": "b"}
    s3.download_file(bucket, "stream", str(tmp_path / "down"), Config=config)
    assert (tmp_path / "down").read_bytes() == body
    into = io.BytesIO()
    s3.download_fileobj(bucket, "file", into, Config=config)
    assert into.getvalue() == body


class Unseekable(io.RawIOBase):
    """A body as a pipe is: nobody knows its length."""

    def __init__(self, body):
        self.rest = io.BytesIO(body)

    def readable(self):
        return True

    def read(self, size=-1):
        return self.rest.read(size)


@pytest.mark.parametrize("size", [0, 100, 20 * MiB + 1])
def test_a_pipe(s3, bucket, noise, size):
    s3.upload_fileobj(Unseekable(noise(size)), bucket, "k")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == noise(size)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
@pytest.mark.parametrize("size", [1000, 11 * MiB])
def test_with_each_checksum(s3, bucket, noise, algorithm, size):
    s3.upload_fileobj(io.BytesIO(noise(size)), bucket, "k", ExtraArgs={"ChecksumAlgorithm": algorithm})
    assert f"Checksum{algorithm}" in s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    into = io.BytesIO()
    s3.download_fileobj(bucket, "k", into, ExtraArgs={"ChecksumMode": "ENABLED"})
    assert into.getvalue() == noise(size)


def test_a_managed_copy_of_parts(s3, bucket, noise):
    body = noise(23 * MiB)
    s3.upload_fileobj(io.BytesIO(body), bucket, "from", ExtraArgs={"Metadata": {"a": "b"}})
    parts = TransferConfig(multipart_threshold=5 * MiB, multipart_chunksize=5 * MiB)
    s3.copy({"Bucket": bucket, "Key": "from"}, bucket, "to", Config=parts)
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == body
    assert s3.head_object(Bucket=bucket, Key="to")["ETag"].endswith('-5"')


def test_a_transfer_that_fails_leaves_no_upload(s3, bucket, noise):
    class Breaks(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 10 * MiB:
                raise OSError("the disk is gone")
            return super().read(size)

    with pytest.raises(OSError, match="the disk is gone"):
        s3.upload_fileobj(Breaks(noise(20 * MiB)), bucket, "k", Config=TransferConfig(use_threads=False))
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    with s3_error(404):
        s3.head_object(Bucket=bucket, Key="k")


def expecting_put(server, s3, bucket):
    """Sends the head of a PUT of nothing that expects `100 Continue`: all that comes back, and if the connection stays."""
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    where = urllib.parse.urlsplit(url)
    connection = socket.create_connection((where.hostname, where.port), timeout=30)
    if server.tls:
        context = ssl.create_default_context(cafile=server.verify)
        connection = context.wrap_socket(connection, server_hostname=where.hostname)
    head = f"PUT {where.path}?{where.query} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: 0\r\n"
    head += "Expect: 100-continue\r\n\r\n"
    with connection:
        connection.sendall(head.encode())
        connection.settimeout(2)
        received = b""
        try:
            while piece := connection.recv(65_536):
                received += piece
        except TimeoutError:
            return received, True
    return received, False


def test_who_expects_100_continue_gets_it_or_the_connection_ends(server, s3, bucket):
    """The botocore in AWS CLI 1.46 takes a reply that comes instead of it for the next request's, and hangs for a minute."""
    received, kept = expecting_put(server, s3, bucket)
    assert b"HTTP/1.1 200" in received
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\n") or not kept
    received, kept = expecting_put(server, s3, f"{bucket}-is-not-there")
    assert b"HTTP/1.1 404" in received
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\n") or not kept


def test_resources(server):
    session = boto3.session.Session(server.exports["AWS_ACCESS_KEY_ID"], server.exports["AWS_SECRET_ACCESS_KEY"])
    resource = session.resource("s3", "us-east-1", endpoint_url=server.endpoint, verify=server.verify)
    bucket = resource.create_bucket(Bucket=new_bucket_name("resource"))
    for number in range(1_003):
        bucket.put_object(Key=f"{number:04}", Body=b"x")
    assert [each.key for each in bucket.objects.all()] == [f"{number:04}" for number in range(1_003)]
    assert [each.key for each in bucket.objects.filter(Prefix="100").limit(2)] == ["1000", "1001"]
    assert bucket.Object("0000").get()["Body"].read() == b"x"
    bucket.Object("copy").copy({"Bucket": bucket.name, "Key": "0000"})
    assert bucket.Object("copy").content_length == 1
    bucket.objects.all().delete()
    bucket.delete()
    bucket.wait_until_not_exists()


def test_no_header_comes_twice(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    tag = s3.upload_part(**where, PartNumber=1, Body=b"x")["ETag"]
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
    assert done["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/xml"
