"""tests/report.py counts what it should."""

import json
import pathlib
import subprocess
import sys

import pytest

REPORT = pathlib.Path(__file__).parents[1] / "report.py"


@pytest.fixture
def run(tmp_path):
    """run(events, status, *checks): the exit status and the lines of a report."""

    def _run(events, status=0, *checks):
        path = tmp_path / "events.json"
        path.write_text("\n".join(json.dumps(event) for event in events))
        ended = subprocess.run(
            [sys.executable, REPORT, "--events", path, "--status", str(status), *checks],
            capture_output=True,
            text=True,
        )
        return ended.returncode, ended.stdout.splitlines()

    return _run


@pytest.fixture
def result(tmp_path):
    """result(label, status, xml): Bazel's event of a test that left this JUnit file."""

    def _result(label, status, xml, attempt=1):
        path = tmp_path / f"{label.strip('/').replace('/', '-').replace(':', '-')}-{attempt}.xml"
        path.write_text(xml)
        return {
            "id": {"testResult": {"label": label, "run": 1, "shard": 1, "attempt": attempt}},
            "testResult": {
                "status": status,
                "testActionOutput": [{"name": "test.xml", "uri": path.as_uri()}],
            },
        }

    return _result


def suite(*cases):
    return "<testsuites><testsuite>" + "".join(cases) + "</testsuite></testsuites>"


PASSED = '<testcase name="a" classname="S" status="run" result="completed"/>'
FAILED = '<testcase name="b" classname="S"><failure message="no"/></testcase>'
SKIPPED = '<testcase name="c" classname="S" result="skipped"><skipped message="x"/></testcase>'
DISABLED = '<testcase name="DISABLED_d" classname="S" status="notrun"/>'


def test_cases_are_counted_one_by_one(run, result):
    xml = suite(PASSED, PASSED, SKIPPED, DISABLED)
    assert run([result("//a:t", "PASSED", xml)], 0) == (0, ["2 passed, 0 failed, 2 skipped"])


def test_a_failed_case_is_named(run, result):
    status, lines = run([result("//a:t", "FAILED", suite(PASSED, FAILED))], 3)
    assert (status, lines) == (1, ["FAILED //a:t: S.b", "1 passed, 1 failed"])


def test_a_test_that_crashed_after_its_last_case_failed(run, result):
    status, lines = run([result("//a:t", "TIMEOUT", suite(PASSED))], 3)
    assert (status, lines) == (1, ["FAILED //a:t (timeout)", "1 passed, 1 failed"])


def test_a_test_without_a_readable_file_is_one_case(run, result):
    events = [result("//a:t", "PASSED", "<broken"), result("//a:u", "FAILED", "<broken")]
    assert run(events, 3) == (1, ["FAILED //a:u (failed)", "1 passed, 1 failed"])


def test_of_several_attempts_the_last_counts(run, result):
    events = [
        result("//a:t", "FAILED", suite(FAILED), attempt=1),
        result("//a:t", "PASSED", suite(PASSED), attempt=2),
    ]
    assert run(events, 0) == (0, ["1 passed, 0 failed"])


def test_what_does_not_build_failed(run):
    events = [{"id": {"targetCompleted": {"label": "//a:t"}}, "completed": {}}]
    assert run(events, 1) == (1, ["FAILED //a:t (does not build)", "0 passed, 1 failed"])


def test_a_bazel_that_could_not_begin_failed(run):
    assert run([], 37) == (1, ["FAILED bazel test (ended with 37)", "0 passed, 1 failed"])


def test_checks_beside_bazel_count_too(run, result):
    events = [result("//a:t", "PASSED", suite(PASSED))]
    assert run(events, 0, "format=passed", "lint=failed") == (
        1,
        ["FAILED lint", "2 passed, 1 failed"],
    )
