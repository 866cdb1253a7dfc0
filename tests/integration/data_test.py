"""Where data may come from: --data_root."""

import pathlib

import grpc
import pytest

from helpers import specs


def refusal(client, spec):
    with pytest.raises(grpc.RpcError) as caught:
        client.create(spec)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    return caught.value.details()


def test_paths_are_confined_to_the_roots(start_daemon, connect, folder):
    root = folder / "root"
    root.mkdir()
    client = connect(start_daemon("--data_root", str(root)).grpc)
    inside = specs.linear_regression(root, iterations=10)
    job = client.create(inside).name
    assert client.wait_until_final(job).last_iteration.index == 10

    secret = folder / "secret.csv"
    pathlib.Path(inside.data.train.csv.path).rename(secret)
    link = root / "link.csv"
    link.symlink_to(secret)
    for path in (secret, link, root / ".." / "secret.csv", "/etc/passwd", "/dev/zero"):
        inside.data.train.csv.path = str(path)
        assert f"{path} is outside the folders" in refusal(client, inside)


def test_a_test_table_is_read_by_the_names_of_its_columns(client, folder):
    """In another order it gives the very same; with other names it is refused."""
    spec = specs.linear_regression(folder, iterations=50)
    train = pathlib.Path(spec.data.train.csv.path)
    rows = [line.split(",") for line in train.read_text().splitlines()]
    results = []
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1]):
        test = folder / f"test-{order[0]}.csv"
        test.write_text("".join(",".join(row[i] for i in order) + "\n" for row in rows))
        spec.data.test.csv.path = str(test)
        job = client.wait_until_final(client.create(spec).name)
        results.append(job.last_evaluation.metrics[0].value)
    assert results[0] == results[1]
    test.write_text(test.read_text().replace("x2", "width"))
    assert 'has no column "x2", an input of the training data' in refusal(client, spec)


def test_what_is_decided_about_a_table_is_noted(client, folder):
    table = folder / "index.csv"
    table.write_text(",x,y\n" + "".join(f"{i},{i},{2 * i}\n" for i in range(20)) + "20,NA,1\n")
    spec = specs.linear_regression(folder, iterations=5, step_size=1e-4)
    spec.data.train.csv.path, spec.data.batch_size = str(table), 10
    spec.data.train.csv.missing.drop.SetInParent()
    notes = list(client.create(spec).summary.notes)
    assert notes == [
        f"{table}: the first column has no name: it is taken for row numbers, not an input.",
        f'{table}: 1 of 21 rows are left out: they lack something, most often "x" (1).',
    ]


def test_a_root_must_be_a_folder(start_daemon, folder):
    with pytest.raises(RuntimeError, match="--data_root /nowhere is no folder"):
        start_daemon("--data_root", "/nowhere")


def test_no_root_is_in_the_daemons_own_folder(start_daemon, folder):
    inside = folder / "own" / "data"
    inside.mkdir(parents=True)
    with pytest.raises(RuntimeError, match="is in the daemon's own folder"):
        start_daemon("--data_root", str(inside), data_dir=folder / "own")
