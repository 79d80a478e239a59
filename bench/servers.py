"""The servers that are measured: Weir, and peers that are started if this machine has their binaries.

A binary is looked for in $PEERS_BIN and on PATH; none is in the repository. Every server listens on loopback only, keeps
its data in a folder of its own, and is stopped by its process id. A peer that somebody else runs is measured by its
address and process id.
"""

from __future__ import annotations

import abc
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
import urllib3

ROOT = pathlib.Path(__file__).resolve().parent.parent
WEIR = ROOT / "build" / "release" / "weir"
BUCKET = "bench"
ACCESS, SECRET = "benchaccess", "benchsecret12345"
STARTS_WITHIN_S = 60
STOPS_WITHIN_S = 60
A_DAY_S = 86_400
urllib3.disable_warnings()  # of certificates that we made ourselves


def binary(name: str) -> pathlib.Path | None:
    """A peer's program."""
    places = [os.environ.get("PEERS_BIN", ""), os.environ.get("PATH", ""), "/usr/sbin"]
    found = shutil.which(name, path=os.pathsep.join(filter(None, places)))
    return pathlib.Path(found) if found else None


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(folder: pathlib.Path, certificate: str, key: str) -> tuple[pathlib.Path, pathlib.Path]:
    """A self-signed certificate for loopback, of the kind that `weir serve --tls self-signed` makes: ECDSA P-256."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / certificate, folder / key
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    subprocess.run([*command, *names, "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True)
    return paths


class Server:
    """One that runs. `label` names it in the tables."""

    writes = True  # it can do more than serve files
    data: pathlib.Path | None = None  # where its files lie, if we know

    def __init__(self, label: str, url: str, process_id: int, access: str, secret: str) -> None:
        """Of a server that is there."""
        self.label = label
        self.url = url
        self.process_id = process_id
        self.access = access
        self.secret = secret
        self.s3 = self.client()

    @property
    def tls(self) -> bool:
        """Whether it speaks https."""
        return self.url.startswith("https:")

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return urllib.parse.urlsplit(self.url).netloc

    def client(self) -> Any:
        """A boto3 client."""
        config = botocore.config.Config(
            max_pool_connections=64, signature_version="s3v4", s3={"addressing_style": "path"}, read_timeout=300
        )
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.access,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            verify=False if self.tls else None,
            config=config,
        )

    def make_bucket(self) -> None:
        """The bucket of all cases; waits until the server answers."""
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                self.s3.create_bucket(Bucket=BUCKET)
                return
            except (self.s3.exceptions.BucketAlreadyOwnedByYou, self.s3.exceptions.BucketAlreadyExists):
                return
            except (botocore.exceptions.ClientError, botocore.exceptions.HTTPClientError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def put(self, key: str, path: pathlib.Path) -> None:
        """Gives it a file."""
        self.s3.upload_file(str(path), BUCKET, key)

    def target(self, key: str) -> str:
        """What a GET of an object asks for, presigned."""
        return self.presigned("get_object", Key=key)

    def presigned(self, operation: str, **parameters: object) -> str:
        """The path and query of a request."""
        url = self.s3.generate_presigned_url(operation, Params={"Bucket": BUCKET, **parameters}, ExpiresIn=A_DAY_S)
        parts = urllib.parse.urlsplit(url)
        return f"{parts.path}?{parts.query}"

    def stop(self) -> None:
        """Ends it, if we started it."""


class Given(Server):
    """One that somebody else started: NAME=URL,PID,ACCESS,SECRET."""

    def __init__(self, text: str) -> None:
        """Of what was written on the command line."""
        label, rest = text.split("=", 1)
        url, process_id, access, secret = rest.split(",")
        super().__init__(label, url, int(process_id), access, secret)
        self.make_bucket()


class Started(Server, abc.ABC):
    """One that we start, anew for each case."""

    name = ""

    def __init__(self, label: str, folder: pathlib.Path, tls: bool) -> None:
        """Starts it with an empty data folder."""
        self.folder = folder / label
        shutil.rmtree(self.folder, ignore_errors=True)
        self.data = self.folder / "data"
        self.data.mkdir(parents=True)
        self.listen = f"127.0.0.1:{free_port()}"
        self.use_tls = tls
        self.process = self.launch()
        super().__init__(label, f"{'https' if tls else 'http'}://{self.listen}", self.process.pid, ACCESS, SECRET)
        try:
            self.wait_until_connected()
            if self.writes:
                self.make_bucket()
        except BaseException:
            self.stop()
            raise

    @abc.abstractmethod
    def command(self) -> list[str | pathlib.Path]:
        """How it is started."""

    def environment(self) -> dict[str, str]:
        """Variables that it needs."""
        return {}

    def program(self) -> pathlib.Path:
        """Its binary."""
        return self.found(self.name)

    def found(self, name: str) -> pathlib.Path:
        """A binary that must be there."""
        path = binary(name)
        if path is None:
            raise RuntimeError(f"{name} is not on PATH or in $PEERS_BIN")
        return path

    def launch(self) -> subprocess.Popen[bytes]:
        """Begins to start it."""
        command = self.command()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WEIR_", "MINIO_"))}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=clean | self.environment(), start_new_session=True)

    def wait_until_connected(self) -> None:
        """Until somebody listens."""
        host, port = self.listen.split(":")
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                socket.create_connection((host, int(port)), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.label} did not start:\n{(self.folder / 'log').read_text()[-2000:]}") from None
                time.sleep(0.01)

    def kill_and_start(self, answers: Callable[[], None]) -> float:
        """Kills it and starts it again; the seconds until `answers` passes."""
        self.process.kill()
        self.process.wait()
        begin = time.monotonic()
        self.process = self.launch()
        self.process_id = self.process.pid
        self.wait_until_connected()
        while True:
            try:
                answers()
                return time.monotonic() - begin
            except (botocore.exceptions.ClientError, botocore.exceptions.HTTPClientError):
                if time.monotonic() - begin > STARTS_WITHIN_S:
                    raise
                time.sleep(0.01)

    def stop(self) -> None:
        """Ends it and removes what it kept."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Weir(Started):
    """Weir, as users start it."""

    name = "weir"

    def __init__(self, label: str, folder: pathlib.Path, tls: bool, path: pathlib.Path = WEIR) -> None:
        """Of a build."""
        self.path = path
        super().__init__(label, folder, tls)

    def command(self) -> list[str | pathlib.Path]:
        """`weir serve`."""
        listen = ["--listen", self.listen, "--admin-listen", "127.0.0.1:0"]
        return [self.path, "serve", "--data", self.data, *listen, *(["--tls", "self-signed"] if self.use_tls else [])]

    def environment(self) -> dict[str, str]:
        """Its root key."""
        return {"WEIR_ROOT_ACCESS_KEY": ACCESS, "WEIR_ROOT_SECRET_KEY": SECRET}


