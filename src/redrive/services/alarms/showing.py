"""Alarms as DescribeAlarms and its like show them. Pure."""

from __future__ import annotations

from typing import Any

from redrive.services.alarms.definitions import WATCHED_PERIOD
from redrive.services.alarms.model import Alarm
from redrive.services.alarms.notices import suppressed_reason


def show(alarm: Alarm) -> dict[str, Any]:
    """Return all of an alarm but its tags. AWS: MetricAlarm, CompositeAlarm."""
    row, config = alarm.row, alarm.config
    shown: dict[str, Any] = {
        "AlarmName": row.name,
        "AlarmArn": alarm.arn,
        "AlarmConfigurationUpdatedTimestamp": row.configured_ms,
        "ActionsEnabled": bool(row.actions_enabled),
        "StateValue": row.state,
        "StateReason": row.reason,
        "StateUpdatedTimestamp": row.updated_ms,
        "StateTransitionedTimestamp": row.transitioned_ms,
        **config,
    }
    if row.reason_data:
        shown["StateReasonData"] = row.reason_data
    if alarm.is_composite:
        if row.suppressed_by:
            shown["ActionsSuppressedBy"] = row.suppressed_by
            shown["ActionsSuppressedReason"] = suppressed_reason(row.suppressed_by)
        return shown
    shown.pop(WATCHED_PERIOD, None)
    if "Metrics" not in config:
        shown.setdefault("Dimensions", [])
    if row.trouble:
        shown["EvaluationState"] = row.trouble
    return shown
