"""Does what core/recipes.md says, in a copy of the sources.

    follow.py RECIPES TO NEW,… FILE…

Copies each FILE to TO/FILE and follows the page there, step by step. NEW: the headers that it makes. Whatever
the page asks for that can't be done is an error: the page must be true.
"""

import pathlib
import re
import sys

STEP = re.compile(
    r"`(?P<new>[^`]+)` is new:\n```cpp\n(?P<header>.*?)```\n"
    r"|In `(?P<list>[^`]+)`: `(?P<include>#include \"[^\"]+\")`, and `(?P<name>\w+)` in the list\.\n"
    r"|In `(?P<rules>[^`]+)`: `(?P<rule_include>#include \"[^\"]+\")`, and `(?P<rule>template class [^`]+;)` after the others\.\n"
    r"|In `(?P<build>[^`]+/BUILD)`: `(?P<file>[^`]+)` in `hdrs` of `(?P<target>\w+)`\.\n"
    r"|In `(?P<proto>[^`]+\.proto)`: a message, and a member of `(?P<owner>\w+)`\.\n"
    r"```proto\n(?P<message>.*?)```\n```proto\n(?P<member>.*?)```\n",
    re.DOTALL,
)
# Of each section, once; a header that says `extern template` has "rules" besides.
STEPS = ("new", "list", "build", "proto")


def put(text, place, more, where):
    """`text` with `more` at the end of the one match of `place`."""
    found = list(re.finditer(place, text, re.DOTALL))
    if len(found) != 1:
        sys.exit(f"{where}: {len(found)} places for {more!r}, not one")
    return text[: found[0].end()] + more + text[found[0].end() :]


def follow(step, read, write):
    if step["new"]:
        write(step["new"], step["header"])
        return
    where = step["list"] or step["rules"] or step["build"] or step["proto"]
    text = read(where)
    if include := step["include"] or step["rule_include"]:
        # After the last one; their order is clang-format's affair.
        text = put(text, r"\n#include [^\n]+\n(?!.*\n#include )", include + "\n", where)
    if step["rules"]:
        text = put(text, r"\ntemplate [^\n]+;\n(?!.*\ntemplate )", step["rule"] + "\n", where)
    elif step["list"]:
        # The list of types, up to what closes it.
        text = put(
            text,
            r"\b(KindList|MakeKinds|MakeWrapperKinds|return OneOf)<[^;{}]*?(?=>(;|\())",
            ", " + step["name"],
            where,
        )
    elif step["build"]:
        text = put(
            text,
            rf'name = "{step["target"]}",(?:(?!\n\)).)*?hdrs = \[',
            f'"{step["file"]}",',
            where,
        )
    else:
        text = put(
            text,
            rf"\nmessage {step['owner']} {{(?:(?!\n}}).)*?\n  oneof kind {{\n",
            step["member"],
            where,
        )
        text += "\n" + step["message"]
    write(where, text)


def main():
    page, to, new, *files = sys.argv[1:]
    to = pathlib.Path(to)

    def read(name):
        return (to / name).read_text()

    def write(name, text):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_text(text)

    for file in files:
        write(file, pathlib.Path(file).read_text())
    made = set()
    for section in pathlib.Path(page).read_text().split("\n## ")[1:]:
        steps = [match.groupdict() for match in STEP.finditer(section + "\n")]
        kinds = [kind for step in steps for kind in (*STEPS, "rules") if step[kind]]
        wanted = list(STEPS)
        if "\nextern template " in section:
            wanted.insert(wanted.index("build"), "rules")
        if kinds != wanted:
            sys.exit(f"{page}: {section.splitlines()[0]} has the steps {kinds}, not {wanted}")
        for step in steps:
            follow(step, read, write)
            made |= {step["new"]} - {None}
    if made != set(new.split(",")):
        sys.exit(f"{page} makes {sorted(made)}; tests/recipe/BUILD says {new}")


if __name__ == "__main__":
    main()
