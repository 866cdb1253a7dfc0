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


def test_a_root_must_be_a_folder(start_daemon, folder):
    with pytest.raises(RuntimeError, match="--data_root /nowhere is no folder"):
        start_daemon("--data_root", "/nowhere")
