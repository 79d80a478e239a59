"""The program itself: options, keys, health, draining, restarts, kill -9."""

import json
import os
import pathlib
import signal
import socket
import ssl
import stat
import subprocess
import threading
import time

import pytest
import requests

from expect import s3_error
from weir_server import BINARY

MiB = 1024 * 1024


def weir(*arguments, environment=None):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
    return subprocess.run(
        [BINARY, *arguments], capture_output=True, text=True, timeout=60, env=clean | (environment or {}), check=False
    )


@pytest.mark.parametrize(
    "options, environment, told",
    [
        (["--lisen", "x"], {}, "--lisen"),
        (["--listen"], {}, "--listen"),
        (["surplus"], {}, "surplus"),
        (["--threads", "many"], {}, "many"),
        (["--threads", "0"], {}, "threads"),
        (["--tls", "maybe"], {}, "maybe"),
        (["--tls", "files"], {}, "--tls-cert"),
        (["--tls-cert", "only.pem"], {}, "--tls-key"),
        (["--root-secret-key", "tsec_x"], {}, "WEIR_ROOT_SECRET_KEY"),
        ([], {"WEIR_LISTEN": "nowhere"}, "nowhere"),
        ([], {"WEIR_THREADS": "-1"}, "WEIR_THREADS"),
        ([], {"WEIR_ROOT_ACCESS_KEY": "tid_alone"}, "WEIR_ROOT_SECRET_KEY"),
        (["--config", "/nonexistent/weir.toml"], {}, "/nonexistent/weir.toml"),
    ],
)
def test_a_bad_option_is_one_sentence_and_touches_nothing(tmp_path, options, environment, told):
    data = tmp_path / "data"
    result = weir("serve", "--data", data, *options, environment=environment)
    assert result.returncode != 0
    assert result.stdout == ""
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert not data.exists()


def test_options_come_from_flag_environment_and_file_in_that_order(tmp_path):
    file = tmp_path / "weir.toml"
    file.write_text('listen = "127.0.0.1:7001"\nregion = "from-file"\nthreads = 3\n')
    environment = {"WEIR_CONFIG": str(file), "WEIR_REGION": "from-environment", "WEIR_THREADS": "4"}
    text = weir("config", "--threads", "5", environment=environment).stdout
    shown = {line.split()[0]: line for line in text.splitlines() if line.startswith("  --")}
    assert "5 [flag]" in shown["--threads"]
    assert "from-environment [WEIR_REGION]" in shown["--region"]
    assert f"127.0.0.1:7001 [{file}]" in shown["--listen"]
    assert "[default]" in shown["--log-level"]
    file.write_text("lisen = 1\n")
    assert "lisen" in weir("config", environment=environment).stderr


def test_help_shows_every_option(tmp_path):
    text = weir("serve", "--help").stdout
    for option in ("data", "listen", "admin-listen", "domain", "tls", "region", "access-log", "drain-timeout-ms"):
        assert f"--{option} " in text
    assert weir("help").returncode == 0
    assert weir("frobnicate").returncode == 2


def test_a_second_server_on_the_same_data_is_refused(own_server):
    running = own_server().start()
    result = weir("serve", "--data", running.data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
    assert result.returncode == 1
    assert str(running.data) in result.stderr
    running.client().list_buckets()


def test_a_port_that_is_taken_is_one_sentence(own_server, tmp_path):
    running = own_server().start()
    result = weir(
        "serve", "--data", tmp_path / "other", "--listen", f"127.0.0.1:{running.port}", "--admin-listen", "127.0.0.1:0"
    )
    assert result.returncode == 1
    assert str(running.port) in result.stderr.strip().splitlines()[-1]


def test_first_start_prints_what_clients_need(own_server):
    running = own_server().start()
    running.client().create_bucket(Bucket="first")
    printed = (running.folder / "stdout").read_text()
    assert printed == running.run("env").stdout
    names = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ]
    assert [line.split("=")[0] for line in printed.splitlines()] == [f"export {name}" for name in names]
    assert running.exports["AWS_ACCESS_KEY_ID"].startswith("tid_")
    assert running.exports["AWS_SECRET_ACCESS_KEY"].startswith("tsec_")
    secret = running.exports["AWS_SECRET_ACCESS_KEY"].encode()
    for path in pathlib.Path(running.data).rglob("*"):
        if path.is_file() and secret in path.read_bytes():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert secret.decode() not in running.log()


def test_root_keys_by_environment(own_server):
    keys = {"WEIR_ROOT_ACCESS_KEY": "tid_mine", "WEIR_ROOT_SECRET_KEY": "tsec_0123456789abcdef"}
    running = own_server(environment=keys).start()
    assert running.exports["AWS_ACCESS_KEY_ID"] == "tid_mine"
    running.client(("tid_mine", "tsec_0123456789abcdef")).create_bucket(Bucket="mine")


