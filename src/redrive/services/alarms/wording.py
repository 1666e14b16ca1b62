"""Why an alarm is in its state: StateReason and StateReasonData as AWS writes them. Pure.

AWS: EventBridge's and Lambda's sample events of alarms; what no sample shows is a guess, marked so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from redrive.core.time import SECOND_MS, iso_lambda
from redrive.services.alarms.definitions import COMPARISONS, statistic_of
from redrive.services.alarms.model import Child, alarm_arn
from redrive.services.alarms.rules import Figure, Question, Verdict

INITIAL = "Unchecked: Initial alarm creation"
LISTED_MAX = 5
"""Datapoints in a reason's text; of more, the latest. AWS: as users report it."""

RECENT_MAX, EVALUATED_MAX = 60, 30
"""Datapoints in StateReasonData, so that it stays below its 4,000 characters."""


def double(value: float) -> str:
    """Return a number as Java writes a double: 5.0, 1.0E7, 1.0E-4."""
    number = Decimal(repr(float(value)))
    if not number or 1e-3 <= abs(value) < 1e7:
        text = format(number, "f")
        return text if "." in text else f"{text}.0"
    sign, digits, exponent = number.normalize().as_tuple()
    assert isinstance(exponent, int), value
    first, *rest = map(str, digits)
    return f"{'-' if sign else ''}{first}.{''.join(rest) or 0}E{len(rest) + exponent}"


def _at(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / SECOND_MS, UTC).strftime("%d/%m/%y %H:%M:%S")


def _datapoints(count: int) -> str:
    return f"{count} datapoint{'' if count == 1 else 's'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def reason(question: Question, verdict: Verdict) -> str:
    """Return the text for a state that figures have led to."""
    total = question.periods
    if verdict.state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_datapoints(total)} {_were(total)} unknown."
    filled = ""
    if verdict.missing and question.treatment in ("breaching", "notBreaching"):
        kind = "Breaching" if question.treatment == "breaching" else "NonBreaching"
        noun = "datapoint" if verdict.missing == 1 else "datapoints"
        filled = f"{verdict.missing} missing {noun} {_were(verdict.missing)} treated as [{kind}]"
    if filled and not verdict.figures:
        periods = f"{total} period{'' if total == 1 else 's'}"
        return f"Threshold Crossed: no datapoints were received for {periods} and {filled}."
    is_alarm = verdict.state == "ALARM"
    told = [one for one in verdict.figures if (one in verdict.breaching) == is_alarm]
    least = question.datapoints if is_alarm else total - question.datapoints + 1
    way = "OK -> ALARM" if is_alarm else "ALARM -> OK"
    minimum = f"(minimum {_datapoints(least)} for {way} transition)"
    if not told:  # a guess
        return f"Threshold Crossed: {filled} {minimum}."
    return _crossed(question, told, f" and {filled}" if filled else "", minimum, is_alarm=is_alarm)


def _crossed(
    question: Question, told: Sequence[Figure], filled: str, minimum: str, *, is_alarm: bool
) -> str:
    compared = (
        f"{_were(len(told))} {'' if is_alarm else 'not '}{COMPARISONS[question.comparison]} the"
        f" threshold ({double(question.threshold)})"
    )
    count = f"{len(told)} out of the last {question.periods} datapoints"
    listed = ", ".join(f"{double(one.value)} ({_at(one.at_ms)})" for one in told[:LISTED_MAX])
    if len(told) <= LISTED_MAX:
        return f"Threshold Crossed: {count} [{listed}] {compared}{filled} {minimum}."
    which = "crossed" if is_alarm else "did not cross"
    return (
        f"Threshold Crossed: {count} {compared}{filled}. The most recent datapoints which {which}"
        f" the threshold: [{listed}] {minimum}."
    )


def reason_data(
    config: Mapping[str, Any], question: Question, verdict: Verdict, period_ms: int, now_ms: int
) -> str:
    """Return the JSON for a state that figures have led to."""
    figures = verdict.figures
    data: dict[str, Any] = {"version": "1.0", "queryDate": iso_lambda(now_ms)}
    if figures:
        data["startDate"] = iso_lambda(figures[-1].at_ms)
    if "Unit" in config:
        data["unit"] = config["Unit"]
    if "Metrics" not in config:
        data["statistic"] = statistic_of(config)
    data["period"] = period_ms // SECOND_MS
    data["recentDatapoints"] = [one.value for one in reversed(figures[:RECENT_MAX])]
    data["threshold"] = float(question.threshold)
    there = {one.at_ms: one for one in figures}
    filled = [at_ms for at_ms in verdict.instants if at_ms not in there][: verdict.missing]
    instants = sorted((*there, *filled), reverse=True)[:EVALUATED_MAX]
    data["evaluatedDatapoints"] = [_evaluated(at_ms, there) for at_ms in instants]
    return orjson.dumps(data).decode()


def _evaluated(at_ms: int, there: Mapping[int, Figure]) -> dict[str, Any]:
    shown: dict[str, Any] = {"timestamp": iso_lambda(at_ms)}
    figure = there.get(at_ms)
    if figure is not None:
        if figure.samples is not None:
            shown["sampleCount"] = float(figure.samples)
        shown["value"] = float(figure.value)
    return shown


# --- composite alarms -------------------------------------------------------------------------


def composite_reason(arn: str, state: str, is_new: bool, cause: Child | None) -> str:
    """Return the text for a composite alarm's state. AWS: Lambda's sample event."""
    if cause is None:
        done = "created" if is_new else "updated"
        return f"{arn} was {done} and its alarm rule evaluates to {state}"
    prefix = arn.partition(":alarm:")[0]
    when = datetime.fromtimestamp(cause.transitioned_ms / SECOND_MS, UTC)
    told = when.strftime("%A %d %B, %Y %H:%M:%S UTC")
    return f"{prefix}:alarm:{cause.name} transitioned to {cause.state} at {told}"


def triggering(account: str, region: str, cause: Child | None) -> list[dict[str, Any]]:
    """Return the child that a composite alarm has changed for, as StateReasonData shows it."""
    if cause is None:
        return []
    state = {"value": cause.state, "timestamp": iso_lambda(cause.transitioned_ms)}
    return [{"arn": alarm_arn(account, region, cause.name), "state": state}]


def composite_data(account: str, region: str, cause: Child | None) -> str:
    """Return the JSON for a composite alarm's state."""
    return orjson.dumps({"triggeringAlarms": triggering(account, region, cause)}).decode()
