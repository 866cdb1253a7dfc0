"""What `descent example` prints, run as it says, gives what it promises."""

import gzip

import numpy as np
import pytest
from descent.v1 import event_pb2

from helpers import specs

# By example: its data, which are printed too, and what the last evaluation must reach.
RUNS = {
    "fashion_mnist_cnn": ((), "accuracy", lambda accuracy: accuracy >= 0.905),
    "char_transformer": ((), "loss", lambda loss: loss <= 2.5),
    "lstm_three_ones": (("three_ones.csv",), "accuracy", lambda accuracy: accuracy >= 0.95),
}


def submit(descent, client, folder, name, files=()):
    """The example's job, once it was printed and submitted as people do."""
    for file in (name, *files):
        printed = descent("example", file)
        assert printed.returncode == 0, printed.stderr
        (folder / (file if file in files else f"{file}.yaml")).write_text(printed.stdout)
    submitted = descent("submit", str(folder / f"{name}.yaml"), "--json")
    assert submitted.returncode == 0, submitted.stderr
    (job,) = client.list_jobs().jobs
    return job


@pytest.mark.parametrize("name", RUNS)
def test_run(descent, client, folder, name):
    files, metric, good = RUNS[name]
    job = submit(descent, client, folder, name, files)
    last = None
    for event in client.watch(job.name, kinds=(event_pb2.EVALUATION,), timeout=800.0):
        last = {m.name: m.value for m in event.evaluation.metrics}
    assert client.get(job.name).state == event_pb2.SUCCEEDED
    assert good(last[metric]), last


def test_the_table_of_three_ones_is_right(descent):
    _, *rows = descent("example", "three_ones.csv").stdout.split()
    table = [tuple(map(int, row.split(","))) for row in rows]
    assert len(set(table)) == 2**8
    assert all(("111" in "".join(map(str, bits))) == row for *bits, row in table)


def generated(daemon, job, noise):
    """What the generator of the last checkpoint makes of the noise, before any output function."""
    tensors = daemon.tensors(job)

    def read(kind, layer, name):
        return np.frombuffer(tensors[f"generator/{kind}/{layer}.{name}"], np.float32)

    # `generator/solution/0.weight`
    layers = sorted({int(n.split("/")[2].split(".")[0]) for n in tensors if "r/solution/" in n})
    x = noise.astype(np.float32)
    for layer in layers:
        w, b = read("solution", layer, "weight"), read("solution", layer, "bias")
        if len(w) == len(b):  # batch normalization
            mean, variance = (read("state", layer, f"running_{s}") for s in ("mean", "var"))
            x = (x - mean) / np.sqrt(variance + 1e-5) * w + b
        else:
            x = x @ w.reshape(len(b), -1).T + b
        # An activation follows where the next layer does not.
        if layer != layers[-1] and layer + 1 not in layers:
            x = np.where(x > 0, x, 0.2 * x)
    return x


def distances(a, b):
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0))


def moons(points=2000):
    """Without noise, as core/data/synthetic.h says."""
    i = np.arange(points)
    t = np.pi * np.minimum((i // 2) / ((points + 1) // 2 - 1), 1)
    upper = np.stack([np.cos(t), np.sin(t)], 1)
    lower = np.stack([1 - np.cos(t), 0.5 - np.sin(t)], 1)
    return np.where((i % 2 == 0)[:, None], upper, lower)


def test_gan_moons(descent, client, daemon, folder):
    job = client.wait_until_final(submit(descent, client, folder, "gan_moons").name, timeout=600)
    assert job.state == event_pb2.SUCCEEDED
    points = generated(daemon, job, np.random.default_rng(1).standard_normal((2000, 2)))
    near = distances(points, moons()) <= 0.2
    assert near.any(1).mean() >= 0.9  # points that lie on the moons
    assert near.any(0).mean() >= 0.9  # and of the moons what they cover


def test_gan_fashion_mnist(descent, client, daemon, folder):
    submitted = submit(descent, client, folder, "gan_fashion_mnist")
    job = client.wait_until_final(submitted.name, timeout=800)
    assert job.state == event_pb2.SUCCEEDED
    noise = np.random.default_rng(1).standard_normal((1000, 64))
    pictures = 1 / (1 + np.exp(-generated(daemon, job, noise)))
    file = gzip.decompress((specs.FASHION_MNIST / "t10k-images-idx3-ubyte.gz").read_bytes())
    test = np.frombuffer(file, np.uint8, offset=16).reshape(-1, 784)[:1000] / 255
    mean = np.broadcast_to(test.mean(0), test.shape)

    # The energy distance (Szekely & Rizzo 2013) of two samples: 0 if they are of one distribution.
    def energy(a, b):
        within = sum(distances(x, x).sum() / (len(x) * (len(x) - 1)) for x in (a, b))
        return 2 * distances(a, b).mean() - within

    assert energy(pictures, test) < 0.25 * energy(mean, test)
