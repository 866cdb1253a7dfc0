"""What the service tells over HTTP: events, JSON, and figures for Prometheus."""

import json
import subprocess
import urllib.request

from descent.v1 import event_pb2
from google.protobuf import json_format

from helpers import specs
from helpers.client import kind
from helpers.specs import FOREVER


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
