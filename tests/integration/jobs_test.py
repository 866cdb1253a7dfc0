"""Jobs as a whole: their turn, their names, their end, and what a restart leaves of them."""

import grpc
from descent.v1 import event_pb2

from helpers import specs
from helpers.details import refused
from helpers.events import assert_contiguous
from helpers.specs import FOREVER


def test_jobs_wait_for_their_turn(start_daemon, connect, folder):
    client = connect(start_daemon("--max_running_jobs", "1").grpc)
    first = client.create(specs.linear_regression(folder, iterations=FOREVER)).name
    second = client.create(specs.linear_regression(folder, iterations=100)).name
    third = client.create(specs.linear_regression(folder, iterations=100)).name
    client.wait_for_iteration(first, 10)
    assert client.get(second).state == event_pb2.QUEUED
    assert client.stop(third).command_applied.request_id
    assert client.get(third).state == event_pb2.STOPPED
    client.stop(first)
    assert client.wait_until_final(second).state == event_pb2.SUCCEEDED


def test_create_is_safe_to_repeat(client, folder):
    spec = specs.linear_regression(folder, iterations=10)
    first = client.create(spec, request_id="once")
    assert client.create(spec, request_id="once").name == first.name
    refused(
        grpc.StatusCode.ALREADY_EXISTS,
        client.create,
        specs.linear_regression(folder, iterations=11),
        request_id="once",
    )
    client.create(spec, job_id="mine")
    told = refused(grpc.StatusCode.ALREADY_EXISTS, client.create, spec, job_id="mine")
    assert "mine" in told.message


def test_delete_takes_finished_jobs_only(client, endless, daemon, folder):
    refused(grpc.StatusCode.FAILED_PRECONDITION, client.delete, endless)
    job = client.create(specs.linear_regression(folder, iterations=10)).name
    client.wait_until_final(job)
    client.delete(job)
    refused(grpc.StatusCode.NOT_FOUND, client.get, job)
    assert not (daemon.data_dir / job).exists()


def test_list_filters_and_pages(client, folder):
    spec = specs.linear_regression(folder, iterations=10)
    names = [client.create(spec, labels={"team": f"t{i % 2}"}).name for i in range(5)]
    for name in names:
        client.wait_until_final(name)
    page = client.list_jobs(page_size=2)
    assert [j.name for j in page.jobs] == names[:2:-1]
    rest = client.list_jobs(page_size=50, page_token=page.next_page_token)
    assert [j.name for j in rest.jobs] == names[2::-1]
    found = client.list_jobs(filter='labels.team = "t1" AND state = SUCCEEDED')
    assert {j.name for j in found.jobs} == {names[1], names[3]}
    refused(grpc.StatusCode.INVALID_ARGUMENT, client.list_jobs, filter="colour = blue")
    refused(grpc.StatusCode.INVALID_ARGUMENT, client.list_jobs, page_size=-1)


def test_a_restarted_daemon_has_all_its_jobs(daemon, connect, folder):
    client = connect(daemon.grpc)
    done = client.create(specs.linear_regression(folder, iterations=500)).name
    before = list(client.watch(done))
    running = client.create(specs.classifier(folder, iterations=FOREVER)).name
    client.wait_for_iteration(running, 500)
    applied = client.set(running, "step_size", 0.004, request_id="kept").command_applied.iteration

    daemon.restart()
    client = connect(daemon.grpc)
    assert list(client.watch(done)) == before
    assert client.get(done).state == event_pb2.SUCCEEDED
    assert client.wait_for_iteration(running, applied + 5000).iteration.step_size == 0.004
    client.stop(running)
    assert_contiguous(client.history(running))
    daemon.restart()
    assert connect(daemon.grpc).get(running).state == event_pb2.STOPPED
