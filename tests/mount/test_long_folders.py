"""Folders of several pages of a listing: their names are told while the store is still asked for more."""

import concurrent.futures
import itertools
import os
import random
import stat
import threading

from mounts import eventually

SEED = 20261128


def put_all(s3, bucket, keys):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=key.encode()), keys))


def test_a_name_is_told_once_though_a_folder_hides_it_on_the_next_page(s3, bucket, mount):
    names = [f"n{number:04}" for number in range(2500)]
    hidden = {"n0500", "n0999", "n1999"}  # within a page, and at the ends of pages
    put_all(s3, bucket, [f"f/{name}" for name in names] + [f"f/{name}/x" for name in hidden] + ["f/n0999-a", "f/n0999-b/x"])
    expected = sorted([*names, "n0999-a", "n0999-b"])
    root = mount(bucket).folder / "f"
    for _ in range(2):
        assert sorted(os.listdir(root)) == expected
    for name in hidden:
        assert os.listdir(root / name) == ["x"]
        assert stat.S_ISDIR(os.stat(root / name).st_mode)
    kinds = {entry.name: entry.is_dir(follow_symlinks=False) for entry in os.scandir(root)}
    assert {name for name, folder in kinds.items() if folder} == hidden | {"n0999-b"}


def test_what_comes_late_is_waited_for(s3, bucket, mount, proxy):
    names = [f"n{number:04}" for number in range(3500)]
    put_all(s3, bucket, [f"f/{name}" for name in names])
    one = mount(bucket, "--endpoint", proxy.endpoint)
    os.stat(one.folder / "f")
    proxy.delay_s = 0.2
    with os.scandir(one.folder / "f") as entries:
        told = [next(entries).name]
        proxy.passing.clear()
        proxy.delay_s = 0
        threading.Timer(1, proxy.passing.set).start()
        told += [entry.name for entry in entries]
    assert told == names


def test_a_folder_is_renamed_while_it_is_listed(s3, bucket, mount):
    names = [f"n{number:04}" for number in range(2500)]
    put_all(s3, bucket, [f"d/f/{name}" for name in names])
    root = mount(bucket).folder
    for number in range(10):
        with os.scandir(root / f"d{number or ''}/f") as entries:
            assert next(entries).name == "n0000"
        os.rename(root / f"d{number or ''}", root / f"d{number + 1}")
        assert os.listdir(root / f"d{number + 1}/f") == names


def test_a_file_that_became_a_folder_is_told_to_who_reads_again(s3, bucket, mount):
    put_all(s3, bucket, ["f/a", "f/n", "f/z"])
    root = mount(bucket).folder / "f"
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    assert os.listdir(folder) == ["a", "n", "z"]
    s3.delete_object(Bucket=bucket, Key="f/n")
    put_all(s3, bucket, ["f/n/x"])
    eventually((root / "n").is_dir)
    assert os.listdir(folder) == ["a", "n", "z"]
    os.close(folder)


def test_what_stays_is_told_exactly_once_whatever_else_changes(s3, bucket, mount):
    """Each folder is read by several for the first time, while others change it."""
    print(f"seed {SEED}")
    stays = [f"s{number:04}" for number in range(1500)]
    folders = [f"s{number:04}.d" for number in range(0, 1500, 100)]
    one = mount(bucket)
    expected = {*stays, *folders}
    changed = threading.Event()

    def change(root, seed, here):
        pick = random.Random(seed)
        while not changed.is_set():
            name = f"s{pick.randrange(1500):04}{pick.choice('-~')}{seed}"
            if here:
                (root / name).write_bytes(b"x")
                os.rename(root / name, root / f"{name}.b")
                os.unlink(root / f"{name}.b")
            else:
                s3.put_object(Bucket=bucket, Key=f"{root.name}/{name}", Body=b"x")
                s3.delete_object(Bucket=bucket, Key=f"{root.name}/{name}")

    def read(root, seed):
        pick = random.Random(seed)
        for _ in range(5):
            with os.scandir(root) as entries:
                if pick.random() < 0.3:  # who goes away in the middle
                    list(itertools.islice(entries, pick.randrange(1500)))
                    continue
                told = [entry.name for entry in entries]
            assert len(told) == len(set(told)), sorted(name for name in told if told.count(name) > 1)
            assert expected <= set(told), sorted(expected - set(told))

    for number in range(6):
        root = one.folder / f"f{number}"
        put_all(s3, bucket, [f"{root.name}/{name}" for name in stays] + [f"{root.name}/{name}/x" for name in folders])
        changed.clear()
        seeds = range(SEED + 10 * number, SEED + 10 * number + 4)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            changing = [pool.submit(change, root, seed, seed % 2 == 0) for seed in seeds]
            try:
                for reading in [pool.submit(read, root, seed) for seed in seeds]:
                    reading.result()
            finally:
                changed.set()
            for each in changing:
                each.result()
        eventually(lambda root=root: set(os.listdir(root)) == expected)
