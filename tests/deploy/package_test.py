"""Packages hold what they should, run where they lie, and are upgraded while jobs run.

All of LibTorch is copied several times: minutes, where others work too.
"""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from helpers import programs, specs

pytestmark = pytest.mark.long

EPOCH = 1_790_000_000
PROGRAMS = ("descent", "descentd", "descent-worker")
SYSTEM = re.compile(
    r"(ld-linux-x86-64|lib(c|m|dl|rt|pthread|resolv|stdc\+\+|gcc_s|nss_\w+))\.so\.\d[\d.]*"
)


def make(out: pathlib.Path, *arguments: str) -> list[pathlib.Path]:
    """Makes packages; gives their files."""
    found = (programs.descent(), programs.descentd(), programs.descent_worker())
    said = subprocess.run(
        [
            sys.executable,
            programs.WORKSPACE / "deploy/packaging/make.py",
            f"--workspace={programs.WORKSPACE}",
            *(f"--{name}={path}" for name, path in zip(PROGRAMS, found, strict=True)),
            f"--epoch={EPOCH}",
            "--uncompressed",
            f"--output={out}",
            *arguments,
        ],
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    return [pathlib.Path(line.split("  ")[0]) for line in said.stdout.splitlines()]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("made")
    yield make(out, "--deb", "--tar", "--revision=+test")
    shutil.rmtree(out)


@pytest.fixture(scope="module")
def debian(made, tmp_path_factory):
    """The folder that the Debian package was unpacked into."""
    top = tmp_path_factory.mktemp("root")
    subprocess.run(["dpkg-deb", "--raw-extract", made[0], top], check=True)
    yield top
    shutil.rmtree(top)


def unpack(ball: pathlib.Path, where: pathlib.Path) -> pathlib.Path:
    where.mkdir()
    subprocess.run(["tar", "-xf", ball, "-C", where], check=True)
    (top,) = where.iterdir()
    return top


def test_they_are_named_by_the_version(made):
    said = subprocess.run([programs.descentd(), "--version"], capture_output=True, text=True)
    version = said.stdout.split()[-1]
    assert [path.name for path in made] == [
        f"descent_{version}+test_amd64.deb",
        f"descent-{version}+test-linux-x86_64.tar",
    ]


def test_the_debian_package_has_its_files(debian):
    files = {str(path.relative_to(debian)) for path in debian.rglob("*") if path.is_file()}
    assert {
        "DEBIAN/control",
        "DEBIAN/postinst",
        "etc/default/descentd",
        "lib/systemd/system/descentd.service",
        "usr/bin/descent",
        "usr/bin/descent-worker",
        "usr/bin/descentd",
        "usr/lib/descent/libtorch_cpu.so",
        "usr/share/bash-completion/completions/descent",
        "usr/share/doc/descent/copyright",
        "usr/share/doc/descent/examples/linear_regression.yaml",
        "usr/share/fish/vendor_completions.d/descent.fish",
        "usr/share/man/man1/descent.1.gz",
        "usr/share/man/man5/descent-spec.5.gz",
        "usr/share/man/man8/descentd.8.gz",
        "usr/share/zsh/vendor-completions/_descent",
    } <= files
    conffiles = (debian / "DEBIAN/conffiles").read_text().split()
    assert all(name.lstrip("/") in files for name in conffiles)
    for line in (debian / "DEBIAN/md5sums").read_text().splitlines():
        assert line.split(maxsplit=1)[1] in files


def test_it_depends_on_what_it_does_not_bring(debian):
    control = (debian / "DEBIAN/control").read_text()
    (depends,) = re.findall(r"^Depends: (.*)$", control, re.MULTILINE)
    names = {one.split()[0] for one in depends.split(", ")}
    assert {"libgrpc++1.51", "libprotobuf32", "libsqlite3-0", "libc6", "adduser"} <= names
    assert "libgomp1" not in names  # LibTorch's own is in the package


def test_maintainer_scripts_are_shell(debian):
    for script in ("postinst", "prerm", "postrm"):
        subprocess.run(["sh", "-n", debian / "DEBIAN" / script], check=True)


def test_nothing_remembers_where_it_was_built(debian):
    for program in PROGRAMS:
        said = subprocess.run(
            ["readelf", "-d", debian / "usr/bin" / program], capture_output=True, text=True
        ).stdout
        assert re.findall(r"R(?:UN)?PATH.*\[(.*)\]", said) == ["$ORIGIN/../lib/descent"]


def test_the_unit_starts_what_is_installed(debian):
    unit = (debian / "lib/systemd/system/descentd.service").read_text()
    assert re.search(r"^ExecStart=/usr/bin/descentd ", unit, re.MULTILINE)
    assert re.search(r"^EnvironmentFile=-?/etc/default/descentd$", unit, re.MULTILINE)
    assert "$DESCENTD_OPTIONS" in unit
    # A restart leaves the workers of jobs that run.
    assert re.search(r"^KillMode=process$", unit, re.MULTILINE)


def test_two_of_the_same_are_alike(made, tmp_path):
    for first, second in zip(
        made, make(tmp_path, "--deb", "--tar", "--revision=+test"), strict=True
    ):
        assert subprocess.run(["cmp", first, second]).returncode == 0
    shutil.rmtree(tmp_path)


def test_the_ball_runs_from_any_folder_and_is_upgraded_under_a_job(
    made, folder, monkeypatch, start_daemon, connect
):
    place = folder / "a folder"
    installed = unpack(made[1], place)
    assert "glibc 2.35 " in (installed / "README").read_text()
    for variable in ("LD_LIBRARY_PATH", "LD_PRELOAD"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DESCENTD", str(installed / "bin/descentd"))
    # It finds its worker beside itself: no --worker is given.
    daemon = start_daemon("--worker_lease", "20", data_dir=folder / "d")
    spec = specs.linear_regression(folder, iterations=specs.FOREVER)
    client = connect(daemon.grpc)
    job = client.create(spec, job_id="on").name
    client.wait_for_iteration(job, 1)
    worker = client.worker_pid(job)

    loaded = {
        line.split(maxsplit=5)[5]
        for pid in (daemon.pid, worker)
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
        if ".so" in line
    }
    assert any(path.endswith("libtorch_cpu.so") for path in loaded)
    for path in loaded:
        assert path.startswith(str(installed)) or SYSTEM.fullmatch(pathlib.Path(path).name), path

    # The new one takes the old one's place, whose files go while its worker trains.
    shutil.rmtree(place)
    unpack(made[1], place)
    daemon.kill()
    daemon.start()
    client = connect(daemon.grpc)
    left = client.get(job)
    client.wait_for_iteration(job, left.last_iteration.index + 1000, left.head_revision)
    assert client.worker_pid(job) == worker
    assert client.get(job).attempt == 1
    client.stop(job)
    # What the new one launches is the new one's.
    shorter = specs.linear_regression(folder, iterations=20)
    assert client.wait_until_final(client.create(shorter).name).last_iteration.index == 20
