"""What server/OPERATING.md prints works, in its order, as it is printed.

The commands are root's, and change what root has. So they run on a machine of their own: namespaces in
which this user is root, with a network and processes that nobody else sees, and with /etc, /usr, /var
and /srv below which everything that is written goes into the test's folder (overlays). If one of
these can't be had, nothing runs.

Programs are the real ones. Stand-ins, since the machine has no systemd, no package and one user:
  systemctl         starts and ends descentd as the unit does (the package's tests have the unit itself)
  apt-get           does what the package's postinst does at an upgrade, and installs nothing
  runuser, chown    for user descent: there is root alone
  journalctl        prints descentd's log
"""

import pathlib
import re
import shutil
import subprocess

import pytest

from helpers import programs
from helpers.documents import Place, blocks, write_program

OPERATING = programs.WORKSPACE / "server/OPERATING.md"

NAMESPACES = [
    "unshare",
    *("--user", "--map-root-user", "--net", "--mount"),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
]
# A mount that fails ends it before anything else is run.
MACHINE = """
set -e
for folder in etc usr var srv; do
  mount -t overlay overlay /$folder \\
    -o "lowerdir=/$folder,upperdir=$1/$folder.upper,workdir=$1/$folder.work"
done
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
shift
exec "$@"
"""
LAYERS = ("etc", "usr", "var", "srv")

SYSTEMCTL = """
state="STATE"
options=
if [[ -e /etc/default/descentd ]]; then . /etc/default/descentd; options=$DESCENTD_OPTIONS; fi
start() {
  # Its log is not the script's output, and it outlives the script that starts it.
  setsid descentd --data_dir /var/lib/descent $options < /dev/null >> "$state/log" 2>&1 &
  echo $! > "$state/pid"
  for _ in {1..400}; do
    grep -q "\\"pid\\": *$!\\b" /var/lib/descent/descentd.json 2> /dev/null && return
    kill -0 $! || break
    sleep 0.05
  done
  tail -n 20 "$state/log" >&2
  return 1
}
stop() {
  kill "-$1" "$(cat "$state/pid")"
  while kill -0 "$(cat "$state/pid")" 2> /dev/null; do sleep 0.05; done
}
for word in "$@"; do [[ $word != prometheus && $word != grafana-server ]] || exit 0; done
case $1 in
  enable | start) start ;;
  stop) stop TERM ;;
  restart) stop TERM; start ;;
  upgrade) stop KILL; start ;;
  status) kill -0 "$(cat "$state/pid")" && echo "active (running)" ;;
  show) cat "$state/pid" ;;
  *) echo "systemctl $1: no stand-in" >&2; exit 1 ;;
esac
"""
RUNUSER = """
[[ $1 == -u && $2 == descent && $3 == -- ]] || exit 1
shift 3
exec "$@"
"""
# As postinst: at the first installation it starts nothing here, since the text says how.
APT_GET = """
[[ $1 == install && -e ${@: -1} ]] || exit 1
[[ ! -e "STATE/pid" ]] || systemctl upgrade
"""


def programs_of_the_machine(folder: pathlib.Path) -> pathlib.Path:
    state = folder / "state"
    state.mkdir()
    found = folder / "bin"
    for name, text in {
        "systemctl": SYSTEMCTL.replace("STATE", str(state)),
        "runuser": RUNUSER,
        "apt-get": APT_GET.replace("STATE", str(state)),
        "chown": "",
        "journalctl": f'[[ $1 == -u && $2 == descentd ]] && tail -n 50 "{state}/log"',
        "descent": f'exec "{programs.descent()}" "$@"',
        "descentd": f'exec "{programs.descentd()}" --worker "{programs.descent_worker()}" "$@"',
    }.items():
        write_program(found / name, text)
    return found


