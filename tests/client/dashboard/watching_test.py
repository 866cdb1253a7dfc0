"""A job of the dashboard, in a real browser: what is seen of a run as it goes on."""

from fake_run import FakeRun
from fake_server import FakeServer


def test_curve_moves_with_the_run(watched, run):
    before = watched.driver.execute_script("return document.querySelector('canvas').toDataURL()")
    run.advance(300)
    watched.wait(lambda: watched.drawn_to() == 800)
    watched.wait(lambda: watched.all(".tiles .main")[0].text == "800")
    assert (
        watched.driver.execute_script("return document.querySelector('canvas').toDataURL()")
        != before
    )


def test_finished_job_shows_its_curve_and_no_controls(page):
    run = FakeRun("done", iterations=2000)
    run.start()
    run.advance(5000)
    server = FakeServer([run])
    page.open(server.url + "#/jobs/done")
    page.one(".state", "Succeeded")
    page.wait(lambda: page.drawn_to() == 2000)
    assert not page.all(".dial form") and not page.all(".actions button")
    assert len(page.all(".scroll tbody tr")) == 2
    server.go_away()


def test_job_says_what_its_worker_is_held_to(watched, run):
    watched.one(
        ".confinement",
        "Confined to at most 6.4 GB of memory, no new privileges, its own files and the data roots",
    )
    run.confinement = {}  # of a program
    watched.one(".confinement", "Confined to nothing")


def test_failed_job_says_why(page):
    run = FakeRun("bold", step_size=2.0)
    run.start()
    run.advance(20)
    run.fail("value is NaN at iteration 1: lower the step size")
    server = FakeServer([run])
    page.open(server.url + "#/jobs/bold")
    why = page.one(".reason", "value is NaN").text
    assert why == "value is NaN at iteration 1: lower the step size"
    assert page.one(".tiles .main", "NaN").text == "NaN"
    server.go_away()


def test_unknown_job_says_so(page, server):
    page.open(server.url + "#/jobs/nobody")
    assert "there is no jobs/nobody" in page.one(".empty", "there is").text
    assert not page.all("canvas")


def test_why_nothing_moves_is_said(page):
    run = FakeRun("waits")
    run.start()
    run.stalled = "the disk of /data is full (0 bytes free); waiting for room"
    server = FakeServer([run])
    page.open(server.url)
    assert page.one(".jobs .reason", "disk").text == run.stalled
    page.open(server.url + "#/jobs/waits")
    assert page.one(".names .reason", "disk").text == run.stalled
    server.go_away()


def test_damaged_journal_is_said_and_not_asked_for_again(page):
    run = FakeRun("broken")
    run.start()
    run.damage = "revision 7 is not what was written"
    server = FakeServer([run])
    page.open(server.url)
    page.one(".jobs .reason", run.damage)
    page.open(server.url + "#/jobs/broken")
    page.one(".empty", run.damage)
    assert not [path for _, path, _ in server.requests if ":watch" in path]
    assert not page.all(".banner")
    server.go_away()


def test_last_tenth_goes_along_with_the_run(watched, run):
    button = watched.one(".toolbar button", "Last tenth")
    button.click()
    watched.one(".window", "Iterations 450 to 500")
    run.advance(500)
    watched.one(".window", "Iterations 900 to 1,000")
    assert button.get_attribute("aria-pressed") == "true"
    watched.one(".toolbar button", "Whole run").click()
    watched.one(".window", "Iterations 0 to 1,000")


def test_another_job_of_the_same_name_is_shown_from_its_start(watched, server):
    another = FakeRun("mlp", display_name="Another", seed=2)
    another.start()
    another.advance(40)
    server.runs["jobs/mlp"] = another
    server.cut()
    watched.one("h1", "Another")
    watched.wait(lambda: watched.drawn_to() == 40)
    assert [title.text for title in watched.all("h1")] == ["Another"]
    watched.one(".window", "Iterations 0 to 40")


def test_rewind_leaves_the_old_branch_behind(watched, run):
    run.advance(500)
    watched.wait(lambda: watched.drawn_to() == 1000)
    run.restart(938, diverges=True)
    watched.wait(lambda: watched.drawn_to() == 938)
    run.advance(10)
    watched.wait(lambda: watched.drawn_to() == 948)
    watched.one("section[aria-label='Notices'] li", "killed by signal 9")
    notices = [notice.text for notice in watched.all("section[aria-label='Notices'] li")]
    assert sum("killed by signal 9" in notice for notice in notices) == 1
    assert watched.drawn_to() == run.index == 948


def test_a_program_that_was_started_again_is_marked_where_it_went_back_to(watched, run):
    def told(text):
        pins = watched.all(".value-chart .pin.attempt")
        return any(text in (pin.get_attribute("aria-label") or "") for pin in pins)

    run.advance(500)
    watched.wait(lambda: watched.drawn_to() == 1000)
    run.restart_program(938)
    watched.wait(lambda: watched.drawn_to() == 938)
    watched.wait(lambda: told("Went back to iteration 938: its program was started again; at"))
    watched.wait(lambda: told("Attempt 2 started from checkpoint 0-938"))
    run.advance(10)
    watched.wait(lambda: watched.drawn_to() == 948)

    run.restart_program(-1)
    run.advance(6)
    watched.wait(lambda: watched.drawn_to() == 5)
    watched.wait(lambda: told("Went back to the starting point: its program was started again"))
    watched.wait(lambda: told("Attempt 3 started from the starting point"))
    assert watched.drawn_to() == run.index == 5
