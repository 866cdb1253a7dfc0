"""Takes client/dashboard/page.png: the page of a job of the real service while it runs, with commands.

    bazel build //server/daemon/main:descentd //server/worker/main:descent-worker //client/cli:descent
    ~/.cache/descent/venv/bin/python tests/client/dashboard/picture.py [FILE]

It takes Chromium, and Debian's dataset-fashion-mnist.
"""

import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).absolute().parents[3]
sys.path.insert(0, str(ROOT / "tests/integration"))
sys.path.insert(0, str(ROOT / "tests/client/dashboard"))

from browser import open_page  # noqa: E402

from helpers import programs, stubs  # noqa: E402

WIDTH, HEIGHT = 1280, 1010
TAKEN_AT = 2000
STEP_SIZE = "optimizer.adam.step_size"
COMMANDS = {
    938: {"set": {"path": STEP_SIZE, "value": 0.003}},
    1306: {"scale": {"path": STEP_SIZE, "factor": 0.5}},
    1443: {"release": {"path": STEP_SIZE}},
}


def take(daemon, to: pathlib.Path) -> None:
    def descent(*arguments, **options):
        line = [str(programs.descent()), *arguments, "--server", daemon.clients]
        done = subprocess.run(line, capture_output=True, text=True, timeout=120, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def command(iteration, what):
        headers = {"Content-Type": "application/json", "X-Descent-Principal": "ada"}
        request = urllib.request.Request(
            f"http://{daemon.http}/v1/jobs/fashion-mnist:command",
            json.dumps({"commands": [what], "at_iteration": iteration}).encode(),
            headers | daemon.headers(),
        )
        urllib.request.urlopen(request, timeout=60).close()

    spec = (ROOT / "client/examples/fashion_mnist_mlp.yaml").read_text()
    name = ["--job_id", "fashion-mnist", "--name", "Fashion-MNIST, MLP 784-256-128-10"]
    with open_page(WIDTH, HEIGHT) as page, concurrent.futures.ThreadPoolExecutor() as pool:
        page.open(descent("open", "--print", "--http", daemon.http))
        page.wait(lambda: "#code=" not in page.driver.current_url)
        descent("submit", "-", *name, input=spec)
        # Each is answered when it is applied.
        answers = [pool.submit(command, iteration, what) for iteration, what in COMMANDS.items()]
        page.open(f"http://{daemon.http}/#/jobs/fashion-mnist")
        page.wait(lambda: page.drawn_to() >= TAKEN_AT, seconds=120)
        to.write_bytes(page.driver.get_screenshot_as_png())
        for answer in answers:
            answer.result()


def main():
    to = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "client/dashboard/page.png"
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as protos:
        stubs.generate(pathlib.Path(protos))
        from helpers.daemon import Daemon

        daemon = Daemon(pathlib.Path(folder) / "data").start()
        try:
            take(daemon, to)
        finally:
            daemon.close()


if __name__ == "__main__":
    main()
