"""The dashboard in a real browser, on made-up runs."""

import json
import re
import threading

import pytest
from browser import open_page
from fake_run import FakeRun, RecordedRun
from fake_server import ROOT, FakeServer
from selenium.webdriver.common.keys import Keys


@pytest.fixture(scope="module")
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


def commands(server):
    return [body["commands"] for _, body in server.posts()]


# --- the list -------------------------------------------------------------------------------------


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
    page.one(".empty pre", "descent example gan_moons > job.yaml")
    page.one(".empty pre", "descent submit job.yaml")
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


# --- watching ---------------------------------------------------------------------------------------


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


def test_failed_job_says_why(page):
    run = FakeRun("bold", step_size=2.0)
    run.start()
    run.advance(20)
    run.fail("value is NaN at iteration 1: lower the step size")
    server = FakeServer([run])
    page.open(server.url + "#/jobs/bold")
    page.one(".reason", "value is NaN at iteration 1")
    page.one(".tiles .main", "NaN")
    server.go_away()


def test_unknown_job_says_so(page, server):
    page.open(server.url + "#/jobs/nobody")
    page.one(".empty", "there is no jobs/nobody")


def test_why_nothing_moves_is_said(page):
    run = FakeRun("waits")
    run.start()
    run.stalled = "the disk of /data is full (0 bytes free); waiting for room"
    server = FakeServer([run])
    page.open(server.url)
    page.one(".jobs .reason", run.stalled)
    page.open(server.url + "#/jobs/waits")
    page.one(".names .reason", run.stalled)
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


def test_long_run_is_read_thinned_and_zoomed_into_in_full(page):
    run = FakeRun("long", iterations=100_000, seconds=0.0001)
    run.start()
    run.advance(100_000)
    server = FakeServer([run])
    page.open(server.url + "#/jobs/long")
    page.wait(lambda: page.drawn_to() == 100_000)
    iterations = [r for _, _, r in server.sent if run.kind(r) == "iteration"]
    assert len(iterations) <= 30_000
    page.one(".window", "of 100,001 are drawn, with the lowest and highest of each stretch")
    for _ in range(5):
        page.one("button[aria-label='Zoom in']").click()
    page.wait(lambda: "drawn" not in page.text(".window"), "full detail")
    server.go_away()


def test_run_that_gets_fast_is_thinned_while_it_is_watched(page):
    run = FakeRun("fast", iterations=10_000_000)
    run.start()
    run.advance(10)
    server = FakeServer([run])
    page.open(server.url + "#/jobs/fast")
    page.wait(lambda: page.drawn_to() == 10)

    def watches():
        return [path for _, path, _ in server.requests if ":watch" in path]

    page.wait(lambda: len(watches()) > 1, tick=lambda: run.advance(200))
    assert "every=" not in watches()[0]
    assert "every=" in watches()[1]
    server.go_away()


def test_catching_up_is_not_taken_for_the_pace_of_the_run(page):
    """A run of 10,000 iterations that goes on slowly is read, and then shown, in full."""
    run = FakeRun("slow", iterations=1_000_000, seconds=0.01)
    run.start()
    run.advance(10_000)
    server = FakeServer([run])
    page.open(server.url + "#/jobs/slow")
    page.wait(lambda: page.drawn_to() == run.index)
    page.wait(lambda: page.drawn_to() > 10_400, tick=lambda: run.advance(5))
    page.wait(lambda: page.drawn_to() == run.index)
    assert "drawn" not in page.text(".window")
    watches = [path for _, path, _ in server.requests if ":watch" in path]
    assert len(watches) == 1 and "every=" not in watches[0]
    server.go_away()


