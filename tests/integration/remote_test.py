"""Another machine's clients: over TLS, from a network of their own."""

import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest
from google.protobuf import json_format

from helpers import programs, specs
from helpers.daemon import Daemon

HERE = "10.77.0.1"

# A network for the daemon and one for its clients, joined by a cable; both are gone with the daemon.
# No rights are needed for it.
NAMESPACE = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
CABLE = f"""
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up && ip link add near type veth peer name far &&
ip addr add {HERE}/24 dev near && ip link set near up &&
mount -t tmpfs tmpfs /run && mkdir /run/netns && ip netns add clients &&
ip link set far netns clients && ip -n clients addr add 10.77.0.2/24 dev far &&
ip -n clients link set far up && exec "$@"
"""

FETCH = """
import ssl, sys, urllib.error, urllib.request
url, token, authority = sys.argv[1:]
request = urllib.request.Request(url, headers={"Authorization": "Bearer " + token} if token else {})
handlers = [urllib.request.ProxyHandler({})]
if authority:
    context = ssl.create_default_context(cafile=authority)
    handlers.append(urllib.request.HTTPSHandler(context=context))
try:
    with urllib.request.build_opener(*handlers).open(request, timeout=10) as response:
        print(response.status, response.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


class DaemonElsewhere(Daemon):
    """A daemon at an address that this machine does not have."""

    def command_line(self) -> list[str]:
        return [*NAMESPACE, "sh", "-c", CABLE, "sh", *super().command_line()]

    def from_afar(self, line: list[str], home: pathlib.Path, **named):
        """Runs a program as on another machine, where the user's files are in `home`."""
        ours = ["--user", "--mount", "--preserve-credentials", "--"]
        enter = ["nsenter", "--target", str(self.pid), *ours]
        there = ["sh", "-c", 'exec nsenter --net=/run/netns/clients -- "$@"', "sh", *line]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DESCENT", "XDG"))}
        return subprocess.run(
            enter + there,
            capture_output=True,
            text=True,
            timeout=60,
            env={**kept, "HOME": str(home)},
            **named,
        )


@pytest.fixture
def daemon(folder, request):
    probe = [*NAMESPACE, "sh", "-c", CABLE, "sh", "true"]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip("no networks of one's own here")
    (folder / "shared").mkdir()
    flags = ("--listen", f"{HERE}:0", "--http", f"{HERE}:0", "--data_root", str(folder / "shared"))
    started = DaemonElsewhere(folder / "d", (*flags, "--auth", "tokens"))
    started.fingerprint = make_certificate(folder / "d")
    request.node.daemons = [started]
    yield started.start()
    started.close()


