"""What the daemon does at its doors: too many clients, none of them able to shut out the rest."""

import contextlib
import os
import pathlib
import resource
import signal
import socket
import stat
import time

import grpc
import pytest
from descent.v1 import event_pb2, training_service_pb2

from helpers import specs
from helpers.client import Client, kind, simple
from helpers.daemon import Daemon

FOREVER = 1_000_000_000
HALF = b"GET /v1/jobs HTTP/1.1\r\nHost: local"


def address_of(text: str) -> tuple[str, int]:
    host, port = text.rsplit(":", 1)
    return host, int(port)


@pytest.fixture
def crowd():
    """crowd(address, count, text) connects so many clients that say only that; closed at the end."""
    with contextlib.ExitStack() as stack:

        def connect(address: str, count: int, text: bytes = b"") -> contextlib.ExitStack:
            these = stack.enter_context(contextlib.ExitStack())
            for _ in range(count):
                one = these.enter_context(socket.create_connection(address_of(address), 10))
                with contextlib.suppress(OSError):  # it may have been turned away already
                    one.sendall(text)
            return these

        yield connect


def allow(daemon: Daemon, descriptors: int) -> None:
    hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (descriptors, hard))


def used(daemon: Daemon) -> int:
    return max(int(fd.name) for fd in pathlib.Path(f"/proc/{daemon.pid}/fd").iterdir()) + 1


def wait_until(condition, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"


def is_ready(daemon: Daemon) -> bool:
    return daemon.get("/readyz")[0] == 200


def assert_served(daemon: Daemon, job: str) -> None:
    """By a client that connects now: as soon as those who have gone are noticed."""

    def is_served() -> bool:
        one = Client(daemon.grpc)
        try:
            return one.get(job, timeout=20.0).name == job
        except grpc.RpcError:
            return False
        finally:
            one.close()

    wait_until(is_served)
    wait_until(lambda: is_ready(daemon))
    assert daemon.get("/v1/jobs")[0] == 200


def test_the_soft_limit_is_raised(start_daemon):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(200, hard), hard))
    try:
        daemon = start_daemon()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert f"process_max_fds {hard}\n" in daemon.get("/metrics")[1]


def test_clients_may_not_use_up_the_descriptors(start_daemon, connect, crowd, folder):
    daemon = start_daemon()
    allow(daemon, 256)
    client = connect(daemon.grpc)
    job = client.create(specs.linear_regression(folder, iterations=FOREVER)).name
    client.wait_for_iteration(job, 1)
    many = [crowd(daemon.http, 300, HALF), crowd(daemon.grpc, 300)]

    # Those that ask how it is are answered, and told the truth.
    assert daemon.get("/healthz") == (200, "ok\n")
    status, text = daemon.get("/readyz")
    assert status == 503
    assert "gRPC connections" in text
    assert 'descent_connections_refused_total{transport="grpc"}' in daemon.get("/metrics")[1]
    assert daemon.get("/v1/jobs")[0] == 200  # half of a request keeps nobody out
    newcomer = Client(daemon.grpc)
    with pytest.raises(grpc.RpcError) as error:
        newcomer.training.GetJob(training_service_pb2.GetJobRequest(name=job), timeout=20.0)
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "gRPC connections, as many as it may have" in error.value.details()
    newcomer.close()

    # A worker that dies is replaced.
    attempt = client.get(job).attempt
    worker = next(
        e for e in reversed(client.history(job)) if kind(e) == "attempt_started"
    ).attempt_started.worker.pid
    os.kill(worker, signal.SIGKILL)
    wait_until(
        lambda: (now := client.get(job)).attempt > attempt and now.state == event_pb2.RUNNING
    )

    for these in many:
        these.close()
    assert_served(daemon, job)
    client.command(job, simple("stop"))


