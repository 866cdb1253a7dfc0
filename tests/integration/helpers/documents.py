"""Documents whose code blocks are run as they are printed, in bash.

Where they run looks as it does for the reader: a clone after its build, or a machine on which all is
installed. Only where descentd listens is another place than the usual one, so that tests don't meet.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess

from helpers import programs

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# A command that fails ends the script, and the daemon with it.
LAST = "trap 'kill $(jobs -p) 2>/dev/null || true; wait || true' EXIT"


def blocks(document: pathlib.Path, language: str) -> list[str]:
    """The texts of the document's code blocks in this language, in order."""
    return [text for name, text in BLOCK.findall(document.read_text()) if name == language]


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has just now; all are held until all are found."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def write_program(path: pathlib.Path, text: str) -> None:
    """A bash script that is called as a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def write_programs(descent: pathlib.Path, descentd: pathlib.Path) -> None:
    """Puts both where the reader has them; the daemon listens at free ports."""
    grpc, http = free_ports(2)
    write_program(
        descent,
        # Who types a command takes longer than the daemon to start; a script may be faster.
        "until [[ $1 == example || -e ~/.local/share/descent/descentd.json ]]; do sleep 0.05; done\n"
        f'exec "{programs.descent()}" "$@"',
    )
    write_program(
        descentd,
        f'exec "{programs.descentd()}" --worker "{programs.descent_worker()}" '
        f'--listen 127.0.0.1:{grpc} --http 127.0.0.1:{http} "$@"',
    )


class Place:
    """A folder, and a home beside it, in which bash scripts run."""

    def __init__(self, path: pathlib.Path, home: pathlib.Path):
        self.path = path
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DESCENT", "XDG"))}
        self.environment = {**kept, "HOME": str(home)}

    def run(self, script: str, timeout: float = 240) -> str:
        """Its output; it fails with the first command that does. What it left running is ended."""
        shell = subprocess.Popen(
            ["bash", "-c", f"set -euo pipefail\n{LAST}\n{script}\n"],
            cwd=self.path,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = shell.communicate(timeout=timeout)
        finally:
            # The script's own session, of this test alone.
            if shell.poll() is None:
                os.killpg(shell.pid, signal.SIGKILL)
        assert shell.returncode == 0, out + err
        return out
