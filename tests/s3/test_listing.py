import random
import re

import pytest

from expect import s3_error

LISTERS = ["list_objects", "list_objects_v2"]


def fill(s3, bucket, keys):
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode()[:10])
    return bucket


def keys_of(reply):
    return [each["Key"] for each in reply.get("Contents", [])]


def prefixes_of(reply):
    return [each["Prefix"] for each in reply.get("CommonPrefixes", [])]


TREE = ["asdf", "boo/bar", "boo/baz/xyzzy", "cquux/bla", "cquux/thud", "foo"]


@pytest.mark.parametrize("lister", LISTERS)
@pytest.mark.parametrize(
    "prefix, delimiter, keys, prefixes",
    [
        ("", "", TREE, []),
        ("", "/", ["asdf", "foo"], ["boo/", "cquux/"]),
        ("boo/", "/", ["boo/bar"], ["boo/baz/"]),
        ("b", "/", [], ["boo/"]),
        ("boo/bar", "/", ["boo/bar"], []),
        ("none", "/", [], []),
        ("cquux/", "", ["cquux/bla", "cquux/thud"], []),
        ("", "oo", ["asdf", "cquux/bla", "cquux/thud"], ["boo", "foo"]),
        ("", "zz", ["asdf", "boo/bar", "cquux/bla", "cquux/thud", "foo"], ["boo/baz/xyzz"]),
    ],
)
def test_prefix_and_delimiter(s3, bucket, lister, prefix, delimiter, keys, prefixes):
    fill(s3, bucket, TREE)
    reply = getattr(s3, lister)(Bucket=bucket, Prefix=prefix, Delimiter=delimiter)
    assert (keys_of(reply), prefixes_of(reply)) == (keys, prefixes)
    assert reply["IsTruncated"] is False
    assert reply["Name"] == bucket


@pytest.mark.parametrize("lister", LISTERS)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_show_everything_once(s3, bucket, lister, size):
    fill(s3, bucket, TREE)
    pages = s3.get_paginator(lister).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size})
    seen = []
    for page in pages:
        entries = keys_of(page) + prefixes_of(page)
        assert 0 < len(entries) <= size
        seen += entries
    assert sorted(seen) == ["asdf", "boo/", "cquux/", "foo"]


def test_max_keys_zero(s3, bucket):
    fill(s3, bucket, TREE)
    for lister in LISTERS:
        reply = getattr(s3, lister)(Bucket=bucket, MaxKeys=0)
        assert keys_of(reply) == []
        assert reply["IsTruncated"] is False
        assert reply["MaxKeys"] == 0
    for lister in LISTERS:
        with s3_error(400, "InvalidArgument"):
            getattr(s3, lister)(Bucket=bucket, MaxKeys=-1)


def test_markers(s3, bucket):
    fill(s3, bucket, TREE)
    first = s3.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=2)
    assert (keys_of(first), prefixes_of(first), first["NextMarker"]) == (["asdf"], ["boo/"], "boo/")
    rest = s3.list_objects(Bucket=bucket, Delimiter="/", Marker="boo/")
    assert (keys_of(rest), prefixes_of(rest)) == (["foo"], ["cquux/"])
    assert "NextMarker" not in s3.list_objects(Bucket=bucket, MaxKeys=2)  # AWS: only with a delimiter
    assert keys_of(s3.list_objects(Bucket=bucket, Marker="cquux/bla")) == ["cquux/thud", "foo"]
    assert keys_of(s3.list_objects(Bucket=bucket, Marker="zzz")) == []


def test_start_after_and_tokens(s3, bucket):
    fill(s3, bucket, TREE)
    after = s3.list_objects_v2(Bucket=bucket, StartAfter="boo/bar")
    assert keys_of(after) == TREE[2:]
    assert after["StartAfter"] == "boo/bar"
    assert after["KeyCount"] == 4
    first = s3.list_objects_v2(Bucket=bucket, MaxKeys=1)
    second = s3.list_objects_v2(Bucket=bucket, MaxKeys=1, ContinuationToken=first["NextContinuationToken"])
    assert keys_of(first) + keys_of(second) == TREE[:2]
    assert second["ContinuationToken"] == first["NextContinuationToken"]
    with s3_error(400, "InvalidArgument"):
        s3.list_objects_v2(Bucket=bucket, ContinuationToken="no token of ours!")


def test_the_owner_is_shown_when_asked_for(s3, bucket):
    fill(s3, bucket, ["k"])
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]["Owner"]["ID"]
    assert s3.list_objects(Bucket=bucket)["Contents"][0]["Owner"]["ID"]


