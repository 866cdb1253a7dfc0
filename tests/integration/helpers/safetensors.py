"""Reads a checkpoint as an outsider would: an 8-byte length, a JSON header, the data."""

import json
import pathlib
import struct


def read(path: pathlib.Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """The bytes of every tensor by name, and the header's metadata."""
    content = path.read_bytes()
    (size,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = content[8 + size + begin : 8 + size + end]
    return tensors, metadata
