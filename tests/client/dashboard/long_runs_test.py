"""Runs that have more iterations than the dashboard draws."""

from fake_run import FakeRun
from fake_server import FakeServer


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

    def drawn():
        return int(page.text(".window").split(" · ")[1].split()[0].replace(",", ""))

    # The first window has more of its own than the whole run had of it, but is thinned as well.
    page.one("button[aria-label='Zoom in']").click()
    page.wait(lambda: drawn() > 5_000, "the first window's detail")
    for _ in range(4):
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
