"""Predictions: what a checkpoint's model says of data, over gRPC and into files."""

import csv
import json
import pathlib
import struct
import zlib

import grpc
import numpy as np
import pytest
from descent.v1 import data_pb2, event_pb2, training_service_pb2

from helpers import details, process, specs
from helpers.client import kind, simple

FOREVER = 1_000_000_000
Request = training_service_pb2.PredictJobRequest


def predict(client, name: str, **fields):
    """The header, the values [rows, …] and the classes (None without any)."""
    stream = client.training.PredictJob(Request(name=name, **fields), timeout=60.0)
    header = next(stream).header
    rows = [response.rows for response in stream]
    values = np.frombuffer(b"".join(r.values for r in rows), header.dtype)
    classes = np.frombuffer(b"".join(r.classes for r in rows), np.int64)
    return (
        header,
        values.reshape(header.rows, *header.shape),
        classes.reshape(header.rows, *header.class_shape) if header.has_classes else None,
    )


def refused(code: grpc.StatusCode, client, name: str, **fields) -> details.Details:
    with pytest.raises(grpc.RpcError) as error:
        list(client.training.PredictJob(Request(name=name, **fields), timeout=60.0))
    assert error.value.code() == code, error.value.details()
    return details.of(error.value)


def labels(spec) -> np.ndarray:
    with open(spec.data.test.idx.targets, "rb") as file:
        return np.frombuffer(file.read()[8:], np.uint8)


def evaluations(client, name: str) -> dict[int, dict[str, float]]:
    """The metrics by iteration."""
    return {
        e.evaluation.iteration: {m.name: m.value for m in e.evaluation.metrics}
        for e in client.history(name)
        if kind(e) == "evaluation"
    }


@pytest.fixture
def trained(client, folder):
    """A classifier that has ended, with a checkpoint and an evaluation every 40 iterations."""
    spec = specs.classifier(
        folder,
        iterations=120,
        step_size=1e-3,
        evaluation={"every_iterations": "40"},
        checkpoints={"every_iterations": "40", "keep": "9"},
    )
    job = client.create(spec, job_id="trained")
    assert client.wait_until_final(job.name).state == event_pb2.SUCCEEDED
    return spec, job.name


