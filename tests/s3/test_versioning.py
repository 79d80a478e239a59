import pytest

from expect import s3_error


@pytest.fixture
def versioned(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def versions_of(s3, bucket):
    """[(key, version id, latest, is marker)] in the order of the listing."""
    reply = s3.list_object_versions(Bucket=bucket)
    rows = [(each["Key"], each["VersionId"], each["IsLatest"], False) for each in reply.get("Versions", [])]
    return rows + [(each["Key"], each["VersionId"], each["IsLatest"], True) for each in reply.get("DeleteMarkers", [])]


def body_of(s3, bucket, key, **which):
    return s3.get_object(Bucket=bucket, Key=key, **which)["Body"].read()


def test_never_set_is_neither_enabled_nor_suspended(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert versions_of(s3, bucket) == [("k", "null", True, False)]
    assert body_of(s3, bucket, "k", VersionId="null") == b"x"


def test_status_is_what_was_put(s3, bucket):
    for status in ("Enabled", "Suspended", "Enabled"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status
    with s3_error(400):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Sometimes"})


def test_every_version_is_kept_and_newest_first(s3, versioned):
    ids = [s3.put_object(Bucket=versioned, Key="k", Body=str(n).encode())["VersionId"] for n in range(4)]
    assert len(set(ids)) == 4
    assert body_of(s3, versioned, "k") == b"3"
    for number, version in enumerate(ids):
        got = s3.get_object(Bucket=versioned, Key="k", VersionId=version)
        assert (got["Body"].read(), got["VersionId"]) == (str(number).encode(), version)
        assert s3.head_object(Bucket=versioned, Key="k", VersionId=version)["VersionId"] == version
    assert versions_of(s3, versioned) == [("k", version, version == ids[3], False) for version in reversed(ids)]


def test_a_delete_marker_hides_and_its_removal_shows_again(s3, versioned):
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    marker = s3.delete_object(Bucket=versioned, Key="k")
    assert marker["DeleteMarker"] is True
    try:
        s3.get_object(Bucket=versioned, Key="k")
    except s3.exceptions.NoSuchKey as error:
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
        assert headers["x-amz-delete-marker"] == "true"
        assert headers["x-amz-version-id"] == marker["VersionId"]
    else:
        raise AssertionError("the marker hides nothing")
    with s3_error(405, "MethodNotAllowed"):
        s3.get_object(Bucket=versioned, Key="k", VersionId=marker["VersionId"])
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)
    assert body_of(s3, versioned, "k", VersionId=version) == b"x"
    removed = s3.delete_object(Bucket=versioned, Key="k", VersionId=marker["VersionId"])
    assert removed["DeleteMarker"] is True and removed["VersionId"] == marker["VersionId"]
    assert body_of(s3, versioned, "k") == b"x"


def test_deleting_the_newest_version_shows_the_one_before(s3, versioned):
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=versioned, Key="k", Body=b"2")["VersionId"]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=second)
    assert body_of(s3, versioned, "k") == b"1"
    s3.delete_object(Bucket=versioned, Key="k", VersionId=first)
    assert versions_of(s3, versioned) == []
    s3.delete_bucket(Bucket=versioned)


