"""Who is let in: tokens, roles and owners, from outside the process."""

import json
import os
import pathlib
import re
import stat
import subprocess
import threading
import time
import urllib.error
import urllib.request

import grpc
import pytest
from descent.v1 import event_pb2

from helpers import programs, specs
from helpers.daemon import Address


@pytest.fixture
def daemon(start_daemon):
    return start_daemon("--auth", "tokens")


def with_token(daemon, token):
    """The daemon's address, for whoever has that token."""
    address = Address(daemon.grpc)
    address.token = token
    return address


@pytest.fixture
def make_token(descent):
    """make_token(role, ...) gives a new token's text, made by the command line."""

    def make(role, *arguments):
        made = descent("token", "create", "--role", role, *arguments)
        assert made.returncode == 0, made.stderr
        assert re.fullmatch(r"descent_[\w-]{43}\n", made.stdout)  # alone, for `> FILE`
        return made.stdout.strip()

    return make


def refusal(call):
    """The code with which it is refused."""
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value.code()


def test_nobody_without_a_token(daemon, connect):
    stranger = connect(with_token(daemon, ""))
    assert refusal(stranger.list_jobs) == grpc.StatusCode.UNAUTHENTICATED
    wrong = connect(with_token(daemon, "descent_" + "a" * 43))
    assert refusal(wrong.list_jobs) == grpc.StatusCode.UNAUTHENTICATED
    for path in ("/v1/jobs", "/metrics", "/v1/whoami"):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(f"http://{daemon.http}{path}", timeout=10)
        assert error.value.code == 401
        assert error.value.headers["WWW-Authenticate"] == "Bearer"
    for path in ("/healthz", "/readyz", "/"):
        with urllib.request.urlopen(f"http://{daemon.http}{path}", timeout=10) as response:
            assert response.status == 200
    # Nor does a claim to be somebody help.
    request = urllib.request.Request(
        f"http://{daemon.http}/v1/jobs", headers={"x-descent-principal": "root"}
    )
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=10)
    assert error.value.code == 401


def test_files_and_socket_are_the_users_alone(daemon):
    for path in (
        daemon.data_dir / "admin.token",
        daemon.data_dir / "tokens.json",
        daemon.clients.removeprefix("unix:"),
    ):
        assert stat.S_IMODE(pathlib.Path(path).stat().st_mode) & 0o077 == 0, path
    token = (daemon.data_dir / "admin.token").read_text().strip()
    assert token not in (daemon.data_dir / "tokens.json").read_text()
    assert token not in (daemon.data_dir / "descentd.json").read_text()
    assert token not in daemon.tail()


def test_roles_and_owners(daemon, connect, make_token, folder):
    viewer = connect(with_token(daemon, make_token("viewer", "--owner", "vic")))
    ann = connect(with_token(daemon, make_token("operator", "--owner", "ann")))
    bob = connect(with_token(daemon, make_token("operator", "--owner", "bob")))
    admin = connect(daemon.grpc)
    job = ann.create(specs.classifier(folder, iterations=50_000_000)).name
    assert ann.get(job).owner == "ann"
    assert viewer.get(job).name == job
    assert refusal(lambda: viewer.set(job, "step_size", 0.1)) == grpc.StatusCode.PERMISSION_DENIED
    assert refusal(lambda: bob.set(job, "step_size", 0.1)) == grpc.StatusCode.PERMISSION_DENIED
    assert refusal(lambda: bob.delete(job, force=True)) == grpc.StatusCode.PERMISSION_DENIED
    spec = specs.classifier(folder, iterations=10)
    assert refusal(lambda: viewer.create(spec)) == grpc.StatusCode.PERMISSION_DENIED
    applied = ann.set(job, "step_size", 0.01).command_applied
    assert applied.principal == "ann"
    assert admin.set(job, "step_size", 0.02).command_applied.changes[0].new_value == 0.02
    metrics = make_token("metrics")
    request = urllib.request.Request(
        f"http://{daemon.http}/metrics", headers={"Authorization": f"Bearer {metrics}"}
    )
    assert b"descent_" in urllib.request.urlopen(request, timeout=10).read()
    reader = connect(with_token(daemon, metrics))
    assert refusal(reader.list_jobs) == grpc.StatusCode.PERMISSION_DENIED
    ann.delete(job, force=True)


def test_no_spec_reads_the_daemons_own_folder(daemon, connect, make_token, folder):
    operator = connect(with_token(daemon, make_token("operator", "--owner", "ann")))
    secret = (daemon.data_dir / "admin.token").read_text().strip()
    link = folder / "link.csv"
    link.symlink_to(daemon.data_dir / "admin.token")
    for path in (daemon.data_dir / "admin.token", link):
        spec = specs.classifier(folder, iterations=10)
        spec.data.train.csv.path = str(path)
        spec.data.train.csv.targets.append("a")
        with pytest.raises(grpc.RpcError) as error:
            operator.validate(spec)
        assert "own folder" in error.value.details()
        assert secret[:12] not in error.value.details()


