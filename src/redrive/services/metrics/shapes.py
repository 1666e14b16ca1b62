"""What each CloudWatch operation is asked, as types; the wire has checked it.

Shapes and names are those of the model (API version 2010-08-01); only the checker reads them.
Instants are milliseconds.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Dimension(TypedDict):
    """A dimension of a metric."""

    Name: str
    Value: str


class DimensionFilter(TypedDict):
    """A dimension that a metric must have, with any value when none is given."""

    Name: str
    Value: NotRequired[str]


class GetMetricStatisticsParams(TypedDict):
    """GetMetricStatistics' parameters."""

    Namespace: str
    MetricName: str
    Dimensions: NotRequired[list[Dimension]]
    StartTime: int
    EndTime: int
    Period: int
    Statistics: NotRequired[list[str]]
    ExtendedStatistics: NotRequired[list[str]]
    Unit: NotRequired[str]


class MetricParams(TypedDict):
    """A metric in a query."""

    Namespace: NotRequired[str]
    MetricName: NotRequired[str]
    Dimensions: NotRequired[list[Dimension]]


class MetricStat(TypedDict):
    """A metric, a period and a statistic."""

    Metric: MetricParams
    Period: int
    Stat: str
    Unit: NotRequired[str]


class MetricDataQuery(TypedDict):
    """One query: a MetricStat or an Expression."""

    Id: str
    MetricStat: NotRequired[MetricStat]
    Expression: NotRequired[str]
    Label: NotRequired[str]
    ReturnData: NotRequired[bool]
    Period: NotRequired[int]
    AccountId: NotRequired[str]


class GetMetricDataParams(TypedDict):
    """GetMetricData's parameters."""

    MetricDataQueries: list[MetricDataQuery]
    StartTime: int
    EndTime: int
    NextToken: NotRequired[str]
    ScanBy: NotRequired[str]
    MaxDatapoints: NotRequired[int]


class ListMetricsParams(TypedDict):
    """ListMetrics' parameters."""

    Namespace: NotRequired[str]
    MetricName: NotRequired[str]
    Dimensions: NotRequired[list[DimensionFilter]]
    NextToken: NotRequired[str]
    RecentlyActive: NotRequired[str]
    IncludeLinkedAccounts: NotRequired[bool]
    OwningAccount: NotRequired[str]
