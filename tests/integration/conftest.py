"""Fixtures: a real descentd with real workers, and independent clients of it.

A test takes `daemon` (started, empty folder) and `client`, or `start_daemon` for flags, folders
or several of them. Everything a fixture starts is ended, by pid, whatever happens in the test; a
failed test shows the end of the daemon's log. Tests wait for events and processes, not for time.
"""

import os
import pathlib
import random
import shutil
import subprocess
import tempfile

import pytest

from helpers import programs, stubs

# So that what fails in them is shown as what fails in a test.
pytest.register_assert_rewrite("helpers.details", "helpers.events", "helpers.undisturbed")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes minutes; runs with DESCENT_LONG=1")
    # Before any test module is imported, so that these may import descent.v1.
    config.stubs = tempfile.TemporaryDirectory(prefix="descent-stubs-")
    stubs.generate(pathlib.Path(config.stubs.name))


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stubs.cleanup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("DESCENT_LONG") == "1":
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: run deploy/test --long"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if report.failed:
        for daemon in getattr(item, "daemons", []):
            report.sections.append((f"descentd on {daemon.data_dir}", daemon.tail()))
    return report


@pytest.fixture
def folder():
    """An empty folder with a short path: a unix socket's has 107 characters at most."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="descent-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def draw() -> random.Random:
    """Draws moments, from a seed that a failure shows; $DESCENT_SEED repeats it."""
    seed = int(os.environ.get("DESCENT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
    print(f"DESCENT_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def start_daemon(request: pytest.FixtureRequest, folder: pathlib.Path):
    """start_daemon(*flags, data_dir=...) starts a daemon; its folder is new unless named."""
    from helpers.daemon import Daemon

    request.node.daemons = []

    def start(*flags: str, data_dir: pathlib.Path | None = None) -> Daemon:
        chosen = data_dir or folder / f"d{len(request.node.daemons)}"
        daemon = Daemon(chosen, flags)
        request.node.daemons.append(daemon)
        return daemon.start()

    yield start
    for daemon in reversed(request.node.daemons):
        daemon.close()


@pytest.fixture
def daemon(start_daemon):
    """A daemon on an empty folder."""
    return start_daemon()


@pytest.fixture
def connect():
    """connect(address) makes a client that is closed at the end."""
    from helpers.client import Client

    clients = []

    def make(address: str) -> Client:
        clients.append(Client(address))
        return clients[-1]

    yield make
    for made in clients:
        made.close()


@pytest.fixture
def client(connect, daemon):
    """A client of `daemon`."""
    return connect(daemon.grpc)


@pytest.fixture
def endless(client, folder):
    """A running job that only a stop ends; stopped when the test is over."""
    from helpers import specs
    from helpers.client import simple

    job = client.create(specs.linear_regression(folder, iterations=specs.FOREVER), job_id="endless")
    client.wait_for_iteration(job.name, 1)
    yield job.name
    client.command(job.name, simple("stop"))


@pytest.fixture
def descent(daemon):
    """descent(*args) runs the command line against `daemon`: a CompletedProcess with text."""

    def run(*args: str, stdin: str = "", timeout: float = 60.0) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(programs.descent()), *args],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, "DESCENT_SERVER": daemon.clients},
        )

    return run
