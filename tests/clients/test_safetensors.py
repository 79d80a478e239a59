import json
import struct

import numpy
import pytest
from safetensors import safe_open
from safetensors.numpy import load, load_file, save, save_file

MiB = 1024 * 1024


@pytest.fixture
def tensors():
    numbers = numpy.random.default_rng(7)
    return {
        "embedding": numbers.random((3_000, 700), dtype=numpy.float32),
        "layer.0.weight": numbers.random((512, 512), dtype=numpy.float64).astype(numpy.float16),
        "layer.0.counts": numbers.integers(-128, 127, (64,), dtype=numpy.int8),
        "scalar": numpy.array(3, dtype=numpy.int64),
        "nothing": numpy.zeros((0, 4), dtype=numpy.float32),
    }


def assert_same(got, wanted):
    assert set(got) == set(wanted)
    for name, tensor in wanted.items():
        assert got[name].dtype == tensor.dtype, name
        assert numpy.array_equal(got[name], tensor), name


def test_through_boto3(s3, bucket, tensors, tmp_path):
    save_file(tensors, tmp_path / "up", metadata={"format": "np"})
    s3.upload_file(str(tmp_path / "up"), bucket, "model.safetensors")
    s3.download_file(bucket, "model.safetensors", str(tmp_path / "down"))
    assert_same(load_file(tmp_path / "down"), tensors)
    with safe_open(tmp_path / "down", framework="numpy") as file:
        assert file.metadata() == {"format": "np"}
        part = file.get_slice("embedding")
        assert part.get_shape() == [3_000, 700]
        assert numpy.array_equal(part[100:200, 5:9], tensors["embedding"][100:200, 5:9])
        assert numpy.array_equal(file.get_tensor("layer.0.counts"), tensors["layer.0.counts"])


def test_one_tensor_by_range(s3, bucket, tensors):
    """The head, then only the bytes of one tensor: what lazy loaders do."""
    s3.put_object(Bucket=bucket, Key="k", Body=save(tensors))

    def read(start, size):
        reply = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={start}-{start + size - 1}")
        return reply["Body"].read()

    (length,) = struct.unpack("<Q", read(0, 8))
    entry = json.loads(read(8, length))["layer.0.weight"]
    start, stop = entry["data_offsets"]
    got = numpy.frombuffer(read(8 + length + start, stop - start), numpy.float16).reshape(entry["shape"])
    assert numpy.array_equal(got, tensors["layer.0.weight"])


def test_through_s3fs(files, bucket, tensors):
    with files.open(f"{bucket}/model.safetensors", "wb") as file:
        file.write(save(tensors))
    assert_same(load(files.cat_file(f"{bucket}/model.safetensors")), tensors)
