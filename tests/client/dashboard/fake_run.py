"""A made-up training run that journals like descentd: an MLP on Fashion-MNIST, told by formulas."""

import json
import math
import random
import threading
import time

EXAMPLES, BATCH = 60000, 64
PER_EPOCH = math.ceil(EXAMPLES / BATCH)
FINAL = ("SUCCEEDED", "STOPPED", "FAILED")
INT64 = ("index", "iteration", "samples", "revision", "to_iteration", "bytes", "reapplied_from")
DIAL = "optimizer.adam.step_size"


class Refused(Exception):
    """What the server answers as an error: google.rpc.Code's name, and a sentence."""

    def __init__(self, status, message, field="", http=400):
        super().__init__(message)
        self.status, self.message, self.field, self.http = status, message, field, http


def number(x):
    """A double as protobuf's JSON prints it."""
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    return x


def sparse(**fields):
    """A message as protobuf's JSON prints it: defaults are left out, 64-bit integers are strings."""
    out = {}
    for key, value in fields.items():
        if value in (0, "", None) and key != "step_size":
            continue
        if isinstance(value, float):
            value = number(value)
        out[key] = str(value) if key in INT64 else value
    return out


class FakeRun:
    """One job. `advance(n)` computes n iterations; every method is thread-safe."""

    def __init__(
        self,
        name,
        iterations=10 * PER_EPOCH,
        seed=1,
        step_size=1e-3,
        seconds=0.0033,
        display_name="",
        summary=None,
    ):
        self.name, self.display_name, self.iterations = f"jobs/{name}", display_name, iterations
        self.initial, self.seconds_per_iteration = step_size, seconds
        self.more_summary = summary or {}
        self.damage = ""
        self.stalled = ""
        self.matrix, self.metrics = [870, 130, 71, 929], []
        self.changed = threading.Condition()
        self.journal = []  # (kind, event without revision) or, for iterations, a tuple
        self.state, self.reason = "QUEUED", ""
        self.index, self.progress, self.elapsed = -1, 0.0, 0.0
        self.override = None
        self.diverged = False
        self.attempt, self.branch = 0, 0
        self.last_evaluation, self.last_checkpoint = None, ""
        self.requests = {}
        self.random = random.Random(seed)
        self.created = time.time()
        self.started = self.ended = 0.0
        self.confinement = {
            "memory_limit_bytes": "6400000000",
            "no_new_privileges": True,
            "filesystem": True,
        }
        self.clock = self.created
        self._append(
            "created", {"display_name": display_name, "principal": "ada", "summary": self.summary()}
        )

    # --- the run ---------------------------------------------------------------------------------

    def start(self):
        with self.changed:
            self._state("PREPARING")
            self.attempt = 1
            worker = {"build": "0.1.0 torch 2.13.0", "device": "cpu", "threads": 1, "host": "lab-3"}
            self._append("attempt_started", {"worker": worker})
            self._append("series", {"names": ["optimizer.adam.beta1", "optimizer.adam.beta2"]})
            self._state("RUNNING")
            self.started = self.clock
            self._iterate()

    def advance(self, n, wall=None):
        """Computes n iterations, or as many as are left; a running job only."""
        with self.changed:
            for _ in range(n):
                if self.state != "RUNNING":
                    break
                self.clock = self.clock + self.seconds_per_iteration if wall is None else wall
                self._iterate()
                if self.index % PER_EPOCH == 0:
                    self._evaluate()
                    self._checkpoint()
                if self.index == self.iterations:
                    self._state("SUCCEEDED")
            self.changed.notify_all()

    def schedule(self, k):
        return (
            self.initial * (1 + math.cos(math.pi * min(k, self.iterations) / self.iterations)) / 2
        )

    def step_size(self):
        return self.schedule(self.index) if self.override is None else self.override

    def _iterate(self):
        used = self.step_size() if self.index >= 0 else None
        self.index += 1
        if used is not None:
            self.progress += min(used, 4e-3) / 1e-3
            self.elapsed += self.seconds_per_iteration * self.random.uniform(0.9, 1.1)
        noise = self.random.gauss(0, 1) * (0.06 + 30 * min(used or 0, 5e-3))
        level = 0.18 + 2.12 / (1 + self.progress / 28) ** 0.62
        if used and used > 2e-2:
            level += 60 * used
            self.diverged |= used > 1
        if self.diverged:
            level = float("nan")
        value = level * math.exp(noise)
        gradient = (0.35 + 1.1 / (1 + self.progress / 60) ** 0.3) * math.exp(2 * noise)
        self.journal.append(
            (self.index, value, gradient, used, self.elapsed, self.clock, self.branch, self.attempt)
        )
        self.value = value

    def _evaluate(self, request_id=""):
        loss = (
            0.3
            + 2.0 / (1 + self.progress / 30) ** 0.8
            + 0.012 * (self.index / self.iterations) ** 2
        )
        accuracy = 0.902 - 0.8 / (1 + self.progress / 40) ** 0.7
        self.last_evaluation = sparse(
            iteration=self.index, dataset="test", samples=10000, request_id=request_id
        )
        self.last_evaluation["metrics"] = [
            {"name": "loss", "value": loss},
            {"name": "accuracy", "value": round(accuracy, 4)},
            {"name": "confusion_matrix", "values": self.matrix},
            *self.metrics,
        ]
        self.last_evaluation["seconds"] = 0.21
        self._append("evaluation", self.last_evaluation)

    def _checkpoint(self, request_id=""):
        self.last_checkpoint = f"{self.branch}-{self.index}"
        fields = sparse(
            checkpoint=self.last_checkpoint,
            iteration=self.index,
            bytes=2818048,
            request_id=request_id,
        )
        self._append("checkpoint_saved", fields)

    def _state(self, state, reason=""):
        fields = {"state": state, "old_state": self.state}
        fields |= sparse(iteration=max(self.index, 0), reason=reason)
        self.state, self.reason = state, reason
        self._append("state_changed", fields)
        if state in FINAL:
            self.ended = self.clock

    def fail(self, reason):
        with self.changed:
            self._state("FAILED", reason)

    def restart(self, back_to, diverges=False):
        """The worker died; a new attempt goes on from a checkpoint."""
        with self.changed:
            self.attempt += 1
            self._append(
                "notice", {"severity": "WARNING", "message": "the worker was killed by signal 9"}
            )
            self._state("RECOVERING")
            self._append(
                "attempt_started",
                {"checkpoint": f"{self.branch}-{back_to}", "worker": {"host": "lab-3"}},
            )
            if diverges:
                self.branch += 1
                self._append(
                    "rewound",
                    sparse(to_iteration=back_to, cause="RECOMPUTED", to_branch=self.branch),
                )
                self.index = back_to
            self._state("RUNNING")
            self.changed.notify_all()

    def restart_program(self, back_to):
        """The job's own program died and was started again; it computes nothing anew."""
        with self.changed:
            self._state("RECOVERING")
            checkpoint = "" if back_to < 0 else f"{self.branch}-{back_to}"
            self.attempt += 1
            self.branch += 1
            fields = sparse(to_iteration=back_to, cause="RESTARTED", to_branch=self.branch)
            fields |= sparse(from_branch=self.branch - 1, checkpoint=checkpoint)
            self._append("rewound", fields)
            self.index = back_to
            started = sparse(checkpoint=checkpoint) | {"worker": {"host": "lab-3"}}
            self._append("attempt_started", started)
            self._state("RUNNING")
            self.changed.notify_all()

    def _append(self, kind, fields):
        with self.changed:
            event = sparse(attempt=self.attempt, branch=self.branch)
            event["time_unix_nanos"] = str(int(self.clock * 1e9))
            event[kind] = fields
            self.journal.append((kind, event))
            self.changed.notify_all()

    # --- commands ----------------------------------------------------------------------------------

    def command(self, body, principal="ada"):
        """CommandJob: the applied event, or Refused."""
        with self.changed:
            request_id = body.get("request_id")
            if not request_id:
                raise Refused("INVALID_ARGUMENT", "request_id: is required", "request_id")
            if request_id in self.requests:
                return self.requests[request_id]
            commands = body.get("commands", [])
            kinds = [next(iter(c)) for c in commands]
            if self.state in FINAL:
                raise Refused(
                    "FAILED_PRECONDITION",
                    f"{self.name} is {self.state}: a finished job takes no commands.",
                )
            for i, command in enumerate(commands):
                value = float(command.get("set", {}).get("value", 0))
                if "set" in command and not (value >= 0 and math.isfinite(value)):
                    raise Refused(
                        "INVALID_ARGUMENT",
                        f"commands[{i}].set.value: {DIAL} must be finite and at least 0, not {value:g}; "
                        "nothing was changed.",
                        f"commands[{i}].set.value",
                    )
            self._append(
                "command_accepted",
                {"request_id": request_id, "principal": principal, "commands": commands},
            )
            changes, after = [], None
            for command in commands:
                for kind, fields in command.items():
                    old = self.step_size()
                    if kind == "set":
                        self.override = float(fields["value"])
                    elif kind == "scale":
                        self.override = old * float(fields["factor"])
                    elif kind == "release":
                        self.override = None
                    elif kind == "evaluate":
                        self._evaluate(request_id)
                    elif kind == "checkpoint":
                        self._checkpoint(request_id)
                    else:
                        after = {"pause": "PAUSED", "resume": "RUNNING", "stop": "STOPPED"}[kind]
                    if kind in ("set", "scale", "release"):
                        change = {"path": DIAL, "old_value": old, "new_value": self.step_size()}
                        changes.append(change | sparse(released=kind == "release" or None))
            applied = sparse(request_id=request_id, iteration=self.index, principal=principal)
            applied |= {"commands": kinds} | ({"changes": changes} if changes else {})
            self._append("command_applied", applied)
            answer = {"event": self.event(len(self.journal))}
            self.requests[request_id] = answer
            if after:
                self._state(after, f"stopped by {principal}" if after == "STOPPED" else "")
            return answer

    # --- what is seen --------------------------------------------------------------------------------

    def event(self, revision):
        """The journal's entry as JSON has it."""
        entry = self.journal[revision - 1]
        if len(entry) == 2:
            return {"revision": str(revision)} | entry[1]
        index, value, gradient, used, elapsed, clock, branch, attempt = entry
        event = sparse(revision=revision, attempt=attempt, branch=branch)
        event["time_unix_nanos"] = str(int(clock * 1e9))
        event["iteration"] = self._iteration(index, value, gradient, used, elapsed)
        return event

    def kind(self, revision):
        entry = self.journal[revision - 1]
        return entry[0] if len(entry) == 2 else "iteration"

    def iteration_index(self, revision):
        return self.journal[revision - 1][0]

    def number(self, revision, name):
        """An iteration's value or gradient norm, to be ordered by: what is not finite is greatest."""
        x = self.journal[revision - 1][{"value": 1, "gradient_norm": 2}[name]]
        return x if math.isfinite(x) else math.inf

    def _iteration(self, index, value, gradient, used, elapsed):
        out = sparse(index=index, value=value, gradient_norm=gradient, samples=index * BATCH)
        if used is not None:
            out["step_size"] = used
            out["scalars"] = [0.9, 0.999]
        return out | sparse(epoch=index / PER_EPOCH, elapsed_seconds=elapsed)

    def summary(self):
        return {
            "layers": [{"name": "0", "kind": "flatten", "output_shape": ["784"]}],
            "parameters": "235146",
            "train_examples": str(EXAMPLES),
            "test_examples": "10000",
            "iterations": str(self.iterations),
            "iterations_per_epoch": str(PER_EPOCH),
            "dials": [DIAL, "optimizer.adam.beta1", "optimizer.adam.beta2"],
            "step_sizes": [DIAL],
        } | self.more_summary

    def job(self, full):
        with self.changed:
            out = sparse(
                name=self.name,
                display_name=self.display_name,
                state=self.state,
                state_reason=self.reason,
            )
            out |= sparse(
                attempt=self.attempt, branch=self.branch, last_checkpoint=self.last_checkpoint
            )
            if self.attempt:
                out["confinement"] = self.confinement
            out["head_revision"] = str(len(self.journal))
            for field, seconds in (
                ("create", self.created),
                ("start", self.started),
                ("end", self.ended),
            ):
                out[f"{field}_time_unix_nanos"] = str(int(seconds * 1e9))
            if full:
                out |= {"spec": {"iterations": str(self.iterations)}, "summary": self.summary()}
            if self.index >= 0:
                last = next(e for e in reversed(self.journal) if len(e) > 2)
                out["last_iteration"] = self._iteration(*last[:5])
                taken = sparse(overridden=self.override is not None or None)
                out["series"] = ["optimizer.adam.beta1", "optimizer.adam.beta2"]
                out["dials"] = [
                    {"path": DIAL, "main_step_size": True} | sparse(value=self.step_size()) | taken
                ]
                out["dials"] += [{"path": "optimizer.adam.beta1", "value": 0.9}]
                out["dials"] += [{"path": "optimizer.adam.beta2", "value": 0.999}]
            if self.damage:
                out["damage"] = self.damage
            if self.stalled:
                out["stalled"] = self.stalled
            if self.last_evaluation:
                out["last_evaluation"] = self.last_evaluation
            return out


