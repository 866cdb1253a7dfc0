"""descentd's HTTP contract over made-up runs: to develop the dashboard against, and to test it.

python3 fake_server.py [--port 7699]     a zoo of jobs, at their own speed
"""

import argparse
import contextlib
import http.server
import json
import os
import pathlib
import threading
import time
import urllib.parse

from fake_run import FINAL, PER_EPOCH, FakeRun, Refused

# Under Bazel, the folder of its runfiles.
ROOT = pathlib.Path(__file__).absolute().parents[3]
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
CODES = {
    "UNAUTHENTICATED": 401,
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
}
AT_ONCE = 5000  # revisions


def uplot():
    """The folder of uPlot's files: Bazel's, or where deploy/setup puts them."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    home = pathlib.Path(os.environ.get("DESCENT_HOME") or cache / "descent")
    bazel = ROOT.parent / "uplot"
    return bazel if bazel.is_dir() else home / "uplot/package/dist"


def asset(path):
    """The file of a URL's path, as descentd embeds them; None if there is none."""
    special = {"/uplot.js": uplot() / "uPlot.iife.min.js", "/uplot.css": uplot() / "uPlot.min.css"}
    file = special.get(path) or ROOT / "client/dashboard" / (
        "index.html" if path == "/" else path[1:]
    )
    return file if file.suffix in TYPES and "/" not in path[1:] and file.is_file() else None


