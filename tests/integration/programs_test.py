"""What the programs are made of."""

import subprocess

from helpers import programs


def libraries(program):
    """The shared libraries that a program would load, by name."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in listed.splitlines()}


def test_the_daemon_does_not_link_libtorch():
    loaded = libraries(programs.descentd())
    assert any(name.startswith("libgrpc++") for name in loaded)
    assert not [name for name in loaded if "torch" in name or "c10" in name]


def test_the_command_line_does_not_link_libtorch():
    assert not [name for name in libraries(programs.descent()) if "torch" in name]


def test_the_worker_links_libtorch_and_no_store():
    loaded = libraries(programs.descent_worker())
    assert "libtorch_cpu.so" in loaded
    assert not [name for name in loaded if "sqlite" in name]


def test_every_program_says_how_it_is_called():
    for program in (programs.descentd(), programs.descent_worker(), programs.descent()):
        shown = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=30)
        assert shown.returncode == 0
        assert program.name in shown.stdout
