"""What every package has, below its prefix: programs, LibTorch, manual pages, completions."""

import dataclasses
import gzip
import os
import pathlib
import shutil
import subprocess
import time

import elf
import help_page
import roff
import spec_page

# From the programs' folder.
_LIBRARIES = "lib/descent"
_LOOK_IN = "$ORIGIN/../lib/descent"

_PAGES = {
    ("descent", 1): "submit, watch and steer training jobs",
    ("descentd", 8): "host training jobs",
    ("descent-worker", 8): "train one job of descentd",
}
_SPEC_PAGE = ("descent-spec", 5)

# Debian's, which are run besides the programs.
SCRIPTS = ("postinst", "prerm", "postrm")

_FILES = """.TP
.I /etc/default/descentd
Options of the service, where the Debian package is installed.
.TP
.I /var/lib/descent
The folder of that service: journals, checkpoints, keys, tokens. Without one,
.I \\(ti/.local/share/descent
is a daemon's folder.
.TP
.I \\(ti/.config/descent/contexts.yaml
The daemons that "descent login" was told of.
"""

_COMPLETIONS = {
    "bash": "bash-completion/completions/descent",
    "zsh": "zsh/vendor-completions/_descent",
    "fish": "fish/vendor_completions.d/descent.fish",
}


@dataclasses.dataclass(frozen=True)
class Source:
    """What packages are made of."""

    workspace: pathlib.Path  # the tree of the sources
    programs: dict[str, pathlib.Path]  # descent, descentd and descent-worker
    epoch: int  # seconds; the time of everything in a package
    licenses: tuple[pathlib.Path, ...] = ()  # of what is in the programs

    @property
    def version(self) -> str:
        """What the programs say that they are."""
        said = [
            subprocess.run(
                [self.programs[name], "--version"], check=True, capture_output=True, text=True
            ).stdout.split()[-1]
            for name in ("descent", "descentd")
        ]
        if said[0] != said[1]:
            raise ValueError(f"descent is of version {said[0]}, descentd of {said[1]}")
        return said[0]

    def torch(self) -> dict[str, pathlib.Path]:
        """The libraries of the LibTorch that the worker was linked with."""
        found = elf.needed(self.programs["descent-worker"])
        home = found["libtorch_cpu.so"].resolve().parent
        return {name: path for name, path in found.items() if path.resolve().parent == home}


def write(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def compress(path: pathlib.Path, data: bytes) -> None:
    """Writes FILE.gz, of which two are alike if their data are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0))


def _see_also(own: str) -> str:
    names = sorted({*_PAGES, _SPEC_PAGE})
    return ",\n".join(
        f".BR {roff.text(name)} ({section})" for name, section in names if name != own
    )


def manual_pages(source: Source) -> dict[str, str]:
    """The pages by their file names."""
    date = time.strftime("%Y-%m-%d", time.gmtime(source.epoch))
    about = {"date": date, "version": source.version}
    out = {}
    for (name, section), what in _PAGES.items():
        files = "" if name == "descent-worker" else _FILES
        body = help_page.body(source.programs[name], files, _see_also(name))
        out[f"{name}.{section}"] = roff.page(name, section, what, body=body, **about)
    name, section = _SPEC_PAGE
    example = (source.workspace / "client/examples/fashion_mnist_mlp.yaml").read_text()
    body = spec_page.body(source.workspace / "proto", example, _see_also(name))
    out[f"{name}.{section}"] = roff.page(name, section, "what to train", body=body, **about)
    return out


def _copyright(source: Source) -> str:
    """Whose work is in a package, and on what terms: ours, LibTorch's and what it is made of."""
    parts = [("Descent", source.workspace / "LICENSE")]
    packages = source.torch()["libtorch_cpu.so"].resolve().parents[2]
    for about in packages.glob("torch-*.dist-info"):
        found = [p for p in about.rglob("*") if p.name.startswith(("LICENSE", "NOTICE", "COPYING"))]
        parts += [("LibTorch", path) for path in sorted(found) if path.is_file()]
    parts += [(path.parent.name, path) for path in source.licenses]
    rule = "-" * 78
    return "\n".join(f"{rule}\n{whose}: {path.name}\n\n{path.read_text()}" for whose, path in parts)


def build(source: Source, prefix: pathlib.Path) -> None:
    """Makes the tree; `prefix` is an empty folder."""
    for name, program in source.programs.items():
        elf.install(program, prefix / "bin" / name, _LOOK_IN)
    for name, library in source.torch().items():
        elf.install(library, prefix / _LIBRARIES / name)
    for file, page in manual_pages(source).items():
        compress(prefix / f"share/man/man{file[-1]}/{file}.gz", page.encode())
    for shell, file in _COMPLETIONS.items():
        script = subprocess.run(
            [source.programs["descent"], "completion", shell], check=True, capture_output=True
        )
        write(prefix / "share" / file, script.stdout.decode())

    documents = prefix / "share/doc/descent"
    (documents / "examples").mkdir(parents=True)
    for example in (source.workspace / "client/examples").iterdir():
        if example.suffix in (".yaml", ".csv"):
            shutil.copyfile(example, documents / "examples" / example.name)
    for folder in ("prometheus", "grafana"):
        if (source.workspace / "deploy" / folder).is_dir():
            ignore = shutil.ignore_patterns("BUILD", "*_test.yml")
            shutil.copytree(source.workspace / "deploy" / folder, documents / folder, ignore=ignore)
    if (guide := source.workspace / "server/OPERATING.md").is_file():
        shutil.copyfile(guide, documents / guide.name)
    write(documents / "copyright", _copyright(source))


def finish(top: pathlib.Path, epoch: int) -> None:
    """Gives everything in the folder the modes and the time that it has in a package."""
    for path in sorted(top.rglob("*"), reverse=True):
        if not path.is_symlink():
            executable = path.is_dir() or path.parent.name == "bin" or path.name in SCRIPTS
            path.chmod(0o755 if executable else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def size(top: pathlib.Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in top.rglob("*") if path.is_file())
