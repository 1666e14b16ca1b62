"""Figures for whoever watches metrics: ReadFigures and CheckFigures, internal.

A watch is a list of MetricDataQueries of which one returns data; it is read in periods that end at
an instant, which need not be multiples of the period: the window slides from minute to minute.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from redrive.core.effects import Caller, Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.time import HOUR_MS, MINUTE_MS, SECOND_MS
from redrive.services.metrics.expressions import refuse
from redrive.services.metrics.operations.queries import Work, check_queries
from redrive.services.metrics.reading import find_sources, read_points
from redrive.services.metrics.room import Metrics
from redrive.services.metrics.rules import minute_of
from redrive.services.metrics.shapes import GetMetricDataParams, MetricStat
from redrive.services.metrics.statistics import Span, in_periods, parse_statistic
from redrive.store.store import Tx

LATE_MS = 30 * SECOND_MS
"""How long into a minute the one before it is waited for, once minutes are recorded in time."""

PAUSE_MS = 1 * SECOND_MS
"""After the end of a minute, before it is worth asking for it."""


def read_figures(room: Metrics, tx: Tx, params: Params, context: Context) -> Result:
    """Return what several watches come to.

    params: Watches, a list of {"Account", "Region", "Queries", "StartMs", "EndMs"}. Returns
    ReadyMs: None, or when it is worth asking again, since the latest minute is not recorded yet and
    nothing was read; Figures: for each watch a list of [start of the period, value, samples],
    oldest first. Samples are None of an expression. A watch that cannot be evaluated any more has
    None.
    """
    minute_ms = minute_of(context.now_ms)
    recorded_ms = room.gatherer.recorded_ms
    if recorded_ms == 0:  # what happened before the start is not known: wait for a whole minute
        return {"ReadyMs": minute_ms + MINUTE_MS + PAUSE_MS, "Figures": []}
    is_late = recorded_ms is not None and recorded_ms < minute_ms
    if is_late and context.now_ms - minute_ms < LATE_MS:
        return {"ReadyMs": context.now_ms + PAUSE_MS, "Figures": []}
    return {"ReadyMs": None, "Figures": [_read(tx, one, context) for one in params["Watches"]]}


def _read(tx: Tx, watch: Mapping[str, Any], context: Context) -> list[list[float | None]] | None:
    account = watch["Account"]
    caller = Caller(account, watch["Region"], context.caller.principal, account)
    queries = watch["Queries"]
    if len(queries) == 1 and "MetricStat" in queries[0]:
        return _read_metric(tx, caller, queries[0]["MetricStat"], watch["StartMs"], watch["EndMs"])
    asked = {
        "MetricDataQueries": queries,
        "StartTime": watch["StartMs"],
        "EndTime": watch["EndMs"],
    }
    work = Work(tx, cast("GetMetricDataParams", asked), context._replace(caller=caller))
    (shown,) = (query for query in queries if query.get("ReturnData", True))
    try:
        lines = work.lines(shown)
    except ServiceError:
        return None
    if len(lines) != 1:
        return None
    values = sorted(lines[0].values.items())
    return [[at_ms, value, None] for at_ms, value in values if math.isfinite(value)]


def _read_metric(
    tx: Tx, caller: Caller, stat: MetricStat, start_ms: int, end_ms: int
) -> list[list[float | None]]:
    metric = stat["Metric"]
    statistic = parse_statistic(stat["Stat"])
    assert statistic is not None
    span = Span(start_ms, end_ms, stat["Period"] * SECOND_MS)
    sources = find_sources(
        tx,
        caller,
        metric.get("Namespace"),
        metric.get("MetricName"),
        metric.get("Dimensions") or (),
        stat.get("Unit"),
    )
    points = [point for source in sources for point in read_points(tx, source, span)]
    if len(sources) > 1:
        points.sort(key=lambda point: point.at_ms)
    found: list[list[float | None]] = []
    for at_ms, sets in sorted(in_periods(points, span).items()):
        value = statistic(sets)
        if value is not None:
            found.append([at_ms, value, sum(one.samples for one in sets)])
    return found


def check_figures(room: Metrics, tx: Tx, params: Params, context: Context) -> Result:
    """Refuse queries that cannot be watched; return the PeriodMs of the one that returns data.

    params: Queries. Raises ServiceError (ValidationError): as GetMetricData does, and for an
    expression that comes to a number or to several time series.
    """
    queries: Sequence[Any] = params["Queries"]
    minute_ms = minute_of(context.now_ms)
    asked = {
        "MetricDataQueries": list(queries),
        "StartTime": minute_ms - HOUR_MS,
        "EndTime": minute_ms + MINUTE_MS,
    }
    check_queries(cast("GetMetricDataParams", asked))
    work = Work(tx, cast("GetMetricDataParams", asked), context)
    (shown,) = (query for query in queries if query.get("ReturnData", True))
    lines = work.lines(shown)
    if len(lines) != 1:
        raise refuse(
            shown.get("Expression", shown["Id"]),
            "The expression that an alarm watches must come to a single time series",
        )
    return {"PeriodMs": lines[0].period_ms}