def test_thinned_curve_is_as_wide_as_the_whole(page, server):
    """What the server leaves, and then Points, spans what there was, and its mean is no other."""
    run = FakeRun("noisy", iterations=200_000)
    run.start()
    run.advance(60_000)
    server.runs[run.name] = run
    page.open(server.url)
    shown, smoothed = page.run(
        """const {History} = await import('/history.js');
        const {Watch} = await import('/watch.js');
        const {smooth} = await import('/curves.js');
        const history = new History();
        await new Promise((done) => {
          const watch = new Watch('jobs/noisy', {
            onEvents: (events, every) => {
              for (const event of events) history.apply(event, every);
              if (history.points.lastIndex >= 59900) done(watch.stop());
            },
            onJob: (job) => history.takeJob(job), onRefusal() {}, onReset() {}, onEnd() {},
          });
        });
        const {points} = history;
        const at = (i) => [points.index[i], points.value[i], points.gradient[i]];
        return [Array.from({length: points.length}, (_, i) => at(i)), smooth(points, 'value', 4000)[points.length - 1]];"""
    )
    assert len(shown) < 20_000
    for column in (1, 2):
        for start in range(10_000, 59_000, 1000):
            own = [e[column] for e in run.journal if len(e) > 2 and start <= e[0] < start + 1000]
            drawn = [row[column] for row in shown if start <= row[0] < start + 1000]
            assert (min(drawn), max(drawn)) == (min(own), max(own))
    last = [e[1] for e in run.journal if len(e) > 2][-8000:]
    assert abs(smoothed / (sum(last) / len(last)) - 1) < 0.02


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


def test_rewind_leaves_the_old_branch_behind(watched, run):
    run.advance(500)
    watched.wait(lambda: watched.drawn_to() == 1000)
    run.restart(938, diverges=True)
    watched.wait(lambda: watched.drawn_to() == 938)
    run.advance(10)
    watched.wait(lambda: watched.drawn_to() == 948)
    watched.one("section[aria-label='Notices'] li", "killed by signal 9")


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


# --- what is no number ------------------------------------------------------------------------------


def diverged(state, iterations=40):
    run = FakeRun("nan", step_size=2.0, iterations=iterations)
    run.start()
    run.advance(iterations - (state == "FAILED"))
    if state == "FAILED":
        run.fail("the value is NaN at iteration 1")
    return run


@pytest.mark.parametrize("state", ["FAILED", "SUCCEEDED"])
def test_diverged_job_is_not_green_and_shows_where(page, state):
    run = diverged(state)
    server = FakeServer([run])
    page.open(server.url + "#/jobs/nan")
    page.one(".state.diverged, .state.failed", "diverged")
    page.one(".value-chart .gaps", "NaN or ∞ at iterations 1 to")
    green = page.run(
        """const probe = document.createElement('i');
        probe.style.color = 'var(--good)';
        document.body.append(probe);
        const colour = getComputedStyle(probe).color;
        probe.remove();
        return getComputedStyle(document.querySelector('.job-head .state')).color === colour;"""
    )
    assert not green
    page.one(".tiles .main.bad", "NaN")
    page.open(server.url)
    page.one(".state.diverged, .state.failed", "diverged")
    server.go_away()


def test_large_evaluation_comes_in_parts_and_old_matrices_go(page, server):
    page.open(server.url)
    metrics, sizes, kept = page.run(
        """const {History} = await import('/history.js');
        const {matrixSize} = await import('/format.js');
        const history = new History();
        const small = {name: 'confusion_matrix', values: [1, 2, 3, 4]};
        history.apply({revision: '1', evaluation: {metrics: [{name: 'loss', value: 0.5}, small]}});
        const large = {name: 'confusion_matrix', size: '3000', rows: [0], columns: [0], counts: [7]};
        history.apply({revision: '2', evaluation: {parts: 2, metrics: [{name: 'loss', value: 0.5}, large]}});
        history.apply({revision: '3', evaluation: {part: 1, parts: 2, metrics: [large, {name: 'auc'}]}});
        const [first, second] = history.evaluations;
        return [second.metrics.map(({name}) => name), [first, second].map(({metrics}) => matrixSize(metrics[1])),
                [first, second].map(({metrics}) => metrics[1].values ?? metrics[1].rows ?? null)];"""
    )
    assert metrics == ["loss", "confusion_matrix", "auc"]
    assert sizes == [2, 3000] and kept == [None, None]


def test_failure_is_told_by_its_reason_where_the_last_value_is_finite(page, server):
    page.open(server.url)
    assert page.run(
        """const {History} = await import('/history.js');
        const history = new History();
        history.apply({revision: '1', iteration: {index: '3', value: 1}});
        history.apply({revision: '2', state_changed: {state: 'FAILED', reason: 'x', error_reason: 'DIVERGED'}});
        return history.diverged;"""
    )


