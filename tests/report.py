#!/usr/bin/env python3
"""Counts what was tested, case by case, and says what failed.

    report.py [--events FILE --status N]... [NAME=passed|failed|skipped]...

`--events` is Bazel's build event file in JSON of a `bazel test`, `--status` its exit status (both once
for each run); each test's JUnit file is read, so a case is one TEST of GoogleTest or one pytest function. The last line
printed is `N passed, N failed[, N skipped]`; exit status 1 if something failed.
"""

import argparse
import itertools
import json
import pathlib
import sys
import urllib.parse
from xml.etree import ElementTree


class Tally:
    def __init__(self):
        self.passed = self.skipped = 0
        self.failures = []

    def add_cases(self, label, document):
        """Counts the cases of a JUnit document; whether one of them failed."""
        any_failed = False
        for case in document.iter("testcase"):
            children = {child.tag for child in case}
            if children & {"failure", "error"}:
                any_failed = True
                name = ".".join(filter(None, [case.get("classname"), case.get("name")]))
                self.failures.append(f"{label}: {name}" if name else label)
            elif "skipped" in children or case.get("status") == "notrun":
                self.skipped += 1
            else:
                self.passed += 1
        return any_failed

    def add_test(self, label, result):
        """Counts one test target's outcome, given Bazel's testResult event."""
        outputs = {o["name"]: o.get("uri", "") for o in result.get("testActionOutput", [])}
        status = result.get("status", "NO_STATUS")
        document = None
        try:
            path = urllib.parse.unquote(urllib.parse.urlparse(outputs["test.xml"]).path)
            document = ElementTree.parse(pathlib.Path(path))
        except (KeyError, OSError, ElementTree.ParseError):
            pass
        explained = document is not None and self.add_cases(label, document)
        if status == "PASSED":
            if document is None:
                self.passed += 1
        elif not explained:
            # A crash or a timeout leaves no failed case behind.
            self.failures.append(f"{label} ({status.lower().replace('_', ' ')})")


def add_bazel(tally, events, status):
    results = {}  # the last attempt of each run and shard
    unbuilt = set()
    for line in events.read_text().splitlines():
        event = json.loads(line)
        kind, identity = next(iter(event["id"].items()))
        if kind == "testResult":
            key = (identity["label"], identity.get("run", 1), identity.get("shard", 1))
            results[key] = event["testResult"]
        elif kind == "targetCompleted" and "completed" in event:
            if not event["completed"].get("success"):
                unbuilt.add(identity["label"])
        elif kind == "pattern" and "aborted" in event:
            unbuilt.add(" ".join(identity["pattern"]))
    for (label, _, _), result in sorted(results.items()):
        tally.add_test(label, result)
    tested = {label for label, _, _ in results}
    tally.failures += [f"{label} (does not build)" for label in sorted(unbuilt - tested)]
    # 3: some tests failed; 4: there were none.
    if status not in (0, 3, 4) and not unbuilt:
        tally.failures.append(f"bazel test (ended with {status})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--status", type=int, action="append", default=[])
    parser.add_argument("checks", nargs="*", metavar="NAME=OUTCOME")
    arguments = parser.parse_args()

    tally = Tally()
    for events, status in itertools.zip_longest(arguments.events, arguments.status, fillvalue=0):
        if events.exists():
            add_bazel(tally, events, status)
        else:
            tally.failures.append(f"bazel test (did not start; ended with {status})")
    for check in arguments.checks:
        name, _, outcome = check.rpartition("=")
        if outcome == "passed":
            tally.passed += 1
        elif outcome == "skipped":
            tally.skipped += 1
        else:
            tally.failures.append(name)

    for failure in tally.failures:
        print(f"FAILED {failure}")
    last = f"{tally.passed} passed, {len(tally.failures)} failed"
    if tally.skipped:
        last += f", {tally.skipped} skipped"
    print(last, flush=True)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
