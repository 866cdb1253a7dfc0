"""What a list of events must be, and what is in it."""

from descent.v1 import event_pb2

from helpers.client import kind


def iterations(events: list[event_pb2.Event]) -> list[event_pb2.Iteration]:
    return [e.iteration for e in events if kind(e) == "iteration"]


def assert_contiguous(events: list[event_pb2.Event]) -> None:
    """Every revision exactly once, in order; every iteration too."""
    assert [e.revision for e in events] == list(range(1, len(events) + 1))
    indices = [i.index for i in iterations(events)]
    assert indices == list(range(len(indices)))
