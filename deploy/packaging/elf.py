"""Programs and libraries as files: what they need, and where they look for it."""

import pathlib
import re
import subprocess

# The system's: those of C, which belong to its loader, and of C++, of which it may have later ones.
_SYSTEM = re.compile(
    r"(ld-linux-x86-64|lib(c|m|dl|rt|pthread|resolv|util|anl|mvec|stdc\+\+|gcc_s))\.so\.\d+"
)


def _run(*command: str | pathlib.Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def needed(program: pathlib.Path) -> dict[str, pathlib.Path]:
    """The libraries that the program loads, but C's and C++'s: their names, and where they are."""
    found = {}
    for line in _run("ldd", program).splitlines():
        name, arrow, rest = line.strip().partition(" => ")
        if not arrow or _SYSTEM.fullmatch(name):
            continue
        if rest.startswith("not found"):
            raise FileNotFoundError(f"{program} needs {name}, which is not on this machine")
        found[name] = pathlib.Path(rest.split(" (")[0])
    return found


def install(source: pathlib.Path, target: pathlib.Path, look_in: str | None = None) -> None:
    """Copies without symbols; `look_in` becomes where it looks for libraries, if it is given."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _run("strip", "--strip-unneeded", "-o", target, source.resolve())
    if look_in:
        _run("patchelf", "--set-rpath", look_in, target)


def glibc_needed(files: list[pathlib.Path]) -> str:
    """The oldest glibc that all of them run with, as `2.34`."""
    versions = re.findall(r"\(GLIBC_(\d+)\.(\d+)", _run("objdump", "-T", *files))
    major, minor = max((int(a), int(b)) for a, b in versions)
    return f"{major}.{minor}"
