import pickle

import fsspec
import pytest
import requests
import s3fs

MiB = 1024 * 1024
SIZES = [0, 1, 100_000, 5 * MiB, 12 * MiB + 7]


def test_listing_and_information(files, bucket):
    for key in ("a/1.bin", "a/2.bin", "a/b/3.txt", "c"):
        files.pipe(f"{bucket}/{key}", key.encode())
    assert files.ls(f"{bucket}/a") == [f"{bucket}/a/1.bin", f"{bucket}/a/2.bin", f"{bucket}/a/b"]
    assert [each["type"] for each in files.ls(f"{bucket}/a", detail=True)] == ["file", "file", "directory"]
    assert files.find(bucket) == [f"{bucket}/{key}" for key in ("a/1.bin", "a/2.bin", "a/b/3.txt", "c")]
    assert files.glob(f"{bucket}/**/*.bin") == [f"{bucket}/a/1.bin", f"{bucket}/a/2.bin"]
    assert files.info(f"{bucket}/c")["size"] == 1
    assert files.info(f"{bucket}/a")["type"] == "directory"
    assert files.isdir(f"{bucket}/a") and files.isfile(f"{bucket}/c")
    assert files.du(f"{bucket}/a") == 7 + 7 + 9
    assert files.du(bucket, total=False)[f"{bucket}/c"] == 1
    assert bucket in files.ls("")
    walked = [(path, sorted(folders), sorted(names)) for path, folders, names in files.walk(bucket)]
    assert walked[0] == (bucket, ["a"], ["c"])


def test_what_is_there_and_what_is_not(files, bucket):
    files.touch(f"{bucket}/empty")
    assert files.exists(f"{bucket}/empty") and files.size(f"{bucket}/empty") == 0
    assert not files.exists(f"{bucket}/other")
    assert not files.exists("no-such-bucket-of-anyone/x")
    for call in (files.cat, files.info, files.open, lambda path: files.rm(path, recursive=True)):
        with pytest.raises(FileNotFoundError):
            call(f"{bucket}/other")


