"""What the service promises, seen by an independent client over gRPC."""

import concurrent.futures
import itertools
import json
import pathlib
import random
import struct
import subprocess
import urllib.request

import grpc
import pytest
from descent.v1 import event_pb2, training_service_pb2
from google.protobuf import json_format

from helpers import details, specs
from helpers.client import Client, kind, set_dial, simple

FOREVER = 1_000_000_000


def iterations(events: list[event_pb2.Event]) -> list[event_pb2.Iteration]:
    return [e.iteration for e in events if kind(e) == "iteration"]


def assert_contiguous(events: list[event_pb2.Event]) -> None:
    """Every revision exactly once, in order; every iteration too."""
    assert [e.revision for e in events] == list(range(1, len(events) + 1))
    indices = [i.index for i in iterations(events)]
    assert indices == list(range(len(indices)))


def refused(code: grpc.StatusCode, call, *arguments, **named) -> details.Details:
    """Calls, expects this error, and gives its message and details."""
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments, **named)
    assert error.value.code() == code, error.value.details()
    return details.of(error.value)


@pytest.fixture
def endless(client, folder):
    """A running job that only a stop ends; stopped when the test is over."""
    job = client.create(specs.linear_regression(folder, iterations=FOREVER), job_id="endless")
    client.wait_for_iteration(job.name, 1)
    yield job.name
    client.command(job.name, simple("stop"))


# ------------------------------------------------------------------------------------- watching


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


# ------------------------------------------------------------------------------------- commands


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
    client.wait_for_iteration(endless, first.command_applied.iteration + 5)
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


# ----------------------------------------------------------------------------------------- jobs


def test_jobs_wait_for_their_turn(start_daemon, connect, folder):
    client = connect(start_daemon("--max_running_jobs", "1").grpc)
    first = client.create(specs.linear_regression(folder, iterations=FOREVER)).name
    second = client.create(specs.linear_regression(folder, iterations=100)).name
    third = client.create(specs.linear_regression(folder, iterations=100)).name
    client.wait_for_iteration(first, 10)
    assert client.get(second).state == event_pb2.QUEUED
    assert client.stop(third).command_applied.request_id
    assert client.get(third).state == event_pb2.STOPPED
    client.stop(first)
    assert client.wait_until_final(second).state == event_pb2.SUCCEEDED


def test_create_is_safe_to_repeat(client, folder):
    spec = specs.linear_regression(folder, iterations=10)
    first = client.create(spec, request_id="once")
    assert client.create(spec, request_id="once").name == first.name
    refused(
        grpc.StatusCode.ALREADY_EXISTS,
        client.create,
        specs.linear_regression(folder, iterations=11),
        request_id="once",
    )
    client.create(spec, job_id="mine")
    told = refused(grpc.StatusCode.ALREADY_EXISTS, client.create, spec, job_id="mine")
    assert "mine" in told.message


def test_delete_takes_finished_jobs_only(client, endless, daemon, folder):
    refused(grpc.StatusCode.FAILED_PRECONDITION, client.delete, endless)
    job = client.create(specs.linear_regression(folder, iterations=10)).name
    client.wait_until_final(job)
    client.delete(job)
    refused(grpc.StatusCode.NOT_FOUND, client.get, job)
    assert not (daemon.data_dir / job).exists()


def test_list_filters_and_pages(client, folder):
    spec = specs.linear_regression(folder, iterations=10)
    names = [client.create(spec, labels={"team": f"t{i % 2}"}).name for i in range(5)]
    for name in names:
        client.wait_until_final(name)
    page = client.list_jobs(page_size=2)
    assert [j.name for j in page.jobs] == names[:2:-1]
    rest = client.list_jobs(page_size=50, page_token=page.next_page_token)
    assert [j.name for j in rest.jobs] == names[2::-1]
    found = client.list_jobs(filter='labels.team = "t1" AND state = SUCCEEDED')
    assert {j.name for j in found.jobs} == {names[1], names[3]}
    refused(grpc.StatusCode.INVALID_ARGUMENT, client.list_jobs, filter="colour = blue")
    refused(grpc.StatusCode.INVALID_ARGUMENT, client.list_jobs, page_size=-1)


def test_a_restarted_daemon_has_all_its_jobs(daemon, connect, folder):
    client = connect(daemon.grpc)
    done = client.create(specs.linear_regression(folder, iterations=500)).name
    before = list(client.watch(done))
    running = client.create(specs.classifier(folder, iterations=FOREVER)).name
    client.wait_for_iteration(running, 500)
    applied = client.set(running, "step_size", 0.004, request_id="kept").command_applied.iteration

    daemon.restart()
    client = connect(daemon.grpc)
    assert list(client.watch(done)) == before
    assert client.get(done).state == event_pb2.SUCCEEDED
    assert client.wait_for_iteration(running, applied + 5000).iteration.step_size == 0.004
    client.stop(running)
    assert_contiguous(client.history(running))
    daemon.restart()
    assert connect(daemon.grpc).get(running).state == event_pb2.STOPPED


