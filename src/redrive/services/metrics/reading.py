"""Where points come from: a metric by namespace, name and dimensions, and its rows in a span."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from redrive.core.effects import Caller
from redrive.core.time import HOUR_MS, MINUTE_MS
from redrive.services.metrics.model import (
    DIMENSION,
    METRICS,
    NAMESPACE,
    SIZE,
    Metric,
    Point,
    Roll,
    Series,
    Set,
    Sizes,
    Value,
)
from redrive.services.metrics.rules import FIVE_MS, read_sets
from redrive.services.metrics.shapes import Dimension
from redrive.services.metrics.statistics import Span, fits
from redrive.store.store import Tx

ROWS_MAX = 50_000
"""More rows than a series has of one resolution."""


class Source(NamedTuple):
    """A metric of a series."""

    series: Series
    metric: Metric


def find_source(
    tx: Tx,
    caller: Caller,
    namespace: str | None,
    name: str | None,
    dimensions: Sequence[Dimension],
) -> Source | None:
    """Return what a request names in the caller's account and region; None: it has no data.

    The dimensions must be exactly those of the metric. AWS: CloudWatch User Guide, "Dimensions".
    """
    metric = METRICS.get(name or "")
    if namespace != NAMESPACE or metric is None or len(dimensions) != 1:
        return None
    (dimension,) = dimensions
    if dimension["Name"] != DIMENSION:
        return None
    series: Series | None = tx.one(
        Series,
        "metrics.series",
        account=caller.account,
        region=caller.region,
        name=dimension["Value"],
    )
    return None if series is None else Source(series, metric)


def read_points(tx: Tx, source: Source, span: Span) -> list[Point]:
    """Return a metric's points in a span that can be told in its period, in order of time."""
    points = _minutes(tx, source, span)
    for period_ms in (FIVE_MS, HOUR_MS):
        if not fits(period_ms, span.period_ms):
            continue
        rolls: list[Roll] = tx.rows(
            Roll,
            "metrics.rolls",
            series=source.series.id,
            period_ms=period_ms,
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            limit=ROWS_MAX,
        )
        for roll in rolls:
            one = read_sets(roll.sets).get(source.metric.column)
            if one is not None:
                points.append(Point(roll.at_ms, period_ms, one))
    return sorted(points)


def _minutes(tx: Tx, source: Source, span: Span) -> list[Point]:
    where = {
        "series": source.series.id,
        "start_ms": span.start_ms,
        "end_ms": span.end_ms,
        "limit": ROWS_MAX,
    }
    column = source.metric.column
    if column == SIZE:
        sizes: list[Sizes] = tx.rows(Sizes, "metrics.sizes", **where)
        return [Point(row[0], MINUTE_MS, Set(*row[1:])) for row in sizes]
    values: list[Value] = tx.rows(Value, "metrics.values", column=column, **where)
    return [Point(at_ms, MINUTE_MS, Set(1, value, value, value)) for at_ms, value in values]
