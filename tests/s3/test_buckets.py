import pytest

from expect import s3_error
from weir_server import new_bucket_name


def test_a_bucket_is_made_seen_and_removed(s3):
    name = new_bucket_name()
    with s3_error(404):
        s3.head_bucket(Bucket=name)
    s3.create_bucket(Bucket=name)
    s3.head_bucket(Bucket=name)
    assert name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    s3.delete_bucket(Bucket=name)
    with s3_error(404):
        s3.head_bucket(Bucket=name)
    with s3_error(404, "NoSuchBucket"):
        s3.delete_bucket(Bucket=name)
    assert name not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def test_making_a_bucket_again_keeps_what_is_in_it(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    try:
        s3.create_bucket(Bucket=bucket)
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept"


def test_a_bucket_of_another_owner_cannot_be_made_or_reached(server, s3, bucket):
    other = server.client(server.create_keys("somebody"))
    with s3_error(409, "BucketAlreadyExists"):
        other.create_bucket(Bucket=bucket)
    with s3_error(403):
        other.head_bucket(Bucket=bucket)
    with s3_error(403, "AccessDenied"):
        other.list_objects_v2(Bucket=bucket)
    assert bucket not in [each["Name"] for each in other.list_buckets()["Buckets"]]


def test_a_bucket_with_objects_is_not_removed(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with s3_error(409, "BucketNotEmpty"):
        s3.delete_bucket(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)


@pytest.mark.parametrize(
    "name", ["ab", "Upper", "under_score", "a..b", ".ab", "ab-.c", "192.168.5.4", "a" * 64, "-ab", "ab-", "xn--abc"]
)
def test_bad_names_are_refused(s3, name):
    with s3_error(400, "InvalidBucketName"):
        s3.create_bucket(Bucket=name)


@pytest.mark.parametrize("name", ["a.b.c", "0digits9", "a" * 63])
def test_good_names_are_taken(s3, name):
    s3.create_bucket(Bucket=name)
    s3.head_bucket(Bucket=name)
    s3.delete_bucket(Bucket=name)


def test_location_is_what_was_asked_for(s3, bucket):
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    name = new_bucket_name()
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"
    with s3_error(404, "NoSuchBucket"):
        s3.get_bucket_location(Bucket=new_bucket_name())


def test_listing_buckets_by_prefix_and_in_pages(s3):
    prefix = new_bucket_name("paged")
    names = [f"{prefix}-{number}" for number in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = list(s3.get_paginator("list_buckets").paginate(Prefix=prefix, PaginationConfig={"PageSize": 2}))
    assert [len(page["Buckets"]) for page in pages] == [2, 2, 1]
    assert [bucket["Name"] for page in pages for bucket in page["Buckets"]] == names
    assert pages[0]["Prefix"] == prefix
    assert pages[0]["Owner"]["ID"]


def test_waiters(s3):
    name = new_bucket_name()
    fast = {"Delay": 1, "MaxAttempts": 3}
    s3.get_waiter("bucket_not_exists").wait(Bucket=name, WaiterConfig=fast)
    s3.create_bucket(Bucket=name)
    s3.get_waiter("bucket_exists").wait(Bucket=name, WaiterConfig=fast)
    s3.get_waiter("object_not_exists").wait(Bucket=name, Key="k", WaiterConfig=fast)
    s3.put_object(Bucket=name, Key="k", Body=b"")
    s3.get_waiter("object_exists").wait(Bucket=name, Key="k", WaiterConfig=fast)


def test_what_is_not_there_says_so(s3, bucket):
    for call, name in [
        (lambda: s3.get_bucket_policy(Bucket=bucket), "GetBucketPolicy"),
        (lambda: s3.put_bucket_lifecycle_configuration(
            Bucket=bucket,
            LifecycleConfiguration={"Rules": [{"ID": "x", "Status": "Enabled", "Prefix": "", "Expiration": {"Days": 1}}]},
        ), "PutBucketLifecycleConfiguration"),
        (lambda: s3.get_object_tagging(Bucket=bucket, Key="k"), "GetObjectTagging"),
        (lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="a=b"), "agging"),
        (lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="AES256"), "ncryption"),
    ]:  # fmt: skip
        try:
            call()
        except s3.exceptions.ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 501, name
            assert error.response["Error"]["Code"] == "NotImplemented"
            assert name in error.response["Error"]["Message"]
        else:
            raise AssertionError(f"{name} was answered as if it were there")
    with s3_error(404):
        s3.head_object(Bucket=bucket, Key="k")