# ------------------------------------------------------------------------------------ bad input


def test_a_field_that_nobody_knows_is_refused(client, folder):
    spec = specs.linear_regression(folder)
    spec.optimizer.gradient_descent.MergeFromString(b"\xa2\x06\x00")  # number 100
    told = refused(grpc.StatusCode.INVALID_ARGUMENT, client.create, spec)
    assert "optimizer.gradient_descent" in told.fields[0]
    assert client.list_jobs().jobs == []


def test_shapes_that_do_not_fit_name_both_layers(client, folder):
    spec = specs.classifier(folder)
    spec.model.sequential.layers[3].linear.in_features = 99
    told = refused(grpc.StatusCode.INVALID_ARGUMENT, client.create, spec)
    assert any("layers[3]" in field for field in told.fields)
    assert "`output`" in told.message and "`2`" in told.message  # a layer without a name
    assert "99" in told.message and "16" in told.message


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_a_bad_step_size_is_refused_at_submission(client, folder, value):
    spec = specs.linear_regression(folder)
    spec.optimizer.gradient_descent.step_size.constant = value
    told = refused(grpc.StatusCode.INVALID_ARGUMENT, client.create, spec)
    assert any("step_size" in field for field in told.fields)


def test_bad_data_is_named(client, folder):
    def told_of(spec) -> str:
        return refused(grpc.StatusCode.INVALID_ARGUMENT, client.create, spec).message

    spec = specs.classifier(folder)
    images = spec.data.train.idx.inputs
    spec.data.train.idx.inputs = images + ".none"
    assert images + ".none" in told_of(spec)

    cut = folder / "cut.idx"
    with open(images, "rb") as file:
        cut.write_bytes(file.read()[:-7])
    spec.data.train.idx.inputs = str(cut)
    assert str(cut) in told_of(spec)

    spec = specs.classifier(folder)
    spec.model.sequential.layers[3].linear.out_features = 3  # labels go to 3
    message = told_of(spec)
    assert spec.data.train.idx.targets in message and "label" in message

    ragged = folder / "ragged.csv"
    ragged.write_text("a,b,y\n1,2,3\n4,5\n")
    spec = specs.linear_regression(folder)
    spec.data.train.csv.path = str(ragged)
    message = told_of(spec)
    assert str(ragged) in message and "3" in message  # the line

    words = folder / "words.csv"
    words.write_text("a,b,y\n1,2,3\n4,five,6\n")
    spec.data.train.csv.path = str(words)
    message = told_of(spec)
    assert str(words) in message and "five" in message and "b" in message


def test_validate_says_what_a_spec_builds(client, folder):
    answer = client.validate(specs.classifier(folder))
    shapes = {layer.name: tuple(layer.output_shape) for layer in answer.summary.layers}
    assert (shapes["0"], shapes["hidden"], shapes["output"]) == ((36,), (16,), (4,))
    assert answer.summary.parameters == 36 * 16 + 16 + 16 * 4 + 4
    assert answer.spec.data.batch_size == 20
    assert "optimizer.adam.step_size" in answer.summary.dials
    assert client.list_jobs().jobs == []


# ------------------------------------------------------------------------ health and reflection


def raw(channel: grpc.Channel, method: str, request: bytes) -> bytes:
    return channel.unary_unary(method)(request, timeout=10)


def test_health_says_serving(client):
    assert raw(client.channel, "/grpc.health.v1.Health/Check", b"") == b"\x08\x01"
    name = b"descent.v1.TrainingService"
    request = bytes([10, len(name)]) + name
    assert raw(client.channel, "/grpc.health.v1.Health/Check", request) == b"\x08\x01"


def test_reflection_names_the_service(client):
    call = client.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    )
    answers = list(call(iter([b"\x3a\x00"]), timeout=10))
    assert b"descent.v1.TrainingService" in answers[0]


# ----------------------------------------------------------------------------------------- HTTP


def sse(text: str) -> list[dict[str, str]]:
    """The blocks of a stream of server-sent events, comments left out."""
    blocks = []
    for block in text.split("\n\n"):
        lines = [line.split(": ", 1) for line in block.split("\n") if line and line[0] != ":"]
        if lines:
            blocks.append(dict(lines))
    return blocks


