"""Text as roff, the language of manual pages."""

import re


def text(words: str) -> str:
    """The words as they are, whatever roff would take them for."""
    escaped = words.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    escaped = escaped.replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return re.sub(r"^\.", r"\\&.", escaped, flags=re.MULTILINE)


def bold(words: str) -> str:
    return f"\\fB{text(words)}\\fR"


def paragraphs(words: str) -> str:
    """Paragraphs, which an empty line parts."""
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n", words.strip())]
    return "".join(f".PP\n{text(part)}\n" for part in parts if part)


def literal(lines: str) -> str:
    """Lines as they stand, in the font of a terminal."""
    return f".PP\n.nf\n{text(lines.rstrip())}\n.fi\n"


def item(head: str, words: str) -> str:
    """One of a list: `head` is roff already."""
    return f".TP\n{head}\n{text(' '.join(words.split()))}\n"


def page(name: str, section: int, what: str, *, date: str, version: str, body: str) -> str:
    """A manual page, whose name and purpose `man` and `apropos` find in its first section."""
    return (
        f'.TH {name.upper()} {section} "{date}" "Descent {version}" "Descent"\n'
        f".SH NAME\n{text(name)} \\- {text(what)}\n{body}"
    )
