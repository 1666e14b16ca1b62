"""Instants and durations as integers of milliseconds. Nothing here reads a clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NewType

Millis = NewType("Millis", int)
"""Milliseconds since 1970-01-01T00:00:00Z for an instant (`*_ms` names), or a length of time."""

NEVER = Millis(2**52)
"""Later than any instant that a running system meets; still exact in a double."""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def seconds(count: float) -> Millis:
    """Return `count` seconds as whole milliseconds, rounded down."""
    return Millis(int(count * SECOND_MS))


def iso(at_ms: int) -> str:
    """Return an instant as `2026-11-21T09:30:00.123Z`, the form that people and logs read."""
    moment = datetime.fromtimestamp(at_ms / SECOND_MS, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % SECOND_MS:03d}Z"


def iso_lambda(at_ms: int) -> str:
    """Return an instant as Lambda writes LastModified: `2026-11-21T09:30:00.123+0000`."""
    return iso(at_ms)[:-1] + "+0000"
