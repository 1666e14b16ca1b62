"""CloudWatch's operations on metrics, and the internal ones that record them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from redrive.services.metrics.operations import (
    figures,
    gathered,
    listing,
    putting,
    queries,
    record,
    scrape,
    statistics,
)
from redrive.services.metrics.room import Metrics
from redrive.services.registry import Registry

_CLOUDWATCH: Mapping[str, Callable[..., Any]] = {
    "GetMetricData": queries.get_metric_data,
    "GetMetricStatistics": statistics.get_metric_statistics,
    "ListMetrics": listing.list_metrics,
    "PutMetricData": putting.put_metric_data,
}
_INTERNAL: Mapping[str, Callable[..., Any]] = {
    "CheckFigures": figures.check_figures,
    "ReadFigures": figures.read_figures,
    "RecordGathered": gathered.record_gathered,
    "RecordMinute": record.record_minute,
    "ResetAccount": record.reset_account,
    "RollUp": record.roll_up_points,
    "Scrape": scrape.scrape,
}


def register(registry: Registry, room: Metrics) -> None:
    """Add the operations to the registry."""
    operations = {**_CLOUDWATCH, **_INTERNAL}
    registry.add("cloudwatch", {name: partial(work, room) for name, work in operations.items()})
