"""The telemetry service's decisions and bounds. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
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
LOOKED_MAX = 20_000  # pieces in which a text is looked for
EVENTS_LIMIT_MAX = 1_000
WAIT_MS_MAX = 20_000


REAP_GROUPS_MAX = 50  # looked at in one step; most have nothing that is too old
GROUP_PREFIX = "/aws/lambda/"
OWN_STREAM = "redrive"  # where the platform's own words about a function's log stand


class Reaping(NamedTuple):
    """What to forget: so many of the rows that were looked at, from the first; 0: none."""

    rows: int
    bytes: int


def plan_squeeze(oldest: Iterable[Aged], total_bytes: int) -> Reaping:
    """Forget the oldest rows of all while all of them together are too large."""
    count = freed = 0
    for row in oldest:
        if total_bytes - freed <= LOG_BYTES_MAX or count == REAP_ROWS_MAX:
            break
        count, freed = count + 1, freed + row.bytes
    return Reaping(count, freed)


def plan_expiry(oldest: Iterable[Aged], before_ms: int) -> Reaping:
    """Forget what lies at or before an instant, of rows in order of time, a bounded number."""
    count = freed = 0
    for row in oldest:
        if row.at_ms > before_ms or count == REAP_ROWS_MAX:
            break
        count, freed = count + 1, freed + row.bytes
    return Reaping(count, freed)


def group_name(function_name: str) -> str:
    """Return the log group of a function. AWS: Lambda Developer Guide, "Sending Lambda function
    logs to CloudWatch Logs".
    """
    return GROUP_PREFIX + function_name


def function_of(group: str) -> str:
    """Return the function whose log group this is by its name, or ""."""
    return group.removeprefix(GROUP_PREFIX) if group.startswith(GROUP_PREFIX) else ""


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


def holding(line: Line, wanted: str) -> Line | None:
    """Return a piece with only the lines that hold a text, in lower case; None when none does."""
    if not wanted:
        return line
    kept = [one for one in line.text.splitlines(keepends=True) if wanted in one.casefold()]
    return line._replace(text="".join(kept)) if kept else None


def latest(lines: Iterable[Line], limit: int, wanted: str) -> list[Line]:
    """Return, oldest first, the latest pieces that hold a text, as many as fit into an answer."""
    found = (cut for line in lines if (cut := holding(line, wanted)) is not None)
    return within_answer(islice(found, limit))[::-1]


def wait_ms(wait_s: float | None) -> int:
    """Return how long a reader waits, bounded like SQS's long polls."""
    return 0 if wait_s is None else max(0, min(int(wait_s * 1_000), WAIT_MS_MAX))


def short_name(function_name: str) -> str:
    """Return the name in a function's name or ARN, a qualifier left out."""
    parts = function_name.split(":")
    if "function" in parts[:-1]:
        return parts[parts.index("function") + 1]
    return parts[0]
