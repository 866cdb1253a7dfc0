"""What concurrent clients saw of one job, and whether it keeps the service's promises.

A `History` is recorded by watchers that reconnect and by askers that ask again (recorders.py), or is
read from a file. `violations` looks at all of it and says what does not hold:

- ordered: within a connection revisions only grow; iterations of a branch do too
- unique: nobody gets a revision twice, a revision is one event for everybody, an iteration is one
- gapless: within a connection no revision is left out, and no iteration of a branch
- resumable: a connection begins with the revision after the one that it named
- atomic: a request takes effect as a whole, at one iteration, or not at all
- exactly once: a request is accepted once and applied once (in each branch), and every answer to it,
  however often it was asked, is that very event of the journal
- in force: a dial that was set at iteration k shows in the event of k + 1, and until it is changed

    ~/.cache/descent/venv/bin/python -m helpers.history FILE    # in tests/integration

What it can't see: whether an event was durable when it was sent (the crash test's kills find that).
"""

import dataclasses
import itertools
import json
import pathlib
import sys
import threading
from collections.abc import Iterable


@dataclasses.dataclass
class Watch:
    """One connection of a watcher: every event of all kinds after a revision, as it came."""

    watcher: str
    after: int
    events: list = dataclasses.field(default_factory=list)  # descent.v1.Event

    @property
    def last(self) -> int:
        """Where the next connection begins."""
        return self.events[-1].revision if self.events else self.after


@dataclasses.dataclass
class Ask:
    """One attempt to have a request done, and the answer, if there was one."""

    asker: str
    request: object  # descent.v1.CommandJobRequest
    answer: object = None  # descent.v1.Event
    refused: bool = False  # for good: it must never take effect


@dataclasses.dataclass(frozen=True)
class Violation:
    promise: str
    text: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.text}"


class History:
    """What was seen of one job. Recorded by several threads, looked at by one afterwards."""

    def __init__(self):
        self.watches: list[Watch] = []
        self.asks: list[Ask] = []
        self._lock = threading.Lock()

    def watch(self, watcher: str, after: int) -> Watch:
        watch = Watch(watcher, after)
        with self._lock:
            self.watches.append(watch)
        return watch

    def ask(self, asker: str, request) -> Ask:
        ask = Ask(asker, request)
        with self._lock:
            self.asks.append(ask)
        return ask

    # ------------------------------------------------------------------------------- as a file

    def save(self, path: pathlib.Path) -> None:
        """A line for each connection and each question, in protobuf's JSON."""
        from google.protobuf import json_format

        as_dict = json_format.MessageToDict

        with open(path, "w") as file:
            for watch in self.watches:
                events = [as_dict(event) for event in watch.events]
                line = {"watcher": watch.watcher, "after": watch.after, "events": events}
                file.write(json.dumps(line) + "\n")
            for ask in self.asks:
                line = {"asker": ask.asker, "request": as_dict(ask.request)}
                line |= {"refused": ask.refused}
                line |= {"answer": as_dict(ask.answer)} if ask.answer is not None else {}
                file.write(json.dumps(line) + "\n")

    @staticmethod
    def load(path: pathlib.Path) -> "History":
        from descent.v1 import event_pb2, training_service_pb2
        from google.protobuf import json_format

        parse = json_format.ParseDict

        history = History()
        for line in map(json.loads, path.read_text().splitlines()):
            if "watcher" in line:
                watch = history.watch(line["watcher"], line["after"])
                watch.events = [parse(event, event_pb2.Event()) for event in line["events"]]
                continue
            request = parse(line["request"], training_service_pb2.CommandJobRequest())
            ask = history.ask(line["asker"], request)
            ask.refused = line["refused"]
            if "answer" in line:
                ask.answer = parse(line["answer"], event_pb2.Event())
        return history


def violations(history: History) -> list[Violation]:
    """What does not hold; empty: all does."""
    check = _Check(history)
    check.streams()
    check.journal()
    check.answers()
    return check.found


def kind(event) -> str:
    return event.WhichOneof("kind")


def _bytes(event) -> bytes:
    return event.SerializeToString(deterministic=True)