def chosen(run, first, last, every, extremes):
    """The revisions of the iterations that `every` and `extremes` leave."""
    stretches, out = {}, set()
    for revision in range(first, last + 1):
        if run.kind(revision) != "iteration":
            continue
        index = run.iteration_index(revision)
        if index % every == 0:
            out.add(revision)
        if extremes:
            stretches.setdefault(index // every, []).append(revision)
    for revisions in stretches.values():
        for number in ("value", "gradient_norm"):
            out.add(min(revisions, key=lambda r: run.number(r, number)))
            out.add(max(revisions, key=lambda r: run.number(r, number)))
    return out


class FakeServer:
    """Serves on 127.0.0.1 until `close`. `requests` holds what was asked: (method, path, body)."""

    def __init__(self, runs, port=0):
        self.runs = {run.name: run for run in runs}
        self.requests = []
        self.sent = []  # (watch number, job, revision) of every event sent
        self.watches = 0
        self.token = None  # set: nobody is let in without a session, which this opens, or `code`
        self.code = None
        self.session = None
        self.auth = "tokens"
        self._connections = set()
        self._lock = threading.Lock()
        self._open(port)

    def _open(self, port):
        fake = self

        class Handler(_Handler):
            server_state = fake

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def go_away(self):
        """As if the daemon were killed: the port is closed and every connection is cut."""
        self._server.shutdown()
        self._server.server_close()
        self.cut()

    def come_back(self):
        self._open(self.port)

    def cut(self):
        """Cuts every connection; new ones are taken."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(2)

    def posts(self):
        return [(path, body) for method, path, body in self.requests if method == "POST"]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state = None

    def setup(self):
        super().setup()
        with self.server_state._lock:
            self.server_state._connections.add(self.connection)

    def finish(self):
        with self.server_state._lock:
            self.server_state._connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self):
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, *_):
        pass

    def _answer(self, code, body, content_type="application/json"):
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        self.wfile.write(body)

    def _json(self, value, code=200):
        self._answer(code, json.dumps(value).encode())

    def _error(self, status, message):
        code = CODES[status]
        self._json(
            {"error": {"code": code, "status": status, "message": message, "details": []}}, code
        )

    def _check_caller(self):
        fake = self.server_state
        authorization = self.headers.get("Authorization")
        if fake.token and (not fake.session or authorization != f"Bearer {fake.session}"):
            raise Refused("UNAUTHENTICATED", "descentd asks for a token")

    def _open_session(self, body):
        fake = self.server_state
        by_code = "code" in body and body["code"] == fake.code
        if not by_code and self.headers.get("Authorization") != f"Bearer {fake.token}":
            raise Refused("UNAUTHENTICATED", "the token is not known here")
        fake.code = None
        fake.session = f"session-{len(fake.requests)}"
        self._json({"session": fake.session, "expires_in": 43200})

    def _run(self, path):
        name = path.removeprefix("/v1/").partition(":")[0]
        if name not in self.server_state.runs:
            raise Refused("NOT_FOUND", f"there is no {name}")
        return self.server_state.runs[name]

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        self.server_state.requests.append(("GET", self.path, None))
        try:
            if url.path.startswith("/v1/"):
                self._check_caller()
            if url.path == "/v1/whoami":
                auth = self.server_state.auth
                self._json({"principal": "ana", "role": "OPERATOR", "auth": auth})
            elif url.path == "/v1/jobs":
                runs = sorted(self.server_state.runs.values(), key=lambda r: -r.created)
                self._json({"jobs": [run.job(full=False) for run in runs]} if runs else {})
            elif url.path.endswith(":watch"):
                self._watch(self._run(url.path), query)
            elif url.path.startswith("/v1/jobs/"):
                self._json(self._run(url.path).job(full=True))
            elif file := asset(url.path):
                self._answer(200, file.read_bytes(), TYPES[file.suffix] + "; charset=utf-8")
            else:
                self._error("NOT_FOUND", f"there is nothing at {url.path}")
        except Refused as refused:
            self._error(refused.status, refused.message)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        self.server_state.requests.append(("POST", self.path, body))
        try:
            if self.headers.get("Content-Type") != "application/json":
                raise Refused("INVALID_ARGUMENT", "Content-Type must be application/json")
            if self.path == "/v1/session":
                return self._open_session(body)
            self._check_caller()
            if not self.path.endswith(":command"):
                raise Refused("NOT_FOUND", f"there is nothing at {self.path}")
            who = self.headers.get("X-Descent-Principal") or "anonymous"
            self._json(self._run(self.path).command(body, who))
        except Refused as refused:
            self._error(refused.status, refused.message)

    def do_DELETE(self):
        self.server_state.requests.append(("DELETE", self.path, None))
        self.server_state.session = None
        self.send_response(204)
        self.end_headers()

    def _watch(self, run, query):
        after = int(self.headers.get("Last-Event-ID") or query.get("after_revision", ["0"])[0])
        every = max(int(query.get("every", ["1"])[0]), 1)
        extremes = query.get("extremes", ["false"])[0] == "true"
        kinds = {k.lower() for v in query.get("kinds", []) for k in v.split(",")}
        if after > len(run.journal):
            raise Refused(
                "OUT_OF_RANGE", f"after_revision: {after} is past the head, {len(run.journal)}"
            )
        fake = self.server_state
        fake.watches += 1
        watch = fake.watches
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while True:
            head = len(run.journal)
            out = []
            # Pages let go of a stream once they have their window: no more is made ahead than this.
            last = min(head, after + AT_ONCE)
            shown = chosen(run, after + 1, last, every, extremes)
            for revision in range(after + 1, last + 1):
                kind = run.kind(revision)
                if kinds and kind not in kinds:
                    continue
                if kind == "iteration" and revision not in shown:
                    continue
                data = json.dumps(run.event(revision), separators=(",", ":"))
                out.append(f"id: {revision}\nevent: {kind}\ndata: {data}\n\n")
                fake.sent.append((watch, run.name, revision))
            after = last
            self.wfile.write("".join(out).encode())
            if after == len(run.journal) and run.state in FINAL:
                self.wfile.write(b"event: end\ndata: {}\n\n")
                return
            with run.changed:
                if after == len(run.journal) and not run.changed.wait(15):
                    self.wfile.write(b": keep-alive\n\n")


def zoo():
    """Jobs of every kind."""
    runs = []

    def add(age, *args, **kwargs):
        run = FakeRun(*args, **kwargs)
        run.created = run.clock = time.time() - age
        runs.append(run)
        return run

    done = add(7200, "baseline", display_name="Baseline, cosine from 1e-3", seed=3)
    done.start()
    done.advance(99999)
    failed = add(5400, "too-bold", display_name="Step size 0.05", seed=5, step_size=0.05)
    failed.start()
    failed.advance(800)
    failed.command(
        {"request_id": "a", "commands": [{"set": {"path": "step_size", "value": 1.5}}]}, "grace"
    )
    failed.advance(40)
    failed.fail("value is NaN at iteration 841: lower optimizer.adam.step_size and submit again")
    long = add(
        3000,
        "million",
        display_name="A million iterations",
        iterations=1_000_000,
        seconds=0.0004,
        seed=7,
    )
    long.start()
    long.advance(150_000)
    long.command(
        {"request_id": "a", "commands": [{"scale": {"path": "step_size", "factor": 2}}]}, "grace"
    )
    long.advance(100_000)
    busy = add(900, "many-hands", display_name="Tuned by many", seed=11, iterations=20 * PER_EPOCH)
    busy.start()
    for i, who in enumerate("ada grace ada alan ada grace alan ada ada grace ada alan".split() * 3):
        busy.advance(90 + 37 * i % 211)
        command = [
            {"set": {"path": "step_size", "value": 1e-3 * 2 ** (i % 5 - 2)}},
            {"scale": {"path": "step_size", "factor": 0.5}},
            {"release": {"path": "step_size"}},
        ][i % 3]
        busy.command({"request_id": f"r{i}", "commands": [command]}, who)
        if i == 17:
            busy.restart(PER_EPOCH)
    paused = add(600, "paused", display_name="", seed=13)
    paused.start()
    paused.advance(2500)
    paused.command({"request_id": "p", "commands": [{"pause": {}}]}, "ada")
    stopped = add(500, "stopped-early", display_name="Stopped early <b>&amp;", seed=17)
    stopped.start()
    stopped.advance(1700)
    stopped.command({"request_id": "s", "commands": [{"stop": {}}]}, "grace")
    main = add(14, "fashion-mlp", display_name="Fashion-MNIST, MLP 784-256-128-10", seed=1)
    main.start()
    main.advance(3000)
    main.clock = time.time()
    add(3, "next-in-line", display_name="Waits for its turn", seed=19)
    return runs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=7699)
    arguments = parser.parse_args()
    server = FakeServer(zoo(), arguments.port)
    print(server.url, flush=True)
    speed = {"jobs/fashion-mlp": 6, "jobs/million": 50, "jobs/many-hands": 2}
    while True:
        time.sleep(0.02)
        for name, iterations in speed.items():
            server.runs[name].advance(iterations, wall=time.time())


if __name__ == "__main__":
    main()
