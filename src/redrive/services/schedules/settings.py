"""From the parameters of CreateSchedule and UpdateSchedule to what is kept of a schedule. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.core.calendar import is_zone
from redrive.core.effects import Params
from redrive.core.time import MINUTE_MS
from redrive.services.schedules.refusals import invalid
from redrive.services.schedules.rules import timing_of
from redrive.services.schedules.targets import Offers, check_target

_INPUT_BYTES_MAX = 262_144  # API_Target, "Input": 256 KB
_START_GRACE_MS = 5 * MINUTE_MS
_RETRY = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
_DEFAULTS = {
    "ScheduleExpressionTimezone": "UTC",
    "State": "ENABLED",
    "ActionAfterCompletion": "NONE",
}
_OPTIONAL = ("StartDate", "EndDate", "Description", "KmsKeyArn")


def settings_of(
    params: Params, offers: Offers, now_ms: int, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return all that is set of a schedule, by AWS's names, what is left out with its default.

    before: what was set of it, when it is updated: nothing of it stays. Raises ServiceError
    ValidationException. AWS: API_UpdateSchedule.
    """
    target = dict(params["Target"])
    body = {
        "ScheduleExpression": params["ScheduleExpression"],
        "FlexibleTimeWindow": _window(params["FlexibleTimeWindow"]),
        "Target": target,
        **{name: params.get(name) or default for name, default in _DEFAULTS.items()},
        **{name: params[name] for name in _OPTIONAL if params.get(name) is not None},
    }
    timing_of(body)
    zone = body["ScheduleExpressionTimezone"]
    if not is_zone(zone):
        raise invalid(f"Invalid Schedule Expression Timezone {zone}.")
    _check_dates(body, now_ms, before or {})
    check_target(target, offers)
    if len((target.get("Input") or "").encode()) > _INPUT_BYTES_MAX:
        raise invalid(f"Input must be at most {_INPUT_BYTES_MAX} bytes.")
    target["RetryPolicy"] = {**_RETRY, **_given(target.get("RetryPolicy"))}
    return body


def _given(policy: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (policy or {}).items() if value is not None}


def _window(given: Mapping[str, Any]) -> dict[str, Any]:
    minutes = given.get("MaximumWindowInMinutes")
    if given["Mode"] == "FLEXIBLE":
        if minutes is None:
            raise invalid("MaximumWindowInMinutes is required when the mode is FLEXIBLE.")
        return {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes}
    if minutes is not None:
        raise invalid("MaximumWindowInMinutes is not applicable when the mode is OFF.")
    return {"Mode": "OFF"}


def _check_dates(body: Mapping[str, Any], now_ms: int, before: Mapping[str, Any]) -> None:
    start, end = body.get("StartDate"), body.get("EndDate")
    is_new = start != before.get("StartDate")
    if start is not None and is_new and start < now_ms - _START_GRACE_MS:
        raise invalid("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if start is not None and end is not None and end <= start:
        raise invalid("The EndDate you specify must come after the StartDate.")
    if end is not None and end != before.get("EndDate") and end < now_ms:
        raise invalid("The EndDate you specify cannot be in the past.")
