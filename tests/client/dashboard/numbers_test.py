"""What the dashboard writes for numbers, and for what is none."""

import re

import pytest
from fake_run import FakeRun
from fake_server import FakeServer


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
    said = page.one(".value-chart .nothing", "Value is").text
    assert "Value is not a finite number at any of these iterations" in said
    assert len(page.all(".value-chart .nothing")) == 1
    server.go_away()


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


def test_numbers_read_well(page, server):
    page.open(server.url)
    calls = ", ".join(f"String({call})" for call in NUMBERS)
    read = page.run(
        f"""const {{value, brief, typed, short, duration}} = await import('/format.js');
        const {{nice}} = await import('/watch.js');
        return [{calls}];"""
    )
    assert dict(zip(NUMBERS, read, strict=True)) == NUMBERS
