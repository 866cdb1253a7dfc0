"""The dashboard by keyboard, on a telephone, and in the dark."""

import re

import pytest
from browser import open_page
from fake_run import FakeRun
from fake_server import FakeServer
from selenium.webdriver.common.keys import Keys


def test_keys_zoom_and_move_the_charts(watched):
    plot = watched.one(".value-chart .plot")
    seen = []
    for key, window in (("+", "125 to 375"), (Keys.ARROW_RIGHT, "188 to 438"), ("0", "0 to 500")):
        plot.send_keys(key)
        seen.append(watched.one(".window", f"Iterations {window}").text)
    assert len(set(seen)) == 3


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
