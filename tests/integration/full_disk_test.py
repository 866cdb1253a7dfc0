"""A daemon whose disk, a small one of its own, is full for a while."""

import concurrent.futures
import errno
import os
import pathlib
import signal
import subprocess
import time

import grpc
import pytest
from descent.v1 import event_pb2, training_service_pb2

from helpers import specs
from helpers.client import simple
from helpers.daemon import Daemon

# A mount that nobody else sees, and that is gone with the daemon; no rights are needed for it.
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
MOUNT = 'mount -t tmpfs -o size=48m tmpfs "$0" && exec "$@"'


class DaemonOnASmallDisk(Daemon):
    """Its folder is a file system of 48 MiB in a namespace of its own."""

    mount = MOUNT

    def command_line(self) -> list[str]:
        line = super().command_line()
        return [*NAMESPACE, "sh", "-c", self.mount, str(self.data_dir), *line]

    @property
    def disk(self) -> pathlib.Path:
        """The folder as the daemon sees it."""
        return pathlib.Path(f"/proc/{self.pid}/root{self.data_dir}")

    def _read_addresses(self) -> bool:
        here, self.data_dir = self.data_dir, self.disk
        try:
            return super()._read_addresses()
        finally:
            self.data_dir = here


@pytest.fixture
def stopped_daemon(folder, request):
    probe = [*NAMESPACE, "sh", "-c", MOUNT, str(folder), "true"]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip("no mounts in a namespace of one's own here")
    data_dir = folder / "d"
    data_dir.mkdir()
    daemon = DaemonOnASmallDisk(data_dir)
    request.node.daemons = [daemon]
    yield daemon
    daemon.close()


@pytest.fixture
def daemon(stopped_daemon):
    return stopped_daemon.start()


def fill(path: pathlib.Path) -> None:
    """To the last byte."""
    with open(path, "ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC


def test_a_run_waits_for_room_and_everybody_hears_why(daemon, client, folder):
    spec = specs.linear_regression(folder, iterations=10**9)
    job = client.create(spec, job_id="a").name
    client.wait_for_iteration(job, 1000)
    head = client.get(job).head_revision
    fill(daemon.disk / "filler")
    stream = client.responses(job, after_revision=head, kinds=(event_pb2.STATE_CHANGED,))
    stalled = next(response.stalled for response in stream if response.stalled)
    stream.cancel()
    assert stalled.startswith(f"the disk of {daemon.data_dir} is full (")
    assert stalled.endswith("; waiting for room")
    status, text = daemon.get("/readyz")
    assert status == 503 and "; waiting for room" in text
    assert "\ndescent_journal_waits_for_room 1\n" in daemon.get("/metrics")[1]
    assert "waiting for room" in client.list_jobs().jobs[0].stalled
    assert client.get(job).state == event_pb2.RUNNING
    with pytest.raises(grpc.RpcError) as refused:
        client.create(spec, job_id="b")
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refused.value.details().startswith("No job was made: ")

    # Whose deadline passes asks again: it is the same command.
    with pytest.raises(grpc.RpcError) as late:
        client.command(job, simple("stop"), request_id="end", timeout=0.5)
    assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    request = training_service_pb2.CommandJobRequest(
        name=job, request_id="end", commands=[simple("stop")]
    )
    answer = client.training.CommandJob.future(request, timeout=60.0)

    (daemon.disk / "filler").unlink()
    assert answer.result().event.command_applied.request_id == "end"
    done = client.wait_until_final(job)
    assert done.state == event_pb2.STOPPED and done.stalled == ""
    events = list(client.watch(job, done.compacted_revision))
    assert [e.revision for e in events] == list(
        range(done.compacted_revision + 1, done.head_revision + 1)
    )
    assert len([e for e in events if e.command_applied.request_id == "end"]) == 1
    assert daemon.get("/readyz") == (200, "ok\n")
    log = daemon.log.read_text()
    assert "is full (" in log and "has room again" in log
    client.create(spec, job_id="b")


@pytest.mark.parametrize("left", [0, 8192])  # for the lock; for the database
def test_a_start_waits_for_room(stopped_daemon, left):
    daemon = stopped_daemon
    fill_up = f'dd if=/dev/zero of="$0/filler" bs=4k 2>&1; truncate -s -{left} "$0/filler"'
    daemon.mount = MOUNT.replace('exec "$@"', f'{{ {fill_up}; exec "$@"; }}')

    def start_and_wait_for_the_log(pool):
        daemon.log.unlink(missing_ok=True)
        start = pool.submit(daemon.start, 60.0)
        while "as soon as there is room" not in daemon.tail():
            assert not start.done(), daemon.tail()
            time.sleep(0.01)
        assert "PRAGMA" not in daemon.tail()
        return start

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        start = start_and_wait_for_the_log(pool)
        os.kill(daemon.pid, signal.SIGTERM)
        with pytest.raises(RuntimeError, match="descentd ended with 0"):
            start.result()

        start = start_and_wait_for_the_log(pool)
        (daemon.disk / "filler").unlink()
        start.result()
        assert daemon.get("/readyz") == (200, "ok\n")
