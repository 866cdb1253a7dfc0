"""Whatever happens, and however often: the daemon's memory is bounded by what is unfinished."""

import collections
import http.client
import itertools
import queue
import threading
import time

import grpc
import pytest
from descent.v1 import event_pb2, training_service_pb2

from helpers import process, specs
from helpers.client import set_dial

MIB = 1 << 20


class Churn:
    """Everything that clients do, again and again, each kind on a thread of its own."""

    def __init__(self, daemon, connect, folder):
        self.daemon = daemon
        self.connect = connect
        self.folder = folder
        self.stop = threading.Event()
        self.counts: dict[str, int] = {}
        self.errors: list[BaseException] = []
        # Thousands of iterations a second, evaluated at the end of each epoch, every twelfth; not
        # so many that what waits to be stored is most of the memory.
        spec = specs.classifier(folder, iterations=1_000_000_000, hidden=256)
        self.job = connect(daemon.grpc).create(spec, job_id="long").name

    def run(self, seconds: float) -> list[int]:
        """The daemon's memory, twice a second."""
        kinds = (self.watch, self.stream, self.scrape, self.command, self.create)
        threads = [threading.Thread(target=self.repeat, args=(kind,)) for kind in kinds]
        for thread in threads:
            thread.start()
        samples = []
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.errors:
            samples.append(process.resident(self.daemon.pid))
            self.stop.wait(0.5)
        self.stop.set()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]
        return samples

    def repeat(self, kind) -> None:
        client = self.connect(self.daemon.grpc)
        try:
            for n in itertools.count():
                if self.stop.is_set():
                    return
                kind(client, n)
                self.counts[kind.__name__] = n + 1
        except BaseException as error:  # for the thread that waits
            self.errors.append(error)

    def watch(self, client, n: int) -> None:
        """From the start, from the middle, or from the head; all kinds or some; goes away."""
        head = client.get(self.job).head_revision
        kinds = (event_pb2.EVALUATION,) if n % 3 == 1 else ()
        events = client.watch(self.job, head * (n % 3) // 2, kinds=kinds)
        for _ in itertools.islice(events, 200):
            pass
        events.close()

    def stream(self, client, n: int) -> None:
        host, port = self.daemon.http.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        path = f"/v1/{self.job}:watch?every={1 + n % 3 * 1000}"
        connection.request("GET", path, headers=self.daemon.headers())
        connection.getresponse().read1(10_000)
        connection.close()

    def scrape(self, client, n: int) -> None:
        assert self.daemon.get("/metrics")[0] == 200
        assert self.daemon.get("/v1/jobs")[0] == 200
        assert self.daemon.get("/readyz") == (200, "ok\n")

    def command(self, client, n: int) -> None:
        client.set(self.job, "step_size", 0.05 + n % 2 * 0.001, request_id=f"set-{n}")
        if n % 10 == 9:  # and once more: asked of the store
            client.set(self.job, "step_size", 0.05, request_id=f"set-{n - 9}")

    def create(self, client, n: int) -> None:
        spec = specs.linear_regression(self.folder, iterations=500)
        name = client.create(spec, job_id=f"small-{n}").name
        client.wait_until_final(name)
        request = training_service_pb2.PredictJobRequest(name=name, data=spec.data.train)
        assert list(client.training.PredictJob(request, timeout=60))
        client.delete(name)


def check(churn: Churn, seconds: float, first: float, slack: int) -> None:
    """Flat after the first seconds, but for what the allocator keeps."""
    samples = churn.run(seconds)
    settled = samples[: max(1, int(len(samples) * first / seconds))]
    rest = samples[len(settled) :]
    shown = [sample // MIB for sample in samples[:: max(1, len(samples) // 20)]]
    print(f"{churn.counts}, MiB: {shown}")
    assert len(churn.counts) == 5, churn.counts
    grown = max(rest[-len(rest) // 4 :]) - max(settled)
    assert grown < slack, f"{grown / MIB:.1f} MiB in {seconds - first} s: {shown}"


def test_memory_is_bounded(start_daemon, connect, folder):
    daemon = start_daemon("--max_running_jobs", "2")
    check(Churn(daemon, connect, folder), seconds=20, first=10, slack=32 * MIB)


@pytest.mark.long
def test_memory_is_flat_over_ten_minutes(start_daemon, connect, folder):
    daemon = start_daemon("--max_running_jobs", "2")
    check(Churn(daemon, connect, folder), seconds=600, first=60, slack=32 * MIB)


def test_so_many_commands_may_wait_for_later(daemon, client, folder):
    job = client.create(specs.classifier(folder, iterations=10**9), job_id="a").name
    before = process.resident(daemon.pid)
    requests = [
        training_service_pb2.CommandJobRequest(
            name=job,
            request_id=f"r{n}",
            commands=[set_dial("step_size", 0.01)],
            at_iteration=10**9 - 1,
        )
        for n in range(3000)
    ]
    refused = queue.SimpleQueue()

    def done(answer: grpc.Future) -> None:
        if answer.code() == grpc.StatusCode.RESOURCE_EXHAUSTED:
            refused.put(answer.details())

    answers = [client.training.CommandJob.future(r, timeout=120.0) for r in requests]
    for answer in answers:
        answer.add_done_callback(done)
    # The others wait for a day that will not come.
    details = [refused.get(timeout=60) for _ in range(2000)]
    assert "wait to be applied" in details[0]
    assert process.resident(daemon.pid) - before < 200 * MIB
    assert client.stop(job).command_applied.commands == ["stop"]
    client.wait_until_final(job)
    codes = collections.Counter(a.exception().code() for a in answers)
    assert codes == {
        grpc.StatusCode.RESOURCE_EXHAUSTED: 2000,
        grpc.StatusCode.FAILED_PRECONDITION: 1000,
    }
