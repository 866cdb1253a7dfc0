"""What a watch tells, seen by an independent client over gRPC."""

import concurrent.futures
import itertools
import random

import grpc
from descent.v1 import event_pb2

from helpers import specs
from helpers.client import Client, kind
from helpers.details import refused
from helpers.events import assert_contiguous, iterations


def test_dropped_connections_lose_nothing_and_repeat_nothing(client, connect, daemon, folder):
    draw = random.Random(20)
    job = client.create(specs.linear_regression(folder, iterations=30_000))
    seen = []
    while not (
        seen
        and kind(seen[-1]) == "state_changed"
        and seen[-1].state_changed.state in (event_pb2.SUCCEEDED, event_pb2.FAILED)
    ):
        one = Client(daemon.grpc)  # a connection of its own, dropped in the middle
        after = seen[-1].revision if seen else 0
        seen += itertools.islice(one.watch(job.name, after), draw.randrange(1, 4000))
        one.close()
    assert_contiguous(seen)
    assert len(iterations(seen)) == 30_001
    assert seen[-1].state_changed.state == event_pb2.SUCCEEDED
    again = list(client.watch(job.name))
    assert [e.SerializeToString(deterministic=True) for e in again] == [
        e.SerializeToString(deterministic=True) for e in seen
    ]


def test_events_tell_the_story_of_a_run(client, folder):
    job = client.create(specs.classifier(folder, iterations=60), display_name="A story")
    events = list(client.watch(job.name))
    assert_contiguous(events)
    assert events[0].created.display_name == "A story"
    assert events[0].created.spec == job.spec
    kinds = [kind(e) for e in events]
    assert kinds.index("attempt_started") < kinds.index("iteration")
    steps = iterations(events)
    assert len(steps) == 61
    assert not steps[0].HasField("step_size")
    assert all(s.HasField("step_size") for s in steps[1:])
    assert steps[-1].value < steps[0].value
    # 12 iterations an epoch: an evaluation at each end, right after that iteration.
    evaluated = [e.evaluation.iteration for e in events if kind(e) == "evaluation"]
    assert evaluated == [12, 24, 36, 48, 60]
    states = [e.state_changed.state for e in events if kind(e) == "state_changed"]
    assert states[-2:] == [event_pb2.RUNNING, event_pb2.SUCCEEDED]
    final = client.get(job.name)
    assert final.state == event_pb2.SUCCEEDED
    assert final.last_iteration == steps[-1]
    assert final.head_revision == events[-1].revision
    assert final.last_checkpoint.endswith("-60")


def test_kinds_and_every_thin_the_stream(client, folder):
    job = client.create(specs.linear_regression(folder, iterations=1000))
    client.wait_until_final(job.name)
    thinned = list(client.watch(job.name, kinds=(event_pb2.ITERATION,), every=100))
    assert [e.iteration.index for e in thinned] == list(range(0, 1001, 100))
    states = list(client.watch(job.name, kinds=(event_pb2.STATE_CHANGED,)))
    assert {kind(e) for e in states} == {"state_changed"}


def test_a_cursor_past_the_head_is_out_of_range(client, folder):
    job = client.create(specs.linear_regression(folder, iterations=10))
    head = client.wait_until_final(job.name).head_revision
    assert list(client.watch(job.name, head)) == []
    told = refused(grpc.StatusCode.OUT_OF_RANGE, list, client.watch(job.name, head + 1))
    assert told.metadata["head_revision"] == str(head)


def test_of_eight_watchers_one_never_reads(client, connect, daemon, folder):
    spec = specs.linear_regression(folder, iterations=30_000)
    job = client.create(spec)
    lazy = connect(daemon.grpc).responses(job.name)
    first = next(lazy)  # connected; reads no more

    def watch(_):
        return [e.revision for e in connect(daemon.grpc).watch(job.name)]

    with concurrent.futures.ThreadPoolExecutor(7) as pool:
        watched = list(pool.map(watch, range(7)))
    head = client.wait_until_final(job.name).head_revision
    assert all(revisions == list(range(1, head + 1)) for revisions in watched)
    # And what it did not read is still there for it.
    late = [e.revision for e in first.events]
    for response in lazy:
        late += [e.revision for e in response.events]
    assert late == list(range(1, head + 1))
