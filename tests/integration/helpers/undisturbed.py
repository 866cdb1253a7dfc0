"""What a run that was disturbed must share with one that nobody disturbs."""

import uuid

from descent.v1 import event_pb2, spec_pb2

from helpers.client import Client, kind
from helpers.daemon import Daemon


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
