"""The dashboard on journals of the real service."""

import json

import pytest
from fake_run import RecordedRun
from fake_server import ROOT, FakeServer

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
