"""A store of every version of its schema: tests/data/stores/version-N, for migration_test.py.

The service makes one, of a job that has ended, one whose iterations were thinned, and one that is
paused, whose worker and daemon were killed. It is copied into the tables of each version, as the scripts
of server/daemon/journal/schema.cc make them: descent.db. Beside it jobs/ has the files of the
checkpoints, and expected.json what the service says of the jobs: the head of each and, in protobuf's
JSON, its events; of the two that have ended also what GetJob gives. What is there is left alone: it
counts what was written when that version was the newest. The test makes what is not there for itself.

    bazel build //server/daemon/main:descentd //server/worker/main:descent-worker
    ~/.cache/descent/venv/bin/python tests/data/stores.py
"""

import json
import pathlib
import re
import shutil
import sqlite3
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).absolute().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from helpers import stubs  # noqa: E402

OUT = pathlib.Path(__file__).absolute().parent / "stores"
SCHEMA = ROOT / "server/daemon/journal/schema.cc"
APPLICATION_ID = 0x44736E74


def make_store(folder: pathlib.Path) -> dict:
    """Leaves a store in `folder`; gives what is expected of it."""
    from descent.v1 import event_pb2
    from google.protobuf import json_format

    from helpers import process, specs
    from helpers.client import Client, set_dial, simple
    from helpers.daemon import Daemon

    def as_dict(message):
        return json_format.MessageToDict(message, preserving_proto_field_name=True)

    def spec(iterations, **fields):
        optimizer = {"gradient_descent": {"step_size": {"constant": 1e-4}}}
        return specs.rosenbrock(optimizer, 2, iterations, **fields)

    daemon = Daemon(folder, ("--max_running_jobs", "1")).start()
    client = Client(daemon.grpc)
    try:
        first = client.create(spec(10**9), job_id="first").name
        client.pause(first)
        # The others wait until all that is done to them is known to them.
        saved = {"every_iterations": "20", "keep": "2"}
        ended = client.create(spec(60, checkpoints=saved), job_id="ended").name
        # Retention is looked at after each MiB that a journal has got: a little more than one.
        rarely = {"every_iterations": "5000"}
        thinned = client.create(
            spec(24_000, checkpoints=rarely, retention={"max_bytes": "8192"}), job_id="thinned"
        ).name
        paused = client.create(spec(10**9, checkpoints=saved), job_id="paused").name
        client.command_later(ended, 10, set_dial("step_size", 2e-4), request_id="dial")
        client.command_later(paused, 15, set_dial("step_size", 2e-4), request_id="dial")
        client.command_later(paused, 50, simple("pause"), request_id="pause")
        client.stop(first)
        client.wait_until_final(first)
        client.delete(first)
        client.wait_until_final(ended)
        client.wait_until_final(thinned)
        client.wait_for_state(paused, event_pb2.PAUSED)
        for _ in range(200):  # it is thinned between two commits
            if client.get(thinned).compacted_revision > 0:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("nothing was thinned")
        jobs = {}
        for name in (ended, thinned, paused):
            job = client.get(name)
            events = []
            for event in client.watch(name, job.compacted_revision):
                events.append(as_dict(event))
                if event.revision == job.head_revision:
                    break
            jobs[name] = {"head_revision": job.head_revision, "events": events}
            if name != paused:
                jobs[name]["job"] = as_dict(job)
        worker = client.worker_pid(paused)
        daemon.kill()
        process.kill(worker)
        # The newest events are still in the log, which the last connection folds in.
        database = sqlite3.connect(folder / "descent.db")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        return jobs
    finally:
        client.close()
        daemon.close()


def versions() -> list[list[str]]:
    """The scripts that make each version's tables, one after the other."""
    scripts = re.findall(r'R"sql\((.*?)\)sql"', SCHEMA.read_text(), re.S)
    return [scripts[: version + 1] for version in range(len(scripts))]


def take_back(version: int, store: pathlib.Path, expected: dict, out: pathlib.Path) -> None:
    """Writes the store into `out`, a new folder, as one of an earlier version."""
    out.mkdir(parents=True)
    copy_as(version, store / "descent.db", out / "descent.db")
    for file in sorted(store.glob("jobs/*/checkpoints/*.safetensors")):
        to = out / file.relative_to(store)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
    lines = json.dumps(expected, separators=(",", ":"), sort_keys=True)
    (out / "expected.json").write_text(lines + "\n")


def copy_as(version: int, source: pathlib.Path, to: pathlib.Path) -> None:
    """Copies a store into the tables of a version, of which each knows some columns less."""
    database = sqlite3.connect(to, isolation_level=None)
    if version > 1:
        database.execute("PRAGMA auto_vacuum = INCREMENTAL")
    for script in versions()[version - 1]:
        database.executescript(script)
    database.execute("ATTACH ? AS source", (str(source),))
    database.execute("BEGIN")
    tables = database.execute(
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    for (table,) in tables:
        columns = ", ".join(
            row[1] for row in database.execute(f"PRAGMA main.table_info({table})").fetchall()
        )
        database.execute(
            f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM source.{table}"
        )
    database.execute("DELETE FROM main.sqlite_sequence")
    database.execute("INSERT INTO main.sqlite_sequence SELECT * FROM source.sqlite_sequence")
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {version}")
    database.execute("COMMIT")
    database.execute("DETACH source")
    database.execute("PRAGMA journal_mode = WAL")
    database.close()


def main():
    missing = [v + 1 for v in range(len(versions())) if not (OUT / f"version-{v + 1}").exists()]
    if not missing:
        print("there is one of every version")
        return
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as protos:
        stubs.generate(pathlib.Path(protos))
        store = pathlib.Path(folder) / "data"
        expected = make_store(store)
        for version in missing:
            take_back(version, store, expected, OUT / f"version-{version}")
        print("versions", missing, {name: job["head_revision"] for name, job in expected.items()})


if __name__ == "__main__":
    main()
