"""Small data, made on the spot, and specs that train on it."""

import gzip
import pathlib
import random
import struct

from descent.v1 import spec_pb2
from google.protobuf import json_format

# Iterations: only a stop ends such a job.
FOREVER = 1_000_000_000

FASHION_MNIST = pathlib.Path("/usr/share/datasets/fashion-mnist")


def write_whole(path: pathlib.Path, content: bytes) -> pathlib.Path:
    """Writes the file at once: a job that reads it, because an earlier call made it, sees all of it.

    One that is there with this content is left: beside the daemon's folder, a worker that holds
    itself to its job's files may read those that were there when it began, and none put in their place.
    """
    if path.exists() and path.read_bytes() == content:
        return path
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.replace(path)
    return path


def linear_csv(
    folder: pathlib.Path, rows: int = 256, inputs: int = 4, noise: float = 0.1, seed: int = 1
) -> pathlib.Path:
    """A table x0, x1, …, y with y a linear function of the inputs and a little noise."""
    draw = random.Random(seed)
    weights = [draw.uniform(-1, 1) for _ in range(inputs)]
    path = folder / f"linear-{rows}x{inputs}-{seed}.csv"
    lines = [",".join([f"x{i}" for i in range(inputs)] + ["y"])]
    for _ in range(rows):
        x = [draw.gauss(0, 1) for _ in range(inputs)]
        y = sum(w * v for w, v in zip(weights, x, strict=True)) + draw.gauss(0, noise)
        lines.append(",".join(f"{v:.9g}" for v in [*x, y]))
    return write_whole(path, ("\n".join(lines) + "\n").encode())


def write_idx(path: pathlib.Path, shape: tuple[int, ...], data: bytes) -> pathlib.Path:
    """An idx file of unsigned bytes; compressed if the name ends with .gz."""
    content = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + data
    return write_whole(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def idx_pair(
    folder: pathlib.Path,
    examples: int = 240,
    shape: tuple[int, int] = (6, 6),
    classes: int = 4,
    seed: int = 1,
    name: str = "train",
) -> tuple[pathlib.Path, pathlib.Path]:
    """Images of `classes` kinds that a small network tells apart, and their labels.

    The kinds depend on the shape alone, so a test set is the same call with another seed.
    """
    height, width = shape
    kinds = random.Random(height * 1000 + width)
    patterns = [[kinds.randrange(0, 200) for _ in range(height * width)] for _ in range(classes)]
    draw = random.Random(seed)
    labels = [draw.randrange(classes) for _ in range(examples)]
    pixels = bytes(
        min(255, value + draw.randrange(56)) for label in labels for value in patterns[label]
    )
    return (
        write_idx(folder / f"{name}-images-{seed}.idx", (examples, height, width), pixels),
        write_idx(folder / f"{name}-labels-{seed}.idx", (examples,), bytes(labels)),
    )


def parse(text: dict) -> spec_pb2.Spec:
    """A spec from its JSON form."""
    return json_format.ParseDict(text, spec_pb2.Spec())


def linear_regression(
    folder: pathlib.Path, iterations: int = 200, step_size: float = 0.05, seed: int = 7, **fields
) -> spec_pb2.Spec:
    """Tens of thousands of iterations a second: a linear model by gradient descent."""
    return parse(
        {
            "model": {"name": "line", "linear": {"out_features": 1}},
            "objective": {"mean_squared_error": {}},
            "optimizer": {"gradient_descent": {"step_size": {"constant": step_size}}},
            "data": {
                "train": {"csv": {"path": str(linear_csv(folder)), "targets": ["y"]}},
                "batch_size": 32,
            },
            "iterations": str(iterations),
            "seed": str(seed),
            **fields,
        }
    )


def classifier(
    folder: pathlib.Path,
    iterations: int = 200,
    step_size: float = 0.01,
    hidden: int = 16,
    seed: int = 7,
    **fields,
) -> spec_pb2.Spec:
    """An MLP on small images by Adam with a cosine schedule, with a test set."""
    images, labels = idx_pair(folder)
    test_images, test_labels = idx_pair(folder, examples=80, seed=2, name="test")
    return parse(
        {
            "model": {
                "sequential": {
                    "layers": [
                        {"flatten": {}},
                        {"name": "hidden", "linear": {"out_features": str(hidden)}},
                        {"relu": {}},
                        {"name": "output", "linear": {"out_features": "4"}},
                    ]
                }
            },
            "objective": {"cross_entropy": {}},
            "optimizer": {"adam": {"step_size": {"cosine": {"initial": step_size}}}},
            "data": {
                "train": {"idx": {"inputs": str(images), "targets": str(labels)}},
                "test": {"idx": {"inputs": str(test_images), "targets": str(test_labels)}},
                "batch_size": 20,
            },
            "iterations": str(iterations),
            "seed": str(seed),
            **fields,
        }
    )


def rosenbrock(
    optimizer: dict, dimension: int, iterations: int, seed: int = 7, **fields
) -> spec_pb2.Spec:
    """A function of a plain vector, without model and data, down its long curved valley."""
    return parse(
        {
            "objective": {"function": {"rosenbrock": {"dimension": str(dimension)}}},
            "optimizer": optimizer,
            "iterations": str(iterations),
            "seed": str(seed),
            **fields,
        }
    )
