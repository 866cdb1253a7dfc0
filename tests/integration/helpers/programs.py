"""Where the programs under test and the protocol are.

Bazel's test rule names them in $DESCENTD, $DESCENT_WORKER, $DESCENT_CLI and $DESCENT_PROTO;
without it they are taken from the workspace's last build.
"""

import os
import pathlib

WORKSPACE = pathlib.Path(__file__).absolute().parents[3]


def _find(variable: str, default: str) -> pathlib.Path:
    path = pathlib.Path(os.environ.get(variable) or WORKSPACE / default).absolute()
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is not there: build it, or name another one in ${variable}"
        )
    return path


def descentd() -> pathlib.Path:
    return _find("DESCENTD", ".bazel-bin/server/daemon/main/descentd")


def descent_worker() -> pathlib.Path:
    return _find("DESCENT_WORKER", ".bazel-bin/server/worker/main/descent-worker")


def descent() -> pathlib.Path:
    return _find("DESCENT_CLI", ".bazel-bin/client/cli/descent")


def proto() -> pathlib.Path:
    """The import root of the .proto files."""
    return _find("DESCENT_PROTO", "proto")
