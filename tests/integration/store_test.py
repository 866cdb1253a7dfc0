"""A store, or data, that others have laid their hands on."""

import io
import json
import pathlib
import re
import sqlite3
import struct
import subprocess

import grpc
import numpy as np
import pytest
from descent.v1 import event_pb2

from helpers import programs, specs


def check(daemon, *flags: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(programs.descentd()), "check", "--data_dir", str(daemon.data_dir), *flags],
        capture_output=True,
        text=True,
        timeout=60,
    )


def run_descentd(*arguments) -> subprocess.CompletedProcess:
    line = [str(programs.descentd()), *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60)


def finished_job(client, folder, job_id: str) -> str:
    job = client.create(specs.linear_regression(folder, iterations=2000), job_id=job_id).name
    client.wait_until_final(job)
    return job


def test_a_damaged_job_is_out_of_service_and_the_others_go_on(daemon, connect, folder, descent):
    client = connect(daemon.grpc)
    finished_job(client, folder, "a")
    finished_job(client, folder, "b")
    assert check(daemon).stdout == "2 jobs, all whole\n"  # beside the daemon
    daemon.stop()
    with sqlite3.connect(daemon.data_dir / "descent.db") as database:
        ((removed,),) = database.execute(  # of several events
            "SELECT id FROM rows WHERE id >> 40 = 1 AND kind = 13 "
            "ORDER BY last_revision - (id & ((1 << 40) - 1)) DESC LIMIT 1"
        )
        database.execute("DELETE FROM rows WHERE id = ?", (removed,))
    database.close()
    revision = str(removed & ((1 << 40) - 1))

    found = check(daemon)
    assert found.returncode == 1
    assert found.stdout.startswith(f"jobs/a: revisions {revision} to ")
    assert found.stdout.endswith("2 jobs, 1 damaged\n")
    report = json.loads(check(daemon, "--json").stdout)
    assert [job["whole"] for job in report["jobs"]] == [False, True]
    assert not report["whole"] and report["problems"] == []

    daemon.start()
    client = connect(daemon.grpc)
    assert daemon.get("/readyz") == (200, "ok\n")  # nobody has looked yet
    with pytest.raises(grpc.RpcError) as lost:
        list(client.watch("jobs/a"))
    assert lost.value.code() == grpc.StatusCode.DATA_LOSS
    assert "jobs/a" in lost.value.details() and revision in lost.value.details()
    status, text = daemon.get("/readyz")
    assert status == 503 and "jobs/a" in text
    assert "descent_journal_damaged_jobs 1" in daemon.get("/metrics")[1]
    assert revision in client.get("jobs/a").damage
    assert len(list(client.watch("jobs/b"))) == client.get("jobs/b").head_revision
    finished_job(client, folder, "c")
    client.delete("jobs/a")
    assert daemon.get("/readyz") == (200, "ok\n")


def test_files_of_checkpoints_are_looked_at_too(daemon, connect, folder):
    client = connect(daemon.grpc)
    spec = specs.linear_regression(folder, iterations=2000)
    spec.checkpoints.every_iterations = 500
    spec.checkpoints.keep = 2
    client.wait_until_final(client.create(spec, job_id="a").name)
    assert check(daemon).stdout == "1 job, all whole\n"  # beside the daemon
    listed = json.loads(check(daemon, "--json").stdout)["jobs"][0]["checkpoints"]
    assert listed == [{"name": f"0-{iteration}", "whole": True} for iteration in (1500, 2000)]
    checkpoints = daemon.data_dir / "jobs" / "a" / "checkpoints"
    files = [checkpoints / f"0-{iteration}.safetensors" for iteration in (1500, 2000)]
    with open(files[0], "r+b") as file:
        file.seek(files[0].stat().st_size - 64)
        file.write(b"x" * 64)
    files[1].unlink()
    found = check(daemon)
    assert found.returncode == 1 and found.stderr == ""
    lines = found.stdout.splitlines()
    assert f"{files[0]} is not what was written: its SHA-256 is another" in lines[0]
    assert lines[1].startswith("jobs/a: checkpoint ") and lines[1].endswith(
        f"{files[1]} is missing"
    )
    assert lines[2:] == ["1 job, 1 damaged"]
    report = json.loads(check(daemon, "--json").stdout)
    listed = report["jobs"][0]["checkpoints"]
    assert not report["whole"] and [file["name"] for file in listed] == ["0-1500", "0-2000"]
    assert not any(file["whole"] for file in listed) and "is missing" in listed[1]["fault"]
    assert check(daemon, "--skip_checkpoints").stdout == "1 job, all whole\n"


