"""GetMetricStatistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.core.effects import Context, Result
from redrive.core.errors import ServiceError
from redrive.services.metrics.reading import find_sources, read_points
from redrive.services.metrics.room import Metrics
from redrive.services.metrics.shapes import GetMetricStatisticsParams
from redrive.services.metrics.statistics import (
    SIMPLE,
    Span,
    align,
    in_periods,
    is_period,
    parse_statistic,
)
from redrive.store.store import Tx

DATAPOINTS_MAX = 1_440
"""AWS: API_GetMetricStatistics."""


def get_metric_statistics(
    room: Metrics, tx: Tx, params: GetMetricStatisticsParams, context: Context
) -> Result:
    """Return datapoints of one metric, in order of time.

    A metric that does not exist, or has another unit than the one asked for, has no datapoints;
    one with several units has those of each.
    AWS: API_GetMetricStatistics.
    """
    _check(params)
    span = align(params["StartTime"], params["EndTime"], params["Period"], context.now_ms)
    _check_count(span)
    result: dict[str, Any] = {"Label": params["MetricName"], "Datapoints": []}
    names = params.get("Statistics") or params.get("ExtendedStatistics") or []
    statistics = {name: parse_statistic(name) for name in dict.fromkeys(names)}
    sources = find_sources(
        tx,
        context.caller,
        params["Namespace"],
        params["MetricName"],
        params.get("Dimensions") or (),
        params.get("Unit"),
    )
    for source in sources:
        for at_ms, sets in in_periods(read_points(tx, source, span), span).items():
            values = {
                name: value
                for name, statistic in statistics.items()
                if statistic is not None and (value := statistic(sets)) is not None
            }
            if values:
                result["Datapoints"].append(_datapoint(at_ms, values, source.unit))
    if len(sources) > 1:
        result["Datapoints"].sort(key=lambda datapoint: datapoint["Timestamp"])
    return result


def _datapoint(at_ms: int, values: Mapping[str, float], unit: str) -> dict[str, Any]:
    shown = {name: value for name, value in values.items() if name in SIMPLE}
    extended = {name: value for name, value in values.items() if name not in SIMPLE}
    datapoint: dict[str, Any] = {"Timestamp": at_ms, **shown, "Unit": unit}
    if extended:
        datapoint["ExtendedStatistics"] = extended
    return datapoint


def _check(params: GetMetricStatisticsParams) -> None:
    """Refuse what CloudWatch refuses. The codes are the operation's; most texts are guesses."""
    names, extended = params.get("Statistics"), params.get("ExtendedStatistics")
    if not names and not extended:
        raise ServiceError(
            "InvalidParameterCombinationException",
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        )
    if names and extended:
        raise ServiceError(
            "InvalidParameterCombinationException",
            "You cannot specify both Statistics and ExtendedStatistics in the same request.",
        )
    if not is_period(params["Period"]):
        raise ServiceError(
            "InvalidParameterValueException",
            "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.",
        )
    if params["StartTime"] >= params["EndTime"]:
        raise ServiceError(
            "InvalidParameterValueException",
            "The parameter StartTime must be less than the parameter EndTime.",
        )
    for name in extended or ():
        if name in SIMPLE or parse_statistic(name) is None:
            raise ServiceError(
                "InvalidParameterValueException",
                f"The value {name} for parameter ExtendedStatistics is not supported: it takes"
                " percentiles, p0 to p100.",
            )


def _check_count(span: Span) -> None:
    if span.periods > DATAPOINTS_MAX:
        raise ServiceError(
            "InvalidParameterCombinationException",
            f"You have requested up to {span.periods:,} datapoints, which exceeds the limit of"
            f" {DATAPOINTS_MAX:,}. You may reduce the datapoints requested by increasing Period, or"
            " decreasing the time range.",
        )
