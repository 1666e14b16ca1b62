"""The frames between the server and one environment: lengths and layouts, no sockets.

    to the child     kind | seq | length of the head | length of the body | head (JSON) | body
    to the server    kind | seq | duration_us | memory_kb | length | payload

The body is the event and the payload the response, JSON text that nobody here parses or writes
anew. bootstrap/child.py holds the same layouts by itself, since it must not import this package; a
test compares the two. The child is not trusted: a frame of unknown kind or length is a `Garbage`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

TO_CHILD = struct.Struct("!cIII")
TO_SERVER = struct.Struct("!cIIII")

CONFIGURE = b"C"
INVOKE = b"I"

READY = b"R"
INIT_ERROR = b"X"
RESPONSE = b"O"
FAILURE = b"E"
TOO_LARGE = b"L"
KINDS_TO_SERVER = frozenset((READY, INIT_ERROR, RESPONSE, FAILURE, TOO_LARGE))

RESPONSE_BYTES_MAX = 6_291_556
"""AWS: Lambda quotas, "Invocation payload": 6 MB each way; the number is its error message's."""


_write_json = json.JSONEncoder(separators=(",", ":")).encode


class Garbage(Exception):
    """The other side does not speak our language; the environment cannot be used any more."""


class Frame(NamedTuple):
    """One message of a child. duration_us is that of the handler, or of the init for READY."""

    kind: bytes
    seq: int
    duration_us: int
    memory_kb: int  # peak resident memory, as the child says
    payload: bytes


def encode(
    kind: bytes, seq: int, head: Mapping[str, Any], body: bytes = b""
) -> tuple[bytes, bytes]:
    """Return a frame for a child in two pieces, so that a large body is not copied."""
    text = _write_json(head).encode()
    return TO_CHILD.pack(kind, seq, len(text), len(body)) + text, body


class FrameReader:
    """Cut the bytes that a child sends into frames. Holds one frame at most and what came after."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Append what was read from the channel."""
        self._buffer += data

    @property
    def is_midway(self) -> bool:
        """Tell whether a part of a frame waits for the rest."""
        return bool(self._buffer)

    def next(self) -> Frame | None:
        """Return the next whole frame, or None until more has come. Raises Garbage."""
        buffer = self._buffer
        if len(buffer) < TO_SERVER.size:
            if buffer and bytes(buffer[:1]) not in KINDS_TO_SERVER:
                raise Garbage(f"unknown kind {bytes(buffer[:1])!r}")
            return None
        kind, seq, duration_us, memory_kb, length = TO_SERVER.unpack_from(buffer)
        if kind not in KINDS_TO_SERVER:
            raise Garbage(f"unknown kind {kind!r}")
        if length > RESPONSE_BYTES_MAX:
            raise Garbage(f"a payload of {length} bytes")
        end = TO_SERVER.size + length
        if len(buffer) < end:
            return None
        payload = bytes(memoryview(buffer)[TO_SERVER.size : end])
        del buffer[:end]
        return Frame(kind, seq, duration_us, memory_kb, payload)
