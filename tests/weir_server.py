"""A real `weir serve` on free loopback ports with a data directory of its own, and clients for it."""

import itertools
import os
import pathlib
import re
import signal
import subprocess
import time

import boto3
import botocore.config
import botocore.handlers

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = pathlib.Path(os.environ.get("WEIR_BIN", ROOT / "build/release/weir"))
DOMAIN = "s3.weir.test"  # virtual-host style; conftest.py resolves it to loopback
SERVING = re.compile(r"serving .* at (\S+), admin at (\S+)")
SANITIZER = re.compile(r"(AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error):?.*")
STARTS_WITHIN_S = 60
STOPS_WITHIN_S = 60
counter = itertools.count()


def new_bucket_name(prefix="test"):
    """A name that no other test of this run has."""
    return f"{prefix}-{os.getpid()}-{next(counter)}"


class WeirServer:
    """Started by `start()`, stopped by `stop()` (SIGTERM, must end well) or `kill()` (SIGKILL)."""

    def __init__(self, folder, *options, listen="127.0.0.1:0", environment=None):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.options = options
        self.listen = listen
        self.environment = environment or {}
        self.process = None
        self.starts = 0

    @property
    def log_path(self):
        return self.folder / f"weir.{self.starts}.log"

    def log(self):
        return self.log_path.read_text(errors="replace")

    def command(self):
        return [BINARY, "serve", "--data", self.data, "--listen", self.listen, "--admin-listen", "127.0.0.1:0",
                *self.options]  # fmt: skip

    def launch(self):
        """Begins to start it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.starts += 1
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WEIR_"))}
        with open(self.log_path, "wb") as log, open(self.folder / "stdout", "wb") as out:
            self.process = subprocess.Popen(self.command(), stdout=out, stderr=log, env=clean | self.environment)

    def serves(self):
        """The addresses that its log tells, or None while it starts."""
        return SERVING.search(self.log())

    def is_stopped(self):
        """By SIGSTOP. It must not have ended."""
        assert self.process.poll() is None, self.log()
        return "\nState:\tT" in pathlib.Path(f"/proc/{self.process.pid}/status").read_text()

    def start(self):
        self.launch()
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not (serving := self.serves()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"weir did not start ({self.process.poll()}): {self.log()}")
            time.sleep(0.02)
        self.endpoint, self.admin = serving.groups()
        self.exports = self.read_exports()
        return self

    def read_exports(self):
        lines = self.run("env").stdout.splitlines()
        return dict(re.fullmatch(r'export (\w+)="(.*)"', line).groups() for line in lines)

    def run(self, *arguments, check=True, **options):
        """A command of weir about this server."""
        verb, *rest = arguments
        return subprocess.run(
            [BINARY, verb, *rest, "--data", self.data],
            check=check,
            capture_output=True,
            text=True,
            timeout=120,
            **options,
        )

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=STOPS_WITHIN_S)
        assert not SANITIZER.search(self.log()), self.log()
        assert code == 0, self.log()

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=STOPS_WITHIN_S)
        assert not SANITIZER.search(self.log()), self.log()

    @property
    def port(self):
        return int(self.endpoint.rsplit(":", 1)[1])

    @property
    def tls(self):
        return self.endpoint.startswith("https:")

    @property
    def verify(self):
        """What requests and botocore take for `verify`."""
        return self.exports.get("AWS_CA_BUNDLE", True)

    def client(self, keys=None, endpoint=None, **config):
        """A boto3 client that does not hide a failure by trying again."""
        key_id, secret = keys or (self.exports["AWS_ACCESS_KEY_ID"], self.exports["AWS_SECRET_ACCESS_KEY"])
        config = {"retries": {"total_max_attempts": 1}, "s3": {"addressing_style": "path"}, "read_timeout": 120,
                  "max_pool_connections": 64} | config  # fmt: skip
        client = boto3.session.Session().client(
            "s3",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            region_name="us-east-1",
            endpoint_url=endpoint or self.endpoint,
            verify=self.exports.get("AWS_CA_BUNDLE"),
            config=botocore.config.Config(**config),
        )
        client.meta.events.unregister("before-parameter-build.s3", botocore.handlers.validate_bucket_name)
        return client

    def create_keys(self, owner):
        """(id, secret) of a new key, as a person would make it."""
        output = self.run("keys", "create", "--owner", owner).stdout
        return tuple(re.findall(r'="(.*)"', output))

    def client_environment(self):
        """The environment of a person who pasted the lines that the server printed, and nothing else of AWS's."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        clean |= self.exports | {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        return clean | {"AWS_EC2_METADATA_DISABLED": "true"}