def test_server_sent_events_say_what_the_journal_says(client, daemon, folder):
    job = client.create(specs.classifier(folder, iterations=300)).name
    status, text = daemon.get(f"/v1/{job}:watch", timeout=60)
    assert status == 200
    blocks = sse(text)
    assert blocks[-1]["event"] == "end"
    told = [b for b in blocks if "data" in b and b["event"] != "end"]
    events = list(client.watch(job))
    assert [int(b["id"]) for b in told] == [e.revision for e in events]
    assert [b["event"] for b in told] == [kind(e) for e in events]
    for block, event in zip(told, events, strict=True):
        assert json_format.Parse(block["data"], event_pb2.Event()) == event

    # A browser that comes back says what it has seen.
    request = urllib.request.Request(
        f"http://{daemon.http}/v1/{job}:watch",
        headers={"Last-Event-ID": "200", **daemon.headers()},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        rest = sse(response.read().decode())
    assert [b["id"] for b in rest if "data" in b] == [b["id"] for b in blocks if "data" in b][200:]


def test_json_lists_gets_and_commands(client, endless, daemon):
    status, text = daemon.get("/v1/jobs")
    assert status == 200
    assert [j["name"] for j in json.loads(text)["jobs"]] == [endless]
    status, text = daemon.get(f"/v1/{endless}")
    assert (
        json.loads(text)["spec"]["optimizer"]["gradient_descent"]["step_size"]["constant"] == 0.05
    )
    body = {"request_id": "r", "commands": [{"set": {"path": "step_size", "value": 0.01}}]}
    status, text = daemon.post(f"/v1/{endless}:command", body)
    assert status == 200
    applied = json.loads(text)["event"]["command_applied"]
    assert applied["changes"][0]["new_value"] == 0.01
    assert applied["principal"] == "anonymous"
    body = {"commands": [{"set": {"path": "step_size", "value": -1}}]}
    status, text = daemon.post(f"/v1/{endless}:command", body)
    error = json.loads(text)["error"]
    assert (status, error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["details"][1]["field_violations"][0]["field"] == "commands[0].set.value"
    assert daemon.get("/v1/jobs/nobody")[0] == 404


def is_cpu_of(name: str, job: str) -> bool:
    return name.startswith("descent_worker_cpu_seconds_total{") and f'job_name="{job}"' in name


def test_prometheus_sees_jobs_while_they_run(client, daemon, folder):
    job = client.create(specs.linear_regression(folder, iterations=FOREVER), job_id="seen").name
    client.wait_for_iteration(job, 100)
    status, text = daemon.get("/metrics")
    assert status == 200
    samples = dict(
        line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")
    )
    assert float(samples['descent_job_step_size{job_name="seen"}']) == 0.05
    assert float(samples['descent_job_iterations_total{job_name="seen"}']) >= 100
    assert float(samples['descent_job_value{job_name="seen"}']) > 0
    assert samples['descent_jobs{state="running"}'] == "1"
    assert samples["descent_journal_up"] == "1"
    assert float(samples["descent_iterations_total"]) >= 100
    (cpu,) = [value for name, value in samples.items() if is_cpu_of(name, "seen")]
    assert float(cpu) > 0
    linted = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")
    client.stop(job)
    client.wait_until_final(job)
    ended = daemon.get("/metrics")[1]  # for a quarter of an hour
    assert 'descent_job_state{job_name="seen",state="stopped"} 1\n' in ended
    assert 'descent_job_value{job_name="seen"}' in ended


# ------------------------------------------------------------------------------------ divergence


def test_a_diverged_run_fails_at_its_last_finite_checkpoint(client, daemon, descent, folder):
    spec = specs.linear_regression(
        folder, step_size=1e10, checkpoints={"every_iterations": "1"}, iterations=200
    )
    job = client.wait_until_final(client.create(spec, job_id="diverges").name)
    assert job.state == event_pb2.FAILED
    assert job.error_reason == "DIVERGED"
    events = client.history(job.name)
    end = events[-1].state_changed
    assert end.error_reason == "DIVERGED"
    assert f"Diverged at iteration {end.iteration}: the value is " in end.reason
    assert "that of weight" in end.reason  # a parameter
    kept = f"0-{end.iteration - 1}"
    assert job.last_checkpoint == kept
    assert f"Checkpoint {kept} is kept." in end.reason
    # Programs and people are told the same.
    for command in ("wait", "watch"):
        seen = descent(command, "diverges")
        assert seen.returncode == 1
        assert "Diverged at iteration" in seen.stdout
        assert "-nan" not in seen.stdout
    shown = json.loads(daemon.get("/v1/jobs/diverges", timeout=30)[1])
    assert shown["error_reason"] == "DIVERGED"
    assert shown["last_iteration"]["value"] in ("NaN", "Infinity")
    predicted = descent(
        "predict", "diverges", "-o", str(folder / "p.csv"), "--data", spec.data.train.csv.path
    )
    assert predicted.returncode == 0, predicted.stderr
    rows = (folder / "p.csv").read_text().splitlines()[1:]
    assert len(rows) == 256
    assert "nan" not in "".join(rows)


def test_a_diverged_run_goes_on_if_asked_to(client, descent, folder):
    spec = specs.linear_regression(folder, step_size=1e10, iterations=20, on_non_finite="CONTINUE")
    job = client.wait_until_final(client.create(spec, job_id="goes-on").name)
    assert job.state == event_pb2.SUCCEEDED
    assert job.last_iteration.index == 20
    assert "not finite at the end: the value is nan" in job.state_reason
    assert descent("wait", "goes-on").returncode == 0
    predicted = descent(
        "predict", "goes-on", "-o", str(folder / "p.csv"), "--data", spec.data.train.csv.path
    )
    assert predicted.returncode == 0, predicted.stderr
    assert (folder / "p.csv").read_text().splitlines()[1] == "0,nan"


# --------------------------------------------------------------------------------- large answers


def npy(path: pathlib.Path, dtype: str, shape: tuple[int, ...], data: bytes) -> pathlib.Path:
    """A file of NumPy's format, version 1.0."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    return specs.write_whole(
        path,
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data,
    )


def test_a_confusion_matrix_of_3000_classes_is_an_event_like_any_other(client, descent, folder):
    """Whole it would be 72 MB; the client has gRPC's default limits."""
    draw = random.Random(3)
    examples, classes = 3000, 3000
    inputs = npy(
        folder / "x.npy",
        "<f4",
        (examples, 2),
        struct.pack(f"<{2 * examples}f", *(draw.gauss(0, 1) for _ in range(2 * examples))),
    )
    targets = npy(
        folder / "y.npy", "<i8", (examples,), struct.pack(f"<{examples}q", *range(examples))
    )
    source = {"npy": {"inputs": str(inputs), "targets": str(targets)}}
    spec = specs.parse(
        {
            "model": {"linear": {"out_features": str(classes)}},
            "objective": {"cross_entropy": {}},
            "optimizer": {"sgd": {"step_size": {"constant": 0.1}}},
            "data": {"train": source, "test": source, "batch_size": "512"},
            "evaluation": {"metrics": [{"accuracy": {}}, {"confusion_matrix": {}}]},
            "iterations": "3",
            "seed": "1",
        }
    )
    job = client.wait_until_final(client.create(spec, job_id="many-classes").name)
    assert job.state == event_pb2.SUCCEEDED, job.state_reason
    names = [m.name for m in job.last_evaluation.metrics]
    assert names == ["loss", "accuracy", "confusion_matrix"]
    assert job.last_evaluation.metrics[2].size == classes
    assert not job.last_evaluation.metrics[2].rows
    listed = client.list_jobs().jobs[0]
    assert listed.last_evaluation.metrics[2].size == classes
    evaluations = [e.evaluation for e in client.watch(job.name) if kind(e) == "evaluation"]
    assert len(evaluations) == 1
    matrix = evaluations[0].metrics[2]
    assert sum(matrix.counts) == examples
    assert sorted(set(matrix.rows)) == list(range(classes))
    assert len(matrix.rows) == len(matrix.columns) == len(matrix.counts)
    assert f"{classes} \u00d7 {classes}" in descent("get", "many-classes").stdout


def test_a_job_too_large_to_be_told_is_refused(client, folder):
    inputs = npy(folder / "x.npy", "<f4", (4, 1), struct.pack("<4f", 1, 2, 3, 4))
    targets = npy(folder / "y.npy", "<i8", (4,), struct.pack("<4q", 0, 1, 2, 3))
    spec = specs.parse(
        {
            "model": {"linear": {"out_features": "200000"}},
            "objective": {"cross_entropy": {"class_weights": [1.5] * 200_000}},
            "optimizer": {"sgd": {}},
            "data": {"train": {"npy": {"inputs": str(inputs), "targets": str(targets)}}},
            "iterations": "3",
        }
    )
    error = refused(grpc.StatusCode.INVALID_ARGUMENT, client.create, spec)
    assert "objective: The spec and the summary of what it builds are" in error.message
    assert "1.0 MB that a job may have" in error.message
    assert not client.list_jobs().jobs
