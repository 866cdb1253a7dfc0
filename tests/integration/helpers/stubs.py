"""Python stubs, made from proto/ as any outsider would make them."""

import pathlib
import sys

import grpc_tools
from grpc_tools import protoc

from helpers import programs


def generate(folder: pathlib.Path) -> None:
    """Generates the stubs of descent.v1 and descent.worker.v1 into `folder` and makes them
    importable."""
    root = programs.proto()
    files = sorted(str(p.relative_to(root)) for p in root.glob("descent/**/v1/*.proto"))
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    status = protoc.main(
        [
            "protoc",
            f"-I{root}",
            f"-I{well_known}",
            f"--python_out={folder}",
            f"--grpc_python_out={folder}",
            *files,
        ]
    )
    if status != 0:
        raise RuntimeError(f"protoc ended with {status} on {files}")
    sys.path.insert(0, str(folder))
