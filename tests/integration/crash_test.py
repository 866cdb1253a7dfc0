"""SIGKILL for workers, for the daemon, for both, at random moments: nothing is lost or repeated,
and the run ends with the very bits of one that nobody disturbed.

The moments are drawn from a seed that a failure shows; $DESCENT_SEED repeats it.
"""

import collections
import itertools
import os
import pathlib
import random
import signal
import threading
import uuid
from collections.abc import Callable

import grpc
import pytest
from descent.v1 import command_pb2, event_pb2, spec_pb2

from helpers import process, specs
from helpers.client import FINAL, Client, kind, release_dial, scale_dial, set_dial, simple
from helpers.daemon import Daemon
from helpers.history import History, assert_keeps_promises
from helpers.recorders import TRANSIENT, Asker, HttpAsker, HttpWatcher, Watcher

KILLS = 20
ITERATIONS = 60_000
FOREVER = 1_000_000_000


@pytest.fixture
def draw() -> random.Random:
    seed = int(os.environ.get("DESCENT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
    print(f"DESCENT_SEED={seed}")
    return random.Random(seed)


def spec_of(folder: pathlib.Path) -> spec_pb2.Spec:
    """Some thousands of iterations a second, a checkpoint every 2,000."""
    return specs.classifier(
        folder,
        iterations=ITERATIONS,
        step_size=0.002,
        hidden=24,
        checkpoints={"every_iterations": "2000"},
        evaluation={"every_epochs": "200"},
    )


# --------------------------------------------------------------------------------- what must hold


def result(event: event_pb2.Event) -> tuple:
    """What of an iteration is a function of the journal: all but times and attempts, bit for bit."""
    same = event_pb2.Iteration()
    same.CopyFrom(event.iteration)
    same.ClearField("elapsed_seconds")
    return (event.branch, same.SerializeToString(deterministic=True))


def assert_whole(events: list[event_pb2.Event], last: int) -> None:
    """No gap, duplicate or reordering; one branch; each iteration once."""
    assert [e.revision for e in events] == list(range(1, len(events) + 1))
    found = [e.iteration.index for e in events if kind(e) == "iteration"]
    assert found == list(range(last + 1))
    assert not [e for e in events if kind(e) == "rewound"]
    attempts = [e.attempt for e in events if kind(e) == "attempt_started"]
    assert attempts == list(range(1, len(attempts) + 1))


def assert_commands_once(events: list[event_pb2.Event], acknowledged: dict) -> None:
    """Each acknowledged request is accepted once and applied once, as was acknowledged."""
    accepted = [e.command_accepted.request_id for e in events if kind(e) == "command_accepted"]
    assert len(set(accepted)) == len(accepted)
    applied = [e for e in events if kind(e) == "command_applied"]
    ids = [e.command_applied.request_id for e in applied]
    assert len(set(ids)) == len(ids)
    by_id = dict(zip(ids, applied, strict=True))
    for request_id, event in acknowledged.items():
        assert by_id[request_id] == event


# -------------------------------------------------------------------------------------- a person


class Person(threading.Thread):
    """Turns the dial all the time, and asks again until there is an answer."""

    def __init__(self, daemon: Daemon, name: str, seed: int):
        super().__init__(daemon=True)
        self.acknowledged: dict[str, event_pb2.Event] = {}
        self.error: BaseException | None = None
        self._daemon, self._name, self._draw = daemon, name, random.Random(seed)
        self._stop_asking = threading.Event()

    def finish(self) -> None:
        self._stop_asking.set()
        self.join(60)
        assert not self.is_alive(), "a command was never answered"
        if self.error:
            raise self.error

    def run(self) -> None:
        try:
            for number in itertools.count():
                # A pause between two requests, that the end cuts short.
                if self._stop_asking.wait(self._draw.uniform(0.02, 0.2)):
                    return
                if not self._ask(f"r{number}", self._command()):
                    return
        except BaseException as error:
            self.error = error

    def _command(self) -> command_pb2.Command:
        return self._draw.choice(
            [
                set_dial("step_size", self._draw.uniform(0.0005, 0.003)),
                scale_dial("step_size", self._draw.uniform(0.8, 1.2)),
                release_dial("step_size"),
                simple("evaluate"),
                simple("checkpoint"),
            ]
        )

    def _ask(self, request_id: str, command: command_pb2.Command) -> bool:
        """False when the job has ended."""
        while True:
            client = Client(self._daemon.grpc)
            try:
                event = client.training.CommandJob(
                    _request(self._name, request_id, command), timeout=2.0
                ).event
                self.acknowledged[request_id] = event
                return True
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                    return False
                if error.code() not in TRANSIENT:
                    raise
                if self._stop_asking.wait(0.05):
                    pass  # the answer is still wanted
            finally:
                client.close()


def _request(name: str, request_id: str, command: command_pb2.Command):
    from descent.v1 import training_service_pb2

    return training_service_pb2.CommandJobRequest(
        name=name, request_id=request_id, commands=[command]
    )


# ------------------------------------------------------------------------------------- the kills


class Run:
    """One job that is disturbed on its way."""

    def __init__(self, daemon: Daemon, spec: spec_pb2.Spec, draw: random.Random):
        self.daemon, self.draw = daemon, draw
        self.client = Client(daemon.grpc)
        self.name = self.client.create(spec).name
        self.person = Person(daemon, self.name, draw.randrange(1 << 30))
        self.person.start()
        self.revision = 0
        self.index = -1

    def advance(self, iterations: int) -> bool:
        """Waits for that many new iterations; False if the job ended before."""
        wanted = self.index + iterations
        for event in self.client.watch(
            self.name, self.revision, kinds=(event_pb2.ITERATION, event_pb2.STATE_CHANGED)
        ):
            self.revision = event.revision
            if kind(event) == "state_changed" and event.state_changed.state in FINAL:
                assert event.state_changed.state == event_pb2.SUCCEEDED, event
                return False
            if kind(event) == "iteration":
                self.index = event.iteration.index
                if self.index >= wanted:
                    return True
        return False

    def worker(self) -> int:
        return self.client.worker_pid(self.name)

    def restart_daemon(self) -> None:
        self.daemon.start()
        self.client.close()
        self.client = Client(self.daemon.grpc)

    def finish(self) -> list[event_pb2.Event]:
        self.person.finish()
        job = self.client.wait_until_final(self.name)
        assert job.state == event_pb2.SUCCEEDED
        assert job.last_checkpoint == f"0-{ITERATIONS}"
        events = list(self.client.watch(self.name))
        assert_whole(events, ITERATIONS)
        assert_commands_once(events, self.person.acknowledged)
        return events


def kill_worker(run: Run) -> None:
    process.kill(run.worker())


def kill_daemon(run: Run) -> None:
    run.daemon.kill()
    run.restart_daemon()


def kill_both(run: Run) -> None:
    worker = run.worker()
    if run.draw.random() < 0.5:
        process.kill(worker)
        run.daemon.kill()
    else:
        run.daemon.kill()
        process.kill(worker)
    run.restart_daemon()


def replay_undisturbed(
    daemon: Daemon, spec: spec_pb2.Spec, disturbed: list[event_pb2.Event]
) -> tuple[list[event_pb2.Event], dict[str, bytes]]:
    """The same job with the same commands at the same iterations, and nobody killed.

    They are all accepted before it begins: it waits in the queue behind another job.
    """
    client = Client(daemon.grpc)
    blocker = client.create(spec, job_id="b" + uuid.uuid4().hex[:8]).name
    client.pause(blocker)
    name = client.create(spec).name
    commands = {
        e.command_accepted.request_id: e.command_accepted.commands
        for e in disturbed
        if kind(e) == "command_accepted"
    }
    waiting = []
    for event in [e for e in disturbed if kind(e) == "command_applied"]:
        applied = event.command_applied
        waiting.append(
            client.command_later(
                name,
                applied.iteration,
                *commands[applied.request_id],
                request_id=applied.request_id,
            )
        )
    assert client.get(name).state == event_pb2.QUEUED
    client.stop(blocker)
    assert client.wait_until_final(name).state == event_pb2.SUCCEEDED
    for future in waiting:
        future.result()
    events = list(client.watch(name))
    tensors = daemon.tensors(client.get(name))
    client.close()
    return events, tensors


@pytest.mark.parametrize("strike", [kill_worker, kill_daemon, kill_both])
def test_kills_at_random_moments_change_nothing(start_daemon, folder, draw, strike):
    daemon = start_daemon("--max_running_jobs", "1")
    spec = spec_of(folder)
    kills = 0
    while kills < KILLS:
        run = Run(daemon, spec, draw)
        while kills < KILLS and run.advance(draw.randrange(1, 3000)):
            strike(run)
            kills += 1
            # Now and then once more, while it recovers; not more often: three attempts without a
            # new iteration are one job's end.
            if draw.random() < 0.2 and run.advance(1):
                strike(run)
                kills += 1
        disturbed = run.finish()
        tensors = daemon.tensors(run.client.get(run.name))
        undisturbed, expected = replay_undisturbed(daemon, spec, disturbed)
        assert_whole(undisturbed, ITERATIONS)
        assert tensors == expected
        assert [result(e) for e in disturbed if kind(e) == "iteration"] == [
            result(e) for e in undisturbed if kind(e) == "iteration"
        ]
        run.client.close()
    print(f"{kills} kills")


# ------------------------------------------------------------------------------------- the storm


class Disturbed:
    """One of the storm's jobs, and those who watch and turn it."""

    def __init__(self, daemon: Daemon, name: str, draw: random.Random):
        self.name = name
        self.history = History()
        self.news = threading.Condition()
        self.index, self.pid, self.last_kind, self.is_final = -1, 0, "", False
        # Three attempts without a new iteration are a job's end: so it is not struck so often.
        self.fruitless, self.mark = 0, -1
        watchers = [Watcher(daemon, name, "ann", self.history, draw.randrange(1 << 30))]
        watchers[0].on_event = self.on_event
        # One who reads JSON costs Python ten times as much.
        if draw.random() < 0.3:
            watchers.append(HttpWatcher(daemon, name, "bob", self.history, draw.randrange(1 << 30)))
        asker = draw.choice([Asker, HttpAsker])
        self.askers = [
            Asker(daemon, name, "cid", self.history, draw.randrange(1 << 30)),
            asker(daemon, name, "dora", self.history, draw.randrange(1 << 30)),
        ]
        self.watchers = watchers
        for recorder in [*watchers, *self.askers]:
            recorder.start()

    def on_event(self, event: event_pb2.Event) -> None:
        with self.news:
            self.last_kind = kind(event)
            if self.last_kind == "iteration":
                self.index = event.iteration.index
                if self.index > self.mark:
                    self.fruitless = 0
            elif self.last_kind == "attempt_started":
                self.pid = event.attempt_started.worker.pid
            elif self.last_kind == "state_changed":
                self.is_final = event.state_changed.state in FINAL
            self.news.notify_all()

    def wait_for(self, happened: Callable[[], bool], timeout: float = 10.0) -> bool:
        """False if the job ended before, or it took too long."""
        with self.news:
            self.news.wait_for(lambda: happened() or self.is_final, timeout)
            return happened() and not self.is_final

    def check(self) -> None:
        """Fails if one of its recorders has: nobody would hear of the job any more."""
        for recorder in [*self.watchers, *self.askers]:
            if recorder.error:
                raise recorder.error

    @property
    def may_be_struck(self) -> bool:
        with self.news:
            return not self.is_final and self.fruitless < 2

    def finish(self) -> None:
        for recorder in self.watchers:
            recorder.finish()
        for recorder in self.askers:
            recorder.stopping.set()
        for recorder in self.askers:
            recorder.finish()


class Storm:
    """Several jobs at once, their watchers and askers, and kills at moments that are drawn."""

    AT_ONCE = 3

    def __init__(self, daemon: Daemon, spec: spec_pb2.Spec, draw: random.Random):
        self.daemon, self.spec, self.draw = daemon, spec, draw
        self.client = Client(daemon.grpc)
        self.jobs: list[Disturbed] = []
        self.kills: collections.Counter = collections.Counter()

    def fill_up(self) -> None:
        for _ in range(self.AT_ONCE - len([job for job in self.jobs if not job.is_final])):
            spec = spec_pb2.Spec()
            spec.CopyFrom(self.spec)
            spec.seed = self.draw.randrange(1, 1 << 30)
            number = len(self.jobs)
            job = self.client.create(spec, job_id=f"s{number}", request_id=f"create-{number}")
            self.jobs.append(Disturbed(self.daemon, job.name, self.draw))

    def strike(self) -> None:
        """Waits for a moment of some kind, and kills somebody."""
        self.fill_up()
        running = [job for job in self.jobs if not job.is_final]
        if not running:
            return
        for job in running:
            job.check()
        job = self.draw.choice(running)
        moment = self.draw.choice(["any", "start", "commit", "checkpoint", "recovery"])
        if not getattr(self, f"await_{moment}")(job):
            return
        victims = self.draw.choice(["worker", "worker", "workers", "daemon", "daemon", "both"])
        if victims in ("worker", "workers", "both") and not job.may_be_struck:
            victims = "daemon"
        getattr(self, f"kill_{victims}")(job)
        self.kills[moment] += 1

    # ------------------------------------------------------------------------------ the moments

    def await_any(self, job: Disturbed) -> bool:
        wanted = job.index + self.draw.randrange(1, 100)
        return job.wait_for(lambda: job.index >= wanted)

    def await_start(self, job: Disturbed) -> bool:
        """Of the newest job: before its first iteration, mostly."""
        del job
        steps = self.draw.choice(["attempt_started", "series", "created"])
        newest = self.jobs[-1]
        return newest.wait_for(lambda: newest.last_kind == steps or newest.index >= 0)

    def await_commit(self, job: Disturbed) -> bool:
        """A command is on its way: accepted, and not applied, as far as one sees."""
        return job.wait_for(lambda: job.last_kind in ("command_accepted", "command_applied"))

    def await_checkpoint(self, job: Disturbed) -> bool:
        """It is being written, or was told just now."""
        before = self.draw.randrange(1, 40)
        return job.wait_for(
            lambda: job.last_kind == "checkpoint_saved" or -job.index % CHECKPOINT_EVERY == before
        )

    def await_recovery(self, job: Disturbed) -> bool:
        if not job.may_be_struck:
            return False
        pid = job.pid
        self.kill_worker(job)
        return job.wait_for(lambda: job.pid != pid)

    # ------------------------------------------------------------------------------ the victims

    def kill_worker(self, job: Disturbed) -> None:
        self.end([job])
        self.look(job)

    def kill_workers(self, job: Disturbed) -> None:
        """Every worker that may die, and some spares: whom a job is just being given."""
        del job
        running = [other for other in self.jobs if not other.is_final]
        calm = all(other.fruitless == 0 for other in running)
        struck = [other for other in running if other.may_be_struck]
        self.end(struck)
        known = [self.daemon.pid, *(other.pid for other in running)]
        spares = [pid for pid in self.daemon.workers() if pid not in known] if calm else []
        for pid in spares:
            self.kills["spare"] += self.is_there(pid)
            process.kill(pid)
        for other in struck:
            with other.news:
                other.fruitless += bool(spares)  # it may have been its next attempt
            self.look(other)

    def kill_daemon(self, job: Disturbed | None = None) -> None:
        del job
        self.daemon.kill()
        self.kills["daemon"] += 1
        self.begin_anew()

    def kill_both(self, job: Disturbed) -> None:
        first = self.draw.random() < 0.5
        if first:
            self.end([job])
        self.daemon.kill()
        self.kills["daemon"] += 1
        if not first:
            self.end([job])
        self.begin_anew()
        self.look(job)

    def end(self, jobs: list[Disturbed]) -> None:
        for job in jobs:
            with job.news:
                pid, job.fruitless = job.pid, job.fruitless + 1
                # Nothing counts as new until it is known how far the journal is.
                job.mark = FOREVER
            if pid in self.daemon.workers():
                self.kills["worker"] += self.is_there(pid)
                process.kill(pid)

    def look(self, job: Disturbed) -> None:
        """What is beyond the journal's head of now is new."""
        head = self.client.get(job.name).last_iteration.index
        with job.news:
            job.mark = head

    @staticmethod
    def is_there(pid: int) -> bool:
        return pathlib.Path(f"/proc/{pid}").exists()

    def begin_anew(self) -> None:
        self.daemon.start()
        self.client.close()
        self.client = Client(self.daemon.grpc)

    @property
    def killed(self) -> int:
        return self.kills["worker"] + self.kills["spare"] + self.kills["daemon"]

    def finish(self) -> None:
        for job in self.jobs:
            job.finish()
        self.client.close()


CHECKPOINT_EVERY = 400
STORM_ITERATIONS = 5_000
STORM_KILLS = 1_000 if os.environ.get("DESCENT_LONG") == "1" else 100


def test_a_storm_of_kills_breaks_no_promise(start_daemon, connect, folder, draw, capsys):
    daemon = start_daemon("--max_running_jobs", str(Storm.AT_ONCE))
    # Steps of half a millisecond and more: a job must outlast the making of the others, and what it
    # tells is read by several threads of Python.
    spec = specs.classifier(
        folder,
        iterations=STORM_ITERATIONS,
        step_size=0.002,
        hidden=1024,
        checkpoints={"every_iterations": str(CHECKPOINT_EVERY)},
        evaluation={"every_epochs": "100"},
    )
    storm = Storm(daemon, spec, draw)
    # A strike may come to nothing: the job was at its end, or nobody was there to be killed.
    for _ in range(10 * STORM_KILLS):
        if storm.killed >= STORM_KILLS:
            break
        storm.strike()
    assert storm.killed >= STORM_KILLS, storm.kills
    storm.finish()
    with capsys.disabled():
        print(f"\n{storm.killed} kills over {len(storm.jobs)} jobs: {dict(storm.kills)}")
    client = connect(daemon.grpc)
    kept = pathlib.Path(os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR", folder))
    for job in storm.jobs:
        done = client.get(job.name)
        assert done.state == event_pb2.SUCCEEDED, done
        assert done.last_checkpoint == f"0-{STORM_ITERATIONS}"
        events = list(client.watch(job.name))
        assert_whole(events, STORM_ITERATIONS)
        job.history.watch("afterwards", 0).events = events
        assert_keeps_promises(job.history, kept / f"{job.name.replace('/', '-')}.jsonl")

    # Two of them once more, from what their journals say and with nobody killed.
    calm = start_daemon("--max_running_jobs", "1")
    for job in draw.sample(storm.jobs, 2):
        disturbed = job.history.watches[-1].events
        again = spec_pb2.Spec()
        again.CopyFrom(disturbed[0].created.spec)
        undisturbed, expected = replay_undisturbed(calm, again, disturbed)
        assert daemon.tensors(client.get(job.name)) == expected
        assert [result(e) for e in disturbed if kind(e) == "iteration"] == [
            result(e) for e in undisturbed if kind(e) == "iteration"
        ]


def test_a_stopped_worker_is_fenced_when_it_wakes(start_daemon, connect, folder):
    client = connect(start_daemon("--worker_lease", "1").grpc)
    name = client.create(specs.classifier(folder, iterations=FOREVER)).name
    client.wait_for_iteration(name, 500)
    sleeper = client.worker_pid(name)
    os.kill(sleeper, signal.SIGSTOP)
    try:
        event = client.wait_for(
            name, lambda e: kind(e) == "iteration" and e.attempt == 2, timeout=60
        )
        assert client.worker_pid(name) != sleeper
    finally:
        os.kill(sleeper, signal.SIGCONT)
    process.wait_until_gone(sleeper)
    client.wait_for_iteration(name, event.iteration.index + 2000, event.revision)
    client.stop(name)
    events = client.history(name)
    last = max(e.iteration.index for e in events if kind(e) == "iteration")
    assert_whole(events, last)
    # Nothing of the sleeper's came after the replacement began.
    started = next(e for e in events if kind(e) == "attempt_started" and e.attempt == 2)
    assert all(e.attempt != 1 for e in events[started.revision :] if e.sequence > 0)


def test_a_paused_job_outlives_its_workers(start_daemon, connect, folder):
    client = connect(start_daemon().grpc)
    name = client.create(specs.classifier(folder, iterations=FOREVER)).name
    client.wait_for_iteration(name, 10)
    client.pause(name)
    revision = client.wait_for_state(name, event_pb2.PAUSED).revision
    for _ in range(5):
        process.kill(client.worker_pid(name))
        revision = client.wait_for_state(name, event_pb2.PAUSED, after_revision=revision).revision
    head = client.get(name).last_iteration.index
    client.resume(name)
    client.wait_for_iteration(name, head + 10, revision)
    client.stop(name)
    assert_whole(client.history(name), client.get(name).last_iteration.index)


def test_a_worker_that_always_dies_fails_its_job(start_daemon, connect, folder):
    client = connect(start_daemon().grpc)
    name = client.create(specs.classifier(folder, iterations=FOREVER)).name
    client.pause(name)  # no new iteration from here on
    client.wait_for_state(name, event_pb2.PAUSED)
    revision = client.get(name).head_revision
    # Killed at its start, hardly any comes as far as to be paused again; one that does is not counted.
    for _ in range(20):
        process.kill(client.worker_pid(name))
        event = client.wait_for(
            name,
            lambda e: (
                kind(e) == "attempt_started"
                or (kind(e) == "state_changed" and e.state_changed.state == event_pb2.FAILED)
            ),
            revision,
        )
        revision = event.revision
        if kind(event) == "state_changed":
            break
    job = client.wait_until_final(name)
    assert job.state == event_pb2.FAILED
    assert job.state_reason
