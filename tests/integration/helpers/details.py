"""Error details, decoded as any client of google.rpc.Status would."""

import dataclasses

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def _messages() -> dict:
    """google.rpc's messages, written down: their Python package is not needed for four of them."""
    text = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="details.proto", package="details", syntax="proto3"
    )

    def message(name: str, *fields: tuple[str, int, int, str]) -> None:
        made = file.message_type.add(name=name)
        for field, number, label, type_name in fields:
            entry = made.field.add(name=field, number=number, label=label)
            entry.type = {
                "string": text.TYPE_STRING,
                "bytes": text.TYPE_BYTES,
                "int32": text.TYPE_INT32,
            }.get(type_name, text.TYPE_MESSAGE)
            if entry.type == text.TYPE_MESSAGE:
                entry.type_name = f".details.{type_name}"

    one, many = text.LABEL_OPTIONAL, text.LABEL_REPEATED
    message("Any", ("type_url", 1, one, "string"), ("value", 2, one, "bytes"))
    message(
        "Status",
        ("code", 1, one, "int32"),
        ("message", 2, one, "string"),
        ("details", 3, many, "Any"),
    )
    message("Entry", ("key", 1, one, "string"), ("value", 2, one, "string"))
    message(
        "ErrorInfo",
        ("reason", 1, one, "string"),
        ("domain", 2, one, "string"),
        ("metadata", 3, many, "Entry"),
    )
    message("Violation", ("field", 1, one, "string"), ("description", 2, one, "string"))
    message("BadRequest", ("violations", 1, many, "Violation"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"details.{name}"))
        for name in ("Status", "ErrorInfo", "BadRequest")
    }


_MESSAGES = _messages()


@dataclasses.dataclass
class Details:
    message: str
    reason: str = ""
    domain: str = ""
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    fields: list[str] = dataclasses.field(default_factory=list)


def of(error: grpc.RpcError) -> Details:
    """The message, and what `grpc-status-details-bin` holds."""
    found = Details(error.details())
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        status = _MESSAGES["Status"].FromString(value)
        for any_ in status.details:
            name = any_.type_url.rsplit(".", 1)[-1]
            if name == "ErrorInfo":
                info = _MESSAGES["ErrorInfo"].FromString(any_.value)
                found.reason, found.domain = info.reason, info.domain
                found.metadata = {e.key: e.value for e in info.metadata}
            elif name == "BadRequest":
                bad = _MESSAGES["BadRequest"].FromString(any_.value)
                found.fields = [v.field for v in bad.violations]
    return found


def refused(code: grpc.StatusCode, call, *arguments, **named) -> Details:
    """Calls, expects this error, and gives its message and details."""
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments, **named)
    assert error.value.code() == code, error.value.details()
    return of(error.value)
