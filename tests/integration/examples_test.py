"""The worked examples of README.md work."""

import os
import pathlib
import subprocess
import sys

import pytest
from descent.v1 import event_pb2

from helpers import programs, specs


@pytest.fixture
def job(client, folder):
    """A paused job: slow enough to be paused before iteration 1000, and to be turned after it."""
    name = client.create(specs.classifier(folder, iterations=3000, hidden=512)).name
    assert client.pause(name).command_applied.iteration < 1000
    return name


def run(client, job, daemon, command):
    """Runs the example on the job, which goes on once the example watches it; its output."""
    example = subprocess.Popen(
        [*command, job.removeprefix("jobs/")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "DESCENT_SERVER": daemon.clients,
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )
    client.resume(job)
    out, err = example.communicate(timeout=60)
    assert example.returncode == 0, err
    return out


def only_change(client, job):
    found = [
        e.command_applied
        for e in client.watch(job, kinds=(event_pb2.COMMAND_APPLIED,))
        if e.command_applied.changes
    ]
    assert len(found) == 1
    return found[0]


def test_python(client, daemon, job):
    out = run(client, job, daemon, [sys.executable, programs.WORKSPACE / "client/examples/turn.py"])
    assert "iteration 2500" in out
    applied = only_change(client, job)
    change = applied.changes[0]
    assert f"at {applied.iteration}: {change.old_value:g} -> {change.new_value:g}" in out


def test_python_says_that_a_job_is_over(client, daemon, folder):
    job = client.create(specs.classifier(folder, iterations=1001)).name
    client.wait_until_final(job)
    ended = subprocess.run(
        [sys.executable, programs.WORKSPACE / "client/examples/turn.py", job.removeprefix("jobs/")],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "DESCENT_SERVER": daemon.clients,
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        timeout=60,
    )
    assert ended.returncode == 1
    assert f"{job} is over (SUCCEEDED)" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_cpp(client, daemon, job):
    program = pathlib.Path(
        os.environ.get("TURN", programs.WORKSPACE / ".bazel-bin/client/examples/turn")
    )
    out = run(client, job, daemon, [program.absolute()])
    assert "2500: " in out
    assert only_change(client, job).iteration == 1000


def test_logistic_regression(client, descent, folder):
    for name in ("logistic_regression.csv", "logistic_regression"):
        shown = descent("example", name)
        assert shown.returncode == 0, shown.stderr
        file = name if name.endswith(".csv") else name + ".yaml"
        (folder / file).write_text(shown.stdout)
    submitted = descent("submit", str(folder / "logistic_regression.yaml"), "--follow")
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    job = client.get(client.list_jobs().jobs[0].name)
    assert job.state == event_pb2.SUCCEEDED
    assert (job.summary.train_examples, job.summary.test_examples) == (180, 60)
    assert job.summary.layers[0].parameters == 2 * (3 + 2 + 2) + 2  # plans, discounts, numbers
    evaluation = job.last_evaluation
    assert evaluation.iteration == 200
    assert {m.name: m.value for m in evaluation.metrics}["accuracy"] >= 0.75


def test_robust_regression(client, descent, folder):
    for name, file in (
        ("linear_regression.csv", "linear_regression.csv"),
        ("robust_regression", "robust_regression.yaml"),
    ):
        shown = descent("example", name)
        assert shown.returncode == 0, shown.stderr
        (folder / file).write_text(shown.stdout)
    submitted = descent("submit", str(folder / "robust_regression.yaml"), "--follow")
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    job = client.get(client.list_jobs().jobs[0].name)
    assert job.state == event_pb2.SUCCEEDED
    metrics = {m.name: m.value for m in job.last_evaluation.metrics}
    assert metrics["r_squared"] > 0.99
    assert 0 < metrics["absolute_error"] < 0.15
    assert "objective.penalties.l1.weight" in job.summary.dials
    events = client.watch(job.name, kinds=(event_pb2.SERIES, event_pb2.ITERATION))
    series = next(e.series.names for e in events if e.HasField("series"))
    last = job.last_iteration
    parts = dict(zip(series, last.scalars, strict=True))
    total = parts["objective.huber"] + 1e-3 * parts["objective.penalties.l1"]
    assert abs(total - last.value) < 1e-6


def test_rosenbrock(client, descent, folder):
    """`descent example rosenbrock` submits as it is, and ends at the minimum as it says."""
    spec = folder / "rosenbrock.yaml"
    spec.write_text(descent("example", "rosenbrock").stdout)
    submitted = descent("submit", str(spec), "--job_id", "valley", "--follow")
    assert submitted.returncode == 0, submitted.stderr
    job = client.get("jobs/valley")
    assert job.state == event_pb2.SUCCEEDED
    events = client.history("jobs/valley")
    iterations = [e.iteration for e in events if e.HasField("iteration")]
    assert 30 < len(iterations) < 60
    assert iterations[-1].value < 1e-15
    assert iterations[-1].gradient_norm <= 2e-8
    assert events[-1].state_changed.reason.startswith("gradient_max ")
