"""Clients that record what they see of a job (history.py): watchers that reconnect and askers that ask
again, over gRPC and HTTP, whatever becomes of the daemon. A thread each."""

import http.client
import itertools
import json
import random
import threading
import urllib.error
from collections.abc import Callable, Iterator

import grpc
from descent.v1 import command_pb2, event_pb2, training_service_pb2
from google.protobuf import json_format

from helpers.client import FINAL, Client, kind, release_dial, scale_dial, set_dial, simple
from helpers.daemon import Daemon
from helpers.history import History

# What a client asks again for, with the same request_id.
TRANSIENT = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
)
# A connection that broke, or that nobody took.
BROKEN = (OSError, http.client.HTTPException)


def event_of(fields: dict) -> event_pb2.Event:
    """An event from its JSON. Iterations, of which there are many, by hand: that is ten times as fast."""
    if "iteration" not in fields:
        return json_format.ParseDict(fields, event_pb2.Event())
    event = event_pb2.Event()
    told = fields["iteration"]
    for name in ("revision", "time_unix_nanos", "attempt", "branch", "sequence"):
        if name in fields:
            setattr(event, name, int(fields[name]))
    event.iteration.SetInParent()
    for name in ("index", "samples"):
        if name in told:
            setattr(event.iteration, name, int(told[name]))
    for name in ("value", "gradient_norm", "step_size", "epoch", "elapsed_seconds"):
        if name in told:
            setattr(event.iteration, name, float(told[name]))
    event.iteration.scalars.extend(map(float, told.get("scalars", [])))
    return event


class Recorder(threading.Thread):
    """A thread whose failure is its owner's: `finish` raises it."""

    def __init__(self, daemon: Daemon, job: str, name: str, history: History, seed: int):
        super().__init__(daemon=True, name=f"{name} of {job}")
        self.service, self.job, self.who, self.history = daemon, job, name, history
        self.draw = random.Random(seed)
        self.stopping = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.record()
        except BaseException as error:
            self.error = error

    def record(self) -> None:
        raise NotImplementedError

    def finish(self, timeout: float = 120.0) -> None:
        """Waits for its end."""
        self.join(timeout)
        assert not self.is_alive(), f"{self.name} is not done"
        if self.error:
            raise self.error


class Watcher(Recorder):
    """Sees every event until the final one, over connections that end at moments of its own."""

    on_event: Callable[[event_pb2.Event], None] | None = None

    def record(self) -> None:
        last = 0
        while not self.stopping.is_set():
            watch = self.history.watch(self.who, last)
            leaves_after = int(self.draw.expovariate(1 / 1000)) + 1
            try:
                for event in self.events(last):
                    watch.events.append(event)
                    if self.on_event is not None:
                        self.on_event(event)
                    if kind(event) == "state_changed" and event.state_changed.state in FINAL:
                        return
                    if len(watch.events) >= leaves_after:
                        break
            except grpc.RpcError as error:
                if error.code() not in TRANSIENT:
                    raise
            except BROKEN as error:
                if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                    raise
            last = watch.last
            self.stopping.wait(0.02)

    def events(self, after: int) -> Iterator[event_pb2.Event]:
        client = Client(self.service.grpc)
        request = training_service_pb2.WatchJobRequest(name=self.job, after_revision=after)
        stream = client.training.WatchJob(request, timeout=60.0)
        try:
            for response in stream:
                yield from response.events
        finally:
            stream.cancel()
            client.close()


class HttpWatcher(Watcher):
    """The same by server-sent events."""

    def events(self, after: int) -> Iterator[event_pb2.Event]:
        path = f"/v1/{self.job}:watch?after_revision={after}"
        with self.service.open(path, timeout=30.0) as response:
            for line in response:
                if line.startswith(b'data: {"'):
                    yield event_of(json.loads(line[6:]))


class Asker(Recorder):
    """Asks for one or two things at a time, all the time, and again until there is an answer."""

    def record(self) -> None:
        for number in itertools.count():
            # A pause between two requests, that the end cuts short.
            if self.stopping.wait(self.draw.uniform(0.02, 0.2)):
                return
            request = training_service_pb2.CommandJobRequest(
                name=self.job,
                request_id=f"{self.who}-{number}",
                commands=self.commands(),
            )
            if not self.until_answered(request):
                return

    def commands(self) -> list[command_pb2.Command]:
        """They concern the step size, and sometimes momentum too: both or none."""
        commands = [
            self.draw.choice(
                [
                    set_dial("step_size", self.draw.uniform(0.0005, 0.003)),
                    scale_dial("step_size", self.draw.uniform(0.8, 1.2)),
                    release_dial("step_size"),
                    simple("evaluate"),
                    simple("checkpoint"),
                ]
            )
        ]
        if self.draw.random() < 0.3:
            commands.append(set_dial("beta1", self.draw.uniform(0.8, 0.95)))
        return commands

    def until_answered(self, request: training_service_pb2.CommandJobRequest) -> bool:
        """False when the job has ended."""
        while True:
            asked = self.history.ask(self.who, request)
            try:
                asked.answer = self.ask(request)
                return True
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                    asked.refused = True
                    return False
                if error.code() not in TRANSIENT:
                    raise
            except urllib.error.HTTPError as error:
                body = json.loads(error.read() or b"{}").get("error", {})
                if body.get("status") == "FAILED_PRECONDITION":
                    asked.refused = True
                    return False
                if error.code < 500:
                    raise AssertionError(body) from error
            except BROKEN:
                pass
            # The answer is still wanted, whoever is stopping.
            self.stopping.wait(0.05)

    def ask(self, request: training_service_pb2.CommandJobRequest) -> event_pb2.Event:
        client = Client(self.service.grpc)
        try:
            return client.training.CommandJob(request, timeout=2.0).event
        finally:
            client.close()


class HttpAsker(Asker):
    """The same over HTTP."""

    def ask(self, request: training_service_pb2.CommandJobRequest) -> event_pb2.Event:
        body = json_format.MessageToDict(request, preserving_proto_field_name=True)
        del body["name"]  # it is in the path
        with self.service.open(f"/v1/{self.job}:command", body, timeout=2.0) as response:
            return event_of(json.loads(response.read())["event"])
