"""People's own loops as workers: watched, steered, killed and recovered as any job."""

import os
import pathlib
import queue
import signal
import subprocess
import sys

import grpc
import pytest
from descent.v1 import event_pb2, spec_pb2
from descent.worker.v1 import worker_pb2, worker_pb2_grpc

from helpers import details, specs
from helpers.client import kind, set_dial, simple

LOOP = pathlib.Path(__file__).with_name("own_loop.py")


def own_loop(iterations: int = 60, *more_dials: dict) -> spec_pb2.Spec:
    """From x = 1 down f = x², and by `slope` besides."""
    step_size = {"name": "step_size", "initial": 0.1, "min": 0, "max": 1, "help": "of f = x²"}
    return specs.parse(
        {
            "program": {"dials": [step_size, *more_dials], "series": ["x"]},
            "iterations": str(iterations),
        }
    )


def trajectory(iterations: int, changes: dict[int, float]) -> list[float]:
    """What such a loop's values are, where `changes` says what is set at which boundary."""
    x, step_size, values = 1.0, 0.1, []
    for k in range(iterations + 1):
        if k > 0:
            x -= 2 * x * step_size + 0
        values.append(x**2)
        step_size = changes.get(k, step_size)
    return values


@pytest.fixture
def run_loop(daemon):
    """run_loop(job) starts the program of a job; all of them are ended with the test."""
    started = []

    def run(job) -> subprocess.Popen:
        secret = daemon.data_dir / job.name / "program.secret"
        assert secret.stat().st_mode & 0o077 == 0
        started.append(
            subprocess.Popen(
                [sys.executable, str(LOOP), daemon.socket, job.name, str(secret)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        )
        return started[-1]

    yield run
    for child in started:
        child.kill()
        child.wait()


def attempts(events) -> list[int]:
    return [e.attempt_started.worker.pid for e in events if kind(e) == "attempt_started"]


def applied(events, request_id: str) -> list:
    return [e.command_applied for e in events if e.command_applied.request_id == request_id]


def present(events) -> list:
    """The iterations of the present history."""
    found = []
    for event in events:
        if kind(event) == "rewound":
            del found[event.rewound.to_iteration + 1 :]
        elif kind(event) == "iteration":
            found.append(event.iteration)
    return found


def test_a_loop_is_watched_and_steered_exactly_where_it_was_told(client, run_loop):
    job = client.create(own_loop(), job_id="loop")
    assert job.state == event_pb2.QUEUED
    assert list(job.summary.dials) == ["step_size"]
    assert list(job.summary.series) == ["x"]
    # Before there is a program: it is told when it comes.
    later = client.command_later(job.name, 20, set_dial("step_size", 0.02), request_id="slower")
    child = run_loop(job)
    assert later.result().event.command_applied.iteration == 20
    assert client.wait_until_final(job.name).state == event_pb2.SUCCEEDED
    assert child.wait(timeout=30) == 0
    events = client.history(job.name)
    assert [e.revision for e in events] == list(range(1, len(events) + 1))
    iterations = present(events)
    assert [i.index for i in iterations] == list(range(61))
    assert [i.value for i in iterations] == trajectory(60, {20: 0.02})
    assert [i.step_size for i in iterations[20:22]] == [0.1, 0.02]
    assert not iterations[0].HasField("step_size")
    assert len(applied(events, "slower")) == 1
    assert attempts(events) == [child.pid]
    assert client.get(job.name).series == ["x"]


def test_a_killed_loop_goes_on_from_its_checkpoint_on_a_branch(client, daemon, run_loop):
    job = client.create(own_loop(), job_id="loop")
    changes = {20: 0.02, 33: 0.3}
    later = [
        client.command_later(job.name, k, set_dial("step_size", value), request_id=f"at-{k}")
        for k, value in changes.items()
    ]
    later.append(client.command_later(job.name, 35, simple("pause"), request_id="wait"))
    child = run_loop(job)
    for answer in later:
        answer.result()
    paused = client.wait_for_state(job.name, event_pb2.PAUSED)
    child.kill()
    child.wait()
    lost = client.wait_for_state(job.name, event_pb2.RECOVERING, after_revision=paused.revision)
    # The spare is there, and no worker of known layers takes the job.
    spares = daemon.workers()
    assert attempts(client.history(job.name)) == [child.pid]
    again = run_loop(job)
    rewound = client.wait_for(
        job.name, lambda e: kind(e) == "rewound", after_revision=lost.revision
    ).rewound
    assert rewound.cause == event_pb2.Rewound.RESTARTED
    assert (rewound.from_iteration, rewound.to_iteration) == (35, 30)
    assert (rewound.from_branch, rewound.to_branch, rewound.checkpoint) == (0, 1, "0-30")
    # What was applied after the checkpoint is applied again, the pause too.
    client.wait_for(
        job.name,
        lambda e: e.command_applied.request_id == "wait" and e.branch == 1,
        after_revision=lost.revision,
    )
    client.resume(job.name)
    assert client.wait_until_final(job.name).state == event_pb2.SUCCEEDED
    events = client.history(job.name)
    assert [e.revision for e in events] == list(range(1, len(events) + 1))
    assert [i.index for i in present(events)] == list(range(61))
    assert [i.value for i in present(events)] == trajectory(60, changes)
    assert len(applied(events, "at-20")) == 1
    first, second = applied(events, "at-33")
    assert (first.iteration, second.iteration) == (33, 33)
    assert not first.HasField("reapplied_from")
    assert events[second.reapplied_from - 1].command_applied == first
    assert attempts(events) == [child.pid, again.pid]
    assert again.wait(timeout=30) == 0
    assert daemon.workers() == spares


def test_what_a_loop_cannot_do_is_refused(client, run_loop):
    job = client.create(own_loop(), job_id="loop")
    paused = client.command_later(job.name, 5, simple("pause"))
    run_loop(job)
    paused.result()
    for command, field, words in (
        (set_dial("step_size", 2), "commands[0].set.value", "between 0 and 1"),
        (set_dial("momentum", 0.9), "commands[0].set.path", "step_size"),
    ):
        with pytest.raises(grpc.RpcError) as error:
            client.command(job.name, command)
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert words in error.value.details()
        assert details.of(error.value).fields == [field]
    with pytest.raises(grpc.RpcError) as error:
        client.evaluate(job.name)
    assert error.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "can't evaluate" in error.value.details()
    client.stop(job.name)
    assert client.wait_until_final(job.name).state == event_pb2.STOPPED


def test_a_job_whose_loop_is_away_can_be_stopped(client, run_loop):
    job = client.create(own_loop(), job_id="loop")
    paused = client.command_later(job.name, 5, simple("pause"))
    child = run_loop(job)
    paused.result()
    child.send_signal(signal.SIGKILL)
    client.wait_for_state(job.name, event_pb2.RECOVERING)
    client.stop(job.name)
    assert client.get(job.name).state == event_pb2.STOPPED


def test_loops_and_models_run_side_by_side(client, folder, run_loop):
    model = client.create(specs.linear_regression(folder, iterations=3000), job_id="model")
    slope = {"name": "slope", "initial": 0.001}
    jobs = [client.create(own_loop(200), job_id="loop")]
    jobs.append(client.create(own_loop(200, slope), job_id="sloping"))
    children = [run_loop(job) for job in jobs]
    for job in (model, *jobs):
        assert client.wait_until_final(job.name).state == event_pb2.SUCCEEDED
    for job, child in zip(jobs, children, strict=True):
        assert attempts(client.history(job.name)) == [child.pid]
    assert attempts(client.history(model.name))[0] not in [child.pid for child in children]
    dials = {dial.path: dial.value for dial in client.get("jobs/sloping").dials}
    assert dials == {"step_size": 0.1, "slope": 0.001}


def test_a_daemon_that_was_away_finds_the_loop_gone(client, connect, daemon, run_loop):
    job = client.create(own_loop(), job_id="loop")
    paused = client.command_later(job.name, 15, simple("pause"))
    child = run_loop(job)
    paused.result()
    daemon.kill()
    child.kill()
    child.wait()
    after = connect(daemon.start().grpc)
    after.wait_for_state(job.name, event_pb2.RECOVERING)
    again = run_loop(job)
    rewound = after.wait_for(job.name, lambda e: kind(e) == "rewound")
    # The pause is applied again; resumed before that, it would wait for ever.
    after.wait_for_state(job.name, event_pb2.PAUSED, after_revision=rewound.revision)
    after.resume(job.name)
    assert after.wait_until_final(job.name).state == event_pb2.SUCCEEDED
    assert attempts(after.history(job.name)) == [child.pid, again.pid]
    assert [i.value for i in present(after.history(job.name))] == trajectory(60, {})


# --------------------------------------------------------------------------------- Strangers


def say(socket: str, **hello) -> list[worker_pb2.DaemonMessage]:
    """Everything that the daemon says to whoever says this Hello."""
    outgoing = queue.SimpleQueue()
    outgoing.put(worker_pb2.WorkerMessage(hello={"protocol_version": 2, **hello}))
    with grpc.insecure_channel("unix:" + socket) as channel:
        stub = worker_pb2_grpc.WorkerServiceStub(channel)
        session = stub.Session(iter(outgoing.get, None), timeout=30)
        answers = list(session)
        outgoing.put(None)
    return answers


def test_a_stranger_gets_nothing(client, daemon, folder, run_loop):
    job = client.create(own_loop(), job_id="loop")
    secret = (daemon.data_dir / job.name / "program.secret").read_text().strip()
    known = {"pid": daemon.workers()[0]}
    strangers = {
        "a spare": {"role": "SPARE"},
        "a spare of before": {"protocol_version": 1},
        "with another's secret": {"role": "SPARE", "secret": secret, "worker": known},
        "a rank": {"role": "RANK", "job": job.name, "attempt": 1},
        "a program": {"role": "PROGRAM", "job": job.name},
        "with a wrong secret": {"role": "PROGRAM", "job": job.name, "secret": "0" * 64},
        "of no job": {"role": "PROGRAM", "secret": secret},
        "of a job that is not": {"role": "PROGRAM", "job": "jobs/nobody", "secret": secret},
    }
    answers = {}
    for who, hello in strangers.items():
        said = say(daemon.socket, **hello)
        assert [message.WhichOneof("kind") for message in said] == ["fenced"], who
        answers[who] = said[0].fenced.reason
    # It is not told whether there is such a job.
    assert answers["of a job that is not"] == answers["with a wrong secret"]
    assert client.get(job.name).state == event_pb2.QUEUED
    # Who is known is served as before.
    model = client.create(specs.linear_regression(folder, iterations=10))
    assert client.wait_until_final(model.name).state == event_pb2.SUCCEEDED
    run_loop(job)
    assert client.wait_until_final(job.name).state == event_pb2.SUCCEEDED
    # What is over has no secret any more.
    said = say(daemon.socket, role="PROGRAM", job=job.name, secret=secret)
    assert [message.WhichOneof("kind") for message in said] == ["fenced"]
    assert not (daemon.data_dir / job.name / "program.secret").exists()


def test_the_command_line_shows_a_loop(client, descent, run_loop):
    job = client.create(own_loop(), job_id="loop")
    assert "waits for its program" in descent("get", "loop").stdout
    run_loop(job)
    client.wait_until_final(job.name)
    shown = descent("get", "loop").stdout
    assert "60 of 60" in shown
    assert "parameters" not in shown
    assert "step_size" in shown
    assert descent("list").returncode == 0
    watched = descent("watch", "loop", "--every", "20")
    assert watched.returncode == 0, watched.stderr