def test_axes_have_numbers_however_far_a_run_diverges(page, server):
    page.open(server.url)
    labels = page.run(
        """const {Chart} = await import('/chart.js');
        const {Points} = await import('/points.js');
        const {Range} = await import('/range.js');
        const all = [];
        const linear = [[1, 1e38], [-1e300, 1e20], [1e-20, 3e-20], [0.5, 2]].map((sizes) => [false, sizes]);
        const logarithmic = [[1, 1e38], [1e-12, 1e300], [0.5, 2]].map((sizes) => [true, sizes]);
        for (const [log, sizes] of [...linear, ...logarithmic]) {
          const points = new Points(10);
          sizes.forEach((value, index) => points.push({index, value}));
          const chart = new Chart({title: 'x', key: `x${log}${sizes}`, colour: 'value', height: 200, range: new Range(),
            history: {marks: [], evaluations: []}, curves: () => [{column: 'value', label: 'x'}],
            source: () => points, last: () => 1});
          chart.wantsLog = log;
          document.body.append(chart.element);
          chart.draw();
          await new Promise((done) => setTimeout(done, 100));
          all.push(uPlot.sync('run').plots.at(-1).axes[1]._values?.filter(Boolean).length ?? 0);
          chart.destroy();
        }
        return all;"""
    )
    assert all(count >= 2 for count in labels), labels


def test_charts_without_a_number_say_so(page):
    run = diverged("SUCCEEDED")
    server = FakeServer([run])
    page.open(server.url + "#/jobs/nan")
    page.one(".value-chart .gaps")
    for _ in range(3):
        page.one("button[aria-label='Zoom in']").click()
    page.one(".value-chart .nothing", "Value is not a finite number at any of these iterations")
    server.go_away()


# --- the journals of the real service -----------------------------------------------------------------


JOURNALS = ROOT / "tests/data/journals"


@pytest.mark.parametrize("name", ["groups", "system"])
def test_journal_is_folded_as_the_service_folds_it(page, server, name):
    """The same journals as in fold_test.cc: groups, wrappers, players, and restarts between."""
    run = RecordedRun(name, JOURNALS)
    page.open(server.url)
    wanted = {fold["revision"]: fold for fold in run.folds["folds"]}
    lines = [json.loads(line) for line in (JOURNALS / f"{name}.jsonl").read_text().splitlines()]
    folded = page.run(
        """const {History} = await import('/history.js');
        const [events, revisions] = given[0];
        const history = new History();
        const out = {};
        for (const event of events) {
          history.apply(event);
          if (!revisions.includes(Number(event.revision))) continue;
          const dials = Object.fromEntries([...history.dials].map(
            ([path, {value, overridden}]) => [path, {value, overridden}]));
          out[event.revision] = {revision: Number(event.revision), dials, series: history.series};
        }
        return [out, history.stepSizes];""",
        [lines, list(wanted)],
    )
    assert folded[1] == run.folds["step_sizes"]
    assert {int(k): v for k, v in folded[0].items()} == wanted


def test_groups_and_wrappers_have_step_sizes_of_their_own(page):
    run = RecordedRun("groups", JOURNALS)
    server = FakeServer([run])
    page.open(server.url)
    dials = run.folds["folds"][-1]["dials"]
    main = page.run(
        "return (await import('/format.js')).brief(given[0], 3)", dials[run.main[0]]["value"]
    )
    page.wait(lambda: page.one("td[data-label='Step size'] span").text == main)
    page.open(server.url + "#/jobs/groups")
    page.one(".step-chart .legend", "main")
    page.one(".step-chart .legend", "bias")
    page.one(".side > .dials .path", run.main[0])
    assert len(page.all(".side > .dials .path")) == 1
    page.one(".more summary", "Further series").click()
    page.one("section[aria-label='slow step size'] canvas")
    server.go_away()


def test_each_player_has_its_step_size_and_no_chart_is_empty(page):
    run = RecordedRun("system", JOURNALS)
    server = FakeServer([run])
    page.open(server.url)
    page.wait(lambda: " / " in page.one("td[data-label='Step size'] span").text)
    page.open(server.url + "#/jobs/system")
    for chart in (".value-chart", ".step-chart", ".gradient-chart"):
        page.one(f"{chart} .legend", "generator")
        page.one(f"{chart} .legend", "discriminator")
    assert "NaN" not in page.text(".step-chart")
    assert not page.all(".nothing")
    assert {e.text for e in page.all(".side > .dials .path")} == set(run.main)
    page.one(".parts-chart .legend", "discriminator")
    server.go_away()