class RecordedRun:
    """A run that the real service made, from its journal (tests/data/journals.py)."""

    def __init__(self, name, journals):
        self.name = f"jobs/{name}"
        lines = (journals / f"{name}.jsonl").read_text().splitlines()
        self.journal = [json.loads(line) for line in lines]
        self.folds = json.loads((journals / f"{name}.folds.json").read_text())
        self.changed = threading.Condition()
        self.created = int(self.journal[0]["time_unix_nanos"]) / 1e9
        states = [e["state_changed"]["state"] for e in self.journal if "state_changed" in e]
        self.state = states[-1]
        self.main = self.folds["step_sizes"]
        for position, event in enumerate(self.journal):
            event["revision"] = str(position + 1)

    def event(self, revision):
        return self.journal[revision - 1]

    def kind(self, revision):
        known = {"revision", "time_unix_nanos", "attempt", "branch", "sequence"}
        return next(key for key in self.event(revision) if key not in known)

    def iteration_index(self, revision):
        return int(self.event(revision)["iteration"].get("index", 0))

    def number(self, revision, name):
        return self.event(revision)["iteration"].get(name, 0)

    def job(self, full):
        last = self.folds["folds"][-1]
        out = {"name": self.name, "state": self.state, "head_revision": str(len(self.journal))}
        out["last_iteration"] = [e["iteration"] for e in self.journal if "iteration" in e][-1]
        out["create_time_unix_nanos"] = self.journal[0]["time_unix_nanos"]
        out["series"] = last["series"]
        out["dials"] = [
            {"path": path} | sparse(main_step_size=path in self.main or None) | dial
            for path, dial in last["dials"].items()
        ]
        created = self.journal[0]["created"]
        return out | ({"spec": created["spec"], "summary": created["summary"]} if full else {})
