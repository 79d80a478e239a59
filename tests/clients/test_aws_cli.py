import hashlib
import json

import pytest
import requests
from programs import AWS, in_folder

from weir_server import new_bucket_name

MiB = 1024 * 1024
PART = 5 * MiB


@pytest.fixture
def aws(run):
    return lambda *arguments, **options: run(AWS, *arguments, **options)


@pytest.fixture
def api(aws):
    """A call of `aws s3api`: its reply."""

    def api(operation, *arguments):
        said = aws("s3api", operation, *arguments, "--output", "json")
        return json.loads(said) if said.strip() else {}

    return api


@pytest.mark.parametrize("size", [0, 1000, 8 * MiB, 20 * MiB + 3], ids=["empty", "small", "8 MiB", "multipart"])
def test_cp_of_a_file(aws, bucket, noise, tmp_path, stored, size):
    body = noise(size)
    (tmp_path / "up").write_bytes(body)
    aws("s3", "cp", "up", f"s3://{bucket}/a b/key+ü", "--metadata", "framework=torch")
    assert stored() == {"a b/key+ü": body}
    aws("s3", "cp", f"s3://{bucket}/a b/key+ü", "down")
    assert (tmp_path / "down").read_bytes() == body
    assert aws("s3", "cp", f"s3://{bucket}/a b/key+ü", "-", text=False) == body


@pytest.mark.parametrize("size", [5, 18 * MiB], ids=["small", "multipart"])
def test_cp_of_a_stream(aws, bucket, noise, stored, size):
    aws("s3", "cp", "-", f"s3://{bucket}/k", stdin=noise(size))
    assert stored() == {"k": noise(size)}


def test_cp_between_keys(aws, s3, bucket, noise, stored):
    """What belongs to the object goes along where it is small; for parts the CLI's version 1 sends only the bytes."""
    bodies = {"from/small": noise(1000), "from/parts": noise(20 * MiB)}
    for key, body in bodies.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"a": "b"}, ContentType="x/y")
    aws("s3", "cp", f"s3://{bucket}/from/", f"s3://{bucket}/to/", "--recursive")
    assert stored("to/") == {key.replace("from", "to"): body for key, body in bodies.items()}
    head = s3.head_object(Bucket=bucket, Key="to/small")
    assert (head["Metadata"], head["ContentType"]) == ({"a": "b"}, "x/y")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])  # the others need awscrt, which the CLI has not
def test_cp_with_each_checksum(aws, s3, bucket, noise, tmp_path, algorithm):
    (tmp_path / "up").write_bytes(noise(10 * MiB))
    aws("s3", "cp", "up", f"s3://{bucket}/k", "--checksum-algorithm", algorithm)
    assert f"Checksum{algorithm}" in s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    aws("s3", "cp", f"s3://{bucket}/k", "down", "--checksum-mode", "ENABLED")
    assert (tmp_path / "down").read_bytes() == noise(10 * MiB)


def test_sync(aws, bucket, model_folder, tmp_path, stored):
    folder, bodies = model_folder
    aws("s3", "sync", folder, f"s3://{bucket}/checkpoint")
    assert stored() == {f"checkpoint/{name}": body for name, body in bodies.items()}
    assert aws("s3", "sync", folder, f"s3://{bucket}/checkpoint") == "", "nothing changed, so nothing is to do"
    aws("s3", "sync", f"s3://{bucket}/checkpoint", "down")
    assert in_folder(tmp_path / "down") == bodies
    aws("s3", "sync", f"s3://{bucket}/checkpoint", f"s3://{bucket}/second")
    assert len(stored("second/")) == len(bodies)
    (folder / "config.json").unlink()
    (folder / "new").write_bytes(b"new")
    aws("s3", "sync", folder, f"s3://{bucket}/checkpoint", "--delete", "--exclude", "empty")
    assert set(stored("checkpoint/")) == {f"checkpoint/{name}" for name in {*bodies, "new"} - {"config.json"}}
    aws("s3", "sync", f"s3://{bucket}/checkpoint", "down", "--delete")
    assert in_folder(tmp_path / "down") == in_folder(folder)


