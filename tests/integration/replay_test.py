"""The journal is the run: what it holds, run again, gives the same journal, bit for bit."""

import random

import grpc
import pytest
from descent.v1 import event_pb2, spec_pb2

from helpers import specs
from helpers.client import Client, kind, release_dial, scale_dial, set_dial, simple
from helpers.daemon import Daemon

FOREVER = 1_000_000_000


def of_kind(events: list[event_pb2.Event], wanted: str) -> list:
    return [getattr(e, wanted) for e in events if kind(e) == wanted]


def outcome(events: list[event_pb2.Event]) -> list[bytes]:
    """All that is a function of the first event and the commands, in order; without times, and
    without what names a request."""
    found = []
    for event in events:
        same = event_pb2.Event(branch=event.branch)
        name = kind(event)
        if name not in ("series", "iteration", "evaluation", "command_applied", "checkpoint_saved"):
            continue
        getattr(same, name).CopyFrom(getattr(event, name))
        told = getattr(same, name)
        for field in ("elapsed_seconds", "seconds", "request_id", "principal"):
            if field in told.DESCRIPTOR.fields_by_name:
                told.ClearField(field)
        found.append(same.SerializeToString(deterministic=True))
    return found


def steer(
    client: Client, name: str, draw: random.Random, dial: str = "beta1", extra=("evaluate",)
) -> None:
    """Everything that can be done to a running job, at moments that nobody has planned."""
    for _ in range(25):
        client.command(
            name,
            draw.choice(
                [
                    set_dial("step_size", draw.uniform(0.0005, 0.003)),
                    scale_dial("step_size", draw.uniform(0.5, 1.5)),
                    release_dial("step_size"),
                    simple("checkpoint"),
                    *map(simple, extra),
                ]
            ),
        )
        if draw.random() < 0.2:
            client.pause(name)
            client.set(name, "step_size", draw.uniform(0.0005, 0.003))
            client.resume(name)
    # Two in one request: both or none.
    client.command(name, set_dial("step_size", 0.001), scale_dial(dial, 0.9))


def replay(daemon: Daemon, client: Client, events: list[event_pb2.Event]) -> str:
    """Runs a journal again, from its first event and its commands alone; gives the job's name."""
    # It waits for its turn until all that will be done to it is known to it.
    busy = client.create(specs.linear_regression(daemon.data_dir.parent, iterations=FOREVER)).name
    client.wait_for_iteration(busy, 1)
    again = client.create(events[0].created.spec).name
    asked = {c.request_id: c.commands for c in of_kind(events, "command_accepted")}
    answers = []
    for applied in of_kind(events, "command_applied"):
        answers.append(client.command_later(again, applied.iteration, *asked[applied.request_id]))
    client.stop(busy)
    client.wait_until_final(again)
    for answer in answers:
        answer.result()
    return again


def spec_of(folder, iterations: int) -> spec_pb2.Spec:
    return specs.classifier(
        folder,
        iterations=iterations,
        step_size=0.002,
        hidden=24,
        checkpoints={"every_iterations": "1000"},
        evaluation={"every_epochs": "50"},
    )


@pytest.mark.parametrize("ends", ["by itself", "by a stop"])
def test_a_journal_run_again_gives_the_same_journal(start_daemon, connect, folder, ends):
    daemon = start_daemon("--max_running_jobs=1")
    client = connect(daemon.grpc)
    endless = ends == "by a stop"
    name = client.create(spec_of(folder, FOREVER if endless else 60_000)).name
    client.wait_for_iteration(name, 10)
    try:
        steer(client, name, random.Random(7))
    except grpc.RpcError as error:  # a fast machine was at the end before
        assert not endless and error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
    if endless:
        client.stop(name)
    client.wait_until_final(name, timeout=240)
    events = list(client.watch(name))
    assert len(of_kind(events, "command_applied")) > (25 if endless else 5)

    assert_replayed(daemon, client, name, events)


# Without model and data: a valley that is far longer than the run.
@pytest.mark.parametrize("optimizer", ["lbfgs", "nonlinear_cg", "barzilai_borwein"])
def test_so_does_the_journal_of_a_function_job(start_daemon, connect, optimizer):
    daemon = start_daemon("--max_running_jobs=1")
    client = connect(daemon.grpc)
    name = client.create(specs.rosenbrock({optimizer: {}}, 20_000, FOREVER)).name
    client.wait_for_iteration(name, 10)
    steer(client, name, random.Random(7), dial="step_size", extra=())
    client.stop(name)
    client.wait_until_final(name)
    events = list(client.watch(name))
    values = [i.value for i in of_kind(events, "iteration")]
    assert values[-1] > 1, "it was at the minimum before it ended"
    assert_replayed(daemon, client, name, events)


def assert_replayed(
    daemon: Daemon, client: Client, name: str, events: list[event_pb2.Event]
) -> None:
    again = replay(daemon, client, events)
    replayed = list(client.watch(again))
    assert replayed[0].created.spec == events[0].created.spec
    assert client.get(again).state == client.get(name).state
    same = [a == b for a, b in zip(outcome(replayed), outcome(events), strict=True)]
    assert all(same), f"they differ first at {same.index(False)}"
    assert daemon.tensors(client.get(again)) == daemon.tensors(client.get(name))
