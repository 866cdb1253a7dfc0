"""System calls of the service fail, once or for ever: what it has promised holds, or it says on /readyz
and in its log that it takes no more commands; and once the cause is gone it goes on.

The calls are made to fail from outside (helpers/failpoints.py): SQLite and gRPC are as they are.
"""

import concurrent.futures
import errno
import os
import pathlib
import shutil
import subprocess
import time

import grpc
import pytest
from descent.v1 import training_service_pb2

from helpers import programs, specs
from helpers.client import FINAL, Client, set_dial
from helpers.daemon import Daemon
from helpers.failpoints import FOR_EVER, Failpoints, Rule
from helpers.history import History, assert_keeps_promises

EIO, ENOSPC, EMFILE, EROFS = errno.EIO, errno.ENOSPC, errno.EMFILE, errno.EROFS
FOREVER = 1_000_000_000


class FailingDaemon(Daemon):
    """Its calls, and those of its workers, fail as the table says."""

    failpoints: Failpoints

    def command_line(self) -> list[str]:
        variables = [f"{name}={value}" for name, value in self.failpoints.environment.items()]
        return ["env", *variables, *super().command_line()]


@pytest.fixture
def failpoints(folder):
    table = Failpoints(folder / "failpoints")
    yield table
    table.close()


@pytest.fixture
def stopped_daemon(folder, failpoints, request):
    daemon = FailingDaemon(folder / "d")
    daemon.failpoints = failpoints
    request.node.daemons = [daemon]
    yield daemon
    failpoints.disarm()
    daemon.close()


def named(rule: Rule) -> str:
    """The name of a case: `descentd_write_descent.db-wal_EIO_once`."""
    what = rule.pattern.strip("*").replace("/", "")
    times = {1: "once", FOR_EVER: "for_ever"}.get(rule.times, f"{rule.times}_times")
    return "_".join([rule.program or "any", rule.call, what, errno.errorcode[rule.error], times])


def both(call: str, pattern: str, *errors: int, program: str = "descentd") -> list[Rule]:
    """A case for each error, once and for ever."""
    return [
        Rule(call, pattern, error=error, times=times, program=program)
        for error in errors
        for times in (1, FOR_EVER)
    ]


def cases(rules: list[Rule]):
    """What fails once, where it also fails for ever, is left to the long run."""
    return [
        pytest.param(rule, id=named(rule), marks=[pytest.mark.long] if rule.times == 1 else [])
        for rule in rules
    ]


def check(daemon: Daemon) -> str:
    line = [str(programs.descentd()), "check", "--data_dir", str(daemon.data_dir)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60).stdout


# ---------------------------------------------------------------------------------- the tool itself


def test_calls_fail_where_and_as_often_as_is_said(failpoints, folder):
    other = pathlib.Path(folder / "other")
    struck = folder / "struck"
    script = (
        "import os, sys\n"
        "for path in sys.argv[1:]:\n"
        "    fd = os.open(path, os.O_CREAT | os.O_WRONLY)\n"
        "    for call in (lambda: os.write(fd, b'x'), lambda: os.fsync(fd)):\n"
        "        try: call(); print('ok')\n"
        "        except OSError as error: print(error.errno)\n"
    )

    def run() -> list[str]:
        environment = {**os.environ, **failpoints.environment}
        line = ["python3", "-c", script, str(struck), str(other), str(struck)]
        found = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
        return found.stdout.split()

    assert run() == ["ok"] * 6
    failpoints.arm(Rule("write", "*/struck", error=ENOSPC))
    assert run() == [str(ENOSPC), *["ok"] * 5]
    assert failpoints.hits == 1
    failpoints.arm(
        Rule("write", "*/struck", error=EIO, times=FOR_EVER, skip=1),
        Rule("fsync", "*/other", error=EROFS, times=FOR_EVER),
        Rule("fsync", "*", error=EIO, times=FOR_EVER, program="descentd"),
    )
    assert run() == ["ok", "ok", "ok", str(EROFS), str(EIO), "ok"]
    failpoints.arm(Rule("open", "*/other", error=EMFILE))
    with pytest.raises(subprocess.CalledProcessError) as refused:
        run()
    assert "Too many open files" in refused.value.stderr


# -------------------------------------------------------------------------------- while a job runs