@pytest.mark.parametrize("size", SIZES)
def test_a_file_written_and_read(files, bucket, noise, size):
    body = noise(size)
    with files.open(f"{bucket}/file", "wb", block_size=5 * MiB) as file:
        for start in range(0, size, 1_000_003):
            file.write(body[start : start + 1_000_003])
    assert files.cat(f"{bucket}/file") == body
    with files.open(f"{bucket}/file", "rb", block_size=MiB) as file:
        assert file.read() == body
        file.seek(size // 2)
        assert file.read(100) == body[size // 2 :][:100]
    assert files.checksum(f"{bucket}/file") == files.checksum(f"{bucket}/file")


def test_transactions(files, bucket, noise, s3, stored):
    with files.transaction:
        with files.open(f"{bucket}/kept", "wb", block_size=5 * MiB) as file:
            file.write(noise(11 * MiB))
        assert stored() == {}
    with pytest.raises(ZeroDivisionError), files.transaction:
        with files.open(f"{bucket}/dropped", "wb", block_size=5 * MiB) as file:
            file.write(noise(11 * MiB))
        raise ZeroDivisionError
    assert stored() == {"kept": noise(11 * MiB)}
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_appending(files, bucket, noise):
    first, second = noise(6 * MiB, 1), noise(1000, 2)
    files.pipe(f"{bucket}/log", first)
    with files.open(f"{bucket}/log", "ab") as file:
        file.write(second)
    assert files.cat(f"{bucket}/log") == first + second


def test_ranges(files, bucket, noise):
    body = noise(3 * MiB)
    files.pipe({f"{bucket}/a": body, f"{bucket}/b": body[::-1]})
    assert files.cat_file(f"{bucket}/a", start=1000, end=2000) == body[1000:2000]
    assert files.cat_file(f"{bucket}/a", start=-10) == body[-10:]
    assert files.head(f"{bucket}/a", 10) == body[:10]
    assert files.tail(f"{bucket}/a", 10) == body[-10:]
    starts = [0, 5, 2 * MiB]
    got = files.cat_ranges([f"{bucket}/a"] * 3, starts, [start + 50 for start in starts])
    assert got == [body[start : start + 50] for start in starts]
    assert files.cat([f"{bucket}/a", f"{bucket}/b"]) == {f"{bucket}/a": body, f"{bucket}/b": body[::-1]}


def test_folders_up_and_down(files, bucket, model_folder, tmp_path, stored):
    folder, bodies = model_folder
    files.put(f"{folder}/", f"{bucket}/up/", recursive=True)
    assert stored() == {f"up/{name}": body for name, body in bodies.items()}
    back = tmp_path / "back"
    files.get(f"{bucket}/up/", f"{back}/", recursive=True)
    assert {name: (back / name).read_bytes() for name in bodies} == bodies
    files.get_file(f"{bucket}/up/config.json", str(tmp_path / "one"))
    assert (tmp_path / "one").read_bytes() == bodies["config.json"]


def test_copy_move_remove(files, bucket, noise, stored):
    body = noise(6 * MiB)
    files.pipe(f"{bucket}/from/model", body)
    files.copy(f"{bucket}/from/model", f"{bucket}/copy")
    files.mv(f"{bucket}/from/model", f"{bucket}/to/model")
    assert stored() == {"copy": body, "to/model": body}
    files.pipe(f"{bucket}/to/other", b"x")
    files.copy(f"{bucket}/to", f"{bucket}/moved", recursive=True)
    files.rm(f"{bucket}/to", recursive=True)
    assert set(stored()) == {"copy", "moved/model", "moved/other"}
    files.rm(f"{bucket}/moved", recursive=True)
    files.rm_file(f"{bucket}/copy")
    assert stored() == {}


def test_more_keys_than_one_page_and_one_delete(files, bucket):
    files.pipe({f"{bucket}/many/{number:04}": b"x" for number in range(1_200)})
    assert len(files.find(f"{bucket}/many")) == 1_200
    files.rm(f"{bucket}/many", recursive=True)
    files.invalidate_cache()
    assert files.find(f"{bucket}/many") == []


def test_buckets(files, bucket):
    files.mkdir(f"{bucket}-made")
    assert files.exists(f"{bucket}-made")
    files.rmdir(f"{bucket}-made")
    files.invalidate_cache()
    assert not files.exists(f"{bucket}-made")


def test_metadata_and_addresses(server, files, bucket):
    files.pipe_file(f"{bucket}/k", b"body", Metadata={"framework": "none"})
    assert files.metadata(f"{bucket}/k") == {"framework": "none"}
    files.setxattr(f"{bucket}/k", copy_kwargs={"ContentType": "x/y"}, framework="torch")
    assert files.getxattr(f"{bucket}/k", "framework") == "torch"
    url = files.sign(f"{bucket}/k", expiration=60)
    assert requests.get(url, verify=server.verify, timeout=30).content == b"body"


def test_versions(files, bucket, s3):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    aware = s3fs.S3FileSystem(version_aware=True, skip_instance_cache=True)
    for body in (b"old", b"new"):
        aware.pipe(f"{bucket}/k", body)
    versions = [each["VersionId"] for each in aware.object_version_info(f"{bucket}/k")]
    assert len(versions) == 2
    with aware.open(f"{bucket}/k", version_id=versions[1]) as file:
        assert file.read() == b"old"
    assert aware.cat(f"{bucket}/k") == b"new"


def test_through_fsspec_alone(files, bucket, noise, tmp_path):
    body = noise(100_000)
    with fsspec.open(f"s3://{bucket}/k", "wb") as file:
        file.write(body)
    with fsspec.open(f"simplecache::s3://{bucket}/k", simplecache={"cache_storage": str(tmp_path)}) as file:
        assert file.read() == body
    assert pickle.loads(pickle.dumps(files)).cat(f"{bucket}/k") == body
