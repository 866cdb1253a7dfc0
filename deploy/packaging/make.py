"""Makes packages of programs that are built already; deploy/package builds them first, and calls this."""

import argparse
import os
import pathlib
import shutil
import tempfile

import deb
import tarball
import tree


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--workspace", type=pathlib.Path, required=True, help="the sources' tree")
    for name in ("descent", "descentd", "descent-worker"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--license", type=pathlib.Path, action="append", default=[])
    parser.add_argument(
        "--epoch", type=int, required=True, help="the time of all files, in seconds"
    )
    parser.add_argument("--revision", default="", help="what follows the version, as in +git1")
    parser.add_argument("--deb", action="store_true")
    parser.add_argument("--tar", action="store_true")
    parser.add_argument("--uncompressed", action="store_true", help="larger, and made faster")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="a folder")
    return parser.parse_args()


def main() -> None:
    given = _arguments()
    source = tree.Source(
        given.workspace.resolve(),
        {
            "descent": given.descent,
            "descentd": given.descentd,
            "descent-worker": given.descent_worker,
        },
        given.epoch,
        tuple(given.license),
    )
    version = source.version + given.revision
    given.output.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)
    with tempfile.TemporaryDirectory(dir=given.output, prefix=".making-") as scratch:
        built = pathlib.Path(scratch, "usr")
        tree.build(source, built)
        made = []
        if given.deb:
            top = pathlib.Path(scratch, "deb")
            shutil.copytree(built, top / "usr", copy_function=os.link)
            made.append(deb.build(source, version, top, given.output, not given.uncompressed))
            shutil.rmtree(top)
        if given.tar:
            made.append(tarball.build(source, version, built, given.output, not given.uncompressed))
    for package in made:
        print(f"{package}  {package.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
