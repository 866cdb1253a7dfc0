"""Writes the example specs as a C++ file: embed_examples.py OUT FILE..."""

import itertools
import pathlib
import sys

out, *files = sys.argv[1:]


def literal(text):
    """A C++ string; in pieces, as compilers limit the length of one."""
    lines = text.splitlines(keepends=True)
    return "\n".join(
        '    R"_(' + "".join(lines[i : i + 100]) + ')_"' for i in range(0, len(lines), 100)
    )


entries = []
for path in sorted(map(pathlib.Path, files)):
    text = path.read_text(encoding="utf-8")
    name = path.stem if path.suffix == ".yaml" else path.name
    title = "its data"
    if text.startswith("# "):
        # The first sentence of the paragraph that it begins with.
        lines = itertools.takewhile(lambda line: line.startswith("# "), text.splitlines())
        title = " ".join(line[2:] for line in lines).split(". ")[0].rstrip(".")
    entries.append(f'    {{"{name}",\n{literal(title)},\n{literal(text)}}},\n')

pathlib.Path(out).write_text(
    '#include "client/cli/examples.h"\n\n'
    "namespace descent::cli {\nnamespace {\n\n"
    f"constexpr Example kExamples[] = {{\n{''.join(entries)}}};\n\n"
    "}  // namespace\n\n"
    "std::span<const Example> Examples() { return kExamples; }\n\n"
    "}  // namespace descent::cli\n",
    encoding="utf-8",
)
