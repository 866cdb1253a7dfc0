"""A storm of SIGKILLs over several jobs, each with people who watch and command it: no promise is
broken, and the runs end with the very bits of those that nobody disturbed.

The moments are drawn from a seed that a failure shows; $DESCENT_SEED repeats it.
"""

import collections
import os
import pathlib
import random
import threading
from collections.abc import Callable

from descent.v1 import event_pb2, spec_pb2

from helpers import process, specs
from helpers.client import FINAL, Client, kind
from helpers.daemon import Daemon
from helpers.history import History, assert_keeps_promises
from helpers.recorders import Asker, HttpAsker, HttpWatcher, Watcher
from helpers.specs import FOREVER
from helpers.undisturbed import assert_whole, replay_undisturbed, result


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
