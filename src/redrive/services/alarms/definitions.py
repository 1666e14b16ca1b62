"""What an alarm may be: PutMetricAlarm's and PutCompositeAlarm's parameters, checked. Pure.

What is kept is what was given, by AWS's names; Metrics are checked further by the metrics service,
which knows statistics and expressions.
AWS: API_PutMetricAlarm, API_PutCompositeAlarm. The texts are guesses but where it is said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from redrive.core.arn import parse_arn
from redrive.core.effects import Caller
from redrive.core.time import DAY_MS, MINUTE_MS, SECOND_MS
from redrive.services.alarms.refusals import invalid, unsupported

ALARMS_MAX = 5_000
"""Metric alarms of an account in a region. AWS: "CloudWatch service quotas"."""

COMPOSITES_MAX = 500
METRICS_MAX = 10
TAGS_MAX = 50

WEEK_S = 7 * 86_400
DAY_S = 86_400

TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")
COMPARISONS: Mapping[str, str] = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
_BANDS = (
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
)
_OF_ONE = ("Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
_KEPT = (
    "AlarmDescription",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
    "EvaluationWindow",
    "WarmUpConfiguration",
    "ActionConfiguration",
)
ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
WATCHED_PERIOD = "WatchedPeriod"
"""The period in seconds of what Metrics come to; it is ours, and not shown."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ACTED_ON = {"sns": re.compile(r"[^:]+"), "lambda": re.compile(r"function:[^:]+(:[^:]+)?")}
_KNOWN_ACTIONS = ("aiops", "automate", "autoscaling", "ssm", "ssm-incidents", "swf")