class _Check:
    def __init__(self, history: History):
        self.history = history
        self.found: list[Violation] = []
        self.events: dict[int, object] = {}  # the journal as all of them together saw it
        self.accepted: dict[str, object] = {}
        self.applied: dict[str, list] = {}
        self.rejected: dict[str, object] = {}

    def add(self, promise: str, text: str) -> None:
        self.found.append(Violation(promise, text))

    # ----------------------------------------------------------------------- what each was sent

    def streams(self) -> None:
        for watch in self.history.watches:
            self._stream(watch)
        serialized: dict[int, bytes] = {}
        told: set[int] = set()
        for watch in self.history.watches:
            for event in watch.events:
                revision = event.revision
                known = serialized.setdefault(revision, _bytes(event))
                self.events.setdefault(revision, event)
                if known != _bytes(event) and revision not in told:
                    told.add(revision)
                    self.add("unique", f"revision {revision} is two different events")

    def _stream(self, watch: Watch) -> None:
        revisions = [event.revision for event in watch.events]
        if not revisions:
            return
        who = f"{watch.watcher} after {watch.after}"
        known = sorted(set(revisions))
        if len(known) != len(revisions):
            twice = next(r for r in known if revisions.count(r) > 1)
            self.add("unique", f"{who}: revision {twice} came twice")
        first_seen = list(dict.fromkeys(revisions))
        if first_seen != known:
            at = next(i for i, r in enumerate(first_seen) if r != known[i])
            self.add("ordered", f"{who}: revision {first_seen[at]} came before {known[at]}")
        if known[0] != watch.after + 1:
            self.add("resumable", f"{who}: it begins with revision {known[0]}")
        for before, after in itertools.pairwise(known):
            if after != before + 1:
                self.add("gapless", f"{who}: after revision {before} comes {after}")

    # ------------------------------------------------------------------------- what it all means

    def journal(self) -> None:
        """Goes through the journal, of which nothing may be missing: else what follows is moot."""
        revisions = sorted(self.events)
        if not revisions or revisions != list(range(1, revisions[-1] + 1)):
            if not any(v.promise in ("gapless", "resumable") for v in self.found):
                self.add("gapless", "nobody saw all of the journal")
            return
        position = _Position()
        for revision in revisions:
            event = self.events[revision]
            name = kind(event)
            if name == "iteration":
                self._iteration(position, event)
            elif name == "command_accepted":
                self._accepted(event)
            elif name == "command_applied":
                self._applied(position, event)
            elif name == "command_rejected":
                self._rejected(event)
            elif name == "series":
                position.series = list(event.series.names)
            elif name == "created":
                position.step_sizes = list(event.created.summary.step_sizes)
            elif name == "rewound":
                position.rewind(event.rewound)

    def _iteration(self, position: "_Position", event) -> None:
        index = event.iteration.index
        where = f"revision {event.revision}"
        if index <= position.index:
            same = index == position.index
            promise = "unique" if same else "ordered"
            self.add(promise, f"{where}: iteration {index} comes after {position.index}")
        elif index != position.index + 1:
            self.add("gapless", f"{where}: iteration {index} comes after {position.index}")
        position.index = index
        for path, (value, since) in position.dials.items():
            shown = position.shown(path, event.iteration)
            if shown is not None and shown != value:
                text = f"iteration {index} shows {path} = {shown}; it was {value} since {since}"
                self.add("in force", text)

    def _accepted(self, event) -> None:
        request = event.command_accepted.request_id
        if request in self.accepted:
            self.add("exactly once", f"{request} was accepted twice")
        self.accepted[request] = event

    def _rejected(self, event) -> None:
        request = event.command_rejected.request_id
        if request in self.rejected or request in self.applied:
            self.add("exactly once", f"{request} was rejected, after it was resolved before")
        self.rejected[request] = event

    def _applied(self, position: "_Position", event) -> None:
        applied = event.command_applied
        request = applied.request_id
        where = f"{request} at revision {event.revision}"
        accepted = self.accepted.get(request)
        if accepted is None:
            self.add("exactly once", f"{where} was applied, but accepted by nobody")
            return
        before = self.applied.setdefault(request, [])
        if request in self.rejected:
            self.add("exactly once", f"{where} was applied after it was rejected")
        if before and not applied.HasField("reapplied_from"):
            self.add("exactly once", f"{where} was applied before, at {before[-1].revision}")
        if event.branch in [b.branch for b in before] and applied.HasField("reapplied_from"):
            self.add("exactly once", f"{where} was applied twice in branch {event.branch}")
        before.append(event)
        asked = accepted.command_accepted
        if applied.iteration != position.index:
            text = f"{where} says iteration {applied.iteration}, but stands after {position.index}"
            self.add("in force", text)
        if asked.HasField("at_iteration") and applied.iteration < asked.at_iteration:
            text = f"{where} was asked for at {asked.at_iteration}, and was at {applied.iteration}"
            self.add("in force", text)
        self._whole(where, asked, applied)
        position.change(applied)

    def _whole(self, where: str, asked, applied) -> None:
        names = [command.WhichOneof("kind") for command in asked.commands]
        if names != list(applied.commands):
            self.add("atomic", f"{where}: of {names} came {list(applied.commands)}")
            return
        dials = [c for c in asked.commands if c.WhichOneof("kind") in ("set", "scale", "release")]
        if len(dials) != len(applied.changes):
            text = f"{where}: of {len(dials)} dials {len(applied.changes)} were turned"
            self.add("atomic", text)
            return
        for command, change in zip(dials, applied.changes, strict=True):
            name = command.WhichOneof("kind")
            path = getattr(command, name).path
            if not change.path.endswith(path):
                self.add("atomic", f"{where}: {path} was asked for, {change.path} was turned")
            if name == "set" and change.new_value != command.set.value:
                text = f"{where}: {path} = {command.set.value} became {change.new_value}"
                self.add("in force", text)

    # -------------------------------------------------------------------- what each was answered

    def answers(self) -> None:
        if any(v.promise in ("gapless", "resumable") for v in self.found):
            return  # what is missing can't be compared
        for ask in self.history.asks:
            request = ask.request.request_id
            if ask.refused and request in self.accepted and request not in self.rejected:
                self.add("exactly once", f"{request} was refused to {ask.asker}, and accepted")
            if ask.answer is None:
                continue
            stored = self.events.get(ask.answer.revision)
            if ask.answer.command_applied.request_id != request:
                self.add("exactly once", f"{ask.asker} got the answer to another than {request}")
            elif stored is None or _bytes(stored) != _bytes(ask.answer):
                text = f"{ask.asker} was told that {request} is revision {ask.answer.revision}"
                self.add("exactly once", f"{text}, which the journal has not")