def test_nor_may_processes_at_the_workers_socket(start_daemon, connect, folder):
    daemon = start_daemon()
    allow(daemon, 256)
    client = connect(daemon.grpc)
    job = client.create(specs.linear_regression(folder, iterations=FOREVER)).name
    client.wait_for_iteration(job, 1)
    with contextlib.ExitStack() as stack:
        for _ in range(512):
            one = stack.enter_context(socket.socket(socket.AF_UNIX))
            one.connect(daemon.socket)
        wait_until(lambda: len(list(pathlib.Path(f"/proc/{daemon.pid}/fd").iterdir())) < 120)
        assert daemon.get("/healthz") == (200, "ok\n")
        assert_served(daemon, job)
        # The daemon's own workers have room, whoever else is there.
        attempt = client.get(job).attempt
        worker = next(
            e for e in reversed(client.history(job)) if kind(e) == "attempt_started"
        ).attempt_started.worker.pid
        os.kill(worker, signal.SIGKILL)
        wait_until(
            lambda: (now := client.get(job)).attempt > attempt and now.state == event_pb2.RUNNING
        )
    refusals = [line for line in daemon.log.read_text().splitlines() if "connections" in line]
    assert 1 <= len(refusals) < 10, refusals
    assert ": process " in refusals[0]
    client.command(job, simple("stop"))


def test_out_of_descriptors_and_back(start_daemon, connect, crowd, folder):
    daemon = start_daemon()
    client = connect(daemon.grpc)
    job = client.create(specs.linear_regression(folder, iterations=FOREVER)).name
    client.wait_for_iteration(job, 1)
    wait_until(lambda: "descent_spare_workers 1\n" in daemon.get("/metrics")[1])
    # Whatever it opens from here on fails, for all doors.
    allow(daemon, used(daemon))
    many = [crowd(daemon.grpc, 40), crowd(daemon.http, 40, HALF)]
    worker = next(
        e for e in reversed(client.history(job)) if kind(e) == "attempt_started"
    ).attempt_started.worker.pid
    os.kill(worker, signal.SIGKILL)
    newcomer = Client(daemon.grpc)
    with pytest.raises(grpc.RpcError):
        newcomer.training.GetJob(training_service_pb2.GetJobRequest(name=job), timeout=5.0)
    newcomer.close()
    # Some are held for those who ask how it is.
    assert daemon.get("/healthz") == (200, "ok\n")
    assert daemon.get("/readyz")[0] == 503
    assert daemon.get("/metrics")[0] == 200
    for these in many:
        these.close()

    allow(daemon, 256)
    assert_served(daemon, job)
    # And the worker is replaced, as is the spare that took its place.
    wait_until(lambda: client.get(job).state == event_pb2.RUNNING)
    wait_until(lambda: "descent_spare_workers 1\n" in daemon.get("/metrics")[1])
    client.command(job, simple("stop"))


def open_to_others(folder: pathlib.Path) -> list[str]:
    """What of a folder's contents anybody but its owner may touch."""
    return [
        f"{path}: {stat.filemode(path.lstat().st_mode)}"
        for path in folder.rglob("*")
        if not path.is_symlink() and path.lstat().st_mode & 0o077
    ]


def test_a_store_is_its_owners_alone_in_whatever_folder(start_daemon, connect, folder):
    data_dir = folder / "before"
    data_dir.mkdir(mode=0o755)
    data_dir.chmod(0o755)
    before = os.umask(0o000)
    try:
        daemon = start_daemon(data_dir=data_dir)
    finally:
        os.umask(before)
    client = connect(daemon.grpc)
    job = client.create(specs.classifier(folder, iterations=20)).name
    client.wait_until_final(job)
    assert (data_dir / "descent.db").exists()
    assert list((data_dir / job / "checkpoints").iterdir())
    assert open_to_others(data_dir) == []
    daemon.stop()
    # One that an older daemon has left open.
    for path in data_dir.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    daemon.start()
    assert open_to_others(data_dir) == []
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o755