# --- steering -----------------------------------------------------------------------------------------


def test_dial_sets_the_step_size_and_its_mark_appears(watched, run, server):
    assert "On schedule" in watched.text(".dial")
    assert not watched.all(".value-chart .pin")
    watched.one(".dial form input").send_keys("0.0003\n")
    watched.one(".dial .answer.ok", "Applied at iteration 500: step_size 9.93e-4 → 3e-4")
    assert commands(server) == [[{"set": {"path": "optimizer.adam.step_size", "value": 0.0003}}]]
    watched.one(".badge", "Taken over")
    run.advance(100)
    watched.wait(lambda: watched.text(".dial-value") == "3e-4")
    pin = watched.one(".value-chart .pin")
    assert "step_size 9.93e-4 → 3e-4; by dashboard, at iteration 500" in pin.get_attribute(
        "aria-label"
    )
    watched.driver.execute_script("arguments[0].focus()", pin)
    watched.one(".tip", "by dashboard, at iteration 500")
    watched.one("section[aria-label='Commands'] li", "dashboard, at iteration 500")


def test_commands_carry_the_name_that_people_give_themselves(watched):
    watched.one("#me").send_keys("Zoë" + Keys.TAB)
    press(watched, "2")
    watched.one("section[aria-label='Commands'] li", "Zoe, at iteration 500")
    watched.run("localStorage.clear()")


# --- signing in -----------------------------------------------------------------------------------


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
    page.one("#who", "--auth none")


def test_slider_only_drafts_until_set(watched, server):
    slider = watched.one(".dial input[type=range]")
    slider.send_keys(Keys.ARROW_RIGHT * 10)  # a tenth of a decade
    draft = watched.one(".dial form input").get_attribute("value")
    assert draft == "0.00126"
    assert server.posts() == []
    watched.one(".dial form button", "Set").click()
    watched.one(".dial .answer.ok", "→ 0.00126")


def press(page, label):
    """A button of the dial, as soon as it can be pressed."""
    page.wait(
        lambda: next(
            (b for b in page.all(".dial button") if b.text.endswith(label) and b.is_enabled()), None
        )
    ).click()


def test_halve_double_release(watched, run, server):
    for label, answer in [
        ("½", "9.93e-4 → 4.965e-4"),
        ("2", "4.965e-4 → 9.93e-4"),
        ("Release", "released"),
    ]:
        press(watched, label)
        watched.one(".dial .answer.ok", answer)
        run.advance(1)
    kinds = [next(iter(c[0])) for c in commands(server)]
    assert kinds == ["scale", "scale", "release"]
    watched.one(".badge", "On schedule")


def test_refused_command_shows_the_servers_sentence(watched, server):
    watched.one(".dial form input").send_keys("-1\n")
    watched.one(".dial .answer.bad", "must be finite and at least 0, not -1; nothing was changed")
    assert watched.one(".dial form input").get_attribute("value") == "-1"
    watched.one(".badge", "On schedule")


def test_text_is_not_sent_as_a_number(watched, server):
    watched.one(".dial form input").send_keys("fast\n")
    watched.one(".dial .answer.bad", "“fast” is not a number")
    assert server.posts() == []


def test_pause_resume_and_confirmed_stop(watched, run, server):
    watched.one(".actions button", "Pause").click()
    watched.one(".state", "Paused")
    watched.one(".actions button", "Resume").click()
    watched.one(".state", "Running")
    watched.one(".actions button", "Stop").click()
    watched.one("dialog[open] button", "Let it run").click()
    watched.wait(lambda: not watched.all("dialog[open]"))
    assert run.state == "RUNNING"
    watched.one(".actions button", "Stop").click()
    watched.one("dialog[open] button", "Stop it").click()
    watched.one(".state", "Stopped")
    watched.one(".reason", "stopped by dashboard")
    assert [next(iter(c[0])) for c in commands(server)] == ["pause", "resume", "stop"]


# --- by keyboard, on a telephone, in the dark -----------------------------------------------------------


def test_keys_zoom_and_move_the_charts(watched):
    plot = watched.one(".value-chart .plot")
    plot.send_keys("+")
    watched.one(".window", "Iterations 125 to 375")
    plot.send_keys(Keys.ARROW_RIGHT)
    watched.one(".window", "Iterations 188 to 438")
    plot.send_keys("0")
    watched.one(".window", "Iterations 0 to 500")


