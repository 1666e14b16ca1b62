"""When a schedule comes. Pure.

    created, updated ──first──> scheduled ──draw──> due ── fires ──following──> scheduled …
                                                                        └─> none: it is complete

Invariants
1. What fires is what was written when the instant was computed, its place in the window included.
2. A schedule that was missed, however often, fires once; then it goes on in the future.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from redrive.core.calendar import At, Expression, next_after, scheduler_expression
from redrive.core.time import MINUTE_MS


class Timing(NamedTuple):
    """What decides when a schedule comes. Bounds and window are in ms; a window of 0 is none."""

    expression: Expression
    zone: str
    start_ms: int | None
    end_ms: int | None
    window_ms: int


def timing_of(body: Mapping[str, Any]) -> Timing:
    """Return the timing that a schedule's settings describe. Raises as scheduler_expression does.

    A schedule that comes once has no bounds. AWS: API_CreateSchedule, "StartDate", "EndDate".
    """
    expression = scheduler_expression(body["ScheduleExpression"])
    is_once = isinstance(expression, At)
    return Timing(
        expression,
        body["ScheduleExpressionTimezone"],
        None if is_once else body.get("StartDate"),
        None if is_once else body.get("EndDate"),
        body["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0) * MINUTE_MS,
    )


def anchor_of(timing: Timing, now_ms: int) -> int:
    """Return from when a rate counts: its start date, else the instant at which it was made."""
    return now_ms if timing.start_ms is None else timing.start_ms


def first(timing: Timing, anchor_ms: int, now_ms: int) -> int | None:
    """Return the first instant of a schedule that is made or changed now; None: it never comes.

    One whose only instant has passed never comes (AWS: accepted, as captured). A rate with a start
    date comes at that date, one without after its first interval.
    """
    earliest = now_ms - 1 if isinstance(timing.expression, At) else now_ms
    if timing.start_ms is not None:
        earliest = max(earliest, timing.start_ms - 1)
    return _within(timing, next_after(timing.expression, earliest, timing.zone, anchor_ms))


def following(timing: Timing, anchor_ms: int, scheduled_ms: int, now_ms: int) -> int | None:
    """Return the instant after the one that fires now; None when that was the last.

    Instants that have passed with their windows were missed, and are not made up for.
    """
    if isinstance(timing.expression, At):
        return None
    past = max(scheduled_ms, now_ms - timing.window_ms)
    return _within(timing, next_after(timing.expression, past, timing.zone, anchor_ms))


def _within(timing: Timing, instant_ms: int | None) -> int | None:
    if instant_ms is None or (timing.end_ms is not None and instant_ms > timing.end_ms):
        return None
    return instant_ms


def draw(timing: Timing, scheduled_ms: int, chance: bytes) -> int:
    """Return when a schedule fires: at its instant, or at one drawn from its window.

    AWS: Scheduler User Guide, "Configuring flexible time windows".
    """
    if not timing.window_ms:
        return scheduled_ms
    return scheduled_ms + int.from_bytes(chance, "big") % timing.window_ms
