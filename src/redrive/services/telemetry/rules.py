"""The telemetry service's decisions and bounds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from redrive.core.time import DAY_MS, MINUTE_MS
from redrive.services.telemetry.model import Aged, Line

LOG_BYTES_MAX = 256 << 20  # a week of a busy developer's machine, small beside its disk
LOG_AGE_MS_MAX = 7 * DAY_MS
PENDING_BYTES_MAX = 8 << 20  # what may wait in memory to be written
FLUSH_MS = (
    50  # how long news may gather: not felt by a person, and a flood costs 20 writes a second
)
FLUSH_BYTES_MAX = 512 << 10  # of one write: a few milliseconds of the loop
FLUSH_AGAIN_MS = 10  # between two writes while more is pending
REAP_INTERVAL_MS = MINUTE_MS
REAP_ROWS_MAX = 2_000  # of one step
ROW_BYTES = 200  # what a row costs beside its text
EVENTS_MAX = 10_000
ANSWER_BYTES_MAX = 1 << 20  # of one answer's texts; the cursor leads to the rest
LINES_MAX = 1_000
EVENTS_LIMIT_MAX = 1_000
WAIT_MS_MAX = 20_000


class Reaping(NamedTuple):
    """Rows to forget: all up to and with up_to_id (0: none), bytes in all; more: look again."""

    up_to_id: int
    bytes: int
    more: bool


def plan_reaping(oldest: Sequence[Aged], total_bytes: int, now_ms: int) -> Reaping:
    """Forget what is too old, and the oldest while all of them together are too large."""
    up_to_id = freed = 0
    for row in oldest:
        is_old = row.at_ms <= now_ms - LOG_AGE_MS_MAX
        if not is_old and total_bytes - freed <= LOG_BYTES_MAX:
            return Reaping(up_to_id, freed, more=False)
        up_to_id, freed = row.id, freed + row.bytes
    return Reaping(up_to_id, freed, more=len(oldest) == REAP_ROWS_MAX)


def within_answer(lines: Iterable[Line]) -> list[Line]:
    """Return the first lines that fit into one answer, always at least one if there is any."""
    found: list[Line] = []
    size = 0
    for line in lines:
        size += len(line.text)
        if found and size > ANSWER_BYTES_MAX:
            break
        found.append(line)
    return found


def wait_ms(wait_s: float | None) -> int:
    """Return how long a reader waits, bounded like SQS's long polls."""
    return 0 if wait_s is None else max(0, min(int(wait_s * 1_000), WAIT_MS_MAX))


def short_name(function_name: str) -> str:
    """Return the name in a function's name or ARN, a qualifier left out."""
    parts = function_name.split(":")
    if "function" in parts[:-1]:
        return parts[parts.index("function") + 1]
    return parts[0]
