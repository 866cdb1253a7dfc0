"""Journals that the real service wrote, and what they fold to: tests/data/journals.

For every fold of a journal (C++'s and JavaScript's). NAME.jsonl has the events, in protobuf's JSON, a
line each; NAME.folds.json the dials after some of them, by the plain rules below. `groups` has
parameter groups and wrappers with step sizes of their own, `system` two players; both have a worker
that was killed, a daemon that was restarted, and commands around them.

    bazel build //server/daemon/main:descentd //server/worker/main:descent-worker //client/cli:descent
    python3 tests/data/journals.py
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).absolute().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from helpers import programs  # noqa: E402

OUT = pathlib.Path(__file__).absolute().parent / "journals"


def net(*sizes):
    layers = []
    for size in sizes:
        layers += [{"linear": {"out_features": size}}, {"tanh": {}}]
    return {"sequential": {"layers": layers[:-1]}}


BCE = {"binary_cross_entropy_with_logits": {}}
DATA = {
    "data": {
        "train": {"moons": {"examples": 400}},
        "split": {"test_fraction": 0.25},
        "batch_size": 32,
    },
    "iterations": 40000,
    "checkpoints": {"every_iterations": 2000},
    "evaluation": {"every_epochs": 0, "every_iterations": 5000},
    "seed": 1,
}
GROUPS = DATA | {
    "model": net(8, 1),
    "objective": BCE,
    "optimizer": {
        "adamw": {"step_size": {"cosine": {"initial": 2e-3}}},
        "groups": [
            {"name": "bias", "pattern": "*.bias", "step_size": {"constant": 5e-3}},
            {"name": "frozen", "pattern": "0.weight", "frozen": True},
        ],
        "wrappers": [
            {"lookahead": {"slow_step_size": {"constant": 0.25}}},
            {"clip_by_norm": {}},
        ],
    },
}
THROUGH = ["generator", "discriminator"]
NOISE = {"shape": [2]}
SYSTEM = DATA | {
    "system": {
        "players": [
            {
                "name": "discriminator",
                "model": net(8, 1),
                "objective": [
                    {"name": "real", "loss": BCE, "constant": 1},
                    {
                        "name": "fake",
                        "noise": NOISE,
                        "through": THROUGH,
                        "loss": BCE,
                        "constant": 0,
                    },
                ],
                "optimizer": {"adam": {"step_size": {"cosine": {"initial": 2e-3}}}},
            },
            {
                "name": "generator",
                "model": net(8, 2),
                "objective": [{"noise": NOISE, "through": THROUGH, "loss": BCE, "constant": 1}],
                "optimizer": {"sgd": {"step_size": {"constant": 2e-2}}},
            },
        ]
    },
}
MAIN = {
    "groups": ["optimizer.adamw.step_size"],
    "system": ["discriminator.optimizer.adam.step_size", "generator.optimizer.sgd.step_size"],
}
COMMANDS = {
    "groups": [
        ["optimizer.adamw.step_size=0.001"],
        ["groups.bias.step_size=0.0025"],
        ["slow_step_size=0.75", "beta1*=0.5"],
    ],
    "system": [
        ["generator.step_size=0.01"],
        ["discriminator.step_size*=0.5"],
        ["discriminator.beta2=0.99"],
    ],
}


class Service:
    def __init__(self, folder):
        self.folder = folder
        self.start()

    def start(self):
        line = [programs.descentd(), "--data_dir", self.folder]
        line += ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        line += ["--worker", programs.descent_worker()]
        self.process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        addresses = self.folder / "descentd.json"
        while (
            not addresses.exists() or json.loads(addresses.read_text())["pid"] != self.process.pid
        ):
            time.sleep(0.05)
        found = json.loads(addresses.read_text())
        self.address, self.http = found["grpc"], found["http"]

    def restart(self):
        self.process.kill()
        self.process.wait()
        self.start()

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.http}{path}") as answer:
            return answer.read().decode()

    def events(self, job):
        """Of a job that has ended."""
        lines = self.get(f"/v1/jobs/{job}:watch").splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith('data: {"rev')]

    def run(self, *arguments, text=None):
        line = [programs.descent(), *arguments, "--server", self.address]
        return subprocess.run(line, input=text, capture_output=True, text=True, check=True).stdout


def record(name, spec):
    with tempfile.TemporaryDirectory() as folder:
        service = Service(pathlib.Path(folder) / "data")
        try:
            service.run("submit", "-", "--job_id", name, text=json.dumps(spec))

            def job():
                return json.loads(service.get(f"/v1/jobs/{name}"))

            def reach(iteration):
                while int(job().get("last_iteration", {}).get("index", 0)) < iteration:
                    time.sleep(0.02)

            first, second, third = COMMANDS[name]
            reach(500)
            service.run("set", name, *first)
            reach(3000)
            service.run("set", name, *second)
            service.restart()
            reach(6000)
            service.run("set", name, *third)
            reach(9000)
            kill_worker(service)
            reach(12000)
            service.run("release", name, first[0].split("=")[0].rstrip("*"))
            service.run("stop", name)
            return service.events(name)
        finally:
            service.process.terminate()
            service.process.wait()


def kill_worker(service):
    """Kills the worker that computes."""
    socket = json.loads((service.folder / "descentd.json").read_text())["socket"]
    for process in pathlib.Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            line = (process / "cmdline").read_bytes().decode()
        except OSError:
            continue
        if socket in line and int(process.name) != service.process.pid:
            os.kill(int(process.name), signal.SIGKILL)


def short(events):
    """The same with fewer iterations: around what happens, and some in between. Revisions stay."""
    notable = [int(e["revision"]) for e in events if "iteration" not in e]
    near = {r + d for r in notable for d in (-2, -1, 1, 2)}
    return [
        e
        for e in events
        if "iteration" not in e
        or int(e["revision"]) in near
        or int(e["iteration"].get("index", 0)) % 2000 == 0
    ]


def folds(name, events):
    """The dials after each event that changes them otherwise than an iteration does, and the last."""
    dials, series, out = {}, [], []

    def dial(path):
        return dials.setdefault(path, {"value": 0, "overridden": False})

    for position, event in enumerate(events):
        if "created" in event:
            known = event["created"]["summary"]["dials"]
        series = event.get("series", {}).get("names", series)
        if iteration := event.get("iteration"):
            if "step_size" in iteration:
                dial(MAIN[name][0])["value"] = iteration["step_size"]
            for path, number in zip(series, iteration.get("scalars", []), strict=False):
                if path in known:
                    dial(path)["value"] = number
        for change in event.get("command_applied", {}).get("changes", []):
            dial(change["path"])["value"] = change.get("new_value", 0)
            dial(change["path"])["overridden"] = not change.get("released", False)
        following = events[position + 1] if position + 1 < len(events) else {}
        if "iteration" not in event or "iteration" not in following:
            found = {"revision": int(event["revision"]), "dials": json.loads(json.dumps(dials))}
            out.append(found | {"series": series})
    return {"step_sizes": MAIN[name], "folds": out}


def main():
    for name, spec in (("groups", GROUPS), ("system", SYSTEM)):
        events = short(record(name, spec))
        lines = [json.dumps(event, separators=(",", ":")) for event in events]
        (OUT / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
        (OUT / f"{name}.folds.json").write_text(json.dumps(folds(name, events)) + "\n")
        print(name, len(events), "events")


if __name__ == "__main__":
    main()