def test_entries_are_what_head_says(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"12345")["ETag"]
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (listed["ETag"], listed["Size"], listed["StorageClass"]) == (etag, 5, "STANDARD")
    assert listed["LastModified"].replace(microsecond=0) == head["LastModified"]


def test_encoding(server, s3, bucket):
    plain = server.client()  # botocore asks for encoding-type=url by itself, and decodes
    keys = ["a+b c/d%e", "quo'te\"<&>", "ünï/🧠"]
    fill(s3, bucket, keys)
    assert keys_of(plain.list_objects_v2(Bucket=bucket)) == sorted(keys, key=str.encode)
    assert prefixes_of(plain.list_objects_v2(Bucket=bucket, Delimiter="/")) == ["a+b c/", "ünï/"]
    raw = plain.list_objects_v2(Bucket=bucket, EncodingType="url", Prefix="a+b c/", Delimiter="%")
    assert prefixes_of(raw) == ["a%2Bb+c/d%25"] or prefixes_of(raw) == ["a%2Bb%20c/d%25"]
    assert raw["EncodingType"] == "url"
    with s3_error(400, "InvalidArgument"):
        plain.list_objects_v2(Bucket=bucket, EncodingType="rot13")


def test_keys_are_ordered_by_their_bytes(s3, bucket):
    keys = ["a", "a\x01", "a!", "a/", "a/b", "a0", "aa", "b", "B", "é", "e\u0301", "zz", "\uffee", "\U0001f9e0", "ab" * 500]
    fill(s3, bucket, keys)
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == sorted(keys, key=str.encode)


def test_against_a_naive_model(s3, bucket):
    seed = random.randrange(1 << 32)
    numbers = random.Random(seed)
    keys = {"".join(numbers.choices("ab/-", k=numbers.randint(1, 6))) for _ in range(60)}
    fill(s3, bucket, keys)
    for _ in range(25):
        prefix = "".join(numbers.choices("ab/-", k=numbers.randint(0, 2)))
        delimiter = numbers.choice(["", "/", "-", "a", "b/"])
        want = set()
        for key in keys:
            if key.startswith(prefix):
                at = key.find(delimiter, len(prefix)) if delimiter else -1
                want.add(key if at < 0 else key[: at + len(delimiter)])
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": numbers.randint(1, 9)}
        )
        got = [entry for page in pages for entry in keys_of(page) + prefixes_of(page)]
        assert sorted(got) == sorted(want), f"seed {seed}: prefix {prefix!r}, delimiter {delimiter!r}"


def test_more_than_a_page(s3, bucket):
    keys = [f"k{number:05}" for number in range(1005)]
    fill(s3, bucket, keys)
    first = s3.list_objects_v2(Bucket=bucket)
    assert (first["KeyCount"], first["MaxKeys"], first["IsTruncated"]) == (1000, 1000, True)
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)["KeyCount"] == 1000
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    assert [key for page in pages for key in keys_of(page)] == keys


def test_with_metadata(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a/link", Body=b"x", ContentType="x/y & z", Metadata={"mode": "41471", "to": "<"})
    s3.put_object(Bucket=bucket, Key="a/plain", Body=b"x")
    s3.put_object(Bucket=bucket, Key="a/b/c", Body=b"x", Metadata={"mode": "1"})
    raw = []
    s3.meta.events.register("after-call.s3.ListObjectsV2", lambda http_response, **_: raw.append(http_response.text))

    def listed(value):
        def add(request, **_):
            request.headers["X-Tigris-List-Metadata"] = value

        s3.meta.events.register("before-sign.s3.ListObjectsV2", add)
        try:
            return s3.list_objects_v2(Bucket=bucket, Prefix="a/", Delimiter="/")
        finally:
            s3.meta.events.unregister("before-sign.s3.ListObjectsV2", add)

    plain = s3.list_objects_v2(Bucket=bucket, Prefix="a/", Delimiter="/")
    assert "<Metadata>" not in raw[-1] and "<ContentType>" not in raw[-1]
    told = listed("true")
    assert told["Contents"] == plain["Contents"] and told["CommonPrefixes"] == plain["CommonPrefixes"]
    link, other = re.findall(r"<Contents>(.*?)</Contents>", raw[-1])
    assert "<Key>a/link</Key>" in link and "<ContentType>x/y &amp; z</ContentType>" in link
    entries = dict(re.findall(r"<Metadata><Name>(.*?)</Name><Value>(.*?)</Value></Metadata>", link))
    assert entries == {"mode": "41471", "to": "&lt;"}
    assert "<Metadata>" not in other
    listed("false")
    assert "<Metadata>" not in raw[-1]
    with s3_error(400, "InvalidArgument"):
        listed("maybe")