def test_what_is_revoked_ends(daemon, connect, make_token, descent, folder):
    job = connect(daemon.grpc).create(specs.classifier(folder, iterations=50_000_000)).name
    watcher = connect(with_token(daemon, make_token("viewer", "--owner", "vic")))
    seen, ended = threading.Event(), []

    def watch():
        try:
            for _ in watcher.watch(job):
                seen.set()
        except grpc.RpcError as error:
            ended.append(error.code())

    thread = threading.Thread(target=watch)
    thread.start()
    assert seen.wait(30)
    listed = [json.loads(line) for line in descent("token", "list", "--json").stdout.splitlines()]
    (vic,) = [token["id"] for token in listed if token.get("owner") == "vic"]
    revoked = descent("token", "revoke", vic)
    assert revoked.returncode == 0, revoked.stderr
    thread.join(timeout=30)
    assert ended == [grpc.StatusCode.UNAUTHENTICATED]
    assert refusal(watcher.list_jobs) == grpc.StatusCode.UNAUTHENTICATED
    assert "revoked" in descent("token", "list").stdout
    connect(daemon.grpc).delete(job, force=True)


def test_command_line_sends_no_token_in_plaintext(daemon, make_token, folder):
    path = folder / "token"
    path.write_text(make_token("viewer") + "\n")

    def list_jobs(*arguments):
        return subprocess.run(
            [str(programs.descent()), "list", "--server", str(daemon.grpc), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
        )

    without = list_jobs()
    assert without.returncode == 1
    assert "token" in without.stderr
    refused = list_jobs("--token_file", str(path))
    assert refused.returncode == 2
    assert "is not sent" in refused.stderr
    assert list_jobs("--token_file", str(path), "--insecure").returncode == 0


def test_a_code_is_good_once(daemon, descent):
    opened = descent("open", "--print", "--http", str(daemon.http))
    assert opened.returncode == 0, opened.stderr
    address, code = opened.stdout.strip().split("#code=")
    assert address == f"http://{daemon.http}/"

    def exchange():
        request = urllib.request.Request(
            f"{address}v1/session",
            data=json.dumps({"code": code}).encode(),
            headers={"Content-Type": "application/json"},
        )
        return json.load(urllib.request.urlopen(request, timeout=10))

    session = exchange()
    assert session["role"] == "ADMIN"
    request = urllib.request.Request(
        f"{address}v1/jobs", headers={"Authorization": f"Bearer {session['session']}"}
    )
    assert urllib.request.urlopen(request, timeout=10).status == 200
    with pytest.raises(urllib.error.HTTPError) as error:
        exchange()
    assert error.value.code == 401


def test_the_browser_is_given_a_page_and_not_the_code(daemon, folder):
    programs_folder = folder / "bin"
    programs_folder.mkdir()
    opener = programs_folder / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$@" > {folder}/new\nmv {folder}/new {folder}/arguments\n')
    opener.chmod(0o755)
    line = [str(programs.descent()), "open", "--server", daemon.clients, "--http", daemon.http]
    environment = {
        **os.environ,
        "DISPLAY": ":9",
        "PATH": f"{programs_folder}:{os.environ['PATH']}",
        "XDG_RUNTIME_DIR": str(folder),
    }
    opened = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60)
    assert opened.returncode == 0, opened.stderr
    arguments = folder / "arguments"
    end = time.monotonic() + 20
    while not arguments.exists():
        assert time.monotonic() < end, "nothing was opened"
        time.sleep(0.01)
    page = pathlib.Path(arguments.read_text().strip())
    assert page.parent == folder
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert f"url={opened.stdout.strip()}" in page.read_text()
    # Once its code is good no longer, the next one takes it away.
    os.utime(page, (time.time() - 120,) * 2)
    assert subprocess.run(line, env=environment, capture_output=True, timeout=60).returncode == 0
    assert not page.exists()


def test_a_replayed_request_is_answered_to_its_owner_alone(daemon, connect, make_token, folder):
    ann = connect(with_token(daemon, make_token("operator", "--owner", "ann")))
    bob = connect(with_token(daemon, make_token("operator", "--owner", "bob")))
    spec = specs.classifier(folder, iterations=10)
    made = ann.create(spec, request_id="once")
    assert ann.create(spec, request_id="once").name == made.name
    assert refusal(lambda: bob.create(spec, request_id="once")) == grpc.StatusCode.PERMISSION_DENIED
    assert ann.wait_until_final(made.name).state == event_pb2.SUCCEEDED
