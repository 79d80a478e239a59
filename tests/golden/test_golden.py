"""Data directories that older programs wrote are read by this one, byte for byte."""

import json
import pathlib
import subprocess
import tarfile

import pytest

from golden.contents import BUCKET, describe

HERE = pathlib.Path(__file__).resolve().parent
FORMATS = sorted(path.name.removesuffix(".tar.xz") for path in HERE.glob("format-*.tar.xz"))


def test_the_present_format_is_among_them(own_server):
    running = own_server().start()
    assert "format-" + (running.data / "FORMAT").read_text().split()[-1] in FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_an_old_directory_is_read(own_server, tmp_path, name):
    with tarfile.open(HERE / f"{name}.tar.xz") as archive:
        archive.extractall(tmp_path / "weir")
    # The archive holds the gaps between parts as zeros; in the directory they take no space.
    for blob in (tmp_path / "weir" / "data" / "blobs").glob("*/*/*"):
        subprocess.run(["fallocate", "--dig-holes", blob], check=True)
    running = own_server()
    assert " 0 damaged, 0 leaks" in running.run("fsck", "--read").stdout
    s3 = running.start().client()
    assert describe(s3) == json.loads((HERE / f"{name}.json").read_text())
    upload = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"][0]
    where = {"Bucket": BUCKET, "Key": upload["Key"], "UploadId": upload["UploadId"]}
    part = s3.list_parts(**where)["Parts"][0]
    listed = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]}]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": listed})
    assert s3.head_object(Bucket=BUCKET, Key=upload["Key"])["ContentLength"] == part["Size"]
    running.stop()
    assert " 0 damaged, 0 leaks" in running.run("fsck", "--read").stdout
