"""What commands do to a running job, and what the journal tells of them."""

import concurrent.futures

import grpc
import pytest
from descent.v1 import event_pb2, training_service_pb2

from helpers import specs
from helpers.client import kind, set_dial, simple
from helpers.details import refused
from helpers.events import iterations
from helpers.specs import FOREVER


def test_a_set_is_in_force_from_the_next_iteration(client, endless):
    applied = []
    applied.append(client.set(endless, "step_size", 0.01))
    applied.append(client.scale(endless, "lr", 0.5))
    applied.append(client.release(endless, "optimizer.gradient_descent.step_size"))
    ends = [e.command_applied.iteration for e in applied]
    client.wait_for_iteration(endless, ends[-1] + 10)

    path = "optimizer.gradient_descent.step_size"
    expected = [(0.05, 0.01, False), (0.01, 0.005, False), (0.005, 0.05, True)]
    for event, (old, new, released) in zip(applied, expected, strict=True):
        (change,) = event.command_applied.changes
        assert (change.path, change.old_value, change.new_value) == (path, old, new)
        assert change.released == released
    values = [0.05, 0.01, 0.005, 0.05]
    for step in iterations(client.history(endless))[1 : ends[-1] + 10]:
        segment = sum(step.index > k for k in ends)
        assert step.step_size == values[segment], step


def test_who_and_what_is_in_the_journal(client, endless):
    request = training_service_pb2.CommandJobRequest(
        name=endless, request_id="r-1", commands=[set_dial("step_size", 0.02)]
    )
    answer = client.training.CommandJob(
        request, timeout=30, metadata=[("x-descent-principal", "ada@example.org")]
    )
    assert answer.event.command_applied.principal == "ada@example.org"
    story = [e for e in client.history(endless) if kind(e).startswith("command")]
    assert [kind(e) for e in story] == ["command_accepted", "command_applied"]
    assert story[0].command_accepted.request_id == "r-1"
    assert story[1] == answer.event


def test_a_paused_job_stands_still_and_still_obeys(client, endless):
    paused = client.pause(endless).command_applied.iteration
    assert client.get(endless).state == event_pb2.PAUSED
    assert client.set(endless, "step_size", 0.03).command_applied.iteration == paused
    assert client.checkpoint(endless).command_applied.iteration == paused
    assert client.get(endless).last_iteration.index == paused
    assert client.resume(endless).command_applied.iteration == paused
    event = client.wait_for_iteration(endless, paused + 1)
    assert event.iteration.index == paused + 1
    assert event.iteration.step_size == 0.03
    assert client.get(endless).state == event_pb2.RUNNING


def test_a_request_is_applied_once_however_often_it_is_sent(client, endless):
    first = client.scale(endless, "step_size", 0.5, request_id="again")
    assert client.scale(endless, "step_size", 0.5, request_id="again") == first
    told = refused(
        grpc.StatusCode.ALREADY_EXISTS,
        client.scale,
        endless,
        "step_size",
        0.25,
        request_id="again",
    )
    assert "again" in told.message
    event = client.wait_for_iteration(endless, first.command_applied.iteration + 5)
    assert event.iteration.step_size == 0.025
    assert client.get(endless).last_iteration.step_size == 0.025


def test_all_of_a_request_or_nothing(client, endless):
    told = refused(
        grpc.StatusCode.INVALID_ARGUMENT,
        client.command,
        endless,
        set_dial("step_size", 0.01),
        set_dial("step_size", -1.0),
    )
    assert told.fields == ["commands[1].set.value"]
    head = client.get(endless).last_iteration.index
    client.wait_for_iteration(endless, head + 5)
    assert all(s.step_size == 0.05 for s in iterations(client.history(endless))[1:])


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_a_bad_step_size_is_refused_and_nothing_changes(client, endless, value):
    told = refused(grpc.StatusCode.INVALID_ARGUMENT, client.set, endless, "step_size", value)
    assert told.fields == ["commands[0].set.value"]
    assert client.get(endless).dials[0].value == 0.05


def test_an_unknown_dial_is_refused_with_the_nearest(client, endless):
    told = refused(grpc.StatusCode.INVALID_ARGUMENT, client.set, endless, "step_sise", 0.1)
    assert told.fields == ["commands[0].set.path"]
    assert "step_size" in told.message


def test_at_an_iteration(client, folder):
    job = client.create(specs.classifier(folder, iterations=100_000)).name
    ahead = client.get(job).last_iteration.index + 20_000
    applied = client.command(job, simple("pause"), simple("checkpoint"), at_iteration=ahead)
    assert applied.command_applied.iteration == ahead
    assert client.get(job).last_iteration.index == ahead
    told = refused(
        grpc.StatusCode.FAILED_PRECONDITION,
        client.set,
        job,
        "step_size",
        0.1,
        at_iteration=ahead - 1,
    )
    assert told.reason == "ITERATION_PASSED"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        later = pool.submit(client.set, job, "step_size", 0.5, at_iteration=ahead + 7)
        client.wait_for(
            job,
            lambda e: (
                kind(e) == "command_accepted"
                and e.command_accepted.HasField("at_iteration")
                and e.command_accepted.at_iteration == ahead + 7
            ),
        )
        client.resume(job)
        assert later.result().command_applied.iteration == ahead + 7
    client.stop(job)
    by_index = {s.index: s.step_size for s in iterations(client.history(job))}
    assert by_index[ahead + 7] < 0.01
    assert by_index[ahead + 8] == 0.5


def test_evaluate_and_checkpoint_on_request(client, folder):
    job = client.create(specs.classifier(folder, iterations=FOREVER)).name
    client.wait_for_iteration(job, 1)
    evaluated = client.evaluate(job, request_id="look").command_applied.iteration
    saved = client.checkpoint(job, request_id="keep").command_applied.iteration
    client.stop(job)
    events = client.history(job)
    (evaluation,) = [e for e in events if e.evaluation.request_id == "look"]
    assert evaluation.evaluation.iteration == evaluated
    assert {m.name for m in evaluation.evaluation.metrics} == {"loss", "accuracy"}
    (checkpoint,) = [e for e in events if e.checkpoint_saved.request_id == "keep"]
    assert checkpoint.checkpoint_saved.iteration == saved
    for result, request_id in ((evaluation, "look"), (checkpoint, "keep")):
        after = events[result.revision]
        assert after.command_applied.request_id == request_id


def test_stop_ends_the_job_with_a_checkpoint(client, daemon, folder):
    job = client.create(specs.linear_regression(folder, iterations=FOREVER)).name
    client.wait_for_iteration(job, 100)
    stopped = client.stop(job).command_applied.iteration
    final = client.wait_until_final(job)
    assert final.state == event_pb2.STOPPED
    assert final.last_iteration.index == stopped
    name = final.last_checkpoint.rsplit("/", 1)[-1]
    assert name.endswith(f"-{stopped}")
    assert (daemon.data_dir / job / "checkpoints" / f"{name}.safetensors").exists()
    told = refused(grpc.StatusCode.FAILED_PRECONDITION, client.set, job, "step_size", 0.1)
    assert job in told.message
