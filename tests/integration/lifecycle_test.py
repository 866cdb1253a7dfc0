"""descentd comes, serves, and goes."""

import json

import grpc
import pytest

from helpers import process


def test_a_free_port_is_written_down(daemon, client):
    written = json.loads((daemon.data_dir / "descentd.json").read_text())
    assert written["pid"] == daemon.pid
    assert client.list_jobs().jobs == []
    assert daemon.get("/healthz")[0] == 200
    assert daemon.get("/readyz")[0] == 200


def test_sigterm_ends_it_cleanly_with_its_workers(daemon):
    workers = daemon.workers()
    assert daemon.stop() == 0
    for pid in workers:
        process.wait_until_gone(pid, timeout=10.0)


def test_a_second_daemon_on_the_same_folder_is_refused(daemon, start_daemon):
    with pytest.raises(RuntimeError) as error:
        start_daemon(data_dir=daemon.data_dir)
    assert str(daemon.data_dir) in str(error.value)


def test_a_port_in_use_is_named(daemon, start_daemon):
    port = daemon.grpc.rsplit(":", 1)[1]
    with pytest.raises(RuntimeError) as error:
        start_daemon("--listen", daemon.grpc)
    assert port in str(error.value)


def test_a_job_that_is_not_there_is_named(client):
    with pytest.raises(grpc.RpcError) as error:
        client.get("jobs/nobody")
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
    assert "jobs/nobody" in error.value.details()


def test_the_folder_belongs_to_its_owner_alone(daemon):
    assert daemon.data_dir.stat().st_mode & 0o077 == 0
