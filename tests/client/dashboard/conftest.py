"""Fixtures of the dashboard's tests: one browser for all of them, and a made-up run."""

import pytest
from browser import open_page
from fake_run import FakeRun
from fake_server import FakeServer


@pytest.fixture(scope="session")
def page():
    with open_page() as page:
        yield page
        assert page.complaints() == []


@pytest.fixture
def run():
    run = FakeRun("mlp", display_name="Fashion-MNIST")
    run.start()
    run.advance(500)
    return run


@pytest.fixture
def server(run):
    server = FakeServer([run])
    yield server
    server.go_away()


@pytest.fixture
def watched(page, run, server):
    """The run's own page, caught up."""
    page.open(server.url + "#/jobs/mlp")
    page.wait(lambda: page.drawn_to() == run.index)
    return page