class Nginx(Started):
    """nginx with files: no signatures, no S3. The floor of what a GET can cost."""

    name = "nginx"
    writes = False

    def command(self) -> list[str | pathlib.Path]:
        """A worker for each processor."""
        files = self.data / BUCKET
        files.mkdir(exist_ok=True)
        tls = ""
        if self.use_tls:
            certificate, key = make_certificate(self.folder, "cert.pem", "key.pem")
            tls = f"ssl_certificate {certificate}; ssl_certificate_key {key};"
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = " ".join(
            f"{what}_temp_path {self.folder}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        configuration = self.folder / "nginx.conf"
        configuration.write_text(
            f"daemon off; {user} worker_processes auto; pid {self.folder}/pid; error_log {self.folder}/error;\n"
            "events { worker_connections 4096; }\n"
            f"http {{ access_log off; sendfile on; sendfile_max_chunk 1m; tcp_nopush on; {temporary}\n"
            f"server {{ listen {self.listen}{' ssl' if tls else ''}; {tls} root {self.data}; }} }}\n"
        )
        return [self.program(), "-e", self.folder / "error", "-c", configuration]

    def put(self, key: str, path: pathlib.Path) -> None:
        """Copies the file."""
        shutil.copy(path, self.data / BUCKET / key)

    def target(self, key: str) -> str:
        """Its path."""
        return f"/{BUCKET}/{key}"


class Versitygw(Started):
    """versitygw over files. It syncs nothing; without --quiet it would log every request. It closes each connection."""

    name = "versitygw"
    switches: tuple[str, ...] = ()

    def program(self) -> pathlib.Path:
        """The same for all that derive from it."""
        return self.found("versitygw")

    def command(self) -> list[str | pathlib.Path]:
        """With its plain backend."""
        tls: list[str | pathlib.Path] = []
        if self.use_tls:
            certificate, key = make_certificate(self.folder, "cert.pem", "key.pem")
            tls = ["--cert", certificate, "--key", key]
        return [self.program(), "--quiet", *self.switches, "--port", self.listen, *tls, "posix", self.data]

    def environment(self) -> dict[str, str]:
        """Its root key."""
        return {"ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET}


class VersitygwKeepAlive(Versitygw):
    """The same, told to keep connections open, which is not its default."""

    name = "versitygw-keepalive"
    switches = ("--keep-alive",)


class Minio(Started):
    """MinIO on one folder."""

    name = "minio"

    def command(self) -> list[str | pathlib.Path]:
        """One disk."""
        certificates: list[str | pathlib.Path] = []
        if self.use_tls:
            make_certificate(self.folder / "certs", "public.crt", "private.key")
            certificates = ["--certs-dir", self.folder / "certs"]
        return [self.program(), "server", "--quiet", "--address", self.listen, *certificates, self.data]

    def environment(self) -> dict[str, str]:
        """Its root key."""
        return {"MINIO_ROOT_USER": ACCESS, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_UPDATE": "off"}


KNOWN: dict[str, type[Started]] = {server.name: server for server in (Weir, Nginx, Versitygw, VersitygwKeepAlive, Minio)}


class Choice:
    """A server that was named on the command line: a known one, LABEL=PATH for another build of Weir, or a given one."""

    def __init__(self, text: str, given: bool = False) -> None:
        """`text` as it was written."""
        self.text = text
        self.given = given
        self.label, _, self.path = text.partition("=")
        if given:
            self.path = ""
        elif not self.path and self.label not in KNOWN:
            raise ValueError(f"{self.label} is not known; --peer takes one that runs, and LABEL=PATH a build of Weir")

    @property
    def kind(self) -> type[Server]:
        """Its class."""
        if self.given:
            return Given
        return Weir if self.path else KNOWN[self.label]

    def missing(self) -> str | None:
        """Why it cannot be started."""
        if self.given or self.path:
            return None
        if self.kind is Weir:
            return None if WEIR.exists() else f"{WEIR} is not there: build it"
        name = self.label.split("-")[0]
        return None if binary(name) else f"{name} is not on PATH or in $PEERS_BIN"

    def start(self, folder: pathlib.Path, tls: bool) -> Server:
        """Starts it, or takes it as it is."""
        if self.given:
            return Given(self.text)
        label = f"{self.label}+tls" if tls else self.label
        if self.path:
            return Weir(label, folder, tls, pathlib.Path(self.path))
        return KNOWN[self.label](label, folder, tls)
