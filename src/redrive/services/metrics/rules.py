"""Pure rules of recording: what a minute holds, whether a queue is active, what is rolled up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from redrive.core.time import DAY_MS, HOUR_MS, MINUTE_MS
from redrive.services.metrics.model import METRICS, SIZE, Mark, Minute, Set
from redrive.services.metrics.spreads import join_spreads

FIVE_MS = 5 * MINUTE_MS

ACTIVE_MS = 6 * HOUR_MS
"""After so long without a message and without anything done to it, a queue is not recorded.
AWS: SQS Developer Guide, "Monitoring Amazon SQS queues using Amazon CloudWatch"."""

MINUTES_AGE_MS = 15 * DAY_MS
FIVES_AGE_MS = 63 * DAY_MS
HOURS_AGE_MS = 455 * DAY_MS
"""AWS: CloudWatch User Guide, "Metrics retention"."""

POINTS_MAX = 2_000_000
"""Rows, about 200 MB: those of forty queues that are always active, for all 455 days. Beyond it
the ages are halved, and halved again, so that the oldest points of all queues are rolled up before
their time, and hours are let go."""

SQUEEZE_MAX = 12
"""Halvings at most: never less than three hours of minutes, six of five minutes, a day of hours."""

_COUNTERS = ("sent", "received", "delete_calls", "empty_receives", "sent_bytes", "deduplicated")
_COLUMNS = tuple(metric.column for metric in METRICS.values() if metric.column != SIZE)


class Recorded(NamedTuple):
    """What one measurement of a queue becomes; minute is None for an inactive one."""

    mark: Mark | None  # None: as it was
    minute: Minute | None


def begin_mark(measured: Mapping[str, Any], series: int) -> Mark:
    """Return what a queue's first minute starts from."""
    return Mark(measured["Id"], series, measured["CreatedMs"], **dict.fromkeys(_COUNTERS, 0))


def _counters(measured: Mapping[str, Any]) -> dict[str, int]:
    return {
        "sent": measured["Sent"],
        "received": measured["Received"],
        "delete_calls": measured["DeleteCalls"],
        "empty_receives": measured["EmptyReceives"],
        "sent_bytes": measured["SentBytes"],
        "deduplicated": measured["Deduplicated"],
    }


def record(
    measured: Mapping[str, Any], mark: Mark, at_ms: int, now_ms: int, *, has_gauges: bool
) -> Recorded:
    """Return a queue's minute: what its counters have grown by, and its gauges when they are known.

    A deleted queue (one without gauges) has a minute only when something is left to record. No
    queue has a minute before the one in which it was created.
    """
    at_ms = max(at_ms, minute_of(measured["CreatedMs"]))
    counters = _counters(measured)
    deltas = {name: counters[name] - getattr(mark, name) for name in _COUNTERS}
    assert min(deltas.values()) >= 0, f"a counter of queue {mark.queue} went back: {deltas}"
    is_gone = "Visible" not in measured
    has_moved = any(deltas.values()) or measured["ModifiedMs"] > mark.active_ms
    if is_gone and not any(deltas.values()):
        return Recorded(None, None)
    holds = not is_gone and bool(measured["Visible"] + measured["InFlight"] + measured["Delayed"])
    if not (has_moved or holds) and now_ms - mark.active_ms >= ACTIVE_MS:
        return Recorded(None, None)
    active_ms = now_ms if has_moved or holds else mark.active_ms
    kept = mark._replace(active_ms=active_ms, **counters)
    least, most = size_span(deltas["sent"], deltas["sent_bytes"], measured["Sizes"])
    is_fifo = measured["Name"].endswith(".fifo")
    minute = Minute(
        mark.series,
        at_ms,
        deltas["sent"],
        deltas["received"],
        deltas["delete_calls"],
        deltas["empty_receives"],
        deltas["sent_bytes"],
        least,
        most,
        deltas["deduplicated"] if is_fifo else None,
    )
    if has_gauges and not is_gone:
        minute = minute._replace(
            age_s=measured["AgeS"],
            delayed=measured["Delayed"],
            in_flight=measured["InFlight"],
            visible=measured["Visible"],
            groups_held=measured.get("GroupsHeld"),
            noisy_groups=measured.get("NoisyGroups"),
            quiet_age_s=measured.get("QuietAgeS"),
            quiet_delayed=measured.get("QuietDelayed"),
            quiet_held=measured.get("QuietInFlight"),
            quiet_visible=measured.get("QuietVisible"),
        )
    return Recorded(None if kept == mark else kept, minute)