def test_every_control_has_a_name(watched, run):
    run.command({"request_id": "x", "commands": [{"scale": {"path": "step_size", "factor": 2}}]})
    watched.one(".value-chart .pin")
    nameless = [
        element.get_attribute("outerHTML")
        for element in watched.all("button, input, progress, a, [tabindex='0']")
        if not element.accessible_name
    ]
    assert nameless == []


@pytest.mark.parametrize("where", ["#/jobs", "#/jobs/mlp"])
def test_fits_a_telephone(run, server, where):
    with open_page(width=360, height=800, dark=True) as page:
        page.open(server.url + where)
        page.one("#main", "Fashion-MNIST")
        width = page.run("return document.documentElement.scrollWidth")
        assert width <= 360
        background = page.run("return getComputedStyle(document.body).backgroundColor")
        assert max(map(int, re.findall(r"\d+", background))) < 64


def test_nothing_is_wider_than_the_page_or_its_column(page):
    names = [f"a class with quite a long name, number {i}" for i in range(12)]
    run = FakeRun("wide", display_name="x" * 80, summary={"class_names": names})
    run.matrix = [i % 13 * 1000 for i in range(144)]
    run.metrics = [{"name": f"metric_number_{i}", "value": 1e-7 * i} for i in range(9)]
    run.start()
    run.advance(1000)
    run.command({"request_id": "x", "commands": [{"scale": {"path": "step_size", "factor": 2}}]})
    run.fail("optimizer." + "adam_" * 30 + ": it is too long")
    server = FakeServer([run])
    for where in ("#/jobs", "#/jobs/wide"):
        page.open(server.url + where)
        page.one("#main", "x" * 80)
        for width in (360, 800, 1100, 1250, 1400):
            metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            # Charts are drawn anew once their column is told that it has another width.
            page.wait(lambda w=width: page.run("return document.documentElement.scrollWidth") <= w)
            wide = page.run(
                """return [...document.querySelectorAll('.card, .chart')]
                    .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.className)"""
            )
            assert not wide, (where, width)
    page.one(".matrices thead th", names[0][:10])
    server.go_away()


# --- the connection -------------------------------------------------------------------------------------


def test_lost_connection_is_shown_at_once_and_gone_when_back(watched, run, server):
    assert not watched.all(".banner")
    server.go_away()
    watched.one(".banner", "Connection lost")
    watched.wait(
        lambda: "lost" in watched.driver.find_element("css selector", "body").get_attribute("class")
    )
    watched.wait(lambda: not watched.one(".dial form input").is_enabled())
    run.advance(250)
    server.come_back()
    watched.wait(lambda: watched.drawn_to() == 750)
    watched.wait(lambda: not watched.all(".banner"))
    assert watched.one(".dial form input").is_enabled()


def test_every_revision_once_over_cut_connections(page, run, server):
    page.open(server.url)
    page.run(
        """const {Watch} = await import('/watch.js');
        window.seen = [];
        window.watch = new Watch('jobs/mlp', {
          onEvents: (events) => window.seen.push(...events.map((e) => Number(e.revision))),
          onJob() {}, onRefusal() {}, onEnd: () => (window.ended = true),
        });"""
    )
    for watches in range(1, 7):
        run.advance(60)
        page.wait(
            lambda watches=watches: (
                server.watches >= watches
                and page.driver.execute_script("return window.seen.length") >= len(run.journal)
            )
        )
        run.advance(40)
        server.cut()
    run.command({"request_id": "end", "commands": [{"stop": {}}]})
    page.wait(lambda: page.driver.execute_script("return window.ended"))
    assert page.driver.execute_script("return window.seen") == list(range(1, len(run.journal) + 1))
    assert server.watches == 7


def test_command_whose_answer_was_lost_is_asked_again_and_happens_once(watched, run, server):
    answered = threading.Event()
    take = run.command

    def take_and_cut(body, *rest):
        answer = take(body, *rest)
        if not answered.is_set():
            answered.set()
            server.cut()
        return answer

    run.command = take_and_cut
    press(watched, "½")
    watched.one(".dial .answer.ok", "9.93e-4 → 4.965e-4")
    posts = server.posts()
    # Asked until it is answered, on a slow machine more than twice; always the same request.
    assert len(posts) >= 2 and all(post == posts[0] for post in posts)
    assert sum(run.kind(r) == "command_applied" for r in range(1, len(run.journal) + 1)) == 1


