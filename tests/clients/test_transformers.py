"""save_pretrained, `aws s3 sync` up and down, from_pretrained. Needs torch; fetches nothing: its models are made here."""

import json

import pytest
import torch
import transformers
from programs import AWS, in_folder


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    config = transformers.GPT2Config(n_layer=2, n_head=4, n_embd=128, n_positions=64, vocab_size=5_000)
    return transformers.GPT2LMHeadModel(config).eval()


def logits(model):
    with torch.no_grad():
        return model(torch.arange(32).reshape(2, 16)).logits


def save(model, folder, kind):
    """Saves a model in one of the shapes that save_pretrained knows; returns how many files hold weights."""
    model.save_pretrained(folder, **({"max_shard_size": "1MB"} if kind == "sharded" else {}))
    return len(list(folder.glob("*.safetensors")))


@pytest.mark.parametrize("kind", ["whole", "sharded"])
def test_a_model_goes_up_and_comes_back(run, bucket, model, tmp_path, kind):
    weights = save(model, tmp_path / "saved", kind)
    assert weights == 1 if kind == "whole" else weights > 2
    run(AWS, "s3", "sync", "saved", f"s3://{bucket}/gpt2")
    run(AWS, "s3", "sync", f"s3://{bucket}/gpt2", "loaded")
    assert in_folder(tmp_path / "loaded") == in_folder(tmp_path / "saved")
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "loaded", local_files_only=True).eval()
    assert torch.equal(logits(loaded), logits(model))


def test_the_index_names_the_shards_that_are_there(s3, bucket, run, model, tmp_path, stored):
    save(model, tmp_path / "saved", "sharded")
    run(AWS, "s3", "cp", "saved", f"s3://{bucket}/gpt2/", "--recursive")
    there = stored()
    index = json.loads(there["gpt2/model.safetensors.index.json"])
    assert {f"gpt2/{name}" for name in index["weight_map"].values()} == {key for key in there if key.endswith(".safetensors")}


def test_through_s3fs(files, bucket, model, tmp_path):
    save(model, tmp_path / "saved", "sharded")
    files.put(f"{tmp_path}/saved/", f"{bucket}/gpt2/", recursive=True)
    files.get(f"{bucket}/gpt2/", f"{tmp_path}/loaded/", recursive=True)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "loaded", local_files_only=True).eval()
    assert torch.equal(logits(loaded), logits(model))


def test_a_fine_tune_syncs_only_what_changed(run, bucket, model, tmp_path):
    save(model, tmp_path / "saved", "sharded")
    run(AWS, "s3", "sync", "saved", f"s3://{bucket}/gpt2")
    shard = sorted((tmp_path / "saved").glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes() + b" ")
    sent = run(AWS, "s3", "sync", "saved", f"s3://{bucket}/gpt2", "--size-only", "--no-progress")
    assert sent.splitlines() == [f"upload: saved/{shard.name} to s3://{bucket}/gpt2/{shard.name}"]