# A commit that failed is for good: nobody knows what is on the disk. What failed for want of room
# alone is tried again.
FOR_GOOD = [
    *both("write", "*/descent.db-wal", EIO, EROFS),
    *both("fsync", "*/descent.db-wal", EIO, ENOSPC),
]
WAITED_FOR = both("write", "*/descent.db-wal", ENOSPC)
# The log is folded into the database now and then; what can't be is in the log.
FOLDING = [
    *both("write", "*/descent.db", EIO, ENOSPC),
    *both("fsync", "*/descent.db", EIO),
]
# A checkpoint that can't be saved is one less: the run goes on.
CHECKPOINTS = [
    *both("open", "*.safetensors*", EMFILE, EROFS, ENOSPC, program="descent-worker"),
    *both("write", "*.safetensors*", EIO, ENOSPC, program="descent-worker"),
    *both("fsync", "*.safetensors*", EIO, program="descent-worker"),
    *both("fsync", "*/checkpoints", EIO, program="descent-worker"),
    *both("rename", "*.safetensors", EIO, EROFS, program="descent-worker"),
]
# A connection that broke is made again.
CONNECTIONS = [
    Rule(call, "socket:*worker.sock", error=error, times=times, program=program)
    for call, error in (("send", errno.EPIPE), ("recv", errno.ECONNRESET))
    for program in ("descentd", "descent-worker")
    for times in (1, 5)
]


class Running:
    """A job that runs while calls fail, and somebody who turns its dial."""

    def __init__(self, daemon: Daemon, failpoints: Failpoints, folder: pathlib.Path):
        self.daemon, self.failpoints = daemon, failpoints
        self.client = Client(daemon.start().grpc)
        self.history = History()
        self.unanswered: list = []
        spec = specs.linear_regression(folder, iterations=FOREVER)
        spec.checkpoints.every_iterations = 2000
        self.job = self.client.create(spec, job_id="a").name
        self.client.wait_for_iteration(self.job, 100)
        self.asked = 0

    def ask(self, request=None) -> bool:
        """Turns the dial; False if there was no answer, so that it must be asked again."""
        if request is None:
            self.asked += 1
            request = training_service_pb2.CommandJobRequest(
                name=self.job,
                request_id=f"r{self.asked}",
                commands=[set_dial("step_size", 0.01 + self.asked * 1e-4)],
            )
        asked = self.history.ask("ann", request)
        try:
            asked.answer = self.client.training.CommandJob(request, timeout=2.0).event
        except grpc.RpcError as error:
            assert error.code() in (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
            ), error
            self.unanswered.append(request)
            return False
        return True

    def outcome(self, timeout: float = 60.0) -> str:
        """What came of it: `goes on`, or what /readyz says."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            struck = self.failpoints.hits > 0
            answered = self.ask()
            assert self.daemon.running, self.daemon.tail()
            status, text = self.daemon.get("/readyz")
            if status == 503:
                return text
            job = self.client.get(self.job)
            assert job.state not in FINAL, job
            if struck and answered:
                return "goes on"
        raise AssertionError(f"{self.failpoints.hits} calls failed, and nothing came of it")

    def begin_anew(self) -> None:
        """As a supervisor does once the disk is mended. The worker lives on."""
        self.client.close()
        self.daemon.kill()
        self.client = Client(self.daemon.start().grpc)

    def finish(self) -> None:
        """All that was asked is answered, and the journal has everything once."""
        deadline = time.monotonic() + 60.0
        while self.unanswered:
            assert time.monotonic() < deadline, self.daemon.tail()
            self.ask(self.unanswered.pop(0))
        assert self.ask()
        assert self.daemon.get("/readyz") == (200, "ok\n")
        head = self.client.get(self.job).last_iteration.index
        self.client.wait_for_iteration(
            self.job, head + 1000, self.client.get(self.job).head_revision
        )
        self.client.stop(self.job)
        self.client.wait_until_final(self.job)
        self.history.watch("ann", 0).events = list(self.client.watch(self.job))
        assert_keeps_promises(self.history)
        self.client.close()
        self.daemon.stop()
        assert check(self.daemon) == "1 job, all whole\n"


@pytest.fixture
def running(stopped_daemon, failpoints, folder):
    return Running(stopped_daemon, failpoints, folder)


@pytest.mark.parametrize("rule", FOR_GOOD, ids=named)
def test_a_store_that_failed_says_so_until_it_is_begun_anew(running, failpoints, rule):
    failpoints.arm(rule)
    text = running.outcome()
    assert text.startswith("nothing can be written to the journal any more"), text
    assert text.strip() in running.daemon.log.read_text()
    failpoints.disarm()
    # Trying again would prove nothing: it stays so.
    assert not running.ask()
    assert running.daemon.get("/readyz")[0] == 503
    running.begin_anew()
    running.finish()


@pytest.mark.parametrize("rule", WAITED_FOR, ids=named)
def test_room_is_waited_for(running, failpoints, rule):
    failpoints.arm(rule)
    text = running.outcome()
    if rule.times == FOR_EVER:
        assert text.startswith(f"the disk of {running.daemon.data_dir} is full"), text
        assert text.partition(" (")[0] in running.daemon.log.read_text()
    failpoints.disarm()
    while running.daemon.get("/readyz")[0] != 200:  # by itself
        running.ask()
    running.finish()


@pytest.mark.parametrize("rule", cases(FOLDING))
def test_what_can_not_be_folded_into_the_database_is_not_lost(running, failpoints, rule):
    failpoints.arm(rule)
    text = running.outcome()
    failpoints.disarm()
    if text.startswith("nothing can be written"):
        assert text.strip() in running.daemon.log.read_text()
        running.begin_anew()
    running.finish()


@pytest.mark.parametrize("rule", cases(CHECKPOINTS))
def test_a_run_goes_on_without_a_checkpoint(running, failpoints, rule):
    failpoints.arm(rule)
    assert running.outcome() == "goes on"
    failpoints.disarm()
    running.finish()


@pytest.mark.parametrize("rule", cases(CONNECTIONS))
def test_a_connection_that_broke_is_made_again(running, failpoints, rule):
    failpoints.arm(rule)
    assert running.outcome() == "goes on"
    failpoints.disarm()
    running.finish()
    assert not [e for e in running.history.watches[-1].events if e.WhichOneof("kind") == "rewound"]


# -------------------------------------------------------------------------------------- at a start

STARTS = [
    *both("open", "*/lock", EROFS, EMFILE, ENOSPC),
    *both("write", "*/lock", EIO, ENOSPC),
    *both("open", "*/descent.db", EIO, EMFILE, EROFS),
    *both("write", "*/descent.db*", EIO, ENOSPC),
    *both("fsync", "*/descent.db*", EIO),
    *both("open", "*/worker.key*", EMFILE, EROFS, ENOSPC),
    *both("write", "*/worker.key*", EIO, ENOSPC),
    *both("fsync", "*/worker.key*", EIO),
    *both("rename", "*/worker.key*", EIO, EROFS),
    *both("write", "*/tokens.json*", EIO, ENOSPC),
    *both("rename", "*/tokens.json*", EIO),
    *both("write", "*/admin.token*", EIO, ENOSPC),
    *both("open", "*/descentd.json*", EMFILE, EROFS, ENOSPC),
    *both("write", "*/descentd.json*", EIO, ENOSPC),
    *both("rename", "*/descentd.json*", EIO, EROFS),
]


@pytest.fixture(scope="module")
def finished_store(tmp_path_factory):
    """A store with a job that has ended, which nobody serves, and the job's events."""
    folder = tmp_path_factory.mktemp("finished")
    daemon = Daemon(folder / "d").start()
    client = Client(daemon.grpc)
    try:
        spec = specs.linear_regression(folder, iterations=200)
        job = client.create(spec, job_id="a").name
        client.wait_until_final(job)
        events = list(client.watch(job))
        daemon.stop()
    finally:
        client.close()
        daemon.close()
    for made_anew in ("worker.key", "tokens.json", "admin.token"):
        (daemon.data_dir / made_anew).unlink(missing_ok=True)
    return daemon.data_dir, events