def make_certificate(data_dir: pathlib.Path, *flags: str) -> str:
    """The authority's fingerprint."""
    line = [str(programs.descentd()), "certificate", "--data_dir", str(data_dir), *flags]
    made = subprocess.run([*line, "--host", HERE], capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    return re.search(r"SHA-256 +([0-9a-f]{64})", made.stdout)[1]


@pytest.fixture
def make_token(daemon, folder):
    """make_token(role, ...) gives the file of a new token."""

    def make(role, *arguments):
        path = folder / f"{role}.token"
        line = [str(programs.descent()), "token", "create", "--role", role, *arguments]
        server = {**os.environ, "DESCENT_SERVER": daemon.clients}
        made = subprocess.run(line, capture_output=True, text=True, timeout=60, env=server)
        assert made.returncode == 0, made.stderr
        path.write_text(made.stdout)
        return path

    return make


@pytest.fixture
def sign_in(daemon, folder):
    """sign_in(token_file) gives a function that runs the command line as on another machine whose
    user has signed in with that token; without one, he has not."""

    def sign(token_file):
        home = folder / f"home-{token_file.stem}"
        home.mkdir()

        def descent(*arguments, **named):
            return daemon.from_afar([str(programs.descent()), *arguments], home, **named)

        login = ("login", str(daemon.grpc), "--fingerprint", daemon.fingerprint)
        done = descent(*login, "--token_file", str(token_file))
        assert done.returncode == 0, done.stderr
        return descent

    return sign


def test_submit_watch_and_set(make_token, sign_in, folder):
    ann = sign_in(make_token("operator", "--owner", "ann"))
    spec = folder / "spec.json"
    spec.write_text(json_format.MessageToJson(specs.classifier(folder / "shared", 50_000_000)))
    submitted = ann("submit", str(spec), "--job_id", "far")
    assert submitted.returncode == 0, submitted.stderr
    applied = ann("set", "far", "step_size=0.01")
    assert applied.returncode == 0, applied.stderr
    vic = sign_in(make_token("viewer", "--owner", "vic"))
    assert "jobs/far" in vic("get", "far", "--json").stdout
    refused = vic("set", "far", "step_size=0.02")
    assert refused.returncode != 0
    assert "operator" in refused.stderr
    assert ann("stop", "far").returncode == 0
    watched = vic("watch", "far", "--json")
    assert watched.returncode == 0, watched.stderr
    assert "command_applied" in watched.stdout or "commandApplied" in watched.stdout


def test_nothing_without_a_token(daemon, folder):
    authority = folder / "d" / "tls" / "ca.pem"
    stranger = folder / "home-stranger"
    stranger.mkdir()
    line = [str(programs.descent()), "list", "--server", str(daemon.grpc), "--ca", str(authority)]
    listed = daemon.from_afar(line, stranger)
    assert listed.returncode == 1, listed.stdout
    assert "token" in listed.stderr


def test_nothing_with_an_expired_token(daemon, make_token, sign_in):
    token = make_token("admin", "--ttl", "3s")
    late = sign_in(token)
    deadline = time.monotonic() + 20
    while (listed := late("list")).returncode == 0 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert listed.returncode == 1
    assert "expired" in listed.stderr or "token" in listed.stderr


def test_the_dashboard_and_its_certificate(daemon, make_token, folder):
    authority = str(folder / "d" / "tls" / "ca.pem")
    token = make_token("viewer").read_text().strip()

    def fetch(path, scheme="https", host=HERE, trusted=authority, brought=token):
        url = f"{scheme}://{host}:{daemon.http.rpartition(':')[2]}{path}"
        line = [sys.executable, "-c", FETCH, url, brought, trusted]
        return daemon.from_afar(line, folder)

    assert fetch("/", brought="").stdout.startswith("200 ")
    assert json.loads(fetch("/v1/jobs").stdout.removeprefix("200 ")) is not None
    assert fetch("/v1/jobs", brought="").stdout.startswith("401 ")
    assert fetch("/v1/jobs", scheme="http", trusted="").stdout.startswith("400 ")
    assert "this port speaks TLS" in fetch("/", scheme="http", trusted="").stdout
    assert "CERTIFICATE_VERIFY_FAILED" in fetch("/", trusted="").stderr
    # Renewed, it is shown to those who come next, without a restart.
    assert make_certificate(daemon.data_dir) == daemon.fingerprint
    assert fetch("/readyz").stdout == "200 ok\n\n"
    assert "new certificate" in daemon.tail()


@pytest.mark.parametrize(
    "flags, why",
    [
        (("--listen", "0.0.0.0:0"), "--listen.*so it needs TLS.*descentd certificate"),
        (("--http", "[::]:0"), "--http.*so it needs TLS"),
        (("--tls_certificate", "/a.pem"), "belong together"),
        (("--tls_certificate", "/a.pem", "--tls_key", "/a.key"), "/a.pem cannot be read"),
    ],
)
def test_who_can_reach_it_is_asked_before_anything_is_made(start_daemon, folder, flags, why):
    with pytest.raises(RuntimeError, match=why):
        start_daemon(*flags, data_dir=folder / "never")
    assert not (folder / "never").exists()


def test_beyond_loopback_the_folders_of_data_are_named(start_daemon, folder):
    make_certificate(folder / "d")
    with pytest.raises(RuntimeError, match="--data_root FOLDER"):
        start_daemon("--listen", "0.0.0.0:0", data_dir=folder / "d")
