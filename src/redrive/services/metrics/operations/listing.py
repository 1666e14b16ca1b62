"""ListMetrics."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from redrive.core.effects import Context, Result
from redrive.core.errors import ServiceError
from redrive.core.time import HOUR_MS
from redrive.services.metrics.model import (
    DIMENSION,
    METRICS,
    NAMESPACE,
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

SERIES_MAX = 500
"""Series looked at for one page; a page may be short, or empty, and have a next one."""


def list_metrics(room: Metrics, tx: Tx, params: ListMetricsParams, context: Context) -> Result:
    """Return the metrics that had datapoints lately, by queue and name.

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
    is_elsewhere = params.get("OwningAccount", account) != account
    if params.get("Namespace", NAMESPACE) != NAMESPACE or is_elsewhere:
        return result
    wanted = _names(params)
    since_ms = context.now_ms - (RECENT_MS if params.get("RecentlyActive") else LISTED_MS)
    found: list[Series] = tx.rows(
        Series,
        "metrics.series_of",
        account=account,
        region=context.caller.region,
        after=after,
        limit=SERIES_MAX,
    )
    metrics = result["Metrics"]
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
    if found and (after != found[-1].name or len(found) == SERIES_MAX):
        result["NextToken"] = urlsafe_b64encode(after.encode()).decode()
    if "OwningAccounts" in result:
        result["OwningAccounts"] = [account] * len(metrics)
    return result


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
