"""Who did what, where it is asked for: `descent audit`, the log's lines, a request's trace."""

import json
import os
import subprocess

import grpc
import pytest
from descent.v1 import (
    audit_service_pb2,
    audit_service_pb2_grpc,
    event_pb2,
    training_service_pb2,
)

from helpers import programs, specs
from helpers.client import simple
from helpers.daemon import Address

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
REFUSED = audit_service_pb2.AuditEntry.REFUSED
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def daemon(start_daemon):
    return start_daemon("--auth", "tokens", "--log_format", "json")


@pytest.fixture
def become(daemon, descent, connect):
    """become(role, owner) gives a client with a token of its own, and the token's id."""

    def make(role, owner):
        made = descent("token", "create", "--role", role, "--owner", owner, "--json")
        assert made.returncode == 0, made.stderr
        told = json.loads(made.stdout)
        address = Address(daemon.grpc)
        address.token = told["token"]
        return connect(address), told["info"]["id"]

    return make


def audit(client, **fields):
    request = audit_service_pb2.ListAuditEntriesRequest(**fields)
    stub = audit_service_pb2_grpc.AuditServiceStub(client.channel)
    return stub.ListAuditEntries(request, timeout=30)


def lines(daemon):
    return [json.loads(line) for line in daemon.log.read_text().splitlines()]


def test_says_who_did_what_also_to_jobs_that_are_gone(daemon, connect, become, descent, folder):
    ann, ann_id = become("operator", "ann")
    bob, _ = become("operator", "bob")
    spec = specs.classifier(folder, iterations=50_000_000)
    job = ann.create(spec, job_id="x", request_id="made").name
    ann.set(job, "step_size", 0.02)
    with pytest.raises(grpc.RpcError):
        bob.set(job, "step_size", 0.5)
    ann.delete(job, force=True)
    other = bob.create(specs.classifier(folder, iterations=10), job_id="y").name
    bob.wait_until_final(other)

    # Another daemon of the folder knows as much.
    daemon.restart()
    admin = connect(daemon.grpc)
    done = list(audit(admin, job=job).entries)
    assert [(entry.method, entry.principal) for entry in done if entry.outcome != REFUSED] == [
        ("DeleteJob", "ann"),
        ("CommandJob", "ann"),
        ("CreateJob", "ann"),
    ]
    deletion, command, creation = [entry for entry in done if entry.outcome != REFUSED]
    assert deletion.deleted and command.deleted and creation.deleted
    assert deletion.credential == f"token:{ann_id}"
    assert creation.request_id == "made"
    assert command.outcome == audit_service_pb2.AuditEntry.DONE
    assert command.changes[0].new_value == 0.02
    (refused,) = [entry for entry in done if entry.outcome == REFUSED]
    assert (refused.principal, refused.reason) == ("bob", "NOT_YOURS")

    made = [entry for entry in audit(admin).entries if entry.method == "CreateToken"]
    assert ann_id in [entry.token.id for entry in made]
    # Page by page it is the same.
    pages, token = [], ""
    while True:
        page = audit(admin, page_size=2, page_token=token)
        pages += page.entries
        token = page.next_page_token
        if not token:
            break
    assert pages == list(audit(admin).entries)

    # Others see what is theirs.
    eve, _ = become("operator", "eve")
    assert not audit(eve).entries
    vic, _ = become("viewer", "vic")
    with pytest.raises(grpc.RpcError) as error:
        audit(vic)
    assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED

    shown = descent("audit", "x")
    assert shown.returncode == 0, shown.stderr
    assert "delete" in shown.stdout and "step_size" in shown.stdout
    listed = descent("audit", "--principal", "ann", "--since", "1h", "--json")
    methods = [json.loads(line)["method"] for line in listed.stdout.splitlines()]
    assert methods == ["DeleteJob", "CommandJob", "CreateJob"]
    assert descent("audit", "--since", "yore").returncode == 2


def test_a_trace_goes_from_a_request_to_the_journal_and_the_log(daemon, connect, folder):
    admin = connect(daemon.grpc)
    metadata = (("traceparent", PARENT), ("tracestate", "congo=t61rcWkgMzE"))
    request = training_service_pb2.CreateJobRequest(
        job=training_service_pb2.Job(spec=specs.classifier(folder, iterations=50_000_000)),
        job_id="traced",
        request_id="made",
    )
    job = admin.training.CreateJob(request, timeout=60, metadata=metadata).name
    admin.wait_for_iteration(job, 1)
    created = next(admin.watch(job, kinds=(event_pb2.CREATED,))).created
    assert (created.trace.parent, created.trace.state) == (PARENT, "congo=t61rcWkgMzE")

    # The command line passes on what its environment has; what is malformed is nobody's trace.
    def steer(word, parent, request_id):
        done = subprocess.run(
            [str(programs.descent()), word, "traced", "--request_id", request_id],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "DESCENT_SERVER": daemon.clients, "TRACEPARENT": parent},
        )
        assert done.returncode == 0, done.stderr

    steer("pause", PARENT, "p1")
    steer("resume", "00-nonsense", "p2")
    admin.command(job, simple("stop"))
    accepted = {
        event.command_accepted.request_id: event
        for event in admin.watch(job, kinds=(event_pb2.COMMAND_ACCEPTED,))
    }
    assert accepted["p1"].command_accepted.trace.parent == PARENT
    assert not accepted["p2"].command_accepted.HasField("trace")

    told = lines(daemon)
    for line in told:
        assert {"time", "severity", "message"} <= line.keys(), line
    (made,) = [line for line in told if line["message"] == "created"]
    assert made["job"] == job and made["request_id"] == "made" and made["trace"] == TRACE
    (line,) = [line for line in told if line.get("revision") == accepted["p1"].revision]
    assert line["request_id"] == "p1" and line["trace"] == TRACE and line["principal"]
    (log,) = (daemon.data_dir / job).glob("worker-*.log")
    (start,) = [
        line
        for line in map(json.loads, log.read_text().splitlines())
        if "starts" in line["message"]
    ]
    assert (start["job"], start["attempt"], start["trace"]) == (job, 1, TRACE)
