"""The clock of a server in a test's hands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from redrive.cli.client import Client

Span = str | int | timedelta
"""A length of time: "6h", "90m", "1d12h", "250ms", a whole number of seconds, or a timedelta."""


class Advanced(NamedTuple):
    """What has happened on the way from one instant to another.

    now: what the clock shows. instants: how many of them something was due at, the server's own
    rounds too. invocations: runs of functions since the advance before this one, so that a message
    that was sent a moment ago counts; functions: the same by the function's name.
    """

    now: datetime
    instants: int
    invocations: int
    functions: Mapping[str, int]


def advance(client: Client, span: Span) -> Advanced:
    """Move the clock by a length of time. Raises Refusal, ValueError for a negative one."""
    if isinstance(span, timedelta):
        count_ms = span // timedelta(milliseconds=1)
        if count_ms < 0:
            raise ValueError("a clock never goes back")
        span = f"{count_ms}ms"
    return _advanced(client.change_clock(advance=span))


def advance_to(client: Client, instant: str | datetime) -> Advanced:
    """Move the clock to an instant; one without an offset is UTC. Raises Refusal."""
    if isinstance(instant, datetime):
        instant = instant.isoformat()
    return _advanced(client.change_clock(to=instant))


def now_of(client: Client) -> datetime:
    """Return what the clock shows."""
    return instant_of(client.clock()["now"])


def instant_of(text: str) -> datetime:
    """Return an instant that a server has told."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _advanced(told: Mapping[str, Any]) -> Advanced:
    return Advanced(
        instant_of(told["now"]), told["instants"], told["invocations"], told["functions"]
    )
