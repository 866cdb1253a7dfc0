"""Manual pages and completions are made from what the programs and the protocol say of themselves."""

import re
import shutil
import subprocess
import sys

import pytest

from helpers import programs

sys.path.insert(0, str(programs.WORKSPACE / "deploy/packaging"))

import help_page
import roff
import tree

EPOCH = 1_790_000_000


def source() -> tree.Source:
    return tree.Source(
        programs.WORKSPACE,
        {
            "descent": programs.descent(),
            "descentd": programs.descentd(),
            "descent-worker": programs.descent_worker(),
        },
        EPOCH,
    )


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return tree.manual_pages(source())


def words(page: str) -> str:
    """A page's text, without what roff needs."""
    page = re.sub(r"\\f[BRI]|\\&", "", page)
    for escaped, character in {"-": "-", "(aq": "'", "(ga": "`", "(ha": "^", "(ti": "~"}.items():
        page = page.replace("\\" + escaped, character)
    return page.replace("\\e", "\\")


def test_a_help_is_taken_apart():
    printed = (
        "Usage: tool [OPTION]... FILE\nDoes it.\n\n  FILE      what it reads;\n"
        "                          - for stdin\n\nOptions:\n  -h, --help  this\n"
        "      --long OPTION\n                          said below\n\nTry:  tool x\n      tool y\n"
    )
    found = help_page.parse(printed)
    assert (found.usage, found.intro) == ("tool [OPTION]... FILE", "Does it.")
    entry = help_page.Entry
    assert found.lists == {
        "Arguments": [entry("FILE", "what it reads; - for stdin")],
        "Options": [entry("-h, --help", "this"), entry("--long OPTION", "said below")],
    }
    assert found.closing == ["Try:  tool x", "      tool y"]


def test_text_is_never_taken_for_roff():
    assert roff.text(".TH is 'no' \\fBrequest") == "\\&.TH is \\(aqno\\(aq \\efBrequest"


def test_each_command_and_option_is_in_its_page(pages):
    for file, program in (
        ("descent.1", programs.descent()),
        ("descentd.8", programs.descentd()),
        ("descent-worker.8", programs.descent_worker()),
    ):
        page = words(pages[file])
        top = help_page.ask(program)
        asked = [top, *(help_page.ask(program, command.name) for command in top.commands())]
        for part in asked:
            assert part.intro and part.usage in page
            for entries in part.lists.values():
                for entry in entries:
                    if "--help" not in entry.name:
                        assert entry.name in page
                        assert entry.words in page, entry.name


def test_pages_say_nothing_of_who_made_them(pages):
    for page in pages.values():
        assert "/root" not in page and "/home" not in page and "/tmp/" not in page
    assert "~/.local/share/descent" in pages["descentd.8"].replace("\\(ti", "~")


def test_the_page_of_specs_has_what_the_protocol_says(pages):
    page = words(pages["descent-spec.5"])
    for said in (
        "Unknown fields are refused.",  # of the message Spec
        "What is minimized.",  # of its field
        "Passes over the training data",
        ".SS Linear",
        ".SS Nesterov",
        "cross_entropy",
    ):
        assert said in page
    # Each message once, however often it is used.
    assert len(re.findall(r"^\.SS Layer$", page, re.MULTILINE)) == 1


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_roff_finds_nothing_wrong(pages):
    for file, page in pages.items():
        said = subprocess.run(
            ["groff", "-Kutf8", "-Tutf8", "-man", "-ww", "-z"],
            input=page,
            capture_output=True,
            text=True,
        )
        assert not said.stderr, file
