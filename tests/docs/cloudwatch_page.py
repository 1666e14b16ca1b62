"""docs/compat/cloudwatch.md: what is said of the metrics service."""

from __future__ import annotations

from collections.abc import Iterator

from tests.docs.tables import Fact, bullets, member_rows, split, table

from redrive.core.time import DAY_MS, HOUR_MS
from redrive.services.alarms.operations import SERVED as ALARMS
from redrive.services.alarms.operations.unoffered import OPERATIONS as UNOFFERED
from redrive.services.metrics import mathematics
from redrive.services.metrics.gatherer import CELLS_MAX
from redrive.services.metrics.lambdas import NAMESPACE as LAMBDA
from redrive.services.metrics.model import METRICS, NAMESPACE
from redrive.services.metrics.operations.gathered import NAMES_MAX
from redrive.services.metrics.operations.queries import QUERIES_MAX, ROWS_MAX
from redrive.services.metrics.rules import (
    ACTIVE_MS,
    FIVES_AGE_MS,
    HOURS_AGE_MS,
    MINUTES_AGE_MS,
    POINTS_MAX,
)
from redrive.services.metrics.spreads import VALUES_MAX
from redrive.services.metrics.statistics import LISTED_MS, SIMPLE
from redrive.services.registry import Registry
from redrive.wire.endpoint import Endpoint

_KINDS = {
    "every": "every queue",
    "sized": "a queue to which something was sent",
    "fifo": "FIFO queues",
    "fair": "standard queues that have met a message group",
}
_NOTES = {
    "NumberOfMessagesDeleted": "Counts receipt handles taken, repeated ones too, as with AWS.",
    "NumberOfEmptyReceives": "kill -9 loses the count of at most a minute.",
}
_NAMESPACE = Fact("honoured", "Those of AWS that are told below, and clients' own.")
_DIMENSIONS = Fact("honoured", "Exactly those of the metric: of queues, QueueName.")
_NO_ENTITY = Fact("label", "There are no entities.")
_ENTITY = "EntityMetricData[]"
_QUERY = "MetricDataQueries[]."
MEMBERS = {
    ("GetMetricData", f"{_QUERY}MetricStat.Metric.Namespace"): _NAMESPACE,
    ("GetMetricStatistics", "Namespace"): _NAMESPACE,
    ("ListMetrics", "Namespace"): _NAMESPACE,
    ("GetMetricData", f"{_QUERY}MetricStat.Metric.Dimensions[]"): _DIMENSIONS,
    ("GetMetricStatistics", "Dimensions[]"): _DIMENSIONS,
    ("ListMetrics", "Dimensions[]"): Fact("honoured", "Those that a metric must have."),
    ("PutMetricData", "Namespace"): Fact("honoured", "Any that does not begin with AWS/."),
    ("PutMetricData", "MetricData[].StorageResolution"): Fact(
        "label", "1 is kept by the minute, as 60 is."
    ),
    ("PutMetricData", "StrictEntityValidation"): Fact("label", "There are no entities."),
    ("PutMetricData", f"{_ENTITY}.MetricData[].StorageResolution"): Fact(
        "label", "1 is kept by the minute, as 60 is."
    ),
    ("PutMetricData", f"{_ENTITY}.Entity"): _NO_ENTITY,
    ("PutMetricData", f"{_ENTITY}.Entity.KeyAttributes{{}}"): _NO_ENTITY,
    ("PutMetricData", f"{_ENTITY}.Entity.Attributes{{}}"): _NO_ENTITY,
    ("GetMetricData", "MetricDataQueries[]"): Fact("honoured", f"1 to {QUERIES_MAX}."),
    ("GetMetricData", f"{_QUERY}MetricStat.Stat"): Fact(
        "honoured", f"{', '.join(SIMPLE)}, p0 to p100; others are refused with ValidationError."
    ),
    ("GetMetricData", f"{_QUERY}Label"): Fact(
        "honoured", "Returned as it is: `${…}` in it is not replaced."
    ),
    ("GetMetricData", f"{_QUERY}Period"): Fact(
        "label", "Of an expression: checked; the period is that of its metrics."
    ),
    ("GetMetricData", f"{_QUERY}AccountId"): Fact(
        "honoured", "Another account's answer is Forbidden, without values."
    ),
    ("GetMetricData", "LabelOptions"): Fact("label", "Labels hold no times."),
    ("GetMetricData", "LabelOptions.Timezone"): Fact("label", "Labels hold no times."),
    ("GetMetricStatistics", "ExtendedStatistics[]"): Fact(
        "honoured", "p0 to p100; others are refused with InvalidParameterValueException."
    ),
    ("ListMetrics", "IncludeLinkedAccounts"): Fact("honoured", "There are no linked accounts."),
    ("ListMetrics", "OwningAccount"): Fact("honoured", "Another account has no metrics."),
}


