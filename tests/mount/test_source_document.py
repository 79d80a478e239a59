"""The mount's snippets of the document that Weir serves, as they stand there; only the mount point, and `cuda` where there
is no GPU, are replaced. Needs torch."""

import json
import os
import subprocess
import sys

import mounts
import pytest
import torch
import transformers
from safetensors.torch import load, save_file

from weir_server import BINARY

MOUNT_POINT = "/mnt/tigrisfs/my-models"

LOAD_A_MODEL = """
import torch

model = torch.load("/mnt/tigrisfs/my-models/gpt2-finetuned/pytorch_model.bin", map_location="cpu")
"""

LOAD_SAFETENSORS = """
from safetensors.torch import load_file
import torch

model = load_file("/mnt/tigrisfs/my-models/llama2-7b-quantized/model.safetensors", device=torch.device("cuda"))
"""

# The document names it: transformers.AutoModel.from_pretrained(path).
FROM_PRETRAINED = """
import transformers

model = transformers.AutoModel.from_pretrained("/mnt/tigrisfs/my-models/tiny-llama").state_dict()
"""

# What is compared: every tensor, by its bytes.
DIGESTS = """
import hashlib, json, torch

def digests(tensors):
    flat = {name: each.cpu().contiguous().reshape(-1).view(torch.uint8) for name, each in tensors.items()}
    return {name: hashlib.sha256(each.numpy().tobytes()).hexdigest() for name, each in flat.items()}
"""
defined = {}
exec(DIGESTS, defined)
digests = defined["digests"]


def snippet(text, folder):
    """The snippet as a program. safetensors takes no torch.device, so it gets the device's name."""
    program = text.replace(MOUNT_POINT, str(folder))
    assert program != text
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return program.replace('torch.device("cuda")', f'"{device}"') + DIGESTS + "print(json.dumps(digests(model)))"


def run(program, user):
    if subprocess.run([*mounts.as_user(user), "test", "-x", sys.executable], check=False).returncode:
        pytest.skip(f"{sys.executable} is not for others to run")
    result = subprocess.run(
        [*mounts.as_user(user), sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HOME": "/nonexistent"},
        cwd="/",
        check=False,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture
def tensors():
    torch.manual_seed(3)
    return {"a.weight": torch.randn(700, 900), "b.half": torch.randn(33, 5).to(torch.float16), "c.count": torch.arange(9)}


@pytest.fixture
def tiny_llama():
    torch.manual_seed(4)
    return transformers.LlamaModel(
        transformers.LlamaConfig(
            hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, vocab_size=200
        )
    )


def test_torch_load(s3, bucket, mount, user, tensors, tmp_path):
    torch.save(tensors, tmp_path / "model")
    s3.upload_file(str(tmp_path / "model"), bucket, "gpt2-finetuned/pytorch_model.bin")
    assert run(snippet(LOAD_A_MODEL, mount(bucket).folder), user) == digests(tensors)


def test_safetensors(s3, bucket, mount, user, tensors, tmp_path):
    save_file(tensors, tmp_path / "model")
    s3.upload_file(str(tmp_path / "model"), bucket, "llama2-7b-quantized/model.safetensors")
    assert run(snippet(LOAD_SAFETENSORS, mount(bucket).folder), user) == digests(tensors)


def test_from_pretrained(s3, bucket, mount, user, tiny_llama, tmp_path):
    tiny_llama.save_pretrained(tmp_path / "model", max_shard_size="100KB")
    names = sorted(os.listdir(tmp_path / "model"))
    assert sum(name.endswith(".safetensors") for name in names) > 2, names
    for name in names:
        s3.upload_file(str(tmp_path / "model" / name), bucket, f"tiny-llama/{name}")
    assert run(snippet(FROM_PRETRAINED, mount(bucket).folder), user) == digests(tiny_llama.state_dict())


def test_torch_save(s3, bucket, mount, tensors, tmp_path):
    """The other way: what is saved on the mount is in the store, and what another mount loads."""
    torch.save(tensors, mount(bucket).folder / "m.bin")
    s3.download_file(bucket, "m.bin", str(tmp_path / "copy"))
    assert digests(torch.load(tmp_path / "copy", map_location="cpu")) == digests(tensors)
    loaded = torch.load(mount(bucket, name="b").folder / "m.bin", map_location="cpu")
    assert digests(loaded) == digests(tensors)


def test_save_pretrained(s3, bucket, mount, tiny_llama):
    tiny_llama.save_pretrained(mount(bucket).folder / "tiny-llama", max_shard_size="100KB")
    expected = digests(tiny_llama.state_dict())
    listed = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="tiny-llama/")["Contents"]]
    shards = [key for key in listed if key.endswith(".safetensors")]
    assert len(shards) > 2, listed
    assert {"tiny-llama/config.json", "tiny-llama/model.safetensors.index.json"} <= set(listed)
    stored = {}
    for key in shards:
        stored |= load(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert digests(stored) == expected
    loaded = transformers.LlamaModel.from_pretrained(mount(bucket, name="b").folder / "tiny-llama", local_files_only=True)
    assert digests(loaded.state_dict()) == expected


def test_the_command_of_the_document(server, s3, bucket, tensors, tmp_path):
    """`sudo tigrisfs my-models /mnt/tigrisfs/my-models`, by its Weir name; the cache alone is the test's own."""
    torch.save(tensors, tmp_path / "model")
    s3.upload_file(str(tmp_path / "model"), bucket, "gpt2-finetuned/pytorch_model.bin")
    folder = tmp_path / "mnt" / "weir" / "my-models"
    environment = server.client_environment() | {"HOME": str(tmp_path)}
    command = [BINARY, "mount", bucket, folder, "--cache", tmp_path / "cache"]
    subprocess.run(command, env=environment, check=True, timeout=120)
    try:
        assert run(snippet(LOAD_A_MODEL, folder), None) == digests(tensors)
    finally:
        subprocess.run([BINARY, "umount", folder], env=environment, check=True, timeout=120)