def size_span(
    sent: int, sent_bytes: int, span: Sequence[int] | None
) -> tuple[int | None, int | None]:
    """Return the least and the greatest size of what was sent.

    `span` is what a process has seen. A killed process takes it along: then the mean, which is
    known from the counters, bounds what is said, so that least <= mean <= greatest.
    """
    if not sent:
        return None, None
    low, high = sent_bytes // sent, -(-sent_bytes // sent)
    return (min(span[0], low), max(span[1], high)) if span else (low, high)


def minute_of(at_ms: int) -> int:
    """Return when the minute of an instant began."""
    return at_ms - at_ms % MINUTE_MS


# --- rolling up -------------------------------------------------------------------------------


class Ages(NamedTuple):
    """How old points become before they are rolled up, or go. All are whole hours."""

    minutes_ms: int
    fives_ms: int
    hours_ms: int


def ages(squeeze: int) -> Ages:
    """Return the ages after a number of halvings."""

    def halved(age_ms: int, least_ms: int) -> int:
        return max(least_ms, (age_ms >> squeeze) // HOUR_MS * HOUR_MS)

    return Ages(
        halved(MINUTES_AGE_MS, 3 * HOUR_MS),
        halved(FIVES_AGE_MS, 6 * HOUR_MS),
        halved(HOURS_AGE_MS, DAY_MS),
    )


def next_squeeze(squeeze: int, points: int) -> int:
    """Return how often the ages are to be halved, with so many rows."""
    if points > POINTS_MAX:
        return min(SQUEEZE_MAX, squeeze + 1)
    if points < POINTS_MAX // 4:
        return max(0, squeeze - 1)
    return squeeze


Sets = dict[str, Set]
"""By column, or SIZE."""


def sets_of(minute: Minute) -> Sets:
    """Return a minute's metrics as sets of one sample; the sizes have one for each message."""
    sets = {
        column: Set(1, value, value, value)
        for column in _COLUMNS
        if (value := getattr(minute, column)) is not None
    }
    if minute.sent:
        assert minute.size_least is not None
        assert minute.size_most is not None
        sets[SIZE] = Set(minute.sent, minute.sent_bytes, minute.size_least, minute.size_most)
    return sets


def join(one: Set, other: Set) -> Set:
    """Return the set of both sets' samples."""
    spread = None
    if one.spread is not None or other.spread is not None:
        spread = join_spreads(one, other)
    return Set(
        one.samples + other.samples,
        one.total + other.total,
        min(one.least, other.least),
        max(one.most, other.most),
        spread,
    )


def join_all(all_sets: Iterable[Sets]) -> Sets:
    """Return the sets of all samples, metric by metric."""
    joined: Sets = {}
    for sets in all_sets:
        for column, one in sets.items():
            joined[column] = join(joined[column], one) if column in joined else one
    return joined


def roll_up(points: Iterable[tuple[int, Sets]], period_ms: int) -> dict[int, Sets]:
    """Return the sets of whole periods, by the instant at which each began."""
    grouped: dict[int, list[Sets]] = {}
    for at_ms, sets in points:
        grouped.setdefault(at_ms - at_ms % period_ms, []).append(sets)
    return {at_ms: join_all(group) for at_ms, group in grouped.items()}


def write_sets(sets: Sets) -> str:
    """Return sets as the text of a row."""
    return orjson.dumps({column: list(one[:4]) for column, one in sets.items()}).decode()


def read_sets(text: str) -> Sets:
    """Return the sets of a row's text."""
    return {column: Set(*one) for column, one in orjson.loads(text).items()}
