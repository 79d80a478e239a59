"""Servers that do nothing by themselves while a test looks at their data directory."""

import pytest
from signing import Keys

from weir_server import DOMAIN, WeirServer

HOUR_MS = "3600000"


@pytest.fixture(scope="session", params=["http", "tls"])
def quiet_server(request, tmp_path_factory):
    """No timeout helps a client here, and nothing is reclaimed: what changes on disk, a request has changed."""
    options = ["--domain", DOMAIN, "--reclaim-delay-s", "36000", "--reserve-bytes", "0", "--stall-timeout-ms", HOUR_MS]
    if request.param == "tls":
        options += ["--tls", "self-signed"]
    running = WeirServer(tmp_path_factory.mktemp(f"quiet-{request.param}"), *options).start()
    running.root = Keys(running.exports["AWS_ACCESS_KEY_ID"], running.exports["AWS_SECRET_ACCESS_KEY"])
    running.stranger = Keys(*running.create_keys("stranger"))
    running.disabled = Keys(*running.create_keys("root"))
    running.run("keys", "disable", running.disabled.id)
    yield running
    assert running.run("fsck", "--read", check=False).returncode == 0
    running.stop()
