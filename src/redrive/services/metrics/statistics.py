"""Statistics over points: periods, sums, percentiles. Pure.

A period's points are joined into one set. Percentiles need the samples themselves. They are known
for minutes of queues, where each metric has one sample but for SentMessageSize, for sets whose
samples are all alike, and for those that have kept them (`spreads`). Where they are not known there
is no datapoint, as with CloudWatch's statistic sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import NamedTuple

from redrive.core.time import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from redrive.services.metrics.model import Point, Set
from redrive.services.metrics.rules import FIVE_MS, FIVES_AGE_MS, MINUTES_AGE_MS, join
from redrive.services.metrics.spreads import samples_of

SIMPLE = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")

_PERCENTILE = re.compile(r"p(100(?:\.0{1,10})?|[0-9]{1,2}(?:\.[0-9]{1,10})?)")

Statistic = Callable[[Sequence[Set]], float | None]
"""Of the sets of one period; None when it is not known."""


def parse_statistic(name: str) -> Statistic | None:
    """Return the function of a statistic's name, or None for what is not one."""
    if name in SIMPLE:
        return lambda sets: simple(_joined(sets), name)
    match = _PERCENTILE.fullmatch(name)
    if match is None:
        return None
    share = float(match[1])
    return lambda sets: percentile(sets, share)


def _joined(sets: Sequence[Set]) -> Set:
    total = sets[0]
    for one in sets[1:]:
        total = join(total, one)
    return total


def simple(one: Set, name: str) -> float:
    """Return one of the five statistics of a set."""
    if name == "Average":
        return one.total / one.samples
    return float(
        {
            "SampleCount": one.samples,
            "Sum": one.total,
            "Minimum": one.least,
            "Maximum": one.most,
        }[name]
    )


def percentile(sets: Sequence[Set], share: float) -> float | None:
    """Return the least sample that at least `share` percent of all samples do not exceed.

    None when samples are not known. AWS: CloudWatch User Guide, "CloudWatch statistics
    definitions" (for which sets there is a percentile); the nearest rank is a guess.
    """
    known = [samples_of(one) for one in sets]
    ordered = sorted(pair for pairs in known if pairs is not None for pair in pairs)
    if None in known or not ordered:
        return None
    rank: float = max(1, ceil(share / 100 * sum(count for _value, count in ordered)))
    for value, count in ordered:
        rank -= count
        if rank <= 0:
            return float(value)
    return float(ordered[-1][0])


class Span(NamedTuple):
    """Periods from start_ms to before end_ms."""

    start_ms: int
    end_ms: int
    period_ms: int

    @property
    def periods(self) -> int:
        """How many there are, the last one perhaps in part."""
        return max(0, -(-(self.end_ms - self.start_ms) // self.period_ms))


def is_period(period_s: int) -> bool:
    """Tell whether CloudWatch has a period of so many seconds. AWS: API_GetMetricStatistics."""
    return period_s in (1, 5, 10, 20, 30) or (period_s >= 60 and period_s % 60 == 0)


def align(start_ms: int, end_ms: int, period_s: int, now_ms: int) -> Span:
    """Return the span that a request is about: its start is rounded down, by its age.

    To a minute (for a period of less, to a multiple of it), beyond 15 days to five minutes, beyond
    63 days to an hour. AWS: API_GetMetricStatistics, StartTime.
    """
    age_ms = now_ms - start_ms
    if age_ms >= FIVES_AGE_MS:
        step_ms = HOUR_MS
    elif age_ms >= MINUTES_AGE_MS:
        step_ms = FIVE_MS
    else:
        step_ms = min(MINUTE_MS, period_s * SECOND_MS)
    return Span(start_ms - start_ms % step_ms, end_ms, period_s * SECOND_MS)


def fits(point_period_ms: int, period_ms: int) -> bool:
    """Tell whether points of a resolution can be told in a period: minutes always can.

    AWS: API_GetMetricStatistics, Period: else "no data points in that time range is returned".
    """
    return point_period_ms == MINUTE_MS or period_ms % point_period_ms == 0


def in_periods(points: Iterable[Point], span: Span) -> dict[int, list[Set]]:
    """Return the sets of each period that has any, by the period's start, in order."""
    periods: dict[int, list[Set]] = {}
    for point in points:
        k = (point.at_ms - span.start_ms) // span.period_ms
        periods.setdefault(span.start_ms + k * span.period_ms, []).append(point.set)
    return periods


def over(points: Iterable[Point], span: Span, statistic: Statistic) -> list[tuple[int, float]]:
    """Return (start of the period, value) of one statistic, in order of time."""
    values = ((at_ms, statistic(sets)) for at_ms, sets in in_periods(points, span).items())
    return [(at_ms, value) for at_ms, value in values if value is not None]


RECENT_MS = 3 * HOUR_MS
LISTED_MS = 14 * DAY_MS
"""How far back ListMetrics looks. AWS: API_ListMetrics, RecentlyActive; "past two weeks"."""