def start_while_it_fails(daemon: Daemon, failpoints: Failpoints) -> str:
    """Gives `ready`; or what a start that was refused said; or `waits`, for room, until disarm."""
    daemon.log.unlink(missing_ok=True)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        start = pool.submit(daemon.start)
        waited = False
        while not start.done():
            if not waited and "starts as soon as there is room" in daemon.tail():
                waited = True
                failpoints.disarm()
            time.sleep(0.005)
        if start.exception() is None:
            return "waits" if waited else "ready"
        assert isinstance(start.exception(), RuntimeError), start.exception()
        return daemon.tail()


@pytest.mark.parametrize("rule", cases(STARTS))
def test_a_start_that_can_not_be_says_why_and_the_next_one_is(
    stopped_daemon, failpoints, finished_store, connect, rule
):
    daemon = stopped_daemon
    store, events = finished_store
    shutil.copytree(store, daemon.data_dir)
    failpoints.arm(rule)
    said = start_while_it_fails(daemon, failpoints)
    if said not in ("ready", "waits"):
        assert any(line.startswith("descentd: ") for line in said.splitlines()), said
        assert str(daemon.data_dir) in said, said
    failpoints.disarm()
    if daemon.running:
        daemon.kill()
    daemon.start()
    assert daemon.get("/readyz") == (200, "ok\n")
    client = connect(daemon.grpc)
    assert list(client.watch("jobs/a")) == events
    assert (daemon.data_dir / "worker.key").stat().st_mode & 0o777 == 0o600
    daemon.stop()
    assert check(daemon) == "1 job, all whole\n"
