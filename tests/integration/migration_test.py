"""Stores of earlier versions: brought up to date, they are whole, say what they said, and their jobs go
on. Those that were stored (tests/data/stores.py) come first; one that was not is taken back from a
store that is made here."""

import hashlib
import json
import pathlib
import shutil
import sqlite3
import subprocess
import sys

import grpc
import pytest
from descent.v1 import event_pb2, training_service_pb2
from google.protobuf import json_format

from helpers import programs
from helpers.client import set_dial
from helpers.daemon import Address

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[2] / "tests/data"))

import stores

VERSIONS = list(range(1, len(stores.versions()) + 1))


def as_dict(message) -> dict:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def check(data_dir: pathlib.Path) -> subprocess.CompletedProcess:
    line = [str(programs.descentd()), "check", "--data_dir", str(data_dir)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def todays(tmp_path_factory):
    """A store of today, and what is expected of it."""
    store = tmp_path_factory.mktemp("today") / "d"
    return store, stores.make_store(store)


@pytest.fixture
def old_store(version, folder, request) -> pathlib.Path:
    """A store of a version, which may be written to."""
    stored = stores.OUT / f"version-{version}"
    if not stored.exists():
        stored = folder / "made"
        stores.take_back(version, *request.getfixturevalue("todays"), stored)
    data_dir = folder / "old"
    shutil.copytree(stored, data_dir, copy_function=shutil.copyfile)
    return data_dir


@pytest.mark.parametrize("version", VERSIONS)
def test_a_store_of_an_earlier_version_goes_on(version, old_store, start_daemon, connect):
    expected = json.loads((old_store / "expected.json").read_text())
    before = check(old_store)
    if version != max(VERSIONS):
        assert before.returncode == 2
        assert f"its schema has version {version}" in before.stderr
        assert "start descentd once" in before.stderr
    daemon = start_daemon(data_dir=old_store)
    client = connect(daemon.grpc)
    for name, told in expected.items():
        job = client.get(name)
        events = []
        for event in client.watch(name, job.compacted_revision):
            events.append(as_dict(event))
            if event.revision == told["head_revision"]:
                break
        assert events == told["events"], name
        if "job" in told:
            assert as_dict(job) == told["job"]

    # It was paused when all were killed; what was asked then has its answer, and no second effect.
    paused = "jobs/paused"
    same = set_dial("step_size", 2e-4)
    again = client.command(paused, same, request_id="dial", at_iteration=15)
    answers = [e for e in expected[paused]["events"] if "command_applied" in e]
    assert as_dict(again)["revision"] == answers[0]["revision"]
    head = expected[paused]["head_revision"]
    client.wait_for_state(paused, event_pb2.PAUSED, after_revision=head)
    client.resume(paused)
    client.wait_for_iteration(paused, 200, after_revision=head)
    client.stop(paused)
    assert client.wait_until_final(paused).state == event_pb2.STOPPED
    history = client.history(paused)
    assert [e.revision for e in history] == list(range(1, len(history) + 1))
    assert check(old_store).stdout == "3 jobs, all whole\n"
    client.delete("jobs/ended")
    assert len(client.list_jobs().jobs) == 2


# Of one that was over before jobs had owners nothing is asked but what is stored of its end.
@pytest.mark.parametrize("version", [1])
def test_a_job_that_was_over_before_there_were_owners_is_the_admins(
    version, old_store, start_daemon, connect
):
    database = sqlite3.connect(old_store / "descent.db")
    (stored,) = database.execute("SELECT snapshot FROM jobs WHERE job_id = 'ended'").fetchone()
    job = training_service_pb2.Job.FromString(stored)
    creator = job.owner
    job.ClearField("owner")
    database.execute(
        "UPDATE jobs SET snapshot = ? WHERE job_id = 'ended'", (job.SerializeToString(),)
    )
    database.commit()
    database.close()
    daemon = start_daemon("--auth", "tokens", data_dir=old_store)
    line = [str(programs.descent()), "token", "create", "--server", daemon.clients]
    made = subprocess.run(
        [*line, "--role", "operator", "--owner", creator],
        capture_output=True,
        text=True,
        timeout=60,
    )
    address = Address(daemon.grpc)
    address.token = made.stdout.strip()
    operator = connect(address)
    assert operator.get("jobs/ended").owner == ""
    assert operator.get("jobs/paused").owner == creator
    with pytest.raises(grpc.RpcError) as error:
        operator.delete("jobs/ended")
    assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert "is no person's" in error.value.details()
    operator.delete("jobs/paused", force=True)
    connect(daemon.grpc).delete("jobs/ended")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_backup_of_an_earlier_version_is_restored_as_one_of_this(version, old_store, folder):
    if version == max(VERSIONS):
        pytest.skip("it is of this version")
    # What a daemon of that version would have made.
    digest = hashlib.sha256((old_store / "descent.db").read_bytes()).hexdigest()
    (old_store / "backup.json").write_text(json.dumps({"format": 1, "database_sha256": digest}))
    line = [str(programs.descentd()), "restore", str(old_store), "--data_dir", str(folder / "new")]
    made = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("3 jobs, all whole\n")
