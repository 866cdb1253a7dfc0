"""What is large: a confusion matrix that is told, a job that is refused."""

import pathlib
import random
import struct

import grpc
from descent.v1 import event_pb2

from helpers import specs
from helpers.client import kind
from helpers.details import refused


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
