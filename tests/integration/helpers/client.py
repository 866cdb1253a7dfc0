"""A thin client on the generated stubs: an outsider's view of the service."""

import collections
import uuid
from collections.abc import Callable, Iterator

import grpc
from descent.v1 import (
    command_pb2,
    event_pb2,
    spec_pb2,
    training_service_pb2,
    training_service_pb2_grpc,
)

FINAL = (event_pb2.SUCCEEDED, event_pb2.STOPPED, event_pb2.FAILED)


class Bearer(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Brings a token with every call."""

    def __init__(self, token: str):
        self._authorization = ("authorization", f"Bearer {token}")

    def _with_token(self, details):
        metadata = (*(details.metadata or ()), self._authorization)
        return Details(
            details.method,
            details.timeout,
            metadata,
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )

    def intercept_unary_unary(self, continuation, client_call_details, request):
        return continuation(self._with_token(client_call_details), request)

    def intercept_unary_stream(self, continuation, client_call_details, request):
        return continuation(self._with_token(client_call_details), request)


class Details(
    collections.namedtuple(
        "Details", "method timeout metadata credentials wait_for_ready compression"
    ),
    grpc.ClientCallDetails,
):
    """What a call is made with."""


class Client:
    """Calls of TrainingService with deadlines; errors are grpc.RpcError. Thread-safe.

    An address that has a token (daemon.Address) gets it with every call.
    """

    def __init__(self, address: str):
        self._connected = grpc.insecure_channel(
            address,
            options=[
                ("grpc.enable_http_proxy", 0),
                ("grpc.use_local_subchannel_pool", 1),
                # A daemon that was away for a moment is found again at once.
                ("grpc.initial_reconnect_backoff_ms", 50),
                ("grpc.max_reconnect_backoff_ms", 200),
            ],
        )
        self.channel = self._connected
        if token := getattr(address, "token", ""):
            self.channel = grpc.intercept_channel(self._connected, Bearer(token))
        self.training = training_service_pb2_grpc.TrainingServiceStub(self.channel)

    def close(self) -> None:
        self._connected.close()

    # ------------------------------------------------------------------------------------ jobs

    def create(
        self,
        spec: spec_pb2.Spec,
        job_id: str = "",
        request_id: str = "",
        timeout: float = 60.0,
        **fields,
    ) -> training_service_pb2.Job:
        job = training_service_pb2.Job(spec=spec, **fields)
        request = training_service_pb2.CreateJobRequest(
            job=job, job_id=job_id, request_id=request_id
        )
        return self.training.CreateJob(request, timeout=timeout)

    def get(self, name: str, timeout: float = 30.0) -> training_service_pb2.Job:
        request = training_service_pb2.GetJobRequest(name=name)
        return self.training.GetJob(request, timeout=timeout, wait_for_ready=True)

    def list_jobs(self, **fields) -> training_service_pb2.ListJobsResponse:
        return self.training.ListJobs(
            training_service_pb2.ListJobsRequest(**fields), timeout=30.0, wait_for_ready=True
        )

    def delete(self, name: str, force: bool = False) -> None:
        self.training.DeleteJob(
            training_service_pb2.DeleteJobRequest(name=name, force=force), timeout=60.0
        )

    def validate(self, spec: spec_pb2.Spec) -> training_service_pb2.ValidateSpecResponse:
        request = training_service_pb2.ValidateSpecRequest(spec=spec)
        return self.training.ValidateSpec(request, timeout=60.0)

    # -------------------------------------------------------------------------------- watching

    def watch(
        self,
        name: str,
        after_revision: int = 0,
        kinds: tuple[int, ...] = (),
        every: int = 0,
        timeout: float = 120.0,
    ) -> Iterator[event_pb2.Event]:
        """Every event after the cursor, then those to come; ends after the final one.

        Closing the generator cancels the stream, as a client that goes away does.
        """
        stream = self.responses(name, after_revision, kinds, every, timeout)
        try:
            for response in stream:
                yield from response.events
        finally:
            stream.cancel()

    def responses(
        self,
        name: str,
        after_revision: int = 0,
        kinds: tuple[int, ...] = (),
        every: int = 0,
        timeout: float = 120.0,
    ):
        """The stream of WatchJob as it is."""
        request = training_service_pb2.WatchJobRequest(
            name=name, after_revision=after_revision, kinds=kinds, every=every
        )
        return self.training.WatchJob(request, timeout=timeout, wait_for_ready=True)

    def history(self, name: str) -> list[event_pb2.Event]:
        """The journal as it is now, without waiting for more."""
        head = self.get(name).head_revision
        found = []
        for event in self.watch(name):
            found.append(event)
            if event.revision >= head:
                break
        return found

    def wait_for(
        self,
        name: str,
        predicate: Callable[[event_pb2.Event], bool],
        after_revision: int = 0,
        timeout: float = 60.0,
    ) -> event_pb2.Event:
        """The first event after the cursor that satisfies the predicate, past or to come."""
        last = None
        for event in self.watch(name, after_revision, timeout=timeout):
            last = event
            if predicate(event):
                return event
        raise AssertionError(f"{name} ended without such an event; its last one was {last}")

    def wait_for_iteration(
        self, name: str, index: int, after_revision: int = 0, timeout: float = 60.0
    ) -> event_pb2.Event:
        """The first iteration event at or past `index`."""
        return self.wait_for(
            name,
            lambda e: e.WhichOneof("kind") == "iteration" and e.iteration.index >= index,
            after_revision,
            timeout,
        )

    def wait_for_state(
        self, name: str, *states: int, after_revision: int = 0, timeout: float = 60.0
    ) -> event_pb2.Event:
        """The first change to one of these states."""
        return self.wait_for(
            name,
            lambda e: e.WhichOneof("kind") == "state_changed" and e.state_changed.state in states,
            after_revision,
            timeout,
        )

    def wait_until_final(self, name: str, timeout: float = 120.0) -> training_service_pb2.Job:
        """Waits for the final event; the job after it."""
        for _ in self.watch(name, kinds=(event_pb2.STATE_CHANGED,), timeout=timeout):
            pass
        job = self.get(name)
        assert job.state in FINAL, event_pb2.JobState.Name(job.state)
        return job

    def worker_pid(self, name: str) -> int:
        """The process of the newest attempt, as the journal names it."""
        started = [e for e in self.history(name) if e.WhichOneof("kind") == "attempt_started"]
        return started[-1].attempt_started.worker.pid

    # -------------------------------------------------------------------------------- commands

    def command(
        self,
        name: str,
        *commands: command_pb2.Command,
        request_id: str = "",
        at_iteration: int | None = None,
        timeout: float = 30.0,
    ) -> event_pb2.Event:
        """Returns the Applied event: revision, and command_applied."""
        request = training_service_pb2.CommandJobRequest(
            name=name,
            request_id=request_id or uuid.uuid4().hex,
            commands=commands,
            at_iteration=at_iteration,
        )
        return self.training.CommandJob(request, timeout=timeout, wait_for_ready=True).event

    def command_later(
        self, name: str, iteration: int, *commands: command_pb2.Command, request_id: str = ""
    ) -> grpc.Future:
        """Returns once they are accepted; the future's result is the answer, after they were
        applied there."""
        request = training_service_pb2.CommandJobRequest(
            name=name,
            request_id=request_id or uuid.uuid4().hex,
            commands=commands,
            at_iteration=iteration,
        )
        answer = self.training.CommandJob.future(request, timeout=120.0, wait_for_ready=True)
        self.wait_for(name, lambda e: e.command_accepted.request_id == request.request_id)
        return answer

    def set(self, name: str, path: str, value: float, **options) -> event_pb2.Event:
        return self.command(name, set_dial(path, value), **options)

    def scale(self, name: str, path: str, factor: float, **options) -> event_pb2.Event:
        return self.command(name, scale_dial(path, factor), **options)

    def release(self, name: str, path: str, **options) -> event_pb2.Event:
        return self.command(name, release_dial(path), **options)

    def pause(self, name: str, **options) -> event_pb2.Event:
        return self.command(name, simple("pause"), **options)

    def resume(self, name: str, **options) -> event_pb2.Event:
        return self.command(name, simple("resume"), **options)

    def stop(self, name: str, **options) -> event_pb2.Event:
        return self.command(name, simple("stop"), **options)

    def checkpoint(self, name: str, **options) -> event_pb2.Event:
        return self.command(name, simple("checkpoint"), **options)

    def evaluate(self, name: str, **options) -> event_pb2.Event:
        return self.command(name, simple("evaluate"), **options)


def kind(event: event_pb2.Event) -> str:
    return event.WhichOneof("kind")


def set_dial(path: str, value: float) -> command_pb2.Command:
    return command_pb2.Command(set=command_pb2.Command.Set(path=path, value=value))


def scale_dial(path: str, factor: float) -> command_pb2.Command:
    return command_pb2.Command(scale=command_pb2.Command.Scale(path=path, factor=factor))


def release_dial(path: str) -> command_pb2.Command:
    return command_pb2.Command(release=command_pb2.Command.Release(path=path))


def simple(kind: str) -> command_pb2.Command:
    """A command without arguments: `pause`, `resume`, `stop`, `checkpoint`, `evaluate`."""
    command = command_pb2.Command()
    getattr(command, kind).SetInParent()
    return command
