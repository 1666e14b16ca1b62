"""Rows of the metrics service, and the metrics by their names.

    counters of a queue ──once a minute──> minutes ──15 days──> 5 minutes ──63 days──> hours
         └─ marks: the counters that the latest minute ends at        gone <──455 days───┘

Invariants
1. The sum of a counter over all points of a queue is its mark, and the mark is never ahead of the
   counter: a crash at any instant neither loses nor repeats anything that was counted.
2. A minute and its mark are written by one transaction.
3. Rolling up changes no sum, number of samples, least or greatest value.

AWS: CloudWatch User Guide, "Metrics retention"; SQS Developer Guide, "Available CloudWatch metrics
for Amazon SQS".
"""

from __future__ import annotations

from typing import NamedTuple

NAMESPACE = "AWS/SQS"
DIMENSION = "QueueName"


class Series(NamedTuple):
    """A queue's name, of which there may have been several queues."""

    id: int
    account: str
    region: str
    name: str
    is_sized: int  # 1: something was sent
    is_fair: int  # 1: it has the metrics of fair queues


class Mark(NamedTuple):
    """The counters of a queue as its latest minute has them."""

    queue: int
    series: int
    active_ms: int  # when it last did something or held a message
    sent: int
    received: int
    delete_calls: int
    empty_receives: int
    sent_bytes: int
    deduplicated: int


class Minute(NamedTuple):
    """What happened to a queue in a minute, and how it stood at its end.

    The gauges (age_s to the last) are None when nobody looked at the end of the minute, and where
    the kind of queue does not have them; so is `deduplicated`.
    """

    series: int
    at_ms: int  # when it began
    sent: int
    received: int
    delete_calls: int
    empty_receives: int
    sent_bytes: int
    size_least: int | None  # bytes, of one message; None when nothing was sent
    size_most: int | None
    deduplicated: int | None = None
    age_s: int | None = None
    delayed: int | None = None
    in_flight: int | None = None
    visible: int | None = None
    groups_held: int | None = None
    noisy_groups: int | None = None
    quiet_age_s: int | None = None
    quiet_delayed: int | None = None
    quiet_held: int | None = None
    quiet_visible: int | None = None


class Roll(NamedTuple):
    """A period that is rolled up."""

    at_ms: int
    sets: str  # JSON: column, or size -> [samples, sum, least, most]


class Value(NamedTuple):
    """One sample of one metric."""

    at_ms: int
    value: int


class Sizes(NamedTuple):
    """The sizes of what was sent in a minute."""

    at_ms: int
    sent: int
    sent_bytes: int
    size_least: int
    size_most: int


class Number(NamedTuple):
    """A single number."""

    value: int


class Set(NamedTuple):
    """Samples of a metric, of which only this is known (AWS: a statistic set).

    spread: what the samples are, as (value, how many) in order of value; None when that is not
    known, and when the other fields say it (one sample, or samples that are all alike).
    """

    samples: float
    total: float
    least: float
    most: float
    spread: tuple[tuple[float, float], ...] | None = None


class Point(NamedTuple):
    """A set at an instant."""

    at_ms: int
    period_ms: int
    set: Set


class Metric(NamedTuple):
    """A metric by its name: what it counts in, and the column that holds it."""

    name: str
    unit: str
    column: str  # of metric_minutes, and the key in a roll's sets
    kind: str = "every"  # the queues that have it: every, sized, fifo or fair


class Named(NamedTuple):
    """A metric by namespace, name, dimensions and unit: of functions, or a client's own."""

    id: int
    account: str
    region: str
    namespace: str
    name: str
    dimensions: str  # JSON: [[name, value], …] in order of name
    unit: str
    latest_ms: int


class SetRow(NamedTuple):
    """A point of such a metric, as it is stored."""

    at_ms: int
    samples: float
    total: float
    least: float
    most: float
    spread: str | None  # JSON


SIZE = "size"

METRICS = {
    metric.name: metric
    for metric in (
        Metric("ApproximateAgeOfOldestMessage", "Seconds", "age_s"),
        Metric("ApproximateAgeOfOldestMessageInQuietGroups", "Seconds", "quiet_age_s", "fair"),
        Metric("ApproximateNumberOfGroupsWithInflightMessages", "Count", "groups_held", "fifo"),
        Metric("ApproximateNumberOfMessagesDelayed", "Count", "delayed"),
        Metric("ApproximateNumberOfMessagesDelayedInQuietGroups", "Count", "quiet_delayed", "fair"),
        Metric("ApproximateNumberOfMessagesNotVisible", "Count", "in_flight"),
        Metric("ApproximateNumberOfMessagesNotVisibleInQuietGroups", "Count", "quiet_held", "fair"),
        Metric("ApproximateNumberOfMessagesVisible", "Count", "visible"),
        Metric("ApproximateNumberOfMessagesVisibleInQuietGroups", "Count", "quiet_visible", "fair"),
        Metric("ApproximateNumberOfNoisyGroups", "Count", "noisy_groups", "fair"),
        Metric("NumberOfDeduplicatedSentMessages", "Count", "deduplicated", "fifo"),
        Metric("NumberOfEmptyReceives", "Count", "empty_receives"),
        Metric("NumberOfMessagesDeleted", "Count", "delete_calls"),
        Metric("NumberOfMessagesReceived", "Count", "received"),
        Metric("NumberOfMessagesSent", "Count", "sent"),
        Metric("SentMessageSize", "Bytes", SIZE, "sized"),
    )
}
"""AWS: SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS"."""


def has_metric(series: Series, metric: Metric) -> bool:
    """Tell whether a series has a metric."""
    if metric.kind == "sized":
        return bool(series.is_sized)
    if metric.kind == "fifo":
        return series.name.endswith(".fifo")
    return metric.kind == "every" or bool(series.is_fair)
