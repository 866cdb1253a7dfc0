"""A headless Chromium, for the tests of the dashboard."""

import contextlib
import pathlib
import shutil
import tempfile
import time

import pytest

CHROMIUM = "/usr/bin/chromium"
CHROMEDRIVER = "/usr/bin/chromedriver"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-dev-shm-usage "
    "--disable-background-networking --disable-component-update --disable-sync"
)


class Page:
    """A browser window, and the few things that the tests ask of it."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, url):
        """Loads the page anew, whatever it showed before."""
        self.driver.get("about:blank")
        self.driver.get(url)

    def all(self, selector):
        """The elements in sight."""
        return [e for e in self.driver.find_elements("css selector", selector) if e.is_displayed()]

    def one(self, selector, text=""):
        """The one in sight whose text contains `text`, waiting for it."""
        return self.wait(
            lambda: next((e for e in self.all(selector) if text in e.text), None),
            f"{selector} {text}",
        )

    def text(self, selector):
        return self.one(selector).text

    def wait(self, condition, what="", seconds=20, tick=None):
        """Until the condition holds; `tick` is called in between (to let a made-up run go on)."""
        from selenium.common.exceptions import StaleElementReferenceException

        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(StaleElementReferenceException):
                if found := condition():
                    return found
            if time.monotonic() > end:
                body = self.driver.find_element("css selector", "body").text
                raise AssertionError(
                    f"waited {seconds} s for {what or condition}; the page says:\n{body}"
                )
            if tick:
                tick()
            time.sleep(0.02)

    def run(self, body, *arguments):
        """The value of an async function's body, in the page."""
        script = """const done = arguments[arguments.length - 1], given = [...arguments].slice(0, -1);
            (async () => {%s})().then((value) => done({value}), (error) => done({error: String(error.stack)}));"""
        answer = self.driver.execute_async_script(script % body, *arguments)
        assert "error" not in answer, answer["error"]
        return answer.get("value")

    def drawn_to(self):
        """The last iteration that the curve of the value shows."""
        return int(
            self.driver.execute_script(
                "return document.querySelector('.value-chart .plot')?.dataset.last ?? '-1'"
            )
        )

    def complaints(self):
        """Errors on the console, but for requests that failed or were refused."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE" and "Failed to load resource" not in entry["message"]
        ]


@contextlib.contextmanager
def open_page(width=1400, height=1100, dark=False):
    """A Page in a browser of its own; skips the test where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver")
    if not (shutil.which(CHROMIUM) and shutil.which(CHROMEDRIVER)):
        pytest.skip("no chromium and chromium-driver")
    profile = tempfile.mkdtemp(prefix="descent-chromium-")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS.split(), f"--user-data-dir={profile}", f"--window-size={width},{height}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.chrome.service.Service(CHROMEDRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.set_script_timeout(30)
        yield Page(driver)
    finally:
        driver.quit()
        shutil.rmtree(pathlib.Path(profile), ignore_errors=True)