def test_cp_ls_mv_rm_of_folders(aws, bucket, model_folder, tmp_path, stored):
    folder, bodies = model_folder
    aws("s3", "cp", folder, f"s3://{bucket}/a/", "--recursive")
    listed = aws("s3", "ls", f"s3://{bucket}/a/")
    assert [line.split()[-1] for line in listed.splitlines()] == ["optimizer/", "weights/", "config.json", "empty"]
    summary = aws("s3", "ls", f"s3://{bucket}", "--recursive", "--summarize")
    assert f"Total Objects: {len(bodies)}" in summary
    assert f"Total Size: {sum(map(len, bodies.values()))}" in summary
    assert bucket in aws("s3", "ls")
    aws("s3", "mv", f"s3://{bucket}/a/", f"s3://{bucket}/b/", "--recursive")
    assert stored() == {f"b/{name}": body for name, body in bodies.items()}
    aws("s3", "mv", f"s3://{bucket}/b/config.json", "config.json")
    assert (tmp_path / "config.json").read_bytes() == bodies["config.json"]
    aws("s3", "rm", f"s3://{bucket}/b/", "--recursive", "--exclude", "*empty")
    assert set(stored()) == {"b/empty"}
    aws("s3", "rm", f"s3://{bucket}/b/empty")
    assert stored() == {}


def test_rm_of_more_than_one_page(aws, s3, bucket, stored):
    for number in range(1_005):
        s3.put_object(Bucket=bucket, Key=f"{number:05}", Body=b"")
    aws("s3", "rm", f"s3://{bucket}", "--recursive", "--quiet")
    assert stored() == {}


def test_presign(server, aws, bucket, s3):
    s3.put_object(Bucket=bucket, Key="a b", Body=b"by address")
    url = aws("s3", "presign", f"s3://{bucket}/a b", "--expires-in", "60").strip()
    assert requests.get(url, verify=server.verify, timeout=30).content == b"by address"


def test_buckets(aws, s3, tmp_path):
    name = new_bucket_name("cli")
    aws("s3", "mb", f"s3://{name}")
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    refused = aws("s3", "rb", f"s3://{name}", check=False)
    assert refused.returncode and b"BucketNotEmpty" in refused.stderr
    aws("s3", "rb", f"s3://{name}", "--force")
    missing = aws("s3", "ls", f"s3://{name}", check=False)
    assert missing.returncode and b"NoSuchBucket" in missing.stderr


def test_s3api_objects(api, aws, bucket, noise, tmp_path):
    body = noise(100_000)
    (tmp_path / "up").write_bytes(body)
    where = ("--bucket", bucket, "--key", "k")
    put = api("put-object", *where, "--body", "up", "--metadata", "a=b", "--content-type", "x/y", "--if-none-match", "*")
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    again = aws("s3api", "put-object", *where, "--body", "up", "--if-none-match", "*", check=False)
    assert b"PreconditionFailed" in again.stderr
    head = api("head-object", *where, "--checksum-mode", "ENABLED")
    assert (head["ContentLength"], head["Metadata"], head["ContentType"]) == (len(body), {"a": "b"}, "x/y")
    assert head["ChecksumType"] == "FULL_OBJECT"
    got = api("get-object", *where, "--range", "bytes=100-199", "down")
    assert (got["ContentRange"], got["ContentLength"]) == (f"bytes 100-199/{len(body)}", 100)
    assert (tmp_path / "down").read_bytes() == body[100:200]
    api("copy-object", "--bucket", bucket, "--key", "copy", "--copy-source", f"{bucket}/k")
    attributes = api("get-object-attributes", *where, "--object-attributes", "ETag", "ObjectSize", "Checksum")
    assert attributes["ObjectSize"] == len(body)
    doomed = json.dumps({"Objects": [{"Key": "k"}, {"Key": "copy"}]})
    deleted = api("delete-objects", "--bucket", bucket, "--delete", doomed)
    assert {each["Key"] for each in deleted["Deleted"]} == {"k", "copy"}
    assert b"404" in aws("s3api", "head-object", *where, check=False).stderr


