"""The check of recorded histories finds each way to break a promise, and nothing in a whole one."""

import copy

import pytest
from descent.v1 import event_pb2, training_service_pb2

from helpers import history as histories
from helpers.client import release_dial, scale_dial, set_dial, simple
from helpers.history import History, violations

STEP, BETA = "optimizer.adam.step_size", "optimizer.adam.beta1"


class Forge:
    """Writes the journal of a job that has two dials, with requests of one and of two commands."""

    def __init__(self):
        self.events: list[event_pb2.Event] = []
        self.dials = {STEP: 0.1, BETA: 0.9}
        self.index = -1
        self.requests: dict[str, training_service_pb2.CommandJobRequest] = {}
        created = self.add().created
        created.summary.step_sizes.append(STEP)
        self.add().series.names.extend(["loss", BETA])
        self.train(3)
        self.apply("r1", set_dial("step_size", 0.05))
        self.train(2)
        self.apply("r2", set_dial("step_size", 0.02), scale_dial("beta1", 0.5))
        self.train(3)
        self.reject("r3", set_dial("step_size", -1))
        self.apply("r4", simple("pause"))
        self.apply("r5", release_dial("step_size"))
        self.dials[STEP] = 0.1
        self.train(3)

    def add(self) -> event_pb2.Event:
        self.events.append(event_pb2.Event(revision=len(self.events) + 1, attempt=1))
        return self.events[-1]

    def train(self, iterations: int) -> None:
        for _ in range(iterations):
            self.index += 1
            event = self.add().iteration
            event.index = self.index
            event.value = 1 / (self.index + 1)
            if self.index > 0:
                event.step_size = self.dials[STEP]
                event.scalars.extend([event.value, self.dials[BETA]])

    def accept(self, request_id: str, *commands) -> None:
        self.requests[request_id] = training_service_pb2.CommandJobRequest(
            name="jobs/a", request_id=request_id, commands=commands
        )
        accepted = self.add().command_accepted
        accepted.request_id = request_id
        accepted.commands.extend(commands)

    def apply(self, request_id: str, *commands) -> None:
        self.accept(request_id, *commands)
        applied = self.add().command_applied
        applied.request_id = request_id
        applied.iteration = self.index
        for command in commands:
            name = command.WhichOneof("kind")
            applied.commands.append(name)
            if name == "pause":
                continue
            path = STEP if getattr(command, name).path == "step_size" else BETA
            new = {"set": command.set.value, "scale": self.dials[path] * command.scale.factor}
            change = applied.changes.add(path=path, old_value=self.dials[path])
            change.new_value = new.get(name, 0.1)
            change.released = name == "release"
            self.dials[path] = change.new_value

    def reject(self, request_id: str, *commands) -> None:
        self.accept(request_id, *commands)
        self.add().command_rejected.request_id = request_id


def of_request(events, request_id: str, name: str) -> int:
    """Where that event of a request is."""
    return next(i for i, e in enumerate(events) if getattr(e, name).request_id == request_id)


@pytest.fixture
def history() -> History:
    """Three watchers, of whom one reconnected, and two who asked, of whom one asked again."""
    forge = Forge()
    whole = History()
    whole.watch("steady", 0).events = copy.deepcopy(forge.events)
    whole.watch("late", 7).events = copy.deepcopy(forge.events[7:])
    whole.watch("restless", 0).events = copy.deepcopy(forge.events[:9])
    whole.watch("restless", 9).events = copy.deepcopy(forge.events[9:])
    for request_id, request in forge.requests.items():
        for asker in ("ann", "bob")[: 2 if request_id == "r2" else 1]:
            ask = whole.ask(asker, request)
            if request_id == "r3":
                ask.refused = True
            else:
                at = of_request(forge.events, request_id, "command_applied")
                ask.answer = copy.deepcopy(forge.events[at])
    whole.ask("bob", forge.requests["r4"])  # the answer was lost
    return whole


def test_a_whole_history_keeps_all_promises(history, folder):
    assert violations(history) == []
    history.save(folder / "history.jsonl")
    assert violations(History.load(folder / "history.jsonl")) == []
    histories.assert_keeps_promises(history)


# ----------------------------------------------------------------------- ways to break a promise


def swap(history):
    events = history.watches[0].events
    events[5], events[6] = events[6], events[5]


def iterations_change_places(history):
    """In the journal itself, so that every watcher sees the same."""
    for watch in history.watches:
        by_revision = {e.revision: e for e in watch.events}
        a, b = by_revision.get(4), by_revision.get(5)
        if a and b:
            a.iteration.index, b.iteration.index = b.iteration.index, a.iteration.index


def send_twice(history):
    history.watches[0].events.insert(5, copy.deepcopy(history.watches[0].events[5]))


def send_again_at_the_end(history):
    history.watches[0].events.append(copy.deepcopy(history.watches[0].events[5]))


def tell_one_something_else(history):
    history.watches[1].events[2].iteration.value += 1e-300


def iteration_twice(history):
    for watch in history.watches:
        for event in watch.events:
            if event.iteration.index == 9:
                event.iteration.index = 8


def leave_out(history):
    del history.watches[0].events[5]


def leave_out_of_the_journal(history):
    """Revisions stay whole, an iteration is not there: all of them are one too high."""
    for watch in history.watches:
        for event in watch.events:
            if event.iteration.index >= 8:
                event.iteration.index += 1


