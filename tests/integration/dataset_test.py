"""Data that clients send: `descent dataset`, and specs that name what was sent."""

import hashlib
import json
import pathlib
import subprocess
import time
import zlib

import grpc
import pytest
from descent.v1 import dataset_service_pb2, dataset_service_pb2_grpc, spec_pb2

from helpers import programs, specs


class Uploader:
    """A client in Python, written from the protocol's comments alone."""

    def __init__(self, client, name: str, path: pathlib.Path):
        self.stub = dataset_service_pb2_grpc.DatasetServiceStub(client.channel)
        files = path.read_bytes()
        line = f"{hashlib.sha256(files).hexdigest()} {len(files)} {path.name}\n".encode()
        self.name, self.content, self.manifest = f"datasets/{name}", line + files, line
        self.digest = hashlib.sha256(line).hexdigest()

    def create(self):
        request = dataset_service_pb2.CreateDatasetRequest(
            name=self.name,
            digest=self.digest,
            bytes=len(self.content) - len(self.manifest),
            manifest_bytes=len(self.manifest),
        )
        return self.stub.CreateDataset(request, timeout=20)

    def write(self, offset: int, end: int):
        data = self.content[offset:end]
        request = dataset_service_pb2.WriteDatasetRequest(
            name=self.name, digest=self.digest, offset=offset, data=data, crc32=zlib.crc32(data)
        )
        return self.stub.WriteDataset(request, timeout=20)


def naming_dataset(spec: spec_pb2.Spec, name: str) -> spec_pb2.Spec:
    spec.data.train.dataset = name
    spec.data.train.csv.ClearField("path")
    return spec


def test_an_upload_goes_on_and_is_trained_on_and_deleted(daemon, client, connect, descent, folder):
    spec = specs.linear_regression(folder, iterations=20)
    table = pathlib.Path(spec.data.train.csv.path)
    by_path = client.wait_until_final(client.create(spec).name)

    # Half of it is sent, then the daemon is killed.
    half = Uploader(client, "lines", table)
    assert half.create().offset == 0
    half.write(0, len(half.content) // 2)
    daemon.kill()
    daemon.start()
    client = connect(daemon.grpc)
    shown = descent("dataset", "list")
    assert "lines" in shown.stdout and "uploading" in shown.stdout, shown.stderr
    uploaded = descent("dataset", "upload", "lines", str(table))
    assert uploaded.returncode == 0, uploaded.stderr
    assert "goes on at" in uploaded.stderr
    assert half.digest in uploaded.stdout
    again = descent("dataset", "upload", "lines", str(table))
    assert again.returncode == 0 and "is there already" in again.stdout, again.stderr
    table.write_text(table.read_text() + "1,2,3,4,5\n")
    other = descent("dataset", "upload", "lines", str(table))
    assert other.returncode == 1 and "no dataset ever changes" in other.stderr

    # To the very same result, from the daemon's own folder, which is kept out otherwise.
    named = client.create(naming_dataset(specs.linear_regression(folder, iterations=20), "lines"))
    assert named.spec.data.train.dataset_digest == half.digest
    assert named.spec.data.train.csv.path == table.name
    assert [d.path for d in named.summary.digests] == [f"datasets/lines/{table.name}"]
    assert client.wait_until_final(named.name).last_iteration.value == by_path.last_iteration.value

    # What a job uses is there until it is over, over a restart too.
    endless = naming_dataset(specs.linear_regression(folder, iterations=specs.FOREVER), "lines")
    running = client.create(endless, job_id="endless")
    client.wait_for_iteration(running.name, 1)
    daemon.kill()
    daemon.start()
    client = connect(daemon.grpc)
    refused = descent("dataset", "delete", "lines")
    assert refused.returncode == 1 and "jobs/endless" in refused.stderr
    listed = json.loads(descent("dataset", "list", "--json").stdout)
    assert listed["used_by"] == ["jobs/endless"] and listed["digest"] == half.digest
    client.stop(running.name)
    client.wait_until_final(running.name)
    deadline = time.monotonic() + 10  # the daemon learns of the end a moment after the journal
    while (deleted := descent("dataset", "delete", "lines")).returncode != 0:
        assert time.monotonic() < deadline, deleted.stderr
    assert descent("dataset", "list", "--json").stdout == ""
    with pytest.raises(grpc.RpcError) as error:
        client.create(naming_dataset(specs.linear_regression(folder), "lines"))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "data.train.dataset" in error.value.details()


def test_a_folder_is_sent_whole_and_read_with_data_roots_too(start_daemon, connect, folder):
    (folder / "root").mkdir()
    daemon = start_daemon("--data_root", str(folder / "root"))
    client = connect(daemon.grpc)
    tables = folder / "tables"
    (tables / "2026").mkdir(parents=True)
    spec = specs.linear_regression(folder, iterations=5)
    pathlib.Path(spec.data.train.csv.path).rename(tables / "2026" / "train.csv")
    (tables / "notes.txt").write_text("read me\n")
    (tables / ".hidden").write_text("not me\n")

    def descent(*arguments):
        line = [str(programs.descent()), *arguments, "--server", daemon.clients]
        return subprocess.run(line, capture_output=True, text=True, timeout=20)

    uploaded = descent("dataset", "upload", "tables", str(tables), "--json")
    assert uploaded.returncode == 0, uploaded.stderr
    assert int(json.loads(uploaded.stdout)["files"]) == 2
    naming_dataset(spec, "tables")
    with pytest.raises(grpc.RpcError) as error:
        client.create(spec)
    assert "2026/train.csv, notes.txt" in error.value.details()
    spec.data.train.csv.path = "2026/train.csv"
    assert client.wait_until_final(client.create(spec).name).last_iteration.index == 5

    # As people write it: the path is not made absolute.
    written = folder / "spec.yaml"
    written.write_text(
        "model: {linear: {out_features: 1}}\nobjective: mean_squared_error\n"
        "optimizer: {gradient_descent: {step_size: 0.01}}\n"
        "data: {train: {dataset: tables, csv: {path: 2026/train.csv, targets: [y]}}}\n"
        "iterations: 5\n"
    )
    validated = descent("validate", str(written))
    assert validated.returncode == 0, validated.stderr

    # A backup has them, and what is made of it trains on.
    run = [str(programs.descentd())]
    copy = folder / "copy"
    for line in (
        [*run, "backup", str(folder / "backup"), "--data_dir", str(daemon.data_dir)],
        [*run, "restore", str(folder / "backup"), "--data_dir", str(copy)],
    ):
        subprocess.run(line, check=True, capture_output=True, timeout=20)
    restored = connect(start_daemon(data_dir=copy).grpc)
    assert restored.wait_until_final(restored.create(spec).name).last_iteration.index == 5


def test_a_quota_is_kept(start_daemon, connect, folder):
    daemon = start_daemon("--dataset_quota", "1KB")
    client = connect(daemon.grpc)
    large = folder / "large.csv"
    large.write_text("x\n" * 1000)
    with pytest.raises(grpc.RpcError) as error:
        Uploader(client, "large", large).create()
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "--dataset_quota" in error.value.details()
