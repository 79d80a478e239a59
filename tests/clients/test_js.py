import pathlib

import pytest
from programs import JS

from weir_server import new_bucket_name

MiB = 1024 * 1024
STEPS = """uploadOfUnknownLength smallUpload stoppedUpload streamBody emptyBody ranges checksums conditions
multipartByHand copies listing addresses errors many deletion""".split()


def test_the_sdk_for_javascript(server, s3, run, noise, tmp_path):
    if not (JS / "node_modules").exists():
        pytest.fail("the SDK for JavaScript is not there: ./run-tests installs it (tools/environment.py)")
    body = noise(17 * MiB + 3)
    (tmp_path / "model").write_bytes(body)
    bucket = new_bucket_name("js")
    trust = {"NODE_EXTRA_CA_CERTS": str(server.verify)} if server.tls else {}
    said = run("node", pathlib.Path(JS, "client.js"), bucket, tmp_path / "model", **trust)
    assert said.split() == STEPS
    assert s3.get_object(Bucket=bucket, Key="js/kept")["Body"].read() == body
    head = s3.head_object(Bucket=bucket, Key="js/kept")
    assert head["Metadata"] == {"framework": "js"}
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