def test_what_was_there_before_versioning_is_the_null_version(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    new = s3.put_object(Bucket=bucket, Key="k", Body=b"new")["VersionId"]
    assert versions_of(s3, bucket) == [("k", new, True, False), ("k", "null", False, False)]
    assert body_of(s3, bucket, "k", VersionId="null") == b"old"
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    assert versions_of(s3, bucket) == [("k", new, True, False)]


def test_suspended_writes_replace_only_the_null_version(s3, versioned):
    kept = s3.put_object(Bucket=versioned, Key="k", Body=b"kept")["VersionId"]
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    for body in (b"null 1", b"null 2"):
        s3.put_object(Bucket=versioned, Key="k", Body=body)
    assert versions_of(s3, versioned) == [("k", "null", True, False), ("k", kept, False, False)]
    assert body_of(s3, versioned, "k") == b"null 2"
    marker = s3.delete_object(Bucket=versioned, Key="k")
    assert (marker["DeleteMarker"], marker["VersionId"]) == (True, "null")
    assert versions_of(s3, versioned) == [("k", kept, False, False), ("k", "null", True, True)]
    assert body_of(s3, versioned, "k", VersionId=kept) == b"kept"


def test_a_null_version_is_replaced_under_newer_ones(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"null")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    between = s3.put_object(Bucket=bucket, Key="k", Body=b"between")["VersionId"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"null again")
    assert versions_of(s3, bucket) == [("k", "null", True, False), ("k", between, False, False)]


def test_versions_that_are_not_there(s3, versioned):
    real = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=real)
    s3.put_object(Bucket=versioned, Key="k", Body=b"y")
    with s3_error(404, "NoSuchVersion"):
        s3.get_object(Bucket=versioned, Key="k", VersionId=real)
    with s3_error(404):
        s3.head_object(Bucket=versioned, Key="k", VersionId=real)
    with s3_error(400, "InvalidArgument"):
        s3.get_object(Bucket=versioned, Key="k", VersionId="no version of ours")
    assert s3.delete_object(Bucket=versioned, Key="k", VersionId=real)["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_versions_are_listed_in_pages_by_prefix_and_delimiter(s3, versioned):
    want = []
    for key in ("a/1", "a/2", "b", "c/1"):
        ids = [s3.put_object(Bucket=versioned, Key=key, Body=b"")["VersionId"] for _ in range(3)]
        want += [(key, version) for version in reversed(ids)]
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=versioned, PaginationConfig={"PageSize": 2})
    got = [(each["Key"], each["VersionId"]) for page in pages for each in page["Versions"]]
    assert got == want
    folded = s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [each["Prefix"] for each in folded["CommonPrefixes"]] == ["a/", "c/"]
    assert {each["Key"] for each in folded["Versions"]} == {"b"}
    assert {each["Key"] for each in s3.list_object_versions(Bucket=versioned, Prefix="a/")["Versions"]} == {
        "a/1",
        "a/2",
    }


def test_delete_objects_makes_and_removes_markers(s3, versioned):
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    made = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "k"}]})["Deleted"][0]
    assert made["DeleteMarker"] is True
    both = [{"Key": "k", "VersionId": made["DeleteMarkerVersionId"]}, {"Key": "k", "VersionId": version}]
    gone = s3.delete_objects(Bucket=versioned, Delete={"Objects": both})["Deleted"]
    assert {each["VersionId"] for each in gone} == {made["DeleteMarkerVersionId"], version}
    assert versions_of(s3, versioned) == []


def test_copying_an_old_version_brings_it_back(s3, versioned):
    old = s3.put_object(Bucket=versioned, Key="k", Body=b"old", Metadata={"which": "old"})["VersionId"]
    s3.put_object(Bucket=versioned, Key="k", Body=b"new")
    copied = s3.copy_object(Bucket=versioned, Key="k", CopySource={"Bucket": versioned, "Key": "k", "VersionId": old})
    assert copied["CopySourceVersionId"] == old
    assert copied["VersionId"] not in (old, "null")
    got = s3.get_object(Bucket=versioned, Key="k")
    assert (got["Body"].read(), got["Metadata"]) == (b"old", {"which": "old"})


def test_a_multipart_upload_makes_a_version(s3, versioned, noise):
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"first")["VersionId"]
    upload = s3.create_multipart_upload(Bucket=versioned, Key="k")["UploadId"]
    etag = s3.upload_part(Bucket=versioned, Key="k", UploadId=upload, PartNumber=1, Body=b"second")["ETag"]
    done = s3.complete_multipart_upload(
        Bucket=versioned, Key="k", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
    )
    assert done["VersionId"] != first
    assert body_of(s3, versioned, "k") == b"second"
    assert body_of(s3, versioned, "k", VersionId=first) == b"first"


def test_a_bucket_with_old_versions_only_is_not_empty(s3, versioned):
    s3.put_object(Bucket=versioned, Key="k", Body=b"x")
    s3.delete_object(Bucket=versioned, Key="k")
    with s3_error(409, "BucketNotEmpty"):
        s3.delete_bucket(Bucket=versioned)


def test_conditions_see_the_current_version(s3, versioned):
    old = s3.put_object(Bucket=versioned, Key="k", Body=b"old")["ETag"]
    new = s3.put_object(Bucket=versioned, Key="k", Body=b"new")["ETag"]
    with s3_error(412, "PreconditionFailed"):
        s3.put_object(Bucket=versioned, Key="k", Body=b"x", IfMatch=old)
    s3.put_object(Bucket=versioned, Key="k", Body=b"x", IfMatch=new)
    s3.delete_object(Bucket=versioned, Key="k")
    s3.put_object(Bucket=versioned, Key="k", Body=b"y", IfNoneMatch="*")  # a marker counts as nothing