def test_everything_is_there_after_a_restart(own_server, noise):
    running = own_server().start()
    s3 = running.client()
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    bodies = {"small": b"x", "large": noise(3 * MiB), "": None}
    bodies.pop("")
    versions = {key: s3.put_object(Bucket="kept", Key=key, Body=body)["VersionId"] for key, body in bodies.items()}
    upload = s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
    where = {"Bucket": "kept", "Key": "parts", "UploadId": upload}
    etag = s3.upload_part(**where, PartNumber=1, Body=noise(6 * MiB))["ETag"]
    key, secret = running.create_keys("someone")
    exports = running.exports
    running.stop()
    running.start()
    same = {name: value for name, value in exports.items() if "ENDPOINT" not in name}
    assert {name: running.exports[name] for name in same} == same
    assert (running.folder / "stdout").read_text() == ""  # printed on the first start only
    s3 = running.client()
    for name, body in bodies.items():
        got = s3.get_object(Bucket="kept", Key=name, VersionId=versions[name])
        assert got["Body"].read() == body
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert s3.get_object(Bucket="kept", Key="parts")["Body"].read() == noise(6 * MiB)
    running.client((key, secret)).list_buckets()
    running.stop()
    assert running.run("fsck", "--read").returncode == 0


def test_what_was_acknowledged_survives_kill_9(own_server, noise):
    running = own_server("--reclaim-delay-s", "0")
    acknowledged = {}
    for turn in range(4):
        running.start()
        s3 = running.client(retries={"total_max_attempts": 1})
        if turn == 0:
            s3.create_bucket(Bucket="models")
        for key, body in acknowledged.items():
            assert s3.get_object(Bucket="models", Key=key)["Body"].read() == body, f"{key} after {turn} kills"
        done = threading.Event()

        def write(worker, client=s3, turn=turn, done=done):
            count = 0
            while not done.is_set():
                count += 1
                key = f"{worker}/{count % 20}"  # keys are overwritten, so blobs are reclaimed meanwhile
                body = noise(200_000 if worker % 2 else 900, hash((turn, worker, count)) & 0xFFFF)
                before = acknowledged.pop(key, None)
                try:
                    client.put_object(Bucket="models", Key=key, Body=body)
                except Exception:  # the server is gone: this one may or may not be there
                    return before
                acknowledged[key] = body

        threads = [threading.Thread(target=write, args=(worker,)) for worker in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        running.kill()
        done.set()
        for thread in threads:
            thread.join()
    assert len(acknowledged) > 20
    result = running.run("fsck", "--read", "--repair", check=False)
    assert result.returncode == 0, result.stdout


def test_sigterm_lets_open_requests_finish(own_server, noise):
    running = own_server().start()
    s3 = running.client()
    s3.create_bucket(Bucket="models")
    body = noise(64 * MiB)
    s3.put_object(Bucket="models", Key="k", Body=body)
    got = s3.get_object(Bucket="models", Key="k")["Body"]
    first = got.read(1000)
    running.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", running.port), timeout=5)
    assert first + got.read() == body
    assert running.process.wait(timeout=60) == 0


def test_health_readiness_and_metrics(server, s3, bucket):
    for path, content in (("/healthz", "ok\n"), ("/readyz", None)):
        reply = requests.get(server.admin + path, timeout=30)
        assert reply.status_code == 200
        assert content is None or reply.text == content
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 1000)
    metrics = requests.get(server.admin + "/metrics", timeout=30).text
    assert 'operation="PutObject"' in metrics
    assert "weir_s3_requests_total" in metrics
    assert requests.get(server.admin + "/keys", timeout=30).status_code in (403, 404)  # only by the socket


def test_limits_are_shown_with_their_use(server):
    lines = server.run("admin", "limits").stdout.splitlines()
    names = [line.split()[0] for line in lines[1:]]
    assert len(names) > 15 and any("connections" in name for name in names)


def test_keys_are_in_force_at_once(own_server):
    running = own_server().start()
    key, secret = running.create_keys("alice")
    assert key.startswith("tid_") and secret.startswith("tsec_")
    alice = running.client((key, secret))
    alice.create_bucket(Bucket="hers")
    alice.put_object(Bucket="hers", Key="k", Body=b"x")
    listed = running.run("keys", "list").stdout
    assert key in listed and "alice" in listed and secret not in listed
    with s3_error(403, "AccessDenied"):
        running.client().get_object(Bucket="hers", Key="k")
    assert running.client().list_buckets()["Buckets"] == []
    running.run("keys", "disable", key)
    with s3_error(403):
        alice.get_object(Bucket="hers", Key="k")
    running.run("keys", "enable", key)
    assert alice.get_object(Bucket="hers", Key="k")["Body"].read() == b"x"
    second = running.client(running.create_keys("alice"))  # another key of the same owner
    assert second.get_object(Bucket="hers", Key="k")["Body"].read() == b"x"
    running.run("keys", "remove", key)
    with s3_error(403, "InvalidAccessKeyId"):
        alice.get_object(Bucket="hers", Key="k")
    assert running.run("keys", "remove", key, check=False).returncode == 1


