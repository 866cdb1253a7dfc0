"""What the kernel holds workers to, and that jobs say so. What this kernel lacks is skipped."""

import contextlib
import ctypes
import pathlib
import subprocess

import grpc
import pytest

from helpers import programs, specs

CREATE_RULESET = 444  # landlock_create_ruleset, of x86-64 and arm64 alike


def has_landlock() -> bool:
    ask_version = ctypes.CDLL(None).syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    return ask_version > 0


@contextlib.contextmanager
def leading_away(folder: pathlib.Path, checkpoints: pathlib.Path):
    """Has a job's checkpoints go to a folder beside the daemon's meanwhile."""
    away = folder / "away"
    checkpoints.rename(away)
    checkpoints.symlink_to(away)
    yield away
    checkpoints.unlink()
    away.rename(checkpoints)


def test_a_job_says_what_its_worker_is_held_to(client, endless):
    held = client.get(endless).confinement
    status = pathlib.Path(f"/proc/{client.worker_pid(endless)}/status").read_text()
    assert held.no_new_privileges and "NoNewPrivs:\t1\n" in status
    assert held.filesystem == has_landlock()
    started = next(e for e in client.history(endless) if e.HasField("attempt_started"))
    assert started.attempt_started.confinement == held


def test_a_worker_writes_in_its_jobs_folder_alone(client, daemon, endless, folder):
    if not has_landlock():
        pytest.skip("this kernel has no Landlock")
    assert client.checkpoint(endless).HasField("command_applied")
    with leading_away(folder, daemon.data_dir / endless / "checkpoints") as away:
        before = sorted(away.iterdir())
        with pytest.raises(grpc.RpcError) as told:
            client.checkpoint(endless)
        assert "Permission denied" in told.value.details()
        assert sorted(away.iterdir()) == before
    assert client.checkpoint(endless).HasField("command_applied")


def test_a_worker_whose_files_are_open_follows_links(start_daemon, connect, folder):
    daemon = start_daemon("--worker_files", "open")
    client = connect(daemon.grpc)
    spec = specs.linear_regression(folder, iterations=specs.FOREVER)
    job = client.create(spec, job_id="open").name
    client.wait_for_iteration(job, 1)
    assert not client.get(job).confinement.filesystem
    assert client.checkpoint(job).HasField("command_applied")
    with leading_away(folder, daemon.data_dir / job / "checkpoints"):
        assert client.checkpoint(job).HasField("command_applied")
    client.stop(job)


def test_that_workers_have_no_memory_limit_is_said_once(client, daemon, endless):
    """Of this test, which is not alone in its cgroup; with one, its size is said instead."""
    said = [line for line in daemon.log.read_text().splitlines() if " workers: " in line]
    about = [line for line in said if "memory" in line]
    assert len(about) == 1
    limit = client.get(endless).confinement.memory_limit_bytes
    assert ("without a memory limit" in about[0]) == (limit == 0)


def test_what_is_no_limit_is_refused(folder):
    command = [programs.descentd(), "--data_dir", folder / "d", "--worker_memory_limit", "6X"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert run.returncode == 2
    assert '"6X" is no amount of memory; it is like 6G, 90% or none' in run.stderr
    assert not (folder / "d").exists()
