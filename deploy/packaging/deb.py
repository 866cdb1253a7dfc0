"""The Debian package."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import tree

_HERE = pathlib.Path(__file__).resolve().parent
# Of zstd, which Debian's dpkg reads since version 12: xz takes minutes for LibTorch, and a tenth off.
_LEVEL = "9"


def _depends(top: pathlib.Path) -> str:
    """Debian's packages of the libraries that the programs load, as dpkg-shlibdeps finds them."""
    programs = sorted((top / "usr/bin").iterdir())
    # LibTorch's own are in the package; it looks for them by the names that they have.
    private = sorted((top / "usr/lib/descent").iterdir())
    with tempfile.TemporaryDirectory() as folder:
        debian = pathlib.Path(folder, "debian")
        tree.write(debian / "control", "Source: descent\n\nPackage: descent\nArchitecture: any\n")
        said = subprocess.run(
            [
                "dpkg-shlibdeps",
                "-O",
                "--ignore-missing-info",
                "-xlibgomp1",  # LibTorch has its own
                f"-l{top}/usr/lib/descent",
                f"-S{top}",
                *(f"-e{path}" for path in programs + private),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
        )
    if said.returncode:
        raise RuntimeError(f"dpkg-shlibdeps: {said.stderr}")
    return said.stdout.strip().removeprefix("shlibs:Depends=")


def _maintainer() -> str:
    """Who makes the package, by the variables that Debian's tools go by."""
    name = os.environ.get("DEBFULLNAME", "Descent")
    return f"{name} <{os.environ.get('DEBEMAIL', 'descent@localhost')}>"


def _control(top: pathlib.Path, version: str) -> str:
    text = (_HERE / "debian/control.in").read_text()
    for name, value in {
        "VERSION": version,
        "MAINTAINER": _maintainer(),
        "KILOBYTES": str(tree.size(top) // 1024),
        "LIBRARIES": _depends(top),
    }.items():
        text = text.replace(f"@{name}@", value)
    return text


def _sums(top: pathlib.Path) -> str:
    files = sorted(path for path in top.rglob("*") if path.is_file())
    return "".join(
        f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(top)}\n"
        for path in files
        if not path.is_relative_to(top / "etc")
    )


def build(
    source: tree.Source, version: str, top: pathlib.Path, out: pathlib.Path, compress: bool
) -> pathlib.Path:
    """Makes the package of `top`, whose folder usr is built; gives its file."""
    tree.write(top / "etc/default/descentd", (_HERE / "debian/descentd.default").read_text())
    unit = source.workspace / "deploy/systemd/descentd.service"
    tree.write(top / "lib/systemd/system/descentd.service", unit.read_text())
    control, sums = _control(top, version), _sums(top)
    tree.write(top / "DEBIAN/control", control)
    tree.write(top / "DEBIAN/md5sums", sums)
    tree.write(top / "DEBIAN/conffiles", "/etc/default/descentd\n")
    for script in tree.SCRIPTS:
        shutil.copy(_HERE / "debian" / script, top / "DEBIAN" / script)
    tree.finish(top, source.epoch)
    package = out / f"descent_{version}_amd64.deb"
    kind = ["-Zzstd", f"-z{_LEVEL}"] if compress else ["-Znone"]
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", *kind, "--build", top, package],
        check=True,
        stdout=subprocess.DEVNULL,
        # The number of threads shows in the compressed bytes.
        env={**os.environ, "SOURCE_DATE_EPOCH": str(source.epoch), "DPKG_DEB_THREADS_MAX": "1"},
    )
    return package
