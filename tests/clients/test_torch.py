"""torch.save and torch.load, to and from open s3fs files and files that boto3 moved. Needs torch."""

import collections
import io

import pytest
import safetensors.torch
import torch
from safetensors import safe_open

MiB = 1024 * 1024


@pytest.fixture
def state():
    """What a model's state_dict is: 24 MB, so that it goes up in parts, and a few odd tensors."""
    torch.manual_seed(5)
    return {
        **{f"layer.{number}.weight": torch.randn(1_000, 1_500) for number in range(4)},
        "half": torch.randn(300, 7).to(torch.bfloat16),
        "counts": torch.arange(5),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
    }


def assert_same(got, wanted):
    assert set(got) == set(wanted)
    for name, tensor in wanted.items():
        assert got[name].dtype == tensor.dtype, name
        assert torch.equal(got[name], tensor), name


@pytest.mark.parametrize("block_size", [5 * MiB, 50 * MiB], ids=["multipart", "one put"])
def test_to_and_from_an_open_file(files, bucket, state, block_size):
    with files.open(f"{bucket}/model.pt", "wb", block_size=block_size) as file:
        torch.save(state, file)
    with files.open(f"{bucket}/model.pt", "rb") as file:
        assert_same(torch.load(file, map_location="cpu"), state)
    with files.open(f"{bucket}/model.pt", "rb", block_size=MiB, cache_type="none") as file:
        assert_same(torch.load(file, map_location="cpu", weights_only=True), state)


def test_the_old_format(files, bucket, state):
    with files.open(f"{bucket}/model.bin", "wb") as file:
        torch.save(state, file, _use_new_zipfile_serialization=False)
    with files.open(f"{bucket}/model.bin", "rb") as file:
        assert_same(torch.load(file, map_location="cpu"), state)


def test_a_downloaded_file_mapped_into_memory(s3, bucket, state, tmp_path):
    torch.save(state, tmp_path / "up.pt")
    s3.upload_file(str(tmp_path / "up.pt"), bucket, "model.pt")
    s3.download_file(bucket, "model.pt", str(tmp_path / "down.pt"))
    assert_same(torch.load(tmp_path / "down.pt", map_location="cpu", mmap=True), state)
    assert_same(torch.load(tmp_path / "down.pt", map_location="cpu"), state)
    assert (tmp_path / "down.pt").read_bytes() == (tmp_path / "up.pt").read_bytes()


def test_from_a_body_in_memory(s3, bucket, state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    s3.upload_fileobj(buffer, bucket, "model.pt")
    body = s3.get_object(Bucket=bucket, Key="model.pt")["Body"].read()
    assert_same(torch.load(io.BytesIO(body), map_location="cpu"), state)


def test_a_module_and_its_optimizer_go_on_from_a_checkpoint(files, bucket):
    """Two runs that load the same checkpoint take the same next step."""

    def trained(checkpoint=None):
        torch.manual_seed(1)
        parts = collections.OrderedDict(first=torch.nn.Linear(20, 30), act=torch.nn.ReLU(), last=torch.nn.Linear(30, 2))
        model = torch.nn.Sequential(parts)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        if checkpoint:
            model.load_state_dict(checkpoint["model"])
            optimizer.load_state_dict(checkpoint["optimizer"])
        torch.manual_seed(2)
        model(torch.randn(8, 20)).square().mean().backward()
        optimizer.step()
        return model, optimizer

    model, optimizer = trained()
    with files.open(f"{bucket}/step-1.pt", "wb") as file:
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 1}, file)
    again = []
    for _ in range(2):
        with files.open(f"{bucket}/step-1.pt", "rb") as file:
            checkpoint = torch.load(file, map_location="cpu")
        assert checkpoint["step"] == 1
        again.append(trained(checkpoint)[0].state_dict())
    assert_same(again[0], again[1])


def test_safetensors(s3, files, bucket, state, tmp_path):
    safetensors.torch.save_file(state, tmp_path / "up", metadata={"format": "pt"})
    s3.upload_file(str(tmp_path / "up"), bucket, "model.safetensors")
    s3.download_file(bucket, "model.safetensors", str(tmp_path / "down"))
    assert_same(safetensors.torch.load_file(tmp_path / "down"), state)
    with safe_open(tmp_path / "down", framework="pt", device="cpu") as file:
        assert set(file.keys()) == set(state)
        assert torch.equal(file.get_slice("layer.2.weight")[10:20], state["layer.2.weight"][10:20])
        assert torch.equal(file.get_tensor("half"), state["half"])
    assert_same(safetensors.torch.load(files.cat_file(f"{bucket}/model.safetensors")), state)