def metric_alarm(params: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """Return what is kept of PutMetricAlarm's parameters. Raises ServiceError."""
    check_name(params["AlarmName"])
    _refuse_unserved(params)
    _check_watched(params)
    for name in ("EvaluationPeriods", "Threshold", "ComparisonOperator"):
        if name not in params:
            raise invalid(f"The parameter {name} is required for alarms on a static threshold.")
    if params["ComparisonOperator"] in _BANDS:
        raise unsupported(params["ComparisonOperator"], "There are no anomaly detection models.")
    if not math.isfinite(params["Threshold"]):
        raise invalid(f"The value {params['Threshold']} for parameter Threshold is invalid.")
    if params.get("DatapointsToAlarm", 1) > params["EvaluationPeriods"]:
        raise invalid("The parameter DatapointsToAlarm must not be greater than EvaluationPeriods.")
    if params.get("TreatMissingData", "missing") not in TREATMENTS:
        raise invalid(
            f"The value {params['TreatMissingData']} for parameter TreatMissingData is invalid. It"
            f" takes {', '.join(TREATMENTS)}."
        )
    _check_low_samples(params)
    if "Period" in params:
        check_span(params["Period"], params["EvaluationPeriods"])
    return {
        **{name: params[name] for name in _KEPT if params.get(name) is not None},
        **_actions(params, caller),
    }


def _refuse_unserved(params: Mapping[str, Any]) -> None:
    if "EvaluationCriteria" in params or "EvaluationInterval" in params:
        raise unsupported("EvaluationCriteria", "There are no PromQL queries.")
    if "ThresholdMetricId" in params:
        raise unsupported("ThresholdMetricId", "There are no anomaly detection models.")
    if "WallClockWindow" in (params.get("EvaluationWindow") or {}):
        raise unsupported("WallClockWindow", "Evaluation windows slide.")
    propagation = (params.get("ActionConfiguration") or {}).get("AlarmTagsPropagation") or {}
    if propagation.get("Enabled"):
        raise unsupported("AlarmTagsPropagation", "Tags are not told to actions.")


def _check_watched(params: Mapping[str, Any]) -> None:
    """Demand one metric, or a list of queries of which one returns data."""
    if "MetricName" in params and "Metrics" in params:
        raise invalid("The parameters MetricName and Metrics are mutually exclusive.")
    if "MetricName" in params:
        for name in ("Namespace", "Period"):
            if name not in params:
                raise invalid(f"The parameter {name} is required when MetricName is specified.")
        if ("Statistic" in params) == ("ExtendedStatistic" in params):
            raise invalid("Exactly one of Statistic and ExtendedStatistic must be specified.")
        names = [one["Name"] for one in params.get("Dimensions") or ()]
        if len(set(names)) < len(names):
            raise invalid("The parameter Dimensions has a name twice.")
        return
    queries: Sequence[Mapping[str, Any]] = params.get("Metrics") or ()
    if not queries:
        raise invalid("One of the parameters MetricName and Metrics must be specified.")
    for name in _OF_ONE:
        if params.get(name):
            raise invalid(f"The parameters Metrics and {name} are mutually exclusive.")
    if sum(query.get("ReturnData", True) for query in queries) != 1:
        # AWS: as it is known from users' reports.
        raise invalid("Exactly one element of the metrics list should return data.")
    if sum("MetricStat" in query for query in queries) > METRICS_MAX:
        raise invalid(f"An alarm takes at most {METRICS_MAX} metrics.")


def check_account(params: Mapping[str, Any], caller: Caller) -> None:
    """Refuse metrics of another account, which nobody shares."""
    for query in params.get("Metrics") or ():
        if query.get("AccountId", caller.account) != caller.account:
            raise unsupported("AccountId", "Metrics of another account cannot be watched.")


def _check_low_samples(params: Mapping[str, Any]) -> None:
    given = params.get("EvaluateLowSampleCountPercentile")
    if given is None:
        return
    if given not in ("evaluate", "ignore"):
        raise invalid(
            f"The value {given} for parameter EvaluateLowSampleCountPercentile is invalid. It takes"
            " evaluate and ignore."
        )
    if not params.get("ExtendedStatistic", "").startswith("p"):
        raise invalid(
            "The parameter EvaluateLowSampleCountPercentile is for alarms on percentiles."
        )


def check_span(period_s: int, evaluation_periods: int) -> None:
    """Refuse periods that do not exist, and more of them than are looked at.

    AWS: API_PutMetricAlarm, "Period"; the texts are as users report them.
    """
    if period_s not in (10, 20, 30) and period_s % 60:
        raise invalid("Period must be 10, 20, 30 or a multiple of 60")
    total_s = period_s * evaluation_periods
    if period_s < 3_600 and total_s > DAY_S:
        raise invalid(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be"
            f" <= {DAY_S})."
        )
    if total_s > WEEK_S:
        raise invalid(
            "Metrics cannot be checked across more than seven days (EvaluationPeriods * Period must"
            f" be <= {WEEK_S})."
        )


def queries_of(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a metric alarm watches as MetricDataQueries, of which one returns data."""
    if "Metrics" in config:
        queries: list[dict[str, Any]] = config["Metrics"]
        return queries
    metric = {
        "Namespace": config["Namespace"],
        "MetricName": config["MetricName"],
        "Dimensions": config.get("Dimensions") or [],
    }
    stat = {"Metric": metric, "Period": config["Period"], "Stat": statistic_of(config)}
    if "Unit" in config:
        stat["Unit"] = config["Unit"]
    return [{"Id": "m1", "MetricStat": stat, "ReturnData": True}]


def statistic_of(config: Mapping[str, Any]) -> str:
    """Return the statistic of an alarm on one metric."""
    name: str = config.get("Statistic") or config["ExtendedStatistic"]
    return name


def period_ms_of(config: Mapping[str, Any]) -> int:
    """Return the period of what a metric alarm watches."""
    period_s: int = config[WATCHED_PERIOD] if "Metrics" in config else config["Period"]
    return period_s * SECOND_MS


def interval_ms(period_ms: int, evaluation_periods: int) -> int:
    """Return how often an alarm is evaluated.

    AWS: CloudWatch User Guide, "Using Amazon CloudWatch alarms": each minute, each ten seconds with
    a period of less than one, each hour when more than a day is looked at.
    """
    if period_ms < MINUTE_MS:
        return 10 * SECOND_MS
    return 60 * MINUTE_MS if period_ms * evaluation_periods > DAY_MS else MINUTE_MS


# --- composite alarms -------------------------------------------------------------------------


def composite_alarm(params: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """Return what is kept of PutCompositeAlarm's parameters but for its rule's meaning."""
    check_name(params["AlarmName"])
    _refuse_unserved(params)
    periods = ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
    has_suppressor = bool(params.get("ActionsSuppressor"))
    for name in periods:
        if has_suppressor != (name in params):
            raise invalid(
                f"{name} must be specified together with ActionsSuppressor, and only with it."
            )
        if params.get(name, 0) < 0:
            raise invalid(f"The parameter {name} must not be negative.")
    kept = ("AlarmDescription", "AlarmRule", "ActionsSuppressor", *periods, "ActionConfiguration")
    return {
        **{name: params[name] for name in kept if params.get(name) is not None},
        **_actions(params, caller),
    }


# --- names, actions, tags ---------------------------------------------------------------------


def check_name(name: str) -> None:
    """Refuse a name with control characters."""
    if _CONTROL.search(name):
        raise invalid("AlarmName must not contain ASCII control characters.")


def _actions(params: Mapping[str, Any], caller: Caller) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in ACTIONS:
        found[name] = list(dict.fromkeys(params.get(name) or ()))
        for action in found[name]:
            _check_action(action, caller)
    return found


def _check_action(text: str, caller: Caller) -> None:
    arn = parse_arn(text)
    if arn is None:
        raise invalid(f"Invalid arn syntax: {text}")  # AWS: as users report it
    if arn.service in _KNOWN_ACTIONS:
        raise unsupported(f"The action {text}", "Actions are SNS topics and Lambda functions.")
    form = _ACTED_ON.get(arn.service)
    if form is None or not form.fullmatch(arn.resource) or not arn.account:
        raise invalid(f"Invalid arn syntax: {text}")
    if arn.region != caller.region:  # AWS: as users report it
        raise invalid(f"Invalid region {arn.region} specified. Only {caller.region} is supported.")


def tags_of(given: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Return tags by key. Raises ServiceError."""
    tags = {one["Key"]: one["Value"] for one in given or ()}
    if len(tags) < len(given or ()):
        raise invalid("A tag key is given twice.")
    check_tags(tags)
    return tags


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuse more tags than a resource can have, and keys that are AWS's own."""
    if len(tags) > TAGS_MAX:
        raise invalid(f"A resource can have at most {TAGS_MAX} tags.")
    for key in tags:
        if key.lower().startswith("aws:"):
            raise invalid("Tag keys starting with aws: are reserved for system use.")
