"""SIGKILL for workers, for the daemon, for both, at random moments: nothing is lost or repeated,
and the run ends with the very bits of one that nobody disturbed.

The moments are drawn from a seed that a failure shows; $DESCENT_SEED repeats it.
"""

import itertools
import os
import pathlib
import random
import signal
import threading

import grpc
import pytest
from descent.v1 import command_pb2, event_pb2, spec_pb2

from helpers import process, specs
from helpers.client import FINAL, Client, kind, release_dial, scale_dial, set_dial, simple
from helpers.daemon import Daemon
from helpers.recorders import TRANSIENT
from helpers.specs import FOREVER
from helpers.undisturbed import assert_whole, replay_undisturbed, result

KILLS = 20
ITERATIONS = 60_000


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
