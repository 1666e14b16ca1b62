"""docs/compat/alarms.md: what is said of CloudWatch's alarms and dashboards."""

from __future__ import annotations

from collections.abc import Iterator

from tests.docs.tables import Fact, bullets, member_rows, table

from redrive.core.time import DAY_MS, SECOND_MS
from redrive.services.alarms.changing import HISTORY_AGE_MS, HISTORY_MAX
from redrive.services.alarms.definitions import ALARMS_MAX, COMPOSITES_MAX, METRICS_MAX
from redrive.services.alarms.operations import SERVED
from redrive.services.alarms.operations.dashboards import DASHBOARDS_MAX
from redrive.services.alarms.operations.evaluating import FIRST_SLOT_MS, SLOT_MS, SLOTS
from redrive.services.alarms.operations.unoffered import (
    ABSENT,
    TRUE,
    UNOFFERED,
    UNOFFERED_PARAMETERS,
)
from redrive.services.alarms.rules import EXTRA_PERIODS
from redrive.services.metrics.operations.figures import LATE_MS
from redrive.wire.endpoint import Endpoint

_ACTIONS = Fact(
    "honoured", "SNS topics and Lambda functions of the alarm's region; others are refused."
)
_BANDS = Fact("refused", "There are no anomaly detection models.")
_PROMQL = Fact("refused", "There are no PromQL queries.")
_TAGS = Fact("refused", "Tags are not told to actions; Enabled false is taken.")
_CONTRIBUTORS = Fact("honoured", "There are no contributors.")
_WINDOW = Fact("refused", "Evaluation windows slide.")
_CONFIG = "ActionConfiguration.AlarmTagsPropagation"
_OF_TAGS = {
    (operation, path): _TAGS
    for operation in ("PutMetricAlarm", "PutCompositeAlarm")
    for path in (
        "ActionConfiguration",
        _CONFIG,
        f"{_CONFIG}.Enabled",
        f"{_CONFIG}.IncludedTagKeys[]",
        f"{_CONFIG}.ExcludedTagKeys[]",
    )
}
MEMBERS = {
    **_OF_TAGS,
    **{("*", f"{kind}Actions[]"): _ACTIONS for kind in ("OK", "Alarm", "InsufficientData")},
    ("PutMetricAlarm", "ExtendedStatistic"): Fact(
        "honoured", "p0 to p100; others are refused with ValidationError."
    ),
    ("PutMetricAlarm", "Period"): Fact(
        "honoured",
        "10, 20, 30 and multiples of 60; figures are kept by the minute, so that alarms on less"
        " lapse, as AWS warns.",
    ),
    ("PutMetricAlarm", "ThresholdMetricId"): _BANDS,
    ("PutMetricAlarm", "Metrics[]"): Fact(
        "honoured",
        f"What GetMetricData takes, {METRICS_MAX} metrics at most; it must come to one time"
        " series.",
    ),
    ("PutMetricAlarm", "Metrics[].Period"): Fact(
        "label", "Of an expression: kept; the period is that of its metrics."
    ),
    ("PutMetricAlarm", "Metrics[].AccountId"): Fact(
        "refused", "Metrics of another account cannot be watched."
    ),
    ("PutMetricAlarm", "EvaluationWindow"): Fact("honoured", "Only SlidingWindow."),
    ("PutMetricAlarm", "EvaluationWindow.SlidingWindow"): Fact("label", "The default."),
    ("PutMetricAlarm", "EvaluationWindow.WallClockWindow"): _WINDOW,
    ("PutMetricAlarm", "EvaluationWindow.WallClockWindow.Timezone"): _WINDOW,
    ("PutMetricAlarm", "EvaluationCriteria"): _PROMQL,
    ("PutMetricAlarm", "EvaluationCriteria.PromQLCriteria"): _PROMQL,
    ("PutMetricAlarm", "EvaluationCriteria.PromQLCriteria.Query"): _PROMQL,
    ("PutMetricAlarm", "EvaluationCriteria.PromQLCriteria.PendingPeriod"): _PROMQL,
    ("PutMetricAlarm", "EvaluationCriteria.PromQLCriteria.RecoveryPeriod"): _PROMQL,
    ("PutMetricAlarm", "EvaluationInterval"): _PROMQL,
    ("DescribeAlarmHistory", "AlarmContributorId"): _CONTRIBUTORS,
    ("DescribeAlarmContributors", "NextToken"): Fact("label", "There is one page, an empty one."),
}


def alarms_page(endpoint: Endpoint) -> str:
    """Return the page."""
    refused = [
        *((name, "ValidationError", why) for name, why in UNOFFERED.items()),
        *(
            (name, "InvalidParameterValueException", why)
            for name, why in UNOFFERED_PARAMETERS.items()
        ),
        *(
            (name, "ResourceNotFoundException", f"There is no {kind} here.")
            for name, (kind, _member) in ABSENT.items()
        ),
    ]
    return (
        "# CloudWatch alarms and dashboards\n\n"
        f"Served: {', '.join(sorted(SERVED))}.\n\n"
        f"Answered with the empty list, or with nothing, which is the truth: {', '.join(TRUE)}.\n\n"
        "## Operations that are refused\n\n"
        + table(("operation", "error", "why"), sorted(refused))
        + "\n## Members of requests\n\nA label is kept and changes nothing.\n\n"
        + table(
            ("operation", "member", "", "what there is to say"),
            member_rows("cloudwatch", "alarms", sorted(SERVED), endpoint, MEMBERS),
        )
        + "\n## What differs from AWS\n\n"
        + bullets(_differences())
    )


def _differences() -> Iterator[str]:
    first_s = FIRST_SLOT_MS // SECOND_MS
    last_s = (FIRST_SLOT_MS + SLOTS * SLOT_MS) // SECOND_MS
    yield (
        f"An alarm is evaluated when it is put, and then {first_s} to {last_s} seconds after each"
        " minute, each alarm at its own instant; those on periods below a minute each ten seconds,"
        " those on more than a day each hour."
    )
    yield (
        "The latest minute is waited for while it is being recorded,"
        f" {LATE_MS // SECOND_MS} seconds at most; after a start no alarm is evaluated before a"
        " whole minute has been recorded, so that none goes off for the time in which the server"
        " did not run."
    )
    yield (
        f"{EXTRA_PERIODS} periods beyond the evaluation periods are looked at for late figures, as"
        " in AWS's tables for three; how many AWS looks at for others is not published."
    )
    yield (
        "An alarm whose few figures all breach, but neither often nor long enough, keeps its state:"
        " AWS says only that it does not go off."
    )
    yield (
        "Suppressed actions: ALARM waits for WaitPeriod; what is told afterwards is the state of"
        " that instant, if it is another than the one that was told last."
    )
    yield (
        "An action is owed with the change of state, and made at least once: a server that is"
        " killed between the topic's commit and the next one tells it twice. It is tried for a day"
        " with the back-off of EventBridge; what refuses it for good is in the history."
    )
    yield (
        "Alarms in a rule must exist and cannot be deleted. A composite alarm that depends on"
        " itself is not evaluated."
    )
    yield (
        f"{ALARMS_MAX:,} metric alarms and {COMPOSITES_MAX} composite ones in a region,"
        f" {DASHBOARDS_MAX:,} dashboards in an account, {HISTORY_MAX} lines of history of an alarm"
        f" for {HISTORY_AGE_MS // DAY_MS} days."
    )
    yield "A dashboard's body is checked for its frame; what widgets hold is not looked into."
    yield "The event CloudWatch Alarm Configuration Change is not sent; State Change is."
    yield "The texts of most refusals are guesses, and of reasons those that no sample shows."
