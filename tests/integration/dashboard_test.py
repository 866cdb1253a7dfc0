"""The dashboard in a real browser, on the real service."""

import contextlib
import pathlib
import socket
import sys

import pytest
from descent.v1 import event_pb2

from helpers import specs

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[1] / "client/dashboard"))
from browser import open_page


@pytest.fixture(scope="module")
def page():
    with open_page() as page:
        yield page
        assert page.complaints() == []


@pytest.fixture
def free_port():
    """One that a daemon can listen on time and again, so that the page finds it back."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def endless(folder):
    """A spec that takes an hour, evaluated now and then."""
    seldom = {"every_epochs": "0", "every_iterations": "5000"}
    return specs.classifier(folder, iterations=50_000_000, evaluation=seldom)


@pytest.fixture
def job(client, folder):
    """A job that goes on until it is stopped."""
    job = client.create(endless(folder), job_id="mlp")
    yield job
    client.delete(job.name, force=True)


@pytest.fixture(autouse=True)
def signed_in(page, daemon, descent):
    """The page knows who looks at it, by the code that `descent open` gives."""
    opened = descent("open", "--print", "--http", daemon.http)
    assert opened.returncode == 0, opened.stderr
    page.open(opened.stdout.strip())
    page.wait(lambda: "#code=" not in page.driver.current_url)


@pytest.fixture
def watched(page, daemon, job):
    page.open(f"http://{daemon.http}/#/jobs/mlp")
    page.wait(lambda: page.drawn_to() > 0)
    return page


def test_list_leads_to_the_job_whose_curve_moves(page, daemon, job):
    page.open(f"http://{daemon.http}/")
    page.one(".job-link", "mlp").click()
    page.one(".state", "Running")
    for _ in range(3):
        before = page.drawn_to()
        page.wait(lambda before=before: page.drawn_to() > before)


def test_dial_is_turned_and_its_mark_appears(watched, client, job):
    watched.one(".dial form input").send_keys("0.000123\n")
    answer = watched.one(".dial .answer.ok", "→ 1.23e-4").text
    watched.one(".badge", "Taken over")
    pin = watched.one(".value-chart .pin")
    assert "→ 1.23e-4" in pin.get_attribute("aria-label")
    watched.one("section[aria-label='Commands'] li", "→ 1.23e-4")
    watched.one(".dial button", "Release").click()
    watched.one(".dial .answer.ok", "released to its schedule")
    watched.one(".badge", "On schedule")

    watched.one(".actions button", "Pause").click()
    watched.one(".state", "Paused")
    history = client.history(job.name)
    change = next(e.command_applied for e in history if e.WhichOneof("kind") == "command_applied")
    assert f"Applied at iteration {change.iteration:,}" in answer
    used = {e.iteration.index: e.iteration.step_size for e in history if e.HasField("iteration")}
    assert used[change.iteration + 1] == 0.000123
    # A schedule's next value is hardly another.
    assert change.changes[0].old_value == pytest.approx(used[change.iteration], rel=1e-3)


def test_refused_value_shows_the_servers_sentence_and_changes_nothing(watched, client, job):
    watched.one(".dial form input").send_keys("-1\n")
    answer = watched.one(".dial .answer.bad", "Refused:").text
    assert "step_size" in answer
    watched.one(".badge", "On schedule")
    assert not client.get(job.name).dials[0].overridden


def test_pause_resume_and_confirmed_stop(watched, client, job):
    watched.one(".actions button", "Pause").click()
    watched.one(".state", "Paused")
    watched.one(".actions button", "Resume").click()
    watched.one(".state", "Running")
    watched.one(".actions button", "Stop").click()
    watched.one("dialog[open] button", "Stop it").click()
    watched.one(".state", "Stopped")
    last = client.get(job.name).last_iteration.index
    watched.wait(lambda: watched.drawn_to() == last)
    assert not watched.all(".dial form")


def test_finished_job_shows_its_whole_curve(page, daemon, client, folder):
    job = client.create(specs.classifier(folder, iterations=3000), job_id="short")
    assert client.wait_until_final(job.name).state == event_pb2.SUCCEEDED
    page.open(f"http://{daemon.http}/#/jobs/short")
    page.one(".state", "Succeeded")
    page.wait(lambda: page.drawn_to() == 3000)
    page.one(".tiles", "3,000")
    page.one(".scroll tbody tr", "3,000")


def test_killed_daemon_is_shown_and_found_again(page, start_daemon, connect, folder, free_port):
    # A session ends with its daemon, so this one asks for none.
    daemon = start_daemon("--http", f"127.0.0.1:{free_port}", "--auth", "none")
    client = connect(daemon.grpc)
    client.create(endless(folder), job_id="mlp")
    page.open(f"http://127.0.0.1:{free_port}/#/jobs/mlp")
    page.wait(lambda: page.drawn_to() > 0)
    daemon.kill()
    page.one(".banner", "Connection lost")
    drawn = page.drawn_to()
    daemon.start()
    page.wait(lambda: not page.all(".banner") and page.drawn_to() > drawn, seconds=40)
    connect(daemon.grpc).delete("jobs/mlp", force=True)
