"""Makes format-N.tar.xz and format-N.json: a data directory of this program's format, and what must be read from it.

Run once for each new format, with the program that wrote it: `.venv/bin/python tests/golden/make_golden.py`. What is there
already is never made again: the point is that old bytes stay as they are.
"""

import json
import pathlib
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from golden.contents import BUCKET, KiB, MiB, describe, pattern  # noqa: E402
from weir_server import WeirServer  # noqa: E402


def upload(s3, key: str, parts: list[bytes]) -> None:
    """A multipart upload, completed."""
    where = {"Bucket": BUCKET, "Key": key}
    where["UploadId"] = s3.create_multipart_upload(**where, ContentType="application/x-weights")["UploadId"]
    tags = [s3.upload_part(**where, PartNumber=n, Body=part)["ETag"] for n, part in enumerate(parts, 1)]
    listed = [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": listed})


def fill(s3) -> None:
    """One of everything that the format can hold."""
    s3.create_bucket(Bucket=BUCKET)
    s3.create_bucket(Bucket="empty")
    s3.put_object(Bucket=BUCKET, Key="before versions", Body=pattern(100))
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key="empty", Body=b"")
    s3.put_object(
        Bucket=BUCKET,
        Key="ünïcode/🎉//../a b%2F",
        Body=pattern(9 * KiB),
        Metadata={"step": "1000"},
        ContentType="text/plain",
        CacheControl="no-store",
        ChecksumAlgorithm="SHA256",
    )
    s3.put_object(Bucket=BUCKET, Key="blob", Body=pattern(MiB + 7))
    s3.put_object(Bucket=BUCKET, Key="blob", Body=pattern(2 * MiB))
    s3.delete_object(Bucket=BUCKET, Key="blob")
    upload(s3, "parts", [pattern(5 * MiB), pattern(5 * MiB), pattern(10)])
    upload(s3, "many/extents", [pattern(5 * MiB + n * KiB) for n in range(10)])
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/parts")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=BUCKET, Key="before versions", Body=pattern(200))
    where = {"Bucket": BUCKET, "Key": "open"}
    where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
    s3.upload_part(**where, PartNumber=3, Body=pattern(MiB))


def main() -> None:
    """Makes the two files."""
    with tempfile.TemporaryDirectory() as folder:
        running = WeirServer(folder, "--reserve-bytes", "0").start()
        fill(running.client())
        expected = describe(running.client())
        running.stop()
        format_number = (running.data / "FORMAT").read_text().split()[-1]
        target = HERE / f"format-{format_number}.tar.xz"
        if target.exists():
            sys.exit(f"{target} is there already, and stays as it is")
        with tarfile.open(target, "w:xz") as archive:
            archive.add(running.data, "data", filter=lambda entry: None if entry.name.endswith("admin.sock") else entry)
        (HERE / f"format-{format_number}.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