def metric_operations(endpoint: Endpoint) -> set[str]:
    """Return the operations that are about metrics; those of alarms are on their page."""
    of_alarms = {*ALARMS, *UNOFFERED}
    return {name for name in endpoint.model("cloudwatch").operation_names if name not in of_alarms}


def cloudwatch_page(registry: Registry, endpoint: Endpoint) -> str:
    """Return the page."""
    known = metric_operations(endpoint)
    served = [name for name in split("cloudwatch", registry, endpoint)[0] if name in known]
    protocols = ", ".join(endpoint.model("cloudwatch").protocols)
    treated = member_rows("cloudwatch", "metrics", served, endpoint, MEMBERS)
    assert _NOTES.keys() <= METRICS.keys()
    metrics = (
        (name, metric.unit, _KINDS[metric.kind], _NOTES.get(name, ""))
        for name, metric in METRICS.items()
    )
    return (
        "# CloudWatch\n\nThe metrics of queues, functions and event source mappings, recorded once"
        f" a minute, and clients' own. Protocols: {protocols}."
        " The same figures, at once, are at `GET /metrics` in Prometheus' text format.\n\n"
        f"Served: {', '.join(served)}.\n\n"
        "## Members of requests\n\nA label is checked and changes nothing.\n\n"
        + table(("operation", "member", "", "what there is to say"), treated)
        + f"\n## Metrics of queues\n\nIn the namespace {NAMESPACE}, by QueueName.\n\n"
        + table(("metric", "unit", "who has it", "what differs"), metrics)
        + "\n## Metrics of functions\n\n"
        + bullets(_functions())
        + "\n## What differs from AWS\n\n"
        + bullets(_differences())
    )


def _differences() -> Iterator[str]:
    functions = sorted({*mathematics._FUNCTIONS, "FILL", "METRICS"} - {"neg"})
    yield "Alarms and dashboards, and what there is not, have [a page of their own](alarms.md)."
    yield (
        f"Minutes are kept for {MINUTES_AGE_MS // DAY_MS} days, then five minutes to"
        f" {FIVES_AGE_MS // DAY_MS} days and hours to {HOURS_AGE_MS // DAY_MS}, as with AWS, while"
        f" all are no more than {POINTS_MAX:,} rows. Beyond these the oldest are rolled up before"
        " their time."
    )
    yield (
        f"A queue without messages of which nobody asked anything for {ACTIVE_MS // HOUR_MS} hours"
        f" is not recorded, as with AWS; ListMetrics looks back {LISTED_MS // DAY_MS} days."
    )
    yield (
        "A period of less than a minute has at most one datapoint a minute: there is no finer"
        " resolution."
    )
    yield (
        "What was counted of queues is told once, over crashes too. The gauges of a minute in which"
        " the server did not run are missing, and not zero."
    )
    yield (
        "A percentile is the nearest rank (a guess). It is missing where the samples are not known:"
        " of queues in rolled up periods and of SentMessageSize, and of statistic sets, unless all"
        f" were alike. Of functions and clients' metrics at most {VALUES_MAX} values are kept of a"
        " minute: where there were more, those within a percent of each other, or further if need"
        " be, are one."
    )
    yield (
        "Metric math: + - * / ^, comparisons, AND, OR, and " + ", ".join(functions) + "."
        " Anything else, SEARCH and ANOMALY_DETECTION_BAND among it, is refused by name."
    )
    yield (
        f"A page that needs more than {ROWS_MAX:,} datapoints at once is refused with"
        " ValidationError."
    )
    yield "The texts of most refusals are guesses; their codes are those of the operations."


def _functions() -> Iterator[str]:
    yield (
        f"In the namespace {LAMBDA}: Invocations, Errors, Throttles, Duration,"
        " ConcurrentExecutions, UnreservedConcurrentExecutions, AsyncEventsReceived,"
        " AsyncEventAge, AsyncEventsDropped, DeadLetterErrors, DestinationDeliveryFailures."
    )
    yield (
        "Each for the account, by FunctionName, by FunctionName and Resource, and for an alias by"
        " FunctionName, Resource and ExecutedVersion."
    )
    yield (
        "Of event source mappings with EventCount, by EventSourceMappingUUID: PolledEventCount,"
        " FilteredOutEventCount, InvokedEventCount, FailedInvokeEventCount, DeletedEventCount."
    )
    yield (
        "They are counted in memory and written once a minute: kill -9 costs those of the minute."
        f" Of one minute {CELLS_MAX:,} metrics are counted, and {NAMES_MAX:,} are kept in all."
    )
    yield (
        "What buses, schedules, topics and pipes count is recorded likewise, in AWS/Events,"
        " AWS/Scheduler, AWS/SNS and AWS/EventBridge/Pipes."
    )
    yield "Not recorded: IteratorAge, RecursiveInvocationsDropped, PostRuntimeExtensionsDuration."
