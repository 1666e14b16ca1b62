"""What a metric alarm's figures mean: its next state and why, in AWS's words. Pure.

The range that is looked at is longer than the evaluation periods, so that late figures do no harm:

    the latest `EvaluationPeriods` figures that are there ──> as many as M breach? ──> ALARM, or OK
    fewer are there ──> those that are missing are filled in as TreatMissingData says

AWS: CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data", with its two
tables and "Avoiding premature transitions to alarm state".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from redrive.services.alarms.definitions import TREATMENTS
from redrive.services.alarms.model import State

EXTRA_PERIODS = 2
"""Periods looked at beyond the evaluation periods: of 3, 5 are looked at in AWS's tables. How many
there are of others is not published."""

assert TREATMENTS == ("breaching", "notBreaching", "ignore", "missing")


class Figure(NamedTuple):
    """What was read of a period."""

    at_ms: int  # when the period began
    value: float
    samples: float | None  # None: of an expression


class Verdict(NamedTuple):
    """A state, and what it comes from."""

    state: State
    figures: Sequence[Figure]  # evaluated, the latest first
    breaching: Sequence[Figure]  # those of them that breach
    missing: int  # periods that were filled in
    instants: Sequence[int]  # of the evaluation periods, the latest first


class Question(NamedTuple):
    """What of an alarm's configuration decides."""

    periods: int  # N
    datapoints: int  # M
    comparison: str
    threshold: float
    treatment: str
    samples_min: float  # of each figure, for a percentile to mean something; 0 otherwise


def question_of(config: Mapping[str, Any]) -> Question:
    """Return what decides about an alarm."""
    periods: int = config["EvaluationPeriods"]
    samples_min = 0.0
    if config.get("EvaluateLowSampleCountPercentile") == "ignore":
        samples_min = least_samples(float(config["ExtendedStatistic"][1:]))
    return Question(
        periods,
        config.get("DatapointsToAlarm", periods),
        config["ComparisonOperator"],
        config["Threshold"],
        config.get("TreatMissingData", "missing"),
        samples_min,
    )


def least_samples(percent: float) -> float:
    """Return how many samples make a percentile significant.

    AWS: CloudWatch User Guide, "Percentile-based alarms and low data samples".
    """
    rest = 100 - percent if percent >= 50 else percent
    return 1_000 / rest if rest > 0 else 0.0


def is_breaching(value: float, comparison: str, threshold: float) -> bool:
    """Tell whether a figure breaches a threshold."""
    if comparison == "GreaterThanThreshold":
        return value > threshold
    if comparison == "GreaterThanOrEqualToThreshold":
        return value >= threshold
    if comparison == "LessThanThreshold":
        return value < threshold
    assert comparison == "LessThanOrEqualToThreshold"
    return value <= threshold


def span_of(question: Question, period_ms: int, end_ms: int) -> tuple[int, int]:
    """Return the range that is looked at, from and to before an instant."""
    return end_ms - (question.periods + EXTRA_PERIODS) * period_ms, end_ms


def judge(
    question: Question, figures: Sequence[Figure], period_ms: int, end_ms: int
) -> Verdict | None:
    """Return what the figures of the range mean, or None when the state is to stay as it is.

    figures: in order of time; those out of the range are not looked at.
    """
    start_ms, _end = span_of(question, period_ms, end_ms)
    there = [one for one in reversed(figures) if start_ms <= one.at_ms < end_ms]
    used = there[: question.periods]
    if question.samples_min and any((one.samples or 0) < question.samples_min for one in used):
        return None
    breaching = [
        one for one in used if is_breaching(one.value, question.comparison, question.threshold)
    ]
    missing = question.periods - len(used)
    state = _state(question, used, breaching, (end_ms, period_ms))
    if state is None:
        return None
    instants = [end_ms - k * period_ms for k in range(1, question.periods + 1)]
    return Verdict(state, used, breaching, missing, instants)


def _state(
    question: Question,
    used: Sequence[Figure],
    breaching: Sequence[Figure],
    place: tuple[int, int],
) -> State | None:
    """Decide; None keeps the state.

    An alarm whose figures all breach but are too few goes off when the oldest of them is so old
    that, had the missing ones been breaching, it would have gone off. Until then AWS does not say
    what it does: here it stays.
    """
    count, missing = len(breaching), question.periods - len(used)
    if missing and question.treatment == "breaching":
        count += missing
    if count >= question.datapoints:
        return "ALARM"
    if not missing or question.treatment in ("breaching", "notBreaching"):
        return "OK"
    if len(breaching) < len(used):
        return "OK"
    if question.treatment == "ignore":
        return None
    if not used:
        return "INSUFFICIENT_DATA"
    end_ms, period_ms = place
    age = (end_ms - used[-1].at_ms) // period_ms
    return "ALARM" if age >= question.datapoints else None
