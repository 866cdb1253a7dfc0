"""What `descent example` prints, run as it says, gives what it promises."""

import pytest
from descent.v1 import event_pb2

# By example: its data, which are printed too, and what the last evaluation must reach.
RUNS = {
    "fashion_mnist_cnn": ((), "accuracy", lambda accuracy: accuracy >= 0.905),
    "char_transformer": ((), "loss", lambda loss: loss <= 2.5),
    "lstm_three_ones": (("three_ones.csv",), "accuracy", lambda accuracy: accuracy >= 0.95),
}


@pytest.mark.parametrize("name", RUNS)
def test_run(descent, client, folder, name):
    files, metric, good = RUNS[name]
    for file in (name, *files):
        printed = descent("example", file)
        assert printed.returncode == 0, printed.stderr
        (folder / (file if file in files else f"{file}.yaml")).write_text(printed.stdout)
    submitted = descent("submit", str(folder / f"{name}.yaml"), "--json")
    assert submitted.returncode == 0, submitted.stderr
    (job,) = client.list_jobs().jobs
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