def test_tables_that_are_missing_are_said_in_words(daemon, connect, folder):
    finished_job(connect(daemon.grpc), folder, "a")
    daemon.stop()
    with sqlite3.connect(daemon.data_dir / "descent.db") as database:
        database.execute("DROP INDEX rows_of_requests")
    database.close()
    assert "rows_of_requests" in check(daemon).stdout
    daemon.start()  # makes it anew
    assert check(daemon).stdout == "1 job, all whole\n"
    daemon.stop()
    with sqlite3.connect(daemon.data_dir / "descent.db") as database:
        database.execute("DROP TABLE rollups")
    database.close()
    found = check(daemon)
    assert found.returncode == 1 and "the table `rollups` is missing" in found.stdout
    with pytest.raises(RuntimeError, match=r"the table `rollups` is missing.*from a copy"):
        daemon.start()


def test_a_database_that_is_taken_away_is_said_at_once_and_at_the_next_start(
    daemon, connect, folder
):
    client = connect(daemon.grpc)
    job = client.create(specs.linear_regression(folder, iterations=10**9), job_id="a").name
    client.wait_for_iteration(job, 100)
    client.checkpoint(job)
    (daemon.data_dir / "descent.db").unlink()
    status, text = daemon.get("/readyz")
    assert status == 503 and "descent.db was deleted" in text
    with pytest.raises(grpc.RpcError) as refused:
        client.pause(job)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    daemon.kill()
    with pytest.raises(RuntimeError, match="the database was lost"):
        daemon.start()
    for file in daemon.data_dir.glob("descent.db-*"):
        file.unlink()
    with pytest.raises(RuntimeError, match=r"folders of jobs \(a\): descent.db was lost"):
        daemon.start()
    daemon.flags = ("--new_store",)
    daemon.start()
    assert not connect(daemon.grpc).list_jobs().jobs
    assert list((daemon.data_dir / "orphans" / "a" / "checkpoints").iterdir())


def test_there_is_nothing_to_check_where_there_is_no_store(folder):
    found = subprocess.run(
        [str(programs.descentd()), "check", "--data_dir", str(folder / "none")],
        capture_output=True,
        text=True,
    )
    assert found.returncode == 2
    assert "there is no database" in found.stderr


def write_npy(path: pathlib.Path, rows: int, columns: int) -> str:
    """An array of float32: what a run on float32 maps, and does not copy."""
    content = io.BytesIO()
    numbers = np.arange(rows * columns).reshape(rows, columns) % 7 / 10
    np.save(content, numbers.astype(np.float32))
    specs.write_whole(path, content.getvalue())
    return str(path)


@pytest.fixture
def mapped(folder):
    """A linear regression on arrays, and the file of its inputs."""
    spec = specs.linear_regression(folder, iterations=10**9)
    inputs = folder / "x.npy"
    spec.data.train.npy.inputs = write_npy(inputs, 256, 2)
    spec.data.train.npy.targets = write_npy(folder / "y.npy", 256, 1)
    return spec, inputs


def test_data_that_are_overwritten_end_the_run(daemon, client, mapped):
    spec, path = mapped
    job = client.create(spec).name
    client.wait_for_iteration(job, 100)
    with open(path, "r+b") as file:  # in place
        file.seek(1000)
        file.write(struct.pack("<f", 0.5))
    done = client.wait_until_final(job)
    assert done.state == event_pb2.FAILED
    assert done.error_reason == "DATA_CHANGED"
    assert f"{path} was overwritten while it was in use" in done.state_reason


def test_new_data_in_a_new_file_do_not_concern_the_run(daemon, client, mapped):
    spec, path = mapped
    spec.iterations = 20_000
    job = client.create(spec).name
    client.wait_for_iteration(job, 1)
    write_npy(path, 2, 2)
    assert client.wait_until_final(job).state == event_pb2.SUCCEEDED


