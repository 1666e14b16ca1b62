"""Event streams in answers: messages framed with lengths and checksums (vnd.amazon.eventstream).

    total length | headers length | CRC of those | headers | payload | CRC of all before

What is written is a run of messages: a whole answer, or what the shell sends of one piece by piece.
AWS: Smithy, "Amazon Event Stream Specification".
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from redrive.wire.codecs.codec import BodyWriter, Codec
from redrive.wire.model import Member, Model, Operation, Shape

TYPE = "application/vnd.amazon.eventstream"
"""The Content-Type of such an answer."""

_STRING = 7  # the header type of text

Events = Iterable[Mapping[str, Any]]


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one message of the stream."""
    head = b""
    for name, text in headers.items():
        key, value = name.encode(), text.encode()
        head += bytes((len(key),)) + key + struct.pack(">BH", _STRING, len(value)) + value
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    said = prelude + struct.pack(">I", crc32(prelude)) + head + payload
    return said + struct.pack(">I", crc32(said))


def compile_writer(
    shape: Shape, operation: Operation, model: Model, codec: Codec
) -> Callable[[Events], bytes]:
    """Return a writer of a sequence of events, each a dict {event type: its structure}."""
    writers = {
        name: _event_writer(member, operation, model, codec)
        for name, member in shape.members.items()
    }

    def write(events: Events) -> bytes:
        out = []
        for event in events:
            for name, value in event.items():
                out.append(writers[name](value))
        return b"".join(out)

    return write


def _event_writer(
    member: Member, operation: Operation, model: Model, codec: Codec
) -> Callable[[Mapping[str, Any]], bytes]:
    headers = {":message-type": "event", ":event-type": member.name}
    payload = next((m for m in member.shape.members.values() if m.traits.get("eventpayload")), None)
    if payload is not None and payload.shape.type == "blob":
        raw = {**headers, ":content-type": "application/octet-stream"}
        name = payload.name
        return lambda value: frame(raw, bytes(value.get(name, b"")))
    write: BodyWriter = codec.writer(member.shape, operation, model)
    told = {**headers, ":content-type": "application/json"}
    return lambda value: frame(told, write(value, ""))
