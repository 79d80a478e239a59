import concurrent.futures
import hashlib
import threading

import botocore.exceptions

RACERS = 32


def race(server, count, run):
    """Runs run(client, number) `count` times at once, each with a client of its own; the results in order."""
    clients = [server.client() for _ in range(count)]
    start = threading.Barrier(count)

    def go(number):
        start.wait()
        return run(clients[number], number)

    with concurrent.futures.ThreadPoolExecutor(count) as threads:
        return list(threads.map(go, range(count)))


def status_of(call):
    try:
        call()
    except botocore.exceptions.ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    return 200


def test_if_none_match_has_exactly_one_winner(server, s3, bucket):
    for turn in range(5):
        statuses = race(
            server,
            RACERS,
            lambda client, number, key=f"k{turn}": status_of(
                lambda: client.put_object(Bucket=bucket, Key=key, Body=str(number).encode(), IfNoneMatch="*")
            ),
        )
        assert statuses.count(200) == 1, statuses
        assert set(statuses) <= {200, 409, 412}, statuses
        winner = statuses.index(200)
        assert s3.get_object(Bucket=bucket, Key=f"k{turn}")["Body"].read() == str(winner).encode()


def test_if_match_loses_no_update(server, s3, bucket):
    """Each racer adds 1 by compare and swap until it succeeded a few times."""
    s3.put_object(Bucket=bucket, Key="counter", Body=b"0")
    racers, rounds = 8, 5

    def add(client, _):
        done = 0
        while done < rounds:
            got = client.get_object(Bucket=bucket, Key="counter")
            value = int(got["Body"].read()) + 1
            put = lambda: client.put_object(Bucket=bucket, Key="counter", Body=str(value).encode(), IfMatch=got["ETag"])  # noqa: B023, E731
            status = status_of(put)
            assert status in (200, 409, 412), status
            done += status == 200
        return done

    race(server, racers, add)
    assert s3.get_object(Bucket=bucket, Key="counter")["Body"].read() == str(racers * rounds).encode()


def test_an_unconditional_writer_never_fails(server, s3, bucket):
    statuses = race(
        server,
        RACERS,
        lambda client, number: status_of(lambda: client.put_object(Bucket=bucket, Key="k", Body=bytes([number]))),
    )
    assert statuses == [200] * RACERS
    assert len(s3.get_object(Bucket=bucket, Key="k")["Body"].read()) == 1


def test_readers_see_one_body_or_the_other(server, s3, bucket, noise):
    bodies = [noise(2_000_000, seed) for seed in range(4)]
    known = {hashlib.md5(body).hexdigest() for body in bodies}
    s3.put_object(Bucket=bucket, Key="k", Body=bodies[0])

    def run(client, number):
        for turn in range(10):
            if number < 4:
                client.put_object(Bucket=bucket, Key="k", Body=bodies[(number + turn) % 4])
            else:
                got = client.get_object(Bucket=bucket, Key="k")
                digest = hashlib.md5(got["Body"].read()).hexdigest()
                assert digest in known and got["ETag"] == f'"{digest}"'

    race(server, 12, run)


def test_completes_of_one_upload_make_one_object(server, s3, bucket, noise):
    body = noise(5 * 1024 * 1024)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    etag = s3.upload_part(**where, PartNumber=1, Body=body)["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    statuses = race(
        server, 8, lambda client, _: status_of(lambda: client.complete_multipart_upload(**where, MultipartUpload=parts))
    )
    assert 200 in statuses
    assert set(statuses) <= {200, 404, 409}, statuses
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 1
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


def test_one_maker_of_a_bucket_wins_among_owners(server):
    keys = [server.create_keys(f"owner-{number}") for number in range(6)]
    start = threading.Barrier(len(keys))

    def make(pair):
        client = server.client(pair)
        start.wait()
        return status_of(lambda: client.create_bucket(Bucket="contested"))

    with concurrent.futures.ThreadPoolExecutor(len(keys)) as threads:
        statuses = list(threads.map(make, keys))
    assert statuses.count(200) == 1, statuses
    assert set(statuses) == {200, 409}, statuses
    winner = server.client(keys[statuses.index(200)])
    assert [each["Name"] for each in winner.list_buckets()["Buckets"]] == ["contested"]
    winner.delete_bucket(Bucket="contested")
