"""What is fetched before anybody reads it: it can be read although the server is gone."""

import json
import os
import random

import pytest
from mounts import eventually

MIB = 1 << 20
SMALL_BYTES = 1024
BUCKET = "ahead"


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


@pytest.fixture
def serve(own_server, mount):
    """The server, its client, and what mounts its bucket so that names are believed when it is gone."""

    def start(bodies):
        server = own_server(listen="127.0.0.1:0").start()
        client = server.client()
        client.create_bucket(Bucket=BUCKET)
        for key, body in bodies.items():
            client.put_object(Bucket=BUCKET, Key=key, Body=body)
        return server, lambda *options: mount(BUCKET, "--ttl", "600", *options, environment=server.client_environment())

    return start


def ahead_bytes(one):
    return one.status()["reads"]["fetched_ahead_bytes"]


def list_all(one):
    """So that the names are known; nothing is opened."""
    return [os.path.join(folder, name) for folder, _, names in os.walk(one.folder) for name in names]


def test_by_a_pattern(serve):
    wanted = {"llama/m.safetensors": noise(3 * MIB + 7), "llama/deep/n.safetensors": noise(MIB, 2)}
    server, mount_it = serve(wanted | {"llama/other.dat": noise(MIB, 3)})
    one = mount_it("--prefetch", "*.safetensors")
    try:
        eventually(lambda: ahead_bytes(one) >= sum(map(len, wanted.values())))
        assert len(list_all(one)) == 3
        server.kill()
        for key, body in wanted.items():
            assert (one.folder / key).read_bytes() == body, key
        assert ahead_bytes(one) == sum(map(len, wanted.values())), "nothing else"
    finally:
        one.stop()


def test_what_an_index_names(serve):
    """By names that tell nothing: only the index knows that they belong together."""
    shards = {
        name: noise(MIB + seed, seed) for seed, name in enumerate(["first.safetensors", "second.safetensors", "third"], 1)
    }
    index = json.dumps({"metadata": {}, "weight_map": {f"layer.{name}": name for name in shards}}).encode()
    rest = {"model.safetensors.index.json": index, "fourth.safetensors": noise(MIB, 9)}
    server, mount_it = serve({f"m/{name}": body for name, body in (shards | rest).items()})
    one = mount_it()
    try:
        assert len(list_all(one)) == 5
        assert (one.folder / "m/model.safetensors.index.json").read_bytes() == index
        eventually(lambda: ahead_bytes(one) >= sum(map(len, shards.values())))
        server.kill()
        for name, body in shards.items():
            assert (one.folder / "m" / name).read_bytes() == body, name
        assert ahead_bytes(one) == sum(map(len, shards.values())), "nothing else"
    finally:
        one.stop()


def test_small_files_in_turn(serve):
    names = [f"d/{number:02}" for number in range(40)]
    bodies = {name: noise(SMALL_BYTES, seed) for seed, name in enumerate(names)}
    server, mount_it = serve(bodies)
    one = mount_it()
    try:
        assert sorted(os.listdir(one.folder / "d")) == [name[2:] for name in names]
        read = 0
        # More is fetched whenever half of what was fetched has been read: 8 files, then 16, then all that are left.
        for until, fetched in ((3, 8), (9, 24), (17, 37)):
            for name in names[read:until]:
                assert (one.folder / name).read_bytes() == bodies[name], name
            read = until
            eventually(lambda fetched=fetched: ahead_bytes(one) >= fetched * SMALL_BYTES)
        server.kill()
        for name in names:
            assert (one.folder / name).read_bytes() == bodies[name], name
    finally:
        one.stop()