def test_a_thinned_job_is_watched_without_its_old_iterations(client, folder, descent):
    spec = specs.linear_regression(folder, iterations=60_000, retention={"max_bytes": str(1 << 20)})
    job = client.create(spec, job_id="a").name
    head = client.wait_until_final(job).head_revision
    shown = descent("watch", "a", "--json")
    assert shown.returncode == 0, shown.stderr
    said = re.search(
        r"iterations up to revision (\d+) have been thinned, and are left out", shown.stderr
    )
    thinned = int(said.group(1))
    revisions = [int(json.loads(line)["revision"]) for line in shown.stdout.splitlines()]
    assert revisions[0] == 1 and revisions == sorted(set(revisions))
    assert [r for r in revisions if r > thinned] == list(range(thinned + 1, head + 1))


def test_a_store_is_backed_up_while_it_runs_and_goes_on_where_it_is_restored(
    start_daemon, connect, folder
):
    daemon = start_daemon()
    client = connect(daemon.grpc)
    finished_job(client, folder, "a")
    spec = specs.classifier(folder, iterations=10**9, hidden=24, step_size=0.002)
    spec.checkpoints.every_iterations = 200  # they come and go all the time
    spec.checkpoints.keep = 1
    job = client.create(spec, job_id="b").name
    client.wait_for_iteration(job, 1000)
    client.set(job, "step_size", 0.001, request_id="dial")
    for number in range(5):
        made = run_descentd("backup", folder / f"b{number}", "--data_dir", daemon.data_dir)
        assert made.returncode == 0, made.stdout + made.stderr
        assert made.stdout.startswith("2 jobs, all whole\n")
    head = client.get(job).last_iteration.index
    client.wait_for_iteration(job, head + 1000)  # nobody was held up
    assert not list(daemon.data_dir.glob("backup-*"))

    report = run_descentd("restore", folder / "b4", "--data_dir", folder / "r", "--json")
    assert report.returncode == 0, report.stdout + report.stderr
    found = json.loads(report.stdout)
    assert found["whole"] and found["folder"] == str(folder / "r") and found["checkpoints"] >= 2
    again = run_descentd("restore", folder / "b4", "--data_dir", folder / "r")
    assert again.returncode == 2 and "is not empty" in again.stderr
    worker = client.worker_pid(job)

    restored = start_daemon("--worker_lease", "1", data_dir=folder / "r")
    other = connect(restored.grpc)
    assert len(other.history("jobs/a")) == client.get("jobs/a").head_revision
    revision = other.get(job).head_revision
    other.wait_for_iteration(job, other.get(job).last_iteration.index + 1000, revision)
    # What was asked for before the backup has the same answer there.
    answer = other.set(job, "step_size", 0.001, request_id="dial")
    assert answer == client.set(job, "step_size", 0.001, request_id="dial")
    events = other.history(job)
    assert [e.revision for e in events] == list(range(1, len(events) + 1))
    # The worker of the store that was copied is still that one's.
    assert client.worker_pid(job) == worker
    client.wait_for_iteration(job, client.get(job).last_iteration.index + 1000)
    other.stop(job)
    client.stop(job)


def test_what_is_no_backup_is_not_restored(daemon, folder):
    (folder / "x").mkdir()
    none = run_descentd("restore", folder / "x", "--data_dir", folder / "r")
    assert none.returncode == 2
    assert f"{folder / 'x'} is no backup of `descentd backup`" in none.stderr
    nothing = run_descentd("backup", folder / "y", "--data_dir", folder / "x")
    assert nothing.returncode == 2 and "There is no store in" in nothing.stderr
    assert not (folder / "y").exists()
    into = run_descentd("backup", daemon.data_dir, "--data_dir", daemon.data_dir)
    assert into.returncode == 2 and "is not empty" in into.stderr
    # A folder that a daemon serves is nothing to restore into.
    run_descentd("backup", folder / "b", "--data_dir", daemon.data_dir)
    over = run_descentd("restore", folder / "b", "--data_dir", daemon.data_dir)
    assert over.returncode == 2 and "is not empty" in over.stderr
