"""What can be read of the unit without a systemd that runs: it is not started here."""

import pathlib
import re
import shutil
import subprocess

import pytest

from helpers import programs

UNIT = programs.WORKSPACE / "deploy/systemd/descentd.service"
# The exposure that `systemd-analyze security` gives, in tenths of the scale's 0 to 10.
MOST_EXPOSURE = 25


@pytest.fixture
def analyze(tmp_path):
    """Runs systemd-analyze on the unit, as one of descentd where this test finds it."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze here")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/bin/descentd", str(programs.descentd())))

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [program, "--no-pager", *arguments, str(unit)],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    return run


def settings() -> dict[str, list[str]]:
    """What the unit says, by its keys; a key may come more than once."""
    out: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if match := re.fullmatch(r"(\w+)=(.*)", line):
            out.setdefault(match[1], []).append(match[2])
    return out


def test_systemd_understands_every_line(analyze):
    said = analyze("verify", "--man=no")
    # What it doesn't know it passes over with a warning.
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_it_is_exposed_no_more_than_it_must_be(analyze):
    said = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSURE}")
    assert said.returncode == 0, said.stdout + said.stderr


def test_workers_may_confine_themselves_and_outlive_the_daemon():
    unit = settings()
    allowed = " ".join(unit["SystemCallFilter"]).split()
    for call in ("create_ruleset", "add_rule", "restrict_self"):
        assert f"landlock_{call}" in allowed
    assert unit["KillMode"] == ["process"]
    assert unit["Delegate"] == ["memory"] and unit["OOMPolicy"] == ["continue"]
    # LibTorch compiles kernels while it runs, and the daemon asks /proc about people's programs.
    assert "MemoryDenyWriteExecute" not in unit and "ProtectProc" not in unit


def test_options_are_those_that_descentd_has():
    words = " ".join(settings()["ExecStart"]).split()
    help_text = subprocess.run(
        [programs.descentd(), "--help"], capture_output=True, text=True, timeout=20, check=True
    ).stdout
    for option in (word for word in words if word.startswith("--")):
        assert option in help_text


def test_limits_are_taken_away_between_two_daemons(tmp_path):
    """The next daemon is started in the very group that has the workers' groups."""
    (stop,) = settings()["ExecStopPost"]
    shell = re.fullmatch(r"-/bin/sh -c '(.*)'", stop)[1].replace("$$", "$")
    proc, root = tmp_path / "cgroup", tmp_path / "groups"
    proc.write_text("4:memory:/x\n0::/system.slice/descentd.service/.control\n")
    group = root / "system.slice/descentd.service"
    group.mkdir(parents=True)
    control = pathlib.Path(group, "cgroup.subtree_control")
    control.write_text("")
    shell = shell.replace("/proc/self/cgroup", str(proc)).replace("/sys/fs/cgroup", str(root))
    subprocess.run(["/bin/sh", "-c", shell], check=True, timeout=20)
    assert control.read_text() == "-memory\n"
