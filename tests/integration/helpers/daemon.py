"""A real descentd on free loopback ports, with a folder of its own."""

import json
import os
import pathlib
import select
import signal
import subprocess
import time
import urllib.error
import urllib.request

from descent.v1 import training_service_pb2

from helpers import process, programs, safetensors


class Address(str):
    """A server's address, and the token that lets in there, if one is wanted."""

    token = ""


class Daemon:
    """One data folder, and the descentd that serves it while it is started.

    `start`, `stop` and `kill` may follow each other as often as a test likes: the folder, and with
    it every job, stays. Ports are new each time unless `flags` names them. Used from one thread, but
    for requests, which others may make whether it runs or not.
    """

    def __init__(self, data_dir: pathlib.Path, flags: tuple[str, ...] = ()):
        self.data_dir = data_dir
        self.flags = flags
        self.log = data_dir.with_name(data_dir.name + ".log")
        self.grpc = Address()  # once started
        self.http = ""
        self.socket = ""
        self.clients = ""  # where its user is let in without a token: unix:PATH
        self._process: subprocess.Popen | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def command_line(self) -> list[str]:
        given = " ".join(self.flags)
        line = [str(programs.descentd()), "--data_dir", str(self.data_dir)]
        if "--listen" not in given:
            line += ["--listen", "127.0.0.1:0"]
        if "--http" not in given:
            line += ["--http", "127.0.0.1:0"]
        if "--worker" not in given:
            line += ["--worker", str(programs.descent_worker())]
        return line + list(self.flags)

    def start(self, timeout: float = 20.0) -> "Daemon":
        """Starts it and waits until it has said where it listens."""
        assert not self.running, "already started"
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                self.command_line(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
            )
        deadline = time.monotonic() + timeout
        while not self._read_addresses():
            # What it prints is the sign that the file may be there now.
            ready, _, _ = select.select([self._process.stdout], [], [], deadline - time.monotonic())
            if not ready:
                self.kill()
                raise TimeoutError(f"descentd is not ready after {timeout} s:\n{self.tail()}")
            if not os.read(self._process.stdout.fileno(), 65536) and not self._read_addresses():
                code = self._process.wait()
                raise RuntimeError(f"descentd ended with {code}:\n{self.tail()}")
        return self

    def _read_addresses(self) -> bool:
        try:
            found = json.loads((self.data_dir / "descentd.json").read_text())
        except (OSError, ValueError):
            return False
        if found.get("pid") != self.pid:  # of the daemon before
            return False
        address = Address(found["grpc"])
        if found["auth"] == "tokens":
            address.token = (self.data_dir / "admin.token").read_text().strip()
        # Whole at once: other threads may be asking already.
        self.grpc, self.http, self.socket = address, found["http"], found["socket"]
        self.clients = "unix:" + found["client_socket"]
        return True

    def headers(self) -> dict[str, str]:
        """What lets an HTTP request in."""
        return {"Authorization": f"Bearer {self.grpc.token}"} if self.grpc.token else {}

    def stop(self, timeout: float = 30.0) -> int:
        """SIGTERM; waits, and returns the exit status."""
        return self._end(signal.SIGTERM, timeout)

    def kill(self) -> int:
        """SIGKILL. Its workers live on."""
        return self._end(signal.SIGKILL, 30.0)

    def _end(self, number: int, timeout: float) -> int:
        assert self._process is not None, "not started"
        self._process.send_signal(number)
        code = self._process.wait(timeout)
        self._process.stdout.close()
        return code

    def restart(self) -> "Daemon":
        self.stop()
        return self.start()

    def workers(self) -> list[int]:
        """The pids of the workers that belong to this folder, spares too."""
        return process.with_argument(self.socket) if self.socket else []

    def tensors(self, job: training_service_pb2.Job) -> dict[str, bytes]:
        """Those of the job's last checkpoint."""
        checkpoint = f"{job.last_checkpoint}.safetensors"
        return safetensors.read(self.data_dir / job.name / "checkpoints" / checkpoint)[0]

    def close(self) -> None:
        """Ends the daemon and every worker of its folder."""
        if self.running:
            try:
                self.stop(timeout=10.0)
            except subprocess.TimeoutExpired:
                self.kill()
        for pid in self.workers():
            if self._process is None or pid != self._process.pid:
                process.kill(pid)

    def get(self, path: str, timeout: float = 10.0) -> tuple[int, str]:
        """An HTTP GET: status and body, whatever the status."""
        return self._fetch(path, None, timeout)

    def post(self, path: str, body: dict, timeout: float = 10.0) -> tuple[int, str]:
        """An HTTP POST of JSON: status and body, whatever the status."""
        return self._fetch(path, body, timeout)

    def _fetch(self, path: str, body: dict | None, timeout: float) -> tuple[int, str]:
        try:
            with self.open(path, body, timeout) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def open(self, path: str, body: dict | None = None, timeout: float = 10.0):
        """The response of a GET, or of a POST of JSON, to be read as it comes; `timeout` is for each
        read. An error's is urllib.error.HTTPError."""
        request = urllib.request.Request(f"http://{self.http}{path}", headers=self.headers())
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return direct.open(request, timeout=timeout)

    def tail(self, lines: int = 60) -> str:
        """The end of the log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"
