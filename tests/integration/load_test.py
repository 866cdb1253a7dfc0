"""Many at once: watchers by the thousand, jobs by the ten thousand, a long queue, and everybody
coming back at the same moment. Nothing is lost, memory stays bounded; the figures are printed
(`-s`), those of the long variant stand in server/README.md."""

import asyncio
import concurrent.futures
import itertools
import time

import grpc
import pytest
from descent.v1 import event_pb2, training_service_pb2, training_service_pb2_grpc

from helpers import process, specs
from helpers.client import FINAL, simple

MIB = 1 << 20
EVERY = 100  # a busy watcher is sent each hundredth iteration of some twenty thousand a second
CHANNELS = 50


class Watcher:
    """Follows one job from its start, and takes up its stream again where it was lost.

    Checks what it is sent: revisions grow, and of the iterations each that is due comes once.
    """

    def __init__(self, job: str, every: int):
        self.job = job
        self.every = every
        self.cursor = 0
        self.iteration = -every  # the newest that came
        self.connections = 0
        self.seen = asyncio.Event()  # something came on the present connection

    async def follow(self, stub, metadata) -> None:
        request = training_service_pb2.WatchJobRequest(
            name=self.job, after_revision=self.cursor, every=self.every
        )
        async for response in stub.WatchJob(request, metadata=metadata):
            for event in response.events:
                assert event.revision > self.cursor, f"{event.revision} after {self.cursor}"
                self.cursor = event.revision
                if event.HasField("iteration"):
                    assert event.iteration.index == self.iteration + self.every, self.job
                    self.iteration = event.iteration.index
            self.cursor = max(self.cursor, response.scanned_revision)
            self.seen.set()


class Crowd:
    """Watchers on a loop of their own, over a few connections, until they are dismissed."""

    def __init__(self):
        self.watchers: list[Watcher] = []
        self._tasks: list[asyncio.Task] = []
        self._channels: list[grpc.aio.Channel] = []

    def connect(self, address) -> None:
        """Where the daemon is now: its port and token may be others than before."""
        options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
        self._channels = [
            grpc.aio.insecure_channel(str(address), options=options) for _ in range(CHANNELS)
        ]
        self._stubs = [
            training_service_pb2_grpc.TrainingServiceStub(channel) for channel in self._channels
        ]
        self._metadata = [("authorization", f"Bearer {address.token}")]

    async def follow(self, watchers: list[Watcher]) -> float:
        """Starts them; the seconds until each has been sent something."""
        start = time.monotonic()
        for watcher, stub in zip(watchers, itertools.cycle(self._stubs), strict=False):
            watcher.seen.clear()
            watcher.connections += 1
            self._tasks.append(asyncio.create_task(watcher.follow(stub, self._metadata)))
        waiting = [asyncio.create_task(watcher.seen.wait()) for watcher in watchers]
        everybody = asyncio.gather(*waiting)
        ended = asyncio.create_task(self._first_end())
        await asyncio.wait([everybody, ended], timeout=120, return_when=asyncio.FIRST_COMPLETED)
        assert everybody.done(), (
            f"{sum(not w.seen.is_set() for w in watchers)} of {len(watchers)} got nothing; "
            f"{[repr(t.exception()) for t in self._tasks if t.done()][:1]}"
        )
        ended.cancel()
        return time.monotonic() - start

    async def _first_end(self) -> None:
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def lost(self) -> None:
        """Waits until each stream has been ended by the daemon's going."""
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if not isinstance(result, grpc.aio.AioRpcError):
                raise AssertionError(f"a stream ended with {result!r}")
            assert result.code() == grpc.StatusCode.UNAVAILABLE, result
        await self._close()

    async def dismiss(self) -> None:
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if not isinstance(result, asyncio.CancelledError):
                raise AssertionError(f"a stream ended with {result!r}")
        await self._close()

    async def _close(self) -> None:
        self._tasks.clear()
        await asyncio.gather(*(channel.close() for channel in self._channels))


