"""Identifiers from given bytes or numbers. Chance itself comes from outside."""

from __future__ import annotations

from redrive.core.effects import Chance

SEQ_BITS = 20
"""Room for about a million sequence numbers a millisecond; the rest of a sequence is its instant.
"""


def uuid4(chance: Chance) -> str:
    """Return a version 4 UUID made of 16 bytes of `chance`."""
    text = chance.token(16).hex()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"
