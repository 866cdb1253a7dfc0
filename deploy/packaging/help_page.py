"""Manual pages of programs, made from what they say themselves with --help."""

import dataclasses
import functools
import pathlib
import re
import subprocess

import roff

_TITLE = re.compile(r"[A-Z][\w ]*:")


@dataclasses.dataclass
class Entry:
    """A line of a list in a help: an option, an argument or a command."""

    name: str
    words: str = ""


@dataclasses.dataclass
class Help:
    """What a program printed, in its parts."""

    usage: str = ""
    intro: str = ""
    lists: dict[str, list[Entry]] = dataclasses.field(default_factory=dict)  # by title
    closing: list[str] = dataclasses.field(default_factory=list)  # lines

    def commands(self) -> list[Entry]:
        return self.lists.get("Commands", []) or self.lists.get("Subcommands", [])


def _entries(lines: list[str]) -> list[Entry]:
    """The entries of a list: names begin left of the eighth column, and two blanks end them."""
    out = []
    for line in lines:
        if len(line) - len(line.lstrip()) < 8:
            name, _, words = re.sub(r"\s{2,}", "\0", line.strip(), count=1).partition("\0")
            out.append(Entry(name, words))
        else:
            out[-1].words = f"{out[-1].words} {line.strip()}".strip()
    return out


def parse(printed: str) -> Help:
    """Takes a help apart: usage and a sentence, lists (arguments have no title), what follows."""
    out = Help()
    for block in re.split(r"\n\s*\n", printed.strip("\n")):
        lines = block.splitlines()
        if not out.usage:
            usage = next(i for i, line in enumerate(lines) if line.startswith("Usage: "))
            out.usage = lines[usage].removeprefix("Usage: ")
            out.intro = " ".join(lines[:usage] + lines[usage + 1 :])
        elif _TITLE.fullmatch(lines[0]):
            out.lists[lines[0][:-1]] = _entries(lines[1:])
        elif all(line.startswith(" ") for line in lines):
            out.lists["Arguments"] = _entries(lines)
        else:
            out.closing += [*([""] if out.closing else []), *lines]
    return out


@functools.cache  # the worker takes its time to load LibTorch
def ask(program: pathlib.Path, *command: str) -> Help:
    """Asks the program, or one of its commands, which begins with a home folder of nobody's."""
    answer = subprocess.run(
        [program, *command, "--help"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env={"HOME": "~", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    return parse(answer.stdout)


def _list(title: str, entries: list[Entry]) -> str:
    items = "".join(roff.item(roff.bold(entry.name), entry.words) for entry in entries)
    return f".SS {roff.text(title)}\n{items}" if title else items


def _synopsis(usage: str) -> str:
    return f".PP\n{roff.text(usage)}\n"


def body(program: pathlib.Path, files: str, see_also: str) -> str:
    """All sections of a page but its first.

    What every command has (the options of the group `Common options`) is said once. `files` and
    `see_also` are roff.
    """
    top = ask(program)
    out = f".SH SYNOPSIS\n{_synopsis(top.usage)}.SH DESCRIPTION\n{roff.paragraphs(top.intro)}"
    arguments = top.lists.get("Arguments", []) + top.lists.get("Positionals", [])
    out += _list("", arguments)
    for title in ("Options", "Common options"):
        if entries := top.lists.get(title):
            out += f".SH {title.upper()}\n{_list('', entries)}"
    if commands := top.commands():
        out += ".SH COMMANDS\n"
        for command in commands:
            asked = ask(program, command.name)
            out += f".SS {roff.text(command.name)}\n{_synopsis(asked.usage)}"
            out += roff.paragraphs(asked.intro)
            for title, entries in asked.lists.items():
                if title != "Common options":
                    shown = [entry for entry in entries if "--help" not in entry.name]
                    out += _list("", shown)
            out += roff.literal("\n".join(asked.closing)) if asked.closing else ""
    if top.closing:
        out += f".SH EXAMPLES AND EXIT STATUS\n{roff.literal(chr(10).join(top.closing))}"
    if files:
        out += f".SH FILES\n{files}"
    return out + f".SH SEE ALSO\n{see_also}\n"
