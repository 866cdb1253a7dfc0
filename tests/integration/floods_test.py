"""What floods of frames cost the daemon, and another client of it.

Prints a table; $DESCENT_FLOOD_SECONDS says how long each kind lasts (2), so that

    DESCENT_LONG=1 DESCENT_FLOOD_SECONDS=10 pytest -s tests/integration/floods_test.py

measures. As a test it says that the other client is answered, and that memory is bounded.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

from helpers import floods, process

SECONDS = float(os.environ.get("DESCENT_FLOOD_SECONDS", "2"))
# What a flood should not go beyond; some do (tests/README.md).
MOST_MEGABYTES = 800


@pytest.mark.long
@pytest.mark.parametrize("kind", ["nothing", *floods.KINDS])
def test_another_client_is_answered(daemon, client, kind):
    client.list_jobs()
    line = [sys.executable, "-m", "helpers.floods", kind]
    line += [daemon.grpc.rpartition(":")[2], str(SECONDS)]
    if kind == "nothing":
        line = ["sleep", str(SECONDS)]
    before = process.processor_seconds(daemon.pid)
    begun = time.monotonic()
    took, most = [], 0
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, text=True, cwd=pathlib.Path(__file__).parent
    ) as flood:
        try:
            while flood.poll() is None:
                asked = time.monotonic()
                client.list_jobs()
                took.append(time.monotonic() - asked)
                most = max(most, process.resident(daemon.pid) >> 20)
                time.sleep(0.01)
        finally:
            flood.kill()
        said = json.loads(flood.stdout.read() or "{}")
    seconds = time.monotonic() - begun
    cpu = (process.processor_seconds(daemon.pid) - before) / seconds
    took.sort()
    print(
        f"\n{kind:15} {said.get('sent', 0) / seconds:9.0f}/s  {said.get('connections', 0):5} connections"
        f"  daemon {100 * cpu:4.0f} % CPU {most:4} MB  flood {100 * said.get('cpu', 0) / seconds:4.0f} %"
        f"  answers {len(took):4}  median {1e3 * took[len(took) // 2]:6.1f} ms"
        f"  99 % {1e3 * took[len(took) * 99 // 100]:6.1f} ms  most {1e3 * took[-1]:6.1f} ms"
    )
    assert most < MOST_MEGABYTES
    assert len(client.list_jobs().jobs) == 0
