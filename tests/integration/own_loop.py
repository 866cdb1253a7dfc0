"""A loop of somebody's own, as a worker by descent.worker.v1 alone: SOCKET JOB SECRET_FILE."""

import json
import os
import pathlib
import queue
import sys
import threading
import time
from hashlib import sha256

import grpc
from descent.v1 import event_pb2 as v1
from descent.worker.v1 import worker_pb2, worker_pb2_grpc


class Attempt:
    def __init__(self, socket: str, hello: dict):
        self.outgoing, self.incoming = queue.SimpleQueue(), queue.SimpleQueue()
        self.sequence, self.last, self.x, self.k = 0, -1, 1.0, -1
        self.say = lambda **kind: self.outgoing.put(worker_pb2.WorkerMessage(**kind))
        self.say(hello=hello)
        stub = worker_pb2_grpc.WorkerServiceStub(grpc.insecure_channel("unix:" + socket))
        arguments = [stub.Session(iter(self.outgoing.get, None))]
        threading.Thread(target=self.read, args=arguments).start()
        self.start = self.incoming.get()
        self.due = [(s.iteration, s.request, s.reapplied_from) for s in self.start.script]
        self.due += [(r.at_iteration, r, 0) for r in self.start.unresolved]
        self.dials = {dial.name: dial.initial for dial in self.start.spec.program.dials}
        self.file = lambda name: pathlib.Path(self.start.checkpoint_dir, f"{name}.safetensors")
        if self.start.checkpoint:
            self.x, self.k, self.dials = json.loads(self.file(self.start.checkpoint).read_text())

    def read(self, session) -> None:
        for message in session:
            kind = message.WhichOneof("kind")
            if kind in ("start", "command"):
                self.incoming.put(getattr(message, kind))
            elif kind == "fenced" or message.ack.sequence == self.last:
                os._exit(0)

    def emit(self, **kind) -> None:
        self.sequence += 1
        start, event = self.start, v1.Event(time_unix_nanos=time.time_ns(), **kind)
        event.attempt, event.branch, event.sequence = start.attempt, start.branch, self.sequence
        batch = {"job": start.job, "attempt": start.attempt, "first_sequence": self.sequence}
        self.say(events={**batch, "events": [event.SerializeToString()]})

    def become(self, state: int) -> None:
        self.state, self.last = state, self.sequence + 1 if state > v1.RECOVERING else -1
        self.emit(state_changed={"state": state})

    def save(self) -> None:
        name, text = f"{self.start.branch}-{self.k}", json.dumps([self.x, self.k, self.dials])
        self.file(name).write_text(text)
        saved = {"checkpoint": name, "iteration": self.k, "bytes": len(text)}
        self.emit(checkpoint_saved={**saved, "sha256": sha256(text.encode()).hexdigest()})

    def apply(self, request, reapplied_from: int) -> None:
        applied = v1.CommandApplied(request_id=request.request_id, iteration=self.k)
        applied.MergeFrom(v1.CommandApplied(reapplied_from=reapplied_from or None))
        applied.commands.extend(command.WhichOneof("kind") for command in request.commands)
        for dial in [command.set for command in request.commands if command.HasField("set")]:
            old, self.dials[dial.path] = self.dials[dial.path], dial.value
            applied.changes.add(path=dial.path, old_value=old, new_value=dial.value)
        self.emit(command_applied=applied)
        states = {"pause": v1.PAUSED, "resume": v1.RUNNING, "stop": v1.STOPPED}
        for name in states.keys() & set(applied.commands):
            self.become(states[name])

    def boundary(self) -> None:
        for entry in [entry for entry in self.due if entry[0] <= self.k]:
            self.due.remove(entry)
            self.apply(*entry[1:])
        if self.state == v1.PAUSED or not self.incoming.empty():
            request = self.incoming.get().request
            self.due.append((request.at_iteration, request, 0))
            self.boundary()

    def run(self) -> None:
        self.emit(series={"names": ["x", *(name for name in self.dials if name != "step_size")]})
        self.become(v1.RUNNING)
        while self.k < 0 or self.boundary() or self.state == v1.RUNNING:
            if self.k == self.start.spec.iterations:
                self.become(v1.SUCCEEDED)
                break
            used = dict(self.dials) if self.k >= 0 else {}
            self.x -= 2 * self.x * used.get("step_size", 0) + used.get("slope", 0)
            self.k += 1
            told = {"index": self.k, "value": self.x**2, "step_size": used.pop("step_size", None)}
            self.emit(iteration={**told, "scalars": [self.x, *used.values()]})
            if self.k % 10 == 0:
                self.save()


SOCKET, JOB, SECRET_FILE = sys.argv[1:]
hello = {"protocol_version": 2, "role": "PROGRAM", "job": JOB, "capabilities": {"checkpoint": True}}
ticks = pathlib.Path("/proc/self/stat").read_text().rsplit(") ", 1)[1].split()[19]
hello["worker"] = {"pid": os.getpid(), "process_start_ticks": int(ticks)}
Attempt(SOCKET, {**hello, "secret": pathlib.Path(SECRET_FILE).read_text().strip()}).run()