# --- the modules ----------------------------------------------------------------------------------------


def test_points_stay_bounded_and_keep_every_spike(page, server):
    page.open(server.url)
    length, greatest, last, thinned, found = page.run(
        """const {Points} = await import('/points.js');
        const points = new Points(1000);
        for (let i = 0; i < 1000000; ++i) points.push({index: i, value: i === 123457 ? 99 : Math.sin(i)});
        let greatest = -1;
        for (let i = 0; i < points.length; ++i) greatest = Math.max(greatest, points.value[i]);
        return [points.length, greatest, points.lastIndex, points.thinned, points.index[points.find(123457)]];"""
    )
    assert length <= 1000 and greatest == 99 and last == 999_999 and thinned and found == 123_457


def test_truncated_points_go_on_from_there(page, server):
    page.open(server.url)
    assert page.run(
        """const {Points} = await import('/points.js');
        const points = new Points(100);
        for (let i = 0; i < 50; ++i) points.push({index: 2 * i, value: i});
        points.truncate(41);
        const first = [points.length, points.lastIndex];
        points.push({index: 42, value: 7});
        return [...first, points.lastIndex, points.value[points.length - 1]];"""
    ) == [21, 40, 42, 7]


def test_server_sent_events_are_read_across_chunks(page, server):
    page.open(server.url)
    assert page.run(
        """const {messages} = await import('/sse.js');
        const text = ': keep-alive\\n\\nid: 1\\nevent: iteration\\ndata: {"a":"ü"}\\n\\nid: 2\\r\\ndata: x\\r\\n\\r\\n: keep-alive\\n\\nid: 9\\n\\n';
        const bytes = new TextEncoder().encode(text);
        const stream = new ReadableStream({start(c) {
          for (const b of bytes) c.enqueue(new Uint8Array([b]));
          c.close();
        }});
        const all = [];
        for await (const batch of messages(stream)) all.push(...batch);
        return all;"""
    ) == [
        {"id": "1", "event": "iteration", "data": '{"a":"ü"}'},
        {"id": "2", "event": "message", "data": "x"},
        {"id": "9", "event": "message"},
    ]


NUMBERS = {
    "value(0.00097234567)": "9.723e-4",
    "value(0.3412345)": "0.3412",
    "value(-1234567)": "\N{MINUS SIGN}1.235e6",
    "value(NaN)": "NaN",
    "brief(0.001)": "0.001",
    "brief(1e-20)": "1e-20",
    "brief(100)": "100",
    "typed(0.0000012345678)": "1.23457e-6",
    "short(19234)": "19.2k",
    "short(1000000)": "1M",
    "duration(3725)": "1 h 2 min",
    "nice(3)": "5",
    "nice(50)": "50",
    "nice(0)": "1",
}


def test_axes_say_each_number_once_and_whole(page, server):
    page.open(server.url)
    far, near, wide, narrow = page.run(
        """const {axisIterations, axisWidth} = await import('/axes.js');
        const u = {ctx: document.createElement('canvas').getContext('2d')};
        return [axisIterations([0, 50000, 100000]), axisIterations([12340, 12345, 12350]),
                axisWidth(u, ['-1.234567e-10', '0']), axisWidth(u, ['1', '2'])];"""
    )
    assert far == ["0", "50k", "100k"]
    assert near == ["12,340", "12,345", "12,350"]
    assert wide > 80 and narrow == 62


def test_times_of_another_day_have_their_date(page, server):
    page.open(server.url)
    now, yesterday, past = page.run(
        """const {moment} = await import('/format.js');
        return [Date.now(), Date.now() - 864e5, 1.7e12].map(moment);"""
    )
    assert re.fullmatch(r"\d\d:\d\d:\d\d", now)
    assert re.match(r"\d+ \w+", yesterday) and "2023" in past


def test_numbers_read_well(page, server):
    page.open(server.url)
    calls = ", ".join(f"String({call})" for call in NUMBERS)
    read = page.run(
        f"""const {{value, brief, typed, short, duration}} = await import('/format.js');
        const {{nice}} = await import('/watch.js');
        return [{calls}];"""
    )
    assert dict(zip(NUMBERS, read, strict=True)) == NUMBERS