@pytest.fixture
def machine(folder):
    """run(script) runs it as root of a machine on which the package is installed."""
    layers = folder / "layers"
    for name in LAYERS:
        (layers / f"{name}.upper").mkdir(parents=True)
        (layers / f"{name}.work").mkdir()
    probe = [*NAMESPACES, "sh", "-c", MACHINE, "sh", str(layers), "true"]
    tried = subprocess.run(probe, capture_output=True, text=True, timeout=20)
    if tried.returncode != 0:
        pytest.skip(f"no machine of one's own here: {tried.stderr}")

    # What the package brings.
    documents = layers / "usr.upper/share/doc/descent"
    documents.mkdir(parents=True)
    for name in ("prometheus", "grafana"):
        shutil.copytree(programs.WORKSPACE / "deploy" / name, documents / name)
    for path in ("var.upper/lib/descent", "var.upper/backups", "etc.upper/cron.daily"):
        (layers / path).mkdir(parents=True)
    # What Debian's packages of these two bring.
    for path in ("etc.upper/prometheus", "etc.upper/grafana"):
        (layers / path).mkdir(parents=True)
    hosts = pathlib.Path("/etc/hosts").read_text()
    (layers / "etc.upper/hosts").write_text(f"127.0.0.1 localhost gpu-box\n{hosts}")

    here, home = folder / "root", folder / "home"
    here.mkdir()
    home.mkdir()
    (here / "descent_0_amd64.deb").touch()
    place = Place(here, home)
    place.environment["no_proxy"] = "*"
    place.environment["PATH"] = f"{programs_of_the_machine(folder)}:{place.environment['PATH']}"

    def run(script: str) -> str:
        text = folder / "script"
        text.write_text(f"set -euo pipefail\n{script}\n")
        words = [*NAMESPACES, "sh", "-c", MACHINE, "sh", layers, "bash", text]
        return place.run(" ".join(quoted(str(word)) for word in words), timeout=120)

    run.here = here
    run.elsewhere = folder / "elsewhere"
    return run


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


ELSEWHERE = "# On another machine\n"


def placed(block: str, machine) -> str:
    """A block as the part of a script, in a shell and at a place of its own."""
    if not block.startswith(ELSEWHERE):
        return f'(\ncd "{machine.here}"\n{block})\n'
    there = machine.elsewhere
    return (
        f'mkdir -p "{there}/home"\n'
        f'cp /var/lib/descent/tls/ca.pem "{machine.here}/ann.token" "{there}"\n'
        f'(\ncd "{there}"\nexport HOME="{there}/home"\n{block})\n'
    )


def test_commands(machine):
    """All of them, one after the other, on one machine; the first that fails ends it."""
    found = blocks(OPERATING, "sh")
    assert len(found) > 20
    script = "".join(
        f'echo "block {i}" | tee /dev/stderr\n{placed(block, machine)}'
        for i, block in enumerate(found)
    )
    out = machine(script + "systemctl stop descentd")
    told = re.split(r"^block \d+\n", out, flags=re.MULTILINE)[1:]
    said = dict(zip(found, told, strict=True))

    def answer(beginning: str) -> str:
        (text,) = [text for block, text in said.items() if beginning in block]
        return text

    assert "SUCCEEDED" in answer("descent example rosenbrock")
    assert answer("http://127.0.0.1:7601/readyz") == "ok\nok\n"
    assert "first" in answer("descent login")
    # What was restored, and upgraded, has the job.
    assert "first" in answer("mv /var/lib/descent")
    assert "first" in answer("backup /var/backups/descent/before-upgrade")
    assert "SUCCESS" in answer("promtool")
    assert "first" in answer("descent audit")
    assert "board" in answer("token create --role viewer")


def test_nothing_was_written_outside(machine):
    machine("mkdir /var/lib/descent/probe /srv/descent-probe && touch /etc/descent-probe")
    for path in ("/var/lib/descent/probe", "/srv/descent-probe", "/etc/descent-probe"):
        assert not pathlib.Path(path).exists()


# The first word after `descent` or `descentd` in the text itself.
NAMED = re.compile(r"`(descentd?) ([a-z]+)[^`]*`")


def test_commands_that_are_named_exist():
    text = re.sub(r"^```.*?^```$", "", OPERATING.read_text(), flags=re.MULTILINE | re.DOTALL)
    named = set(NAMED.findall(text))
    assert ("descentd", "check") in named
    found = {"descent": programs.descent(), "descentd": programs.descentd()}
    for program, command in sorted(named):
        shown = subprocess.run([found[program], command, "--help"], capture_output=True, timeout=20)
        assert shown.returncode == 0, (program, command)
