"""Where points come from: a metric by namespace, name and dimensions, and its rows in a span."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from redrive.core.effects import Caller
from redrive.core.time import HOUR_MS, MINUTE_MS
from redrive.services.metrics.model import (
    DIMENSION,
    METRICS,
    NAMESPACE,
    SIZE,
    Metric,
    Named,
    Point,
    Roll,
    Series,
    Set,
    SetRow,
    Sizes,
    Value,
)
from redrive.services.metrics.rules import FIVE_MS, read_sets
from redrive.services.metrics.shapes import Dimension
from redrive.services.metrics.spreads import read_spread
from redrive.services.metrics.statistics import Span, fits
from redrive.store.store import Tx

ROWS_MAX = 50_000
"""More rows than a series has of one resolution."""


class Source(NamedTuple):
    """A metric of a queue."""

    series: Series
    metric: Metric

    @property
    def unit(self) -> str:
        """Return what it counts in."""
        return self.metric.unit


def find_sources(
    tx: Tx,
    caller: Caller,
    namespace: str | None,
    name: str | None,
    dimensions: Sequence[Dimension],
    unit: str | None,
) -> list[Source | Named]:
    """Return what a request names in the caller's account and region: one for each unit.

    The dimensions must be exactly those of the metric. AWS: CloudWatch User Guide, "Dimensions".
    """
    if namespace == NAMESPACE:
        source = _of_queue(tx, caller, name, dimensions)
        found: list[Source | Named] = [] if source is None else [source]
    else:
        found = tx.rows(
            Named,
            "metrics.metrics_named",
            account=caller.account,
            region=caller.region,
            namespace=namespace or "",
            name=name or "",
            dimensions=dimensions_text((one["Name"], one["Value"]) for one in dimensions),
        )
    return [source for source in found if unit is None or source.unit == unit]


def _of_queue(
    tx: Tx, caller: Caller, name: str | None, dimensions: Sequence[Dimension]
) -> Source | None:
    metric = METRICS.get(name or "")
    if metric is None or len(dimensions) != 1 or dimensions[0]["Name"] != DIMENSION:
        return None
    series: Series | None = tx.one(
        Series,
        "metrics.series",
        account=caller.account,
        region=caller.region,
        name=dimensions[0]["Value"],
    )
    return None if series is None else Source(series, metric)


def dimensions_text(dimensions: Iterable[tuple[str, str]]) -> str:
    """Return dimensions as a row names them: JSON, in order of name."""
    return orjson.dumps(sorted(dimensions)).decode()


def set_of(row: SetRow) -> Set:
    """Return the set of a row."""
    return Set(row.samples, row.total, row.least, row.most, read_spread(row.spread))


def read_points(tx: Tx, source: Source | Named, span: Span) -> list[Point]:
    """Return a metric's points in a span that can be told in its period, in order of time."""
    if isinstance(source, Named):
        return _named_points(tx, source, span)
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


def _named_points(tx: Tx, source: Named, span: Span) -> list[Point]:
    points: list[Point] = []
    for period_ms in (MINUTE_MS, FIVE_MS, HOUR_MS):
        if fits(period_ms, span.period_ms):
            rows: list[SetRow] = tx.rows(
                SetRow,
                "metrics.points_between",
                metric=source.id,
                period_ms=period_ms,
                start_ms=span.start_ms,
                end_ms=span.end_ms,
                limit=ROWS_MAX,
            )
            points += [Point(row.at_ms, period_ms, set_of(row)) for row in rows]
    return sorted(points, key=lambda point: point[:2])


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