def skip_on_reconnecting(history):
    del history.watches[3].events[0]


def begin_too_early(history):
    history.watches[1].events.insert(0, copy.deepcopy(history.watches[0].events[6]))


def everywhere(history, request_id: str, name: str):
    """That event of a request, wherever it was seen."""
    for watch in history.watches:
        for event in watch.events:
            if getattr(event, name).request_id == request_id:
                yield event
    for ask in history.asks:
        answer = ask.answer
        if name == "command_applied" and answer is not None:
            yield from [answer] if answer.command_applied.request_id == request_id else []


def half_of_a_request(history):
    for event in everywhere(history, "r2", "command_applied"):
        del event.command_applied.changes[1]


def one_command_of_two(history):
    for event in everywhere(history, "r2", "command_applied"):
        del event.command_applied.changes[1]
        del event.command_applied.commands[1]


def another_dial(history):
    for event in everywhere(history, "r1", "command_applied"):
        event.command_applied.changes[0].path = BETA


def answer_of_another(history):
    answers = [ask for ask in history.asks if ask.answer is not None]
    answers[0].answer, answers[1].answer = answers[1].answer, answers[0].answer


def answer_that_the_journal_has_not(history):
    next(ask for ask in history.asks if ask.answer is not None).answer.time_unix_nanos += 1


def answer_lost_from_the_journal(history):
    """Acknowledged, but what the watchers saw at that revision is something else."""
    for watch in history.watches:
        for event in watch.events:
            if event.command_applied.request_id == "r4":
                event.notice.message = "a daemon began anew"


def apply_twice(history):
    def twice(event):
        event.command_applied.request_id = "r1"

    for event in everywhere(history, "r4", "command_applied"):
        twice(event)
    for event in everywhere(history, "r4", "command_accepted"):
        event.notice.message = "nothing"
    for ask in history.asks:
        if ask.request.request_id == "r4":
            ask.answer = None


def accept_twice(history):
    for event in list(everywhere(history, "r5", "command_accepted")):
        event.command_accepted.request_id = "r1"
    for event in list(everywhere(history, "r5", "command_applied")):
        event.notice.message = "nothing"
    for ask in history.asks:
        if ask.request.request_id == "r5":
            ask.answer = None


def apply_what_nobody_asked(history):
    for event in list(everywhere(history, "r5", "command_accepted")):
        event.notice.message = "nothing"


def apply_what_was_rejected(history):
    for event in list(everywhere(history, "r4", "command_applied")):
        event.command_applied.request_id = "r3"
    for ask in history.asks:
        if ask.request.request_id == "r4":
            ask.answer = None


def refuse_and_do_it(history):
    for ask in history.asks:
        if ask.request.request_id == "r1":
            ask.answer, ask.refused = None, True


def show_it_a_step_late(history):
    for watch in history.watches:
        for event in watch.events:
            if event.iteration.index == 3:
                event.iteration.step_size = 0.1


def lose_it_later(history):
    for watch in history.watches:
        for event in watch.events:
            if event.iteration.index == 7:
                event.iteration.scalars[1] = 0.9


def say_another_iteration(history):
    for event in everywhere(history, "r1", "command_applied"):
        event.command_applied.iteration += 1


def set_another_value(history):
    for event in everywhere(history, "r1", "command_applied"):
        event.command_applied.changes[0].new_value = 0.06
    for watch in history.watches:
        for event in watch.events:
            if event.iteration.step_size == 0.05:
                event.iteration.step_size = 0.06


FORGED = {
    "ordered": [swap, iterations_change_places],
    "unique": [send_twice, send_again_at_the_end, tell_one_something_else, iteration_twice],
    "gapless": [leave_out, leave_out_of_the_journal],
    "resumable": [skip_on_reconnecting, begin_too_early],
    "atomic": [half_of_a_request, one_command_of_two, another_dial],
    "exactly once": [
        answer_of_another,
        answer_that_the_journal_has_not,
        answer_lost_from_the_journal,
        apply_twice,
        accept_twice,
        apply_what_nobody_asked,
        apply_what_was_rejected,
        refuse_and_do_it,
    ],
    "in force": [
        show_it_a_step_late,
        lose_it_later,
        say_another_iteration,
        set_another_value,
    ],
}


@pytest.mark.parametrize(
    ("promise", "forge"),
    [(promise, forge) for promise, forges in FORGED.items() for forge in forges],
)
def test_a_forged_history_is_found(history, promise, forge):
    forge(history)
    found = violations(history)
    assert promise in {v.promise for v in found}, [str(v) for v in found]
    with pytest.raises(AssertionError, match=promise):
        histories.assert_keeps_promises(history)


# What a command changed is one event: where a branch was left, it comes again in the next, once.
def test_a_new_branch_applies_again_what_the_left_one_had(history):
    forge = Forge()
    rewound = forge.add().rewound
    rewound.to_iteration, rewound.to_branch = 5, 1
    first = of_request(forge.events, "r2", "command_applied")
    forge.index = 5
    for number in (1, 2):
        again = forge.add()
        again.command_applied.CopyFrom(forge.events[first].command_applied)
        again.command_applied.iteration = 5
        again.command_applied.reapplied_from = first + 1
        again.branch = 1
        told = History()
        told.watch("w", 0).events = copy.deepcopy(forge.events)
        assert len(violations(told)) == number - 1
