"""Fixtures: a server over http and one over TLS, shared by a worker's tests; a bucket for each test."""

import socket

import pytest

from weir_server import BINARY, DOMAIN, WeirServer, new_bucket_name


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is not there: build it, or name another one in WEIR_BIN", returncode=3)


@pytest.fixture(scope="session", autouse=True)
def loopback_names():
    """Virtual-host names without a name server: everything below DOMAIN is this machine."""
    real = socket.getaddrinfo

    def resolve(host, *arguments, **options):
        name = host.decode() if isinstance(host, bytes) else host
        return real("127.0.0.1" if name and name.endswith(DOMAIN) else host, *arguments, **options)

    socket.getaddrinfo = resolve
    yield
    socket.getaddrinfo = real


@pytest.fixture(scope="session", params=["http", "tls"])
def server(request, tmp_path_factory):
    options = ["--domain", DOMAIN, "--reclaim-delay-s", "1", "--reserve-bytes", "0"]
    if request.param == "tls":
        options += ["--tls", "self-signed"]
    running = WeirServer(tmp_path_factory.mktemp(f"weir-{request.param}"), *options).start()
    yield running
    running.stop()


@pytest.fixture
def own_server(tmp_path):
    """Makes servers that belong to one test; those that still run at its end are stopped."""
    made = []

    def make(*options, name="weir", **more):
        running = WeirServer(tmp_path / name, "--reserve-bytes", "0", *options, **more)
        made.append(running)
        return running

    yield make
    for running in made:
        if running.process and running.process.poll() is None:
            running.stop()


@pytest.fixture
def s3(server):
    return server.client()


@pytest.fixture
def bucket(s3):
    name = new_bucket_name()
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def noise():
    """Bytes that no two offsets share, for bodies: noise(size, seed)."""

    def make(size, seed=0):
        import numpy

        return numpy.random.default_rng(seed).bytes(size)

    return make
