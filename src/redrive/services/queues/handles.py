"""Message ids and receipt handles: a message's sequence number in clothes that AWS's users know.

A MessageId is a version 7 UUID of the sequence number, so that a message is found by its id without
an index. A receipt handle names heap, sequence number and number of the receive; the latest
receive's is the current one. Neither is a secret: whoever may receive may know them.
"""

from __future__ import annotations

import re
import struct
from binascii import Error, a2b_base64, b2a_base64, crc32
from typing import NamedTuple

from redrive.core.ids import SEQ_BITS

_LAYOUT = struct.Struct(">QQI")
_HANDLE_LENGTH = 32  # 24 bytes, so that base64 needs no padding and has one form only
_NUMBER_MAX = (1 << 63) - 1  # of a heap or a sequence, as the tables hold them
_N_MASK = (1 << SEQ_BITS) - 1
_TAIL_MASK = (1 << 54) - 1
_ODD = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: spreads neighbouring numbers (Knuth, TAOCP 3, 6.4)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
ID_LENGTH = 36


class Handle(NamedTuple):
    """What a receipt handle says."""

    heap: int
    seq: int
    receives: int


def message_id(seq: int, salt: int) -> str:
    """Return the MessageId of a sequence number: UUIDv7 whose instant is the instant of sending."""
    n = seq & _N_MASK
    high = ((seq >> SEQ_BITS) << 16) | 0x7000 | (n >> 8)
    low = (2 << 62) | ((n & 0xFF) << 54) | (((seq ^ salt) * _ODD) & _TAIL_MASK)
    text = ((high << 64) | low).to_bytes(16).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def parse_message_id(text: str, salt: int) -> int | None:
    """Return the sequence number of a MessageId that this store gave, else None."""
    if _ID.fullmatch(text) is None:
        return None
    number = int(text.replace("-", ""), 16)
    ms, high, low = number >> 80, (number >> 64) & 0xFFF, (number >> 54) & 0xFF
    seq = (ms << SEQ_BITS) | (high << 8) | low
    return seq if seq <= _NUMBER_MAX and message_id(seq, salt) == text else None


def receipt_handle(heap: int, seq: int, receives: int) -> str:
    """Return the handle of one receive of a message."""
    packed = _LAYOUT.pack(heap, seq, receives)
    return b2a_base64(packed + crc32(packed).to_bytes(4), newline=False).decode("ascii")


def parse_receipt_handle(text: str) -> Handle | None:
    """Return what a handle says, or None when it is not one."""
    if len(text) != _HANDLE_LENGTH:
        return None
    try:
        raw = a2b_base64(text.encode("ascii"), strict_mode=True)
    except (Error, UnicodeEncodeError):
        return None
    if len(raw) != _LAYOUT.size + 4:
        return None
    packed = raw[: _LAYOUT.size]
    if crc32(packed).to_bytes(4) != raw[_LAYOUT.size :]:
        return None
    handle = Handle._make(_LAYOUT.unpack(packed))
    return handle if handle.heap <= _NUMBER_MAX and handle.seq <= _NUMBER_MAX else None
