"""Processes, watched by descriptors: nothing here polls or sleeps."""

import os
import pathlib
import select
import signal


def wait_until_gone(pid: int, timeout: float = 30.0) -> None:
    """Waits for the end of any process, one's child or not. TimeoutError if it lives on."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(timeout * 1000):
            raise TimeoutError(f"process {pid} is still there after {timeout} s")
    finally:
        os.close(descriptor)


def kill(pid: int, number: int = signal.SIGKILL, timeout: float = 30.0) -> None:
    """Sends a deadly signal and waits until the process is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    wait_until_gone(pid, timeout)


def with_argument(text: str) -> list[int]:
    """The running processes that have `text` within one of their arguments."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if text.encode() in arguments:
            found.append(int(entry.name))
    return sorted(found)


def resident(pid: int) -> int:
    """Bytes of physical memory."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmRSS")


def processor_seconds(pid: int) -> float:
    """User and system time so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