def test_s3api_listing(api, s3, bucket):
    for number in range(7):
        s3.put_object(Bucket=bucket, Key=f"p/{number}", Body=b"x")
    s3.put_object(Bucket=bucket, Key="q", Body=b"x")
    everything = api("list-objects-v2", "--bucket", bucket, "--page-size", "3")
    assert [each["Key"] for each in everything["Contents"]] == [f"p/{number}" for number in range(7)] + ["q"]
    folded = api("list-objects-v2", "--bucket", bucket, "--delimiter", "/")
    assert [each["Prefix"] for each in folded["CommonPrefixes"]] == ["p/"]
    one = api("list-objects-v2", "--bucket", bucket, "--prefix", "p/", "--max-items", "1")
    rest = api("list-objects-v2", "--bucket", bucket, "--prefix", "p/", "--starting-token", one["NextToken"])
    assert (len(one["Contents"]), len(rest["Contents"])) == (1, 6)


def test_s3api_multipart(api, bucket, noise, tmp_path, stored):
    bodies = [noise(PART, 1), noise(PART, 1), noise(10, 3)]
    (tmp_path / "first").write_bytes(bodies[0])
    (tmp_path / "last").write_bytes(bodies[2])
    where = ["--bucket", bucket, "--key", "k"]
    started = api("create-multipart-upload", *where, "--metadata", "a=b")
    where += ["--upload-id", started["UploadId"]]
    tags = [
        api("upload-part", *where, "--part-number", "1", "--body", "first")["ETag"],
        api("upload-part", *where, "--part-number", "3", "--body", "last")["ETag"],
    ]
    api("put-object", "--bucket", bucket, "--key", "source", "--body", "first")
    copied = api("upload-part-copy", *where, "--part-number", "2", "--copy-source", f"{bucket}/source")
    tags.insert(1, copied["CopyPartResult"]["ETag"])
    assert [part["ETag"] for part in api("list-parts", *where)["Parts"]] == tags
    assert api("list-multipart-uploads", "--bucket", bucket)["Uploads"][0]["UploadId"] == started["UploadId"]
    parts = json.dumps({"Parts": [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]})
    done = api("complete-multipart-upload", *where, "--multipart-upload", parts)
    assert done["ETag"].endswith('-3"')
    assert stored("k") == {"k": b"".join(bodies)}
    second = api("create-multipart-upload", "--bucket", bucket, "--key", "gone")["UploadId"]
    api("abort-multipart-upload", "--bucket", bucket, "--key", "gone", "--upload-id", second)
    assert "Uploads" not in api("list-multipart-uploads", "--bucket", bucket)


def test_s3api_versions_and_waiting(api, bucket, tmp_path):
    api("put-bucket-versioning", "--bucket", bucket, "--versioning-configuration", "Status=Enabled")
    assert api("get-bucket-versioning", "--bucket", bucket)["Status"] == "Enabled"
    where = ("--bucket", bucket, "--key", "k")
    (tmp_path / "up").write_bytes(b"old")
    old = api("put-object", *where, "--body", "up")["VersionId"]
    marker = api("delete-object", *where)
    assert marker["DeleteMarker"]
    listed = api("list-object-versions", "--bucket", bucket)
    assert (listed["Versions"][0]["VersionId"], len(listed["DeleteMarkers"])) == (old, 1)
    api("wait", "object-not-exists", *where)
    api("delete-object", *where, "--version-id", marker["VersionId"])
    api("wait", "object-exists", *where)
    assert api("get-bucket-location", "--bucket", bucket)["LocationConstraint"] in (None, "us-east-1")
