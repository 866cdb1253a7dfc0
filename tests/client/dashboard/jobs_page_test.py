"""The list of jobs in a real browser, and signing in."""

from fake_run import FakeRun
from fake_server import FakeServer
from selenium.webdriver.common.keys import Keys


def test_list_shows_jobs_as_they_progress(page, run, server):
    page.open(server.url)
    row = page.one(".jobs tbody tr", "Fashion-MNIST")
    assert "Running" in row.text
    page.wait(lambda: "500 of 9,380" in row.text)
    run.advance(100)
    page.wait(lambda: "600 of 9,380" in row.text)
    page.one(".job-link").click()
    page.one("h1", "Fashion-MNIST")


def test_list_without_jobs_says_how_to_submit_one(page):
    server = FakeServer([])
    page.open(server.url)
    said = page.text(".empty")
    assert "descent example gan_moons > job.yaml" in said
    assert "descent submit job.yaml" in said
    assert not page.all(".jobs tbody tr")
    server.go_away()


def test_names_are_text_not_markup(page):
    run = FakeRun("evil", display_name="<img src=x onerror=document.title='gotcha'>")
    server = FakeServer([run])
    page.open(server.url)
    page.one(".job-link", "<img src=x").click()
    page.one("h1", "<img src=x")
    assert page.driver.execute_script("return document.querySelectorAll('main img').length") == 0
    server.go_away()


def test_zeros_are_numbers_whether_they_are_written_or_not(page):
    """Not started, at iteration 0, with a value of exactly 0: said, or left out as JSON may."""
    run = FakeRun("waits")
    server = FakeServer([run])
    page.open(server.url + "#/jobs/waits")
    assert page.one(".id", "jobs/waits").text == "jobs/waits"
    page.wait(lambda: "Queued" in page.text(".state"))
    folded = page.run(
        """const {History} = await import('/history.js');
        const one = (iteration) => {
          const history = new History();
          history.apply({revision: '1', created: {summary: {dials: ['o.a.step_size'], step_sizes: ['o.a.step_size']}}});
          history.apply({revision: '2', iteration});
          history.apply({revision: '3', iteration: {...iteration, index: '1', step_size: 0}});
          const {index, value, gradient} = history.points.row(0);
          return [index, value, gradient, history.dials.get('o.a.step_size').value, history.diverged];
        };
        return [one({}), one({index: '0', value: 0, gradient_norm: 0, scalars: []})];"""
    )
    assert folded == [[0, 0, 0, 0, False]] * 2
    server.go_away()


def test_a_code_signs_in_once_and_leaves_the_address(page, server):
    server.token, server.code = "descent_secret", "descent_code"
    page.open(server.url + "#code=descent_code")
    page.one("#who", "Signed in as ana (operator).")
    page.one("main", "Fashion-MNIST")
    assert page.run("return location.hash") == "#/jobs"
    assert ("/v1/session", {"code": "descent_code"}) in server.posts()
    # The session is kept; the code is good no longer.
    page.open(server.url)
    page.one("main", "Fashion-MNIST")
    page.open(server.url + "#code=descent_code")
    page.one(".sign-in", "the token is not known here")
    page.run("localStorage.clear()")


def test_whoever_is_let_in_no_longer_pastes_a_token(watched, run, server):
    server.token = "descent_secret"
    server.cut()  # the watch comes again, and is refused
    watched.one(".sign-in input").send_keys("wrong" + Keys.ENTER)
    watched.one(".sign-in", "the token is not known here")
    field = watched.one(".sign-in input")
    field.clear()
    field.send_keys("descent_secret" + Keys.ENTER)
    watched.wait(lambda: watched.drawn_to() == run.index)
    watched.one("#who button").click()
    watched.one(".sign-in input")
    assert server.session is None
    watched.run("localStorage.clear()")


def test_that_nobody_is_asked_is_said(page, server):
    server.auth = "none"
    page.open(server.url)
    said = page.one("#who", "--auth none").text
    assert "asks nobody" in said and "may do anything" in said
    assert not page.all(".sign-in")