class _Position:
    """Where the journal is: the newest iteration, and the dials that were turned."""

    def __init__(self):
        self.index = -1
        self.series: list[str] = []
        self.step_sizes: list[str] = []
        self.dials: dict[str, tuple[float, int]] = {}  # path: its value, and since which iteration

    def rewind(self, rewound) -> None:
        self.index = rewound.to_iteration
        # What was turned on the part that is left comes again, with events of its own.
        self.dials.clear()

    def change(self, applied) -> None:
        for change in applied.changes:
            if change.released:  # to a schedule, which nobody here computes
                self.dials.pop(change.path, None)
            else:
                self.dials[change.path] = (change.new_value, applied.iteration)

    def shown(self, path: str, iteration) -> float | None:
        """What an iteration's event says of a dial; None if it doesn't."""
        if path in self.step_sizes and iteration.HasField("step_size"):
            return iteration.step_size
        if path in self.series:
            at = self.series.index(path)
            return iteration.scalars[at] if at < len(iteration.scalars) else None
        return None


def assert_keeps_promises(history: History, save_as: pathlib.Path | None = None) -> None:
    """Fails with the first of what does not hold; the history is saved for another look."""
    found = violations(history)
    if not found:
        return
    if save_as is not None:
        history.save(save_as)
    shown = "\n".join(map(str, found[:20]))
    raise AssertionError(f"{len(found)} violations, recorded in {save_as}:\n{shown}")


def main(paths: Iterable[str]) -> int:
    import tempfile

    from helpers import stubs

    status = 0
    with tempfile.TemporaryDirectory() as folder:
        stubs.generate(pathlib.Path(folder))
        for path in paths:
            found = violations(History.load(pathlib.Path(path)))
            print(path, "keeps all promises" if not found else "\n" + "\n".join(map(str, found)))
            status |= bool(found)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
