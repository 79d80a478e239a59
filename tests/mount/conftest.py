"""A server, buckets and mounts. A test that takes `mounted` runs as root and as nobody; needs root and /dev/fuse."""

import os
import shutil
import stat
import traceback

import mounts
import pytest
from proxy import Proxy

from weir_server import WeirServer, new_bucket_name


def what_is_missing():
    """Why no test can mount here; empty if it can."""
    effective = next(line for line in open("/proc/self/status") if line.startswith("CapEff:"))
    admin = int(effective.split()[1], 16) >> 21 & 1
    if os.geteuid() != 0 or not admin:
        return "mounting needs root, with CAP_SYS_ADMIN"
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        return f"mounting needs /dev/fuse: {error}"
    return ""


def pytest_collection_modifyitems(items):
    missing = what_is_missing()
    if missing:
        for item in items:
            if item.path.parent.name == "mount":
                item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One for each module, since what its tests store is gigabytes."""
    server = WeirServer(tmp_path_factory.mktemp("server"), "--reserve-bytes", "0").start()
    yield server
    server.stop()
    shutil.rmtree(server.data)


@pytest.fixture
def s3(server):
    return server.client()


@pytest.fixture
def bucket(s3):
    name = new_bucket_name("mount")
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(params=["root", "nobody"])
def user(request, tmp_path):
    if request.param == "root":
        return None
    if os.stat("/dev/fuse").st_mode & 0o006 != 0o006:
        pytest.skip("only root may open /dev/fuse")
    program = shutil.which("fusermount3")
    if not program or not os.stat(program).st_mode & stat.S_ISUID:
        pytest.skip("there is no fusermount3 that is set-uid")
    # pytest's own folders are for root alone.
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o711)
    os.chown(tmp_path, mounts.NOBODY, mounts.NOBODY)
    # Python loads this when it first connects, from a folder that may not be for others to read.
    "localhost".encode("idna")
    return mounts.NOBODY


@pytest.fixture
def proxy(server):
    """For root's mounts: its threads are this process's, which a test of somebody else's is not."""
    made = Proxy(server.port, int(os.environ.get("WEIR_TEST_SEED", "7")))
    yield made
    made.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """As nobody the whole test runs in a child of that user: the kernel lets nobody else into his mount, root neither."""
    user = pyfuncitem.funcargs.get("user")
    if not user:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        problem = run_as(user, pyfuncitem, arguments)
        with os.fdopen(writing, "w") as pipe:
            pipe.write(problem)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        problem = pipe.read()
    _, status = os.waitpid(child, 0)
    if problem.startswith(SKIPPED):
        pytest.skip(problem.removeprefix(SKIPPED))
    if problem or status:
        pytest.fail(problem or f"the test's process ended with {status}", pytrace=False)
    return True


SKIPPED = "skipped: "


def run_as(user, item, arguments):
    """What went wrong, as text; empty if nothing did. Mounts and servers that the test itself made end with it."""
    made = item.funcargs["mount"].made if "mount" in item.funcargs else []
    before = len(made)
    try:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        os.environ["HOME"] = str(item.funcargs["tmp_path"])
        try:
            item.obj(**arguments)
        finally:
            for one in made[before:]:
                one.stop()
            if "own_server" in item.funcargs:
                item.funcargs["own_server"].stop_all()
    except pytest.skip.Exception as skipped:
        return SKIPPED + str(skipped)
    except BaseException:  # of any kind: the parent tells it
        return traceback.format_exc()
    return ""


@pytest.fixture
def own_server(own_server):
    """The same; a test in a process of its own stops there what it made there."""
    made = []

    def make(*arguments, **options):
        made.append(own_server(*arguments, **options))
        return made[-1]

    def stop_all():
        for running in made:
            if running.process and running.process.poll() is None:
                running.stop()

    make.stop_all = stop_all
    return make


@pytest.fixture
def mount(server, user, tmp_path):
    """Mounts a bucket; several times, if one likes: mount(bucket, "--read-only", name="b")."""
    made = []

    def make(source, *options, name="a", environment=None, store_files=False, cache=None):
        base = tmp_path / name
        base.mkdir(exist_ok=True)
        # The server is on this machine: without this most would never go through the cache.
        options = options if store_files else (*options, "--no-store-files")
        one = mounts.Mounted(base, environment or server.client_environment(), source, *options, user=user, cache=cache)
        made.append(one)
        return one.start()

    make.made = made
    yield make
    for one in made:
        one.stop()


@pytest.fixture
def mounted(mount, bucket):
    return mount(bucket)
