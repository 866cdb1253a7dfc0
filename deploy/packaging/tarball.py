"""The tar ball: it runs from any folder, without root, on the C and C++ libraries of the system."""

import gzip
import pathlib
import shutil
import subprocess
import tarfile

import elf
import tree

_README = """Descent {version}: submit, watch every iteration, turn the step size while it runs.

This folder runs from wherever it lies, without root, and needs nothing but Linux on x86-64, with glibc {glibc} and
GCC 12's libstdc++ or later:

  bin/descentd &
  bin/descent example linear_regression | bin/descent submit - --follow
  bin/descent open

Manual pages: man -M share/man descent (or descentd, descent-spec). Completion: source <(bin/descent completion bash).
To upgrade, put the new folder in the place of this one, end descentd with SIGKILL and start the new one: running jobs
go on meanwhile, and it takes them up. Ended with SIGTERM, it has them save checkpoints, and goes on from these.
Jobs lie in ~/.local/share/descent, or where descentd --data_dir says; to remove Descent, remove this folder and that.
share/doc/descent has the licenses, and specs to begin with.
"""


def _owner(library: pathlib.Path) -> str:
    """Debian's package of the library; "" if it is of none."""
    # Packages have /lib's files under either name, the folders being one.
    for name in (str(library), str(library).removeprefix("/usr")):
        said = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True)
        if said.returncode == 0:
            return said.stdout.split(":")[0]
    return ""


def _add_system_libraries(source: tree.Source, top: pathlib.Path) -> None:
    """Brings the libraries that the Debian package has as dependencies, with their licenses."""
    own = source.torch()
    for program in source.programs.values():
        for name, found in elf.needed(program).items():
            target = top / "lib/descent" / name
            if name in own or target.exists():
                continue
            elf.install(found, target, "$ORIGIN")
            package = _owner(found.resolve())
            terms = pathlib.Path("/usr/share/doc", package, "copyright")
            if package and terms.is_file():
                shutil.copyfile(terms, top / "share/doc/descent" / f"copyright.{package}")


def build(
    source: tree.Source, version: str, prefix: pathlib.Path, out: pathlib.Path, compress: bool
) -> pathlib.Path:
    """Makes the tar ball of the built tree `prefix`, whose name is not in it; gives its file."""
    _add_system_libraries(source, prefix)
    files = [*(prefix / "bin").iterdir(), *(prefix / "lib/descent").iterdir()]
    text = _README.format(version=version, glibc=elf.glibc_needed(files))
    tree.write(prefix / "README", text)
    unit = source.workspace / "deploy/systemd/descentd.service"
    tree.write(prefix / "share/doc/descent/descentd.service", unit.read_text())
    tree.finish(prefix, source.epoch)

    def clean(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mtime = source.epoch
        return entry

    name = f"descent-{version}"
    package = out / f"{name}-linux-x86_64.tar{'.gz' if compress else ''}"
    with package.open("wb") as file:
        stream = gzip.GzipFile("", "wb", 6, file, mtime=0) if compress else file
        with stream, tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as ball:
            # In the order of the names, which tarfile goes by.
            ball.add(prefix, name, filter=clean)
    return package
