"""What becomes of a run whose numbers are no longer finite."""

import json

from descent.v1 import event_pb2

from helpers import specs


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