def test_files_are_exactly_as_right_as_the_evaluations(trained, client, descent, folder):
    spec, name = trained
    known = evaluations(client, name)
    truth = labels(spec)
    assert 0.3 < known[40]["accuracy"] != known[120]["accuracy"]
    for checkpoint, iteration in (("40", 40), ("0-80", 80), ("", 120)):
        chosen = ("--checkpoint", checkpoint) if checkpoint else ()
        run = descent("predict", "trained", "-o", str(folder / f"{iteration}.npy"), *chosen)
        assert run.returncode == 0, run.stderr
        assert f"80 rows of [4] float32, by jobs/trained at iteration {iteration} " in run.stdout
        scores = np.load(folder / f"{iteration}.npy")
        assert scores.dtype == np.float32
        assert np.mean(scores.argmax(1) == truth) == known[iteration]["accuracy"]
        losses = np.log(np.exp(scores.astype(float)).sum(1)) - scores[np.arange(80), truth]
        assert losses.mean() == pytest.approx(known[iteration]["loss"], rel=1e-5)

    run = descent("predict", "trained", "-o", str(folder / "p.csv"), "--probabilities", "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["checkpoint"] == "0-120"
    with open(folder / "p.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["row"]) for row in rows] == list(range(80))
    assert np.mean([int(r["class"]) for r in rows] == truth) == known[120]["accuracy"]
    for row in rows:
        assert sum(float(row[f"probability_{i}"]) for i in range(4)) == pytest.approx(1, abs=1e-6)
    run = descent("predict", "trained", "-o", str(folder / "c.npy"), "--classes")
    assert run.returncode == 0, run.stderr
    classes = np.load(folder / "c.npy")
    assert classes.dtype == np.int64 and classes.shape == (80,)
    assert classes.tolist() == [int(row["class"]) for row in rows]
    # A table is not written over without being asked to.
    assert descent("predict", "trained", "-o", str(folder / "p.csv")).returncode == 1


def test_other_data_need_no_targets(trained, client, descent, folder):
    spec, name = trained
    header, scores, classes = predict(client, name)
    assert (header.checkpoint, header.iteration, header.rows) == ("0-120", 120, 80)
    assert (scores.argmax(1) == classes).all()
    images = data_pb2.DataSource(idx={"inputs": spec.data.test.idx.inputs})
    again = predict(client, name, data=images)
    assert (again[1] == scores).all()
    with open(spec.data.test.idx.inputs, "rb") as file:
        pixels = np.frombuffer(file.read()[16:], np.uint8).reshape(80, 6, 6)
    np.save(folder / "new.npy", pixels[:3])
    run = descent(
        "predict", "trained", "-o", str(folder / "new.csv"), "--data", str(folder / "new.npy")
    )
    assert run.returncode == 0, run.stderr
    with open(folder / "new.csv", newline="") as file:
        assert [int(row["class"]) for row in csv.DictReader(file)] == classes[:3].tolist()
    # The same rows in other batches: the same classes, values up to the last bits.
    few = predict(client, name, batch_size=7)
    assert np.allclose(few[1], scores, atol=1e-5)
    assert (few[2] == classes).all()


def test_the_same_numbers_of_another_type_are_the_same(trained, client, folder):
    spec, name = trained
    scores = predict(client, name)[1]
    with open(spec.data.test.idx.inputs, "rb") as file:
        pixels = np.frombuffer(file.read()[16:], np.uint8).reshape(80, 6, 6)
    others = {
        "int64": pixels.astype(np.int64),
        "big_endian": pixels.astype(">i4"),
        "fortran": np.asfortranarray(pixels.astype(np.float64)),
    }
    for other, array in others.items():
        np.save(folder / f"{other}.npy", array)
        data = data_pb2.DataSource(npy={"inputs": str(folder / f"{other}.npy")})
        assert (predict(client, name, data=data)[1] == scores).all(), other
    np.save(folder / "scaled.npy", pixels / 255)
    data = data_pb2.DataSource(npy={"inputs": str(folder / "scaled.npy")})
    refusal = refused(grpc.StatusCode.INVALID_ARGUMENT, client, name, data=data)
    assert "the training inputs are unsigned bytes" in refusal.message


def test_integers_are_more_of_the_same_or_refused(client, folder):
    pixels = np.arange(240 * 36).reshape(240, 6, 6) % 256
    np.save(folder / "y.npy", np.arange(240) % 4)
    integers = folder / "integers.npy"
    np.save(integers, pixels[:5])
    data = data_pb2.DataSource(npy={"inputs": str(integers)})
    for scale in (255, 1):
        inputs = folder / f"x{scale}.npy"
        np.save(inputs, (pixels / scale).astype(np.float32))
        train = {"npy": {"inputs": str(inputs), "targets": str(folder / "y.npy")}}
        spec = specs.classifier(folder, iterations=5, data={"train": train})
        job = client.create(spec)
        encoding = job.spec.data.encoding
        assert (encoding.least, encoding.whole) == (0, scale == 1)
        client.wait_until_final(job.name)
        inputs.unlink()  # what is known of it stands in the spec
        if scale == 1:
            assert predict(client, job.name, data=data)[0].rows == 5
            continue
        refusal = refused(grpc.StatusCode.INVALID_ARGUMENT, client, job.name, data=data)
        assert "holds int64 from 0 to 179, but the training inputs are float32" in refusal.message


def test_targets_are_normalized_and_predictions_are_not(client, folder):
    x = np.linspace(-3, 3, 200)
    y = 1e6 + 1000 * x
    table = folder / "far.csv"
    rows = zip(x.tolist(), y.tolist(), strict=True)
    table.write_text("x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in rows))
    spec = specs.linear_regression(
        folder,
        iterations=300,
        step_size=0.2,
        data={
            "train": {"csv": {"path": str(table), "targets": ["y"]}},
            "split": {"test_fraction": 0.25},
            "normalization": {},
            "target_normalization": {},
            "batch_size": "150",
        },
        evaluation={"metrics": [{"absolute_error": {}}], "training_data": True},
    )
    job = client.create(spec).name
    assert client.wait_until_final(job).state == event_pb2.SUCCEEDED
    known = evaluations(client, job)
    assert known[1]["absolute_error"] > 5 > known[1]["loss"]
    metrics = known[300]
    assert set(metrics) == {"loss", "absolute_error", "train_loss", "train_absolute_error"}
    assert metrics["loss"] < 1e-6 and metrics["train_loss"] < 1e-6  # of normalized targets
    assert metrics["absolute_error"] < 5
    header, values, _ = predict(client, job, data=data_pb2.DataSource(csv={"path": str(table)}))
    assert header.dtype == "float64"
    assert np.abs(values[:, 0] - y).max() < 20

    # Of arrays nothing else has to be learned from the training data.
    np.save(folder / "x.npy", x[:, None].astype(np.float32))
    np.save(folder / "y.npy", y[:, None])
    spec.data.train.npy.inputs = str(folder / "x.npy")
    spec.data.train.npy.targets = str(folder / "y.npy")
    spec.data.ClearField("normalization")
    job = client.create(spec).name
    client.wait_until_final(job)
    data = data_pb2.DataSource(npy={"inputs": str(folder / "x.npy")})
    assert np.abs(predict(client, job, data=data)[1][:, 0] - y).max() < 20


def test_a_table_is_read_as_in_training(client, folder):
    spec = specs.linear_regression(
        folder, iterations=50, data={"normalization": {}, "split": {"test_fraction": 0.25}}
    )
    train = specs.linear_csv(folder)
    spec.data.train.csv.path, spec.data.batch_size = str(train), 32
    spec.data.train.csv.targets[:] = ["y"]
    job = client.create(spec).name
    client.wait_until_final(job)
    with open(train, newline="") as file:
        rows = list(csv.DictReader(file))[:10]
    other = folder / "other.csv"
    with open(other, "w", newline="") as file:
        writer = csv.DictWriter(file, ["x3", "note", "x0", "x2", "x1"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "note": "n/a"} for row in rows)
    same = predict(client, job, data=data_pb2.DataSource(csv={"path": str(train)}))
    reordered = predict(client, job, data=data_pb2.DataSource(csv={"path": str(other)}))
    assert (reordered[1] == same[1][:10]).all()
    assert [note.endswith("no such input: note.") for note in reordered[0].notes] == [True]
    assert not same[0].notes
    assert reordered[2] is None
    assert predict(client, job)[0].rows == 64  # the split's part
    # What normalizes is no longer what it was.
    train.write_text(train.read_text() + "1,1,1,1,1\n")
    refusal = refused(
        grpc.StatusCode.FAILED_PRECONDITION,
        client,
        job,
        data=data_pb2.DataSource(csv={"path": str(other)}),
    )
    assert refusal.reason == "DATA_CHANGED"


def test_predictions_can_be_joined_to_the_table(client, descent, folder):
    table = folder / "gaps.csv"
    lacking = {0, 7, 19}
    rows = [f"{'' if i in lacking else i / 20},{2 * i}" for i in range(20)]
    table.write_text("\n".join(["x,y", *rows, ""]))
    spec = specs.linear_regression(
        folder,
        iterations=20,
        step_size=1e-4,
        data={"full_batch": True, "split": {"test_fraction": 0.25}},
    )
    spec.data.train.csv.path = str(table)
    spec.data.train.csv.targets[:] = ["y"]
    spec.data.train.csv.missing.drop.SetInParent()
    job = client.create(spec)
    assert job.spec.data.batch_size == 13  # of 17 whole rows
    client.wait_until_final(job.name)
    for data, count in (((), 4), (("--data", str(table)), 17)):
        out = folder / f"{count}.csv"
        run = descent("predict", job.name, "-o", str(out), *data)
        assert run.returncode == 0, run.stderr
        assert "3 of 20 rows are left out" in run.stderr
        with open(out, newline="") as file:
            found = [int(row["row"]) for row in csv.DictReader(file)]
        assert len(found) == count and found == sorted(found)
        assert not lacking & set(found)
    assert found == [i for i in range(20) if i not in lacking]


def write_grey_png(path: pathlib.Path, level: int) -> None:
    """A square picture of 16 pixels, all alike."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes([level] * 4)) * 4)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def test_predictions_of_pictures_have_their_files_names(client, descent, folder):
    levels = {"dark": 10, "light": 240}
    for name, level in levels.items():
        for i in range(8):
            write_grey_png(folder / "train" / name / f"{i}.png", level + i)
            write_grey_png(folder / "new" / f"{name} {i}.png", level - i)
    write_grey_png(folder / "new" / "more" / "one.png", 200)
    spec = specs.classifier(
        folder,
        iterations=200,
        step_size=0.05,
        data={
            "train": {"image_folder": {"path": str(folder / "train"), "channels": "1"}},
            "full_batch": True,
        },
    )
    spec.model.sequential.layers[3].linear.out_features = 2
    job = client.create(spec).name
    client.wait_until_final(job)
    out = folder / "p.csv"
    run = descent("predict", job, "-o", str(out), "--data", str(folder / "new"), "--classes")
    assert run.returncode == 0, run.stderr
    assert "17 rows of int64" in run.stdout
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == [str(i) for i in range(17)]
    found = {row["file"]: row["class"] for row in rows}
    assert found.pop("more/one.png") == "light"
    assert len(found) == 16
    assert all(file.startswith(kind) for file, kind in found.items())
    one = folder / "new" / "more" / "one.png"
    run = descent("predict", job, "-o", str(out), "--data", str(one), "--classes", "--force")
    assert run.returncode == 0, run.stderr
    assert out.read_text() == "row,file,class\n0,one.png,light\n"


def test_a_running_job_does_not_notice(client, connect, daemon, folder):
    spec = specs.classifier(
        folder, iterations=FOREVER, checkpoints={"every_iterations": "20", "keep": "1"}
    )
    job = client.create(spec, job_id="runs").name
    client.wait_for(job, lambda e: kind(e) == "checkpoint_saved")
    trainer = client.worker_pid(job)
    iterations = []
    for _ in range(8):  # although its checkpoints are soon deleted
        header, _, classes = predict(client, job)
        assert len(classes) == 80
        iterations.append(header.iteration)
    assert iterations == sorted(iterations) and iterations[-1] > iterations[0]
    assert client.worker_pid(job) == trainer
    assert client.get(job).attempt == 1
    client.command(job, simple("stop"))
    client.wait_until_final(job)


def test_a_worker_that_dies_costs_one_prediction(client, daemon, folder):
    spec = specs.classifier(folder, iterations=20)
    job = client.create(spec).name
    client.wait_until_final(job)
    np.save(folder / "many.npy", np.zeros((300_000, 6, 6), np.uint8))
    many = data_pb2.DataSource(npy={"inputs": str(folder / "many.npy")})
    stream = client.training.PredictJob(Request(name=job, data=many), timeout=60.0)
    assert next(stream).header.rows == 300_000
    # It waits for this client now; the daemon holds no more than a few MiB of it.
    for pid in daemon.workers():
        if pid != daemon.pid:
            process.kill(pid)
    with pytest.raises(grpc.RpcError) as error:
        list(stream)
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    assert details.of(error.value).reason == "WORKER_DIED"
    # Clients that go away free their workers: more of them than may predict at a time.
    for _ in range(4):
        stream = client.training.PredictJob(Request(name=job, data=many), timeout=60.0)
        assert next(stream).header.rows == 300_000
        stream.cancel()
    values = predict(client, job, data=many)[1]
    assert values.shape == (300_000, 4)
    assert (values == values[0]).all()


def test_refusals_say_what_is_wrong(trained, client, descent, folder):
    _, name = trained
    status = grpc.StatusCode
    assert refused(status.NOT_FOUND, client, "jobs/tranied").message.endswith(
        "did you mean jobs/trained?"
    )
    unknown = refused(status.NOT_FOUND, client, name, checkpoint="41")
    assert "has no checkpoint 41; it has " in unknown.message
    assert "0-40, 0-80, 0-120" in unknown.message
    wide = folder / "wide.npy"
    np.save(wide, np.zeros((5, 7, 6), np.uint8))
    for data, field, words in (
        ({"npy": {"inputs": str(wide)}}, "data", ("[7, 6]", "36", "42")),
        ({"npy": {"inputs": "/nowhere.npy"}}, "data.npy.inputs", ("/nowhere.npy",)),
        ({"npy": {"inputs": "here.npy"}}, "data.npy.inputs", ("no absolute path",)),
        ({"csv": {"path": str(folder)}}, "data.csv.path", (str(folder),)),
    ):
        refusal = refused(status.INVALID_ARGUMENT, client, name, data=data_pb2.DataSource(**data))
        assert refusal.fields == [field], refusal
        assert all(word in refusal.message for word in words), refusal
    run = descent("predict", "trained", "-o", str(folder / "x.npy"), "--data", str(wide))
    assert run.returncode == 1 and "[7, 6]" in run.stderr
    assert not (folder / "x.npy").exists()

    function = specs.parse(
        {
            "objective": {"function": {"rosenbrock": {}}},
            "optimizer": {"gradient_descent": {"step_size": {"constant": 1e-3}}},
            "iterations": "10",
        }
    )
    job = client.create(function).name
    client.wait_until_final(job)
    assert "no model" in refused(status.FAILED_PRECONDITION, client, job).message
    regression = client.create(specs.linear_regression(folder, iterations=10)).name
    client.wait_until_final(regression)
    assert refused(status.INVALID_ARGUMENT, client, regression).fields == ["data"]
    made_up = data_pb2.DataSource(linear={"inputs": 4, "examples": 6})
    for form in (Request.CLASSES, Request.PROBABILITIES):
        refusal = refused(status.FAILED_PRECONDITION, client, regression, data=made_up, form=form)
        assert refusal.fields == ["form"] and "mean_squared_error" in refusal.message
    assert predict(client, regression, data=made_up)[1].shape == (6, 1)
