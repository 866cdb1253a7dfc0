"""The manual page of specs, made from the comments of their messages."""

import pathlib
import subprocess
import tempfile

import roff
from google.protobuf import descriptor_pb2

_ROOT = ".descent.v1.Spec"
_Field = descriptor_pb2.FieldDescriptorProto

_INTRO = """
A spec says what to train: a model, an objective, an optimizer, data, and for how long. People write it as YAML, as
JSON or as protobuf's text format; "descent submit" and "descent validate" take all three, and "descent example" lists
specs to begin with. "descent get JOB --spec" shows one with every default and the seed resolved.

Short forms are taken wherever they are clear: a single number for a message whose first value it is ("dropout: 0.2",
"adam: 1e-3"), a word for a member without fields ("relu"). Relative paths start at the spec's folder. An error names
line, column and field.
"""


def _read_protos(protos: pathlib.Path) -> list[descriptor_pb2.FileDescriptorProto]:
    """What protoc makes of the spec and all that it imports, with the comments."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(
            [
                "protoc",
                f"-I{protos}",
                "--include_imports",
                "--include_source_info",
                f"--descriptor_set_out={out.name}",
                "descent/v1/spec.proto",
            ],
            check=True,
        )
        found = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out.name).read_bytes())
    return [file for file in found.file if file.package == "descent.v1"]


def _comments(file: descriptor_pb2.FileDescriptorProto) -> dict[tuple[int, ...], str]:
    """What is said before and behind each declaration, by its path in the descriptor."""
    out = {}
    for place in file.source_code_info.location:
        said = [place.leading_comments.strip(), place.trailing_comments.strip()]
        out[tuple(place.path)] = "\n".join(part for part in said if part)
    return out


class _Types:
    """Every message and enum by its full name, with the comments of its declaration."""

    def __init__(self, files: list[descriptor_pb2.FileDescriptorProto]):
        self.messages = {}
        self.enums = {}
        for file in files:
            comments = _comments(file)
            for i, message in enumerate(file.message_type):
                self._add(message, f".{file.package}.{message.name}", (4, i), comments)
            for i, enum in enumerate(file.enum_type):
                self.enums[f".{file.package}.{enum.name}"] = (enum, (5, i), comments)

    def _add(self, message, name: str, path: tuple[int, ...], comments) -> None:
        self.messages[name] = (message, path, comments)
        for i, nested in enumerate(message.nested_type):
            self._add(nested, f"{name}.{nested.name}", (*path, 3, i), comments)
        for i, enum in enumerate(message.enum_type):
            self.enums[f"{name}.{enum.name}"] = (enum, (*path, 4, i), comments)


def _short(name: str) -> str:
    return name.removeprefix(".descent.v1.").removeprefix(".google.protobuf.")


def _type_of(field, types: _Types) -> str:
    if field.type_name in types.enums:
        enum = types.enums[field.type_name][0]
        kind = ", ".join(v.name.lower() for v in enum.value if v.number)
    elif field.type_name:
        kind = _short(field.type_name)
    else:
        kind = _Field.Type.Name(field.type).removeprefix("TYPE_").lower()
    return f"list of {kind}" if field.label == _Field.LABEL_REPEATED else kind


def _enum_values(enum, path: tuple[int, ...], comments) -> str:
    said = [(v.name.lower(), comments.get((*path, 2, i), "")) for i, v in enumerate(enum.value)]
    return " ".join(f"{name}: {' '.join(words.split())}" for name, words in said if words)


def _field(field, path: tuple[int, ...], comments, types: _Types) -> str:
    words = comments.get(path, "")
    if field.type_name in types.enums:
        words = f"{words} {_enum_values(*types.enums[field.type_name])}"
    head = f"{roff.bold(field.name)} \\fI{roff.text(_type_of(field, types))}\\fR"
    return roff.item(head, words)


def _message(name: str, types: _Types) -> str:
    message, path, comments = types.messages[name]
    out = f".SS {roff.text(_short(name))}\n{roff.paragraphs(comments.get(path, ''))}"
    union = None
    for i, field in enumerate(message.field):
        within = field.HasField("oneof_index") and not field.proto3_optional
        if within and field.oneof_index != union:
            out += ".PP\nOne of these:\n"
        elif not within and union is not None:
            out += ".PP\nBesides:\n"
        union = field.oneof_index if within else None
        out += _field(field, (*path, 2, i), comments, types)
    return out


def _reachable(types: _Types) -> list[str]:
    """The messages of a spec, each after the first that has it."""
    order = [_ROOT]
    for name in order:
        for field in types.messages[name][0].field:
            if field.type_name in types.messages and field.type_name not in order:
                order.append(field.type_name)
    return order


def body(protos: pathlib.Path, example: str, see_also: str) -> str:
    """All sections of the page but its first. `protos` is the root of the imports."""
    types = _Types(_read_protos(protos))
    out = f".SH DESCRIPTION\n{roff.paragraphs(_INTRO)}.SH EXAMPLE\n{roff.literal(example)}"
    out += ".SH MESSAGES\n" + "".join(_message(name, types) for name in _reachable(types))
    return f"{out}.SH SEE ALSO\n{see_also}\n"
