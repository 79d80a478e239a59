from programs import GO_CLIENT

from weir_server import new_bucket_name

MiB = 1024 * 1024
STEPS = """upload download streams empty ranges checksums conditions multipart copies listing addresses errors many
deletion""".split()


def test_the_sdk_for_go(server, s3, run, noise, tmp_path):
    body = noise(17 * MiB + 3)
    (tmp_path / "model").write_bytes(body)
    bucket = new_bucket_name("go")
    said = run(GO_CLIENT, bucket, tmp_path / "model")
    assert said.split() == STEPS
    assert s3.get_object(Bucket=bucket, Key="go/kept")["Body"].read() == body
    assert s3.head_object(Bucket=bucket, Key="go/kept")["Metadata"] == {"framework": "go"}
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