def test_a_key_that_exists_already(own_server, tmp_path):
    running = own_server().start()
    secret = tmp_path / "secret"
    secret.write_text("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n")
    running.run("keys", "create", "--owner", "bob", "--access-key", "AKIAIOSFODNN7EXAMPLE", "--secret-file", secret)
    running.client(("AKIAIOSFODNN7EXAMPLE", secret.read_text().strip())).create_bucket(Bucket="bobs")
    stored = b"".join(path.read_bytes() for path in pathlib.Path(running.data).rglob("*") if path.is_file())
    assert secret.read_bytes().strip() not in stored  # encrypted


def test_a_command_without_a_server_says_so(tmp_path):
    result = weir("keys", "list", "--data", tmp_path / "none")
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_access_log(own_server, tmp_path):
    log = tmp_path / "access.log"
    running = own_server("--access-log", str(log)).start()
    s3 = running.client()
    s3.create_bucket(Bucket="models")
    reply = s3.put_object(Bucket="models", Key="k", Body=b"12345")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "models", "Key": "k"})
    requests.get(url, timeout=30)
    running.stop()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    put = next(line for line in lines if line["operation"] == "PutObject")
    assert put["request_id"] == reply["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]
    assert (put["bucket"], put["key"], put["status"], put["bytes_in"]) == ("models", "k", 200, 5)
    signature = url.split("Signature=")[1].split("&")[0]
    assert signature not in log.read_text()


def test_ipv6(own_server):
    running = own_server(listen="[::1]:0").start()
    assert running.endpoint.startswith("http://[::1]:")
    running.client().create_bucket(Bucket="six")
    running.client().put_object(Bucket="six", Key="k", Body=b"x")


def make_certificate(folder, name):
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "new.key", "-out", folder / "new.pem"]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "new.key").rename(folder / "key.pem")
    (folder / "new.pem").rename(folder / "cert.pem")


def test_a_changed_certificate_is_taken_in(own_server, tmp_path):
    make_certificate(tmp_path, "first")
    running = own_server("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")).start()
    assert running.tls

    def presented():
        return ssl.get_server_certificate(("127.0.0.1", running.port))

    first = presented()
    assert first.strip() == (tmp_path / "cert.pem").read_text().strip()
    make_certificate(tmp_path, "second")
    deadline = time.monotonic() + 60
    while presented() == first and time.monotonic() < deadline:
        time.sleep(0.5)
    assert presented().strip() == (tmp_path / "cert.pem").read_text().strip()


def test_deleted_bytes_leave_the_disk(own_server, noise):
    running = own_server("--reclaim-delay-s", "0").start()
    s3 = running.client()
    s3.create_bucket(Bucket="models")

    def stored():
        return sum(path.stat().st_size for path in (running.data / "blobs").rglob("*") if path.is_file())

    for number in range(4):
        s3.put_object(Bucket="models", Key="k", Body=noise(4 * MiB, number))
    s3.put_object(Bucket="models", Key="kept", Body=noise(MiB))
    s3.delete_object(Bucket="models", Key="k")
    deadline = time.monotonic() + 120
    while stored() > 2 * MiB and time.monotonic() < deadline:
        time.sleep(0.5)
    assert MiB <= stored() <= 2 * MiB
    assert s3.get_object(Bucket="models", Key="kept")["Body"].read() == noise(MiB)
    checked = running.run("fsck", "--read")
    assert "0 damaged, 0 leaks" in checked.stdout


def test_on_a_full_disk_reading_and_deleting_go_on(own_server):
    running = own_server().start()
    s3 = running.client()
    s3.create_bucket(Bucket="kept")
    bodies = {"inline": b"x" * 1000, "blob": b"y" * MiB}
    for key, body in bodies.items():
        s3.put_object(Bucket="kept", Key=key, Body=body)
    where = {"Bucket": "kept", "Key": "parts"}
    where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
    s3.upload_part(**where, PartNumber=1, Body=b"z" * 5 * MiB)
    running.stop()
    # The disk is as good as full: more shall stay free than any has.
    running.options = ("--reserve-bytes", str(1 << 50))
    s3 = running.start().client()
    for body in (b"x", b"x" * 100_000, b"y" * 5 * MiB):
        with s3_error(507, "InsufficientStorage"):
            s3.put_object(Bucket="kept", Key="more", Body=body)
    with s3_error(507, "InsufficientStorage"):
        s3.upload_part(**where, PartNumber=2, Body=b"z" * 5 * MiB)
    for key, body in bodies.items():
        assert s3.get_object(Bucket="kept", Key=key)["Body"].read() == body
        s3.delete_object(Bucket="kept", Key=key)
    s3.abort_multipart_upload(**where)
    assert "Contents" not in s3.list_objects_v2(Bucket="kept")
    s3.delete_bucket(Bucket="kept")