async def crowded(daemon, call, idle: int, busy: int, seconds: float) -> dict[str, object]:
    """`call(function)` runs a call of the blocking client beside the loop."""
    figures: dict[str, object] = {}
    watchers = [Watcher("jobs/idle", EVERY) for _ in range(idle)]
    watchers += [Watcher("jobs/busy", EVERY) for _ in range(busy)]
    crowd = Crowd()
    crowd.connect(daemon.grpc)

    async def rate(name: str, span: float) -> None:
        before = await call(lambda c: c.get("jobs/busy").last_iteration.index)
        used, start = process.processor_seconds(daemon.pid), time.monotonic()
        await asyncio.sleep(span)
        after = await call(lambda c: c.get("jobs/busy").last_iteration.index)
        passed = time.monotonic() - start
        figures[f"{name}: iterations/s"] = round((after - before) / passed)
        share = (process.processor_seconds(daemon.pid) - used) / passed
        figures[f"{name}: the daemon's share of a core"] = round(share, 2)
        figures[f"{name}: MiB"] = process.resident(daemon.pid) // MIB

    await rate("nobody watches", seconds)
    figures[f"{idle} idle watchers: s to begin"] = round(await crowd.follow(watchers[:idle]), 2)
    await rate(f"{idle} idle watchers", seconds)
    figures[f"{busy} busy watchers: s to begin"] = round(await crowd.follow(watchers[idle:]), 2)
    await rate(f"{idle} idle and {busy} busy watchers", seconds)
    times = []
    for n in range(20):
        start = time.monotonic()
        await call(lambda c, n=n: c.set("jobs/busy", "step_size", 0.04 + n * 1e-4))
        times.append(time.monotonic() - start)
    figures["beside them, a set: ms, median and most"] = [
        round(1000 * t, 1) for t in (sorted(times)[len(times) // 2], max(times))
    ]

    # Everybody loses the daemon at once, and comes back at once.
    await asyncio.to_thread(daemon.kill)
    await crowd.lost()
    start = time.monotonic()
    await asyncio.to_thread(daemon.start)
    figures["killed; s until it serves again"] = round(time.monotonic() - start, 2)
    crowd.connect(daemon.grpc)
    await call(None)  # the blocking client finds its new port
    for watcher in watchers[:idle]:  # from the start, or nothing would come: nothing happens there
        watcher.cursor, watcher.iteration = 0, -EVERY
    figures[f"{len(watchers)} come back at once: s"] = round(await crowd.follow(watchers), 2)
    head = await call(lambda c: c.get("jobs/busy").last_iteration.index)
    start = time.monotonic()
    back = watchers[idle:]
    while min(w.iteration for w in back) < head - EVERY:
        assert time.monotonic() - start < 120, (head, sorted(w.iteration for w in back)[:5])
        await asyncio.sleep(0.05)
    figures["and s until each has all there was"] = round(time.monotonic() - start, 2)
    await rate("after that", seconds)
    await crowd.dismiss()
    return figures


def watched_by_many(start_daemon, connect, folder, idle: int, busy: int, seconds: float) -> None:
    daemon = start_daemon("--max_running_jobs", "2")
    client = connect(daemon.grpc)
    endless = specs.linear_regression(folder, iterations=specs.FOREVER)
    client.create(endless, job_id="idle")
    client.create(endless, job_id="busy")
    client.wait_for_iteration("jobs/idle", 1)
    client.command("jobs/idle", simple("pause"))
    client.wait_for_iteration("jobs/busy", 1)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        current = [client]

        async def call(function):
            if function is None:
                current[0] = connect(daemon.grpc)
                return None
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(pool, function, current[0])

        figures = asyncio.run(crowded(daemon, call, idle, busy, seconds))
    for name, value in figures.items():
        print(f"{name}: {value}")
    memory = [value for name, value in figures.items() if name.endswith("MiB")]
    assert max(memory) - memory[0] < 50 + (idle + busy) / 2, memory
    for job in ("jobs/idle", "jobs/busy"):
        current[0].command(job, simple("stop"))
        assert current[0].wait_until_final(job).state == event_pb2.STOPPED


def test_many_watch_and_come_back_at_once(start_daemon, connect, folder):
    watched_by_many(start_daemon, connect, folder, idle=100, busy=10, seconds=0.5)


@pytest.mark.long
def test_a_thousand_watch_and_come_back_at_once(start_daemon, connect, folder):
    watched_by_many(start_daemon, connect, folder, idle=1000, busy=100, seconds=10)


def many_jobs(start_daemon, connect, folder, jobs: int, queued: int) -> None:
    daemon = start_daemon("--max_running_jobs", "1")
    client = connect(daemon.grpc)
    short = specs.rosenbrock(
        {"gradient_descent": {"step_size": {"constant": 1e-4}}}, 2, iterations=1
    )
    endless = specs.linear_regression(folder, iterations=specs.FOREVER)
    client.create(endless, job_id="endless")
    client.wait_for_iteration("jobs/endless", 1)

    def over(n: int) -> str:
        """A job that was stopped before it had its turn: it never needs a worker."""
        name = client.create(short, job_id=f"j{n}").name
        client.command(name, simple("stop"))
        return name

    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = set(pool.map(over, range(jobs)))
    print(f"{jobs} jobs made and stopped: {jobs / (time.monotonic() - begin):.0f} a second")

    def timed(what: str, function):
        start = time.monotonic()
        result = function()
        print(f"{what}: {1000 * (time.monotonic() - start):.0f} ms")
        return result

    def whole_list() -> list[training_service_pb2.Job]:
        token, found = "", []
        while True:
            page = client.list_jobs(page_size=1000, page_token=token)
            found += page.jobs
            token = page.next_page_token
            if not token:
                return found

    timed("a page of 100", lambda: client.list_jobs(page_size=100))
    found = timed(f"the list of {jobs}", whole_list)
    assert {job.name for job in found if job.state in FINAL} == made
    status, metrics = timed("a scrape", lambda: daemon.get("/metrics"))
    print(f"of {len(metrics) / 1000:.0f} kB; {process.resident(daemon.pid) // MIB} MiB")
    assert status == 200

    # A queue behind one that does not end, over a restart: nobody is lost, none overtakes.
    waiting = [client.create(short, job_id=f"q{n}").name for n in range(queued)]
    daemon.kill()
    timed(f"killed with {jobs} jobs and {queued} queued; serves again", daemon.start)
    client = connect(daemon.grpc)
    assert all(client.get(name).state == event_pb2.QUEUED for name in waiting)
    client.command("jobs/endless", simple("stop"))
    begin = time.monotonic()
    ended = [client.wait_until_final(name) for name in waiting]
    print(f"{queued} queued ones run: {queued / (time.monotonic() - begin):.0f} a second")
    assert all(job.state == event_pb2.SUCCEEDED for job in ended)
    times = [job.start_time_unix_nanos for job in ended]
    assert times == sorted(times)
    print(f"{process.resident(daemon.pid) // MIB} MiB")


def test_many_jobs(start_daemon, connect, folder):
    many_jobs(start_daemon, connect, folder, jobs=40, queued=20)


@pytest.mark.long
def test_ten_thousand_jobs(start_daemon, connect, folder):
    many_jobs(start_daemon, connect, folder, jobs=10_000, queued=200)
