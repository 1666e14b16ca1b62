"""ListMetrics."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson

from redrive.core.effects import Context, Result
from redrive.core.errors import ServiceError
from redrive.core.time import HOUR_MS
from redrive.services.metrics.model import (
    DIMENSION,
    METRICS,
    NAMESPACE,
    Named,
    Number,
    Series,
    has_metric,
)
from redrive.services.metrics.room import Metrics
from redrive.services.metrics.rules import FIVE_MS
from redrive.services.metrics.shapes import ListMetricsParams
from redrive.services.metrics.statistics import LISTED_MS, RECENT_MS
from redrive.store.store import Tx

PAGE_MAX = 500
"""AWS: API_ListMetrics."""

_NAMED = ":"
"""Begins the token of a page that begins among the metrics by name; no queue has it in its name."""

NAMED_MAX = 2_000
"""Metrics by name that are looked at for one page."""

SERIES_MAX = 500
"""Series looked at for one page; a page may be short, or empty, and have a next one."""


def list_metrics(room: Metrics, tx: Tx, params: ListMetricsParams, context: Context) -> Result:
    """Return the metrics that had datapoints lately: of queues by queue and name, then others.

    Lately is two weeks, or three hours with RecentlyActive. A page holds whole queues. Filters:
    each DimensionFilter must be met. AWS: API_ListMetrics.
    """
    account = context.caller.account
    result: dict[str, Any] = {"Metrics": []}
    if params.get("OwningAccount") and not params.get("IncludeLinkedAccounts"):
        raise ServiceError(
            "InvalidParameterValueException",
            "OwningAccount may be specified only when IncludeLinkedAccounts is true.",
        )
    if params.get("IncludeLinkedAccounts"):
        result["OwningAccounts"] = []
    after = _after(params.get("NextToken"))
    if params.get("OwningAccount", account) != account:
        return result
    since_ms = context.now_ms - (RECENT_MS if params.get("RecentlyActive") else LISTED_MS)
    following = _place_of_named(after)
    if following is None and params.get("Namespace", NAMESPACE) == NAMESPACE:
        after, is_last = _list_queues(tx, params, context, result["Metrics"], after, since_ms)
        if not is_last:
            result["NextToken"] = urlsafe_b64encode(after.encode()).decode()
    if "NextToken" not in result and params.get("Namespace") != NAMESPACE:
        place = _list_named(tx, params, context, result["Metrics"], following or 0, since_ms)
        if place is not None:
            result["NextToken"] = urlsafe_b64encode(f"{_NAMED}{place}".encode()).decode()
    if "OwningAccounts" in result:
        result["OwningAccounts"] = [account] * len(result["Metrics"])
    return result


def _list_queues(
    tx: Tx,
    params: ListMetricsParams,
    context: Context,
    metrics: list[dict[str, Any]],
    after: str,
    since_ms: int,
) -> tuple[str, bool]:
    """Add metrics of queues after a name; return the last name and whether that was all."""
    wanted = _names(params)
    found: list[Series] = tx.rows(
        Series,
        "metrics.series_of",
        account=context.caller.account,
        region=context.caller.region,
        after=after,
        limit=SERIES_MAX,
    )
    for series in found:
        names = [name for name in wanted if has_metric(series, METRICS[name])]
        if len(metrics) + len(names) > PAGE_MAX:
            break
        after = series.name
        if _is_named(series, params) and names and _is_recent(tx, series, since_ms):
            dimensions = [{"Name": DIMENSION, "Value": series.name}]
            metrics += [
                {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": dimensions}
                for name in names
            ]
    return after, not found or (after == found[-1].name and len(found) < SERIES_MAX)


def _list_named(
    tx: Tx,
    params: ListMetricsParams,
    context: Context,
    metrics: list[dict[str, Any]],
    after: int,
    since_ms: int,
) -> int | None:
    """Add metrics by name after one; return where the next page begins, None when there is none."""
    found: list[Named] = tx.rows(
        Named,
        "metrics.metrics_of",
        account=context.caller.account,
        region=context.caller.region,
        namespace=params.get("Namespace", ""),
        after=after,
        limit=NAMED_MAX,
    )
    name = params.get("MetricName")
    known: set[tuple[str, str, str]] = set()
    for metric in found:
        if len(metrics) >= PAGE_MAX:
            return after
        after = metric.id
        dimensions = [
            {"Name": key, "Value": value} for key, value in orjson.loads(metric.dimensions)
        ]
        shown = {
            "Namespace": metric.namespace,
            "MetricName": metric.name,
            "Dimensions": dimensions,
        }
        is_wanted = name in (None, metric.name) and metric.latest_ms >= since_ms
        # A metric in two units is one metric.
        same = (metric.namespace, metric.name, metric.dimensions)
        if is_wanted and same not in known and _has_dimensions(dimensions, params):
            known.add(same)
            metrics.append(shown)
    return after if len(found) == NAMED_MAX else None


def _has_dimensions(dimensions: list[dict[str, str]], params: ListMetricsParams) -> bool:
    values = {one["Name"]: one["Value"] for one in dimensions}
    return all(
        (value := values.get(wanted["Name"])) is not None and wanted.get("Value", value) == value
        for wanted in params.get("Dimensions") or ()
    )


def _place_of_named(after: str) -> int | None:
    """Return the metric after which a page begins; None when it begins among the queues."""
    if not after.startswith(_NAMED):
        return None
    number = after.removeprefix(_NAMED)
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise ServiceError("InvalidParameterValueException", "Invalid nextToken.")
    return int(number)


def _after(token: str | None) -> str:
    if token is None:
        return ""
    try:
        return urlsafe_b64decode(token.encode("ascii")).decode()
    except ValueError:
        raise ServiceError("InvalidParameterValueException", "Invalid nextToken.") from None


def _names(params: ListMetricsParams) -> list[str]:
    name = params.get("MetricName")
    return [known for known in METRICS if name is None or known == name]


def _is_named(series: Series, params: ListMetricsParams) -> bool:
    return all(
        wanted["Name"] == DIMENSION and wanted.get("Value", series.name) == series.name
        for wanted in params.get("Dimensions") or ()
    )


def _is_recent(tx: Tx, series: Series, since_ms: int) -> bool:
    looks = (
        tx.one(Number, "metrics.latest", series=series.id),
        tx.one(Number, "metrics.latest_roll", series=series.id, period_ms=FIVE_MS),
        tx.one(Number, "metrics.latest_roll", series=series.id, period_ms=HOUR_MS),
    )
    return any(look is not None and look.value >= since_ms for look in looks)
