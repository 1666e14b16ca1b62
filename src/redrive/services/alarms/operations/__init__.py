"""CloudWatch's operations on alarms and dashboards; internal ones are of the service `alarms`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.services.alarms.operations import (
    acting,
    dashboards,
    describing,
    evaluating,
    putting,
    states,
    tagging,
    unoffered,
)
from redrive.services.alarms.room import Alarms
from redrive.services.registry import Registry
from redrive.store.store import Tx


def reset_account(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Forget all of the caller's account, in all regions."""
    del room, params
    account = context.caller.account
    for statement in ("reset_ties", "reset_history", "reset_dashboards", "reset"):
        tx.run(f"alarms.{statement}", account=account)
    return {}


SERVED: Mapping[str, Callable[..., Any]] = {
    "DeleteAlarms": putting.delete_alarms,
    "DeleteDashboards": dashboards.delete_dashboards,
    "DescribeAlarmContributors": describing.describe_alarm_contributors,
    "DescribeAlarmHistory": describing.describe_alarm_history,
    "DescribeAlarms": describing.describe_alarms,
    "DescribeAlarmsForMetric": describing.describe_alarms_for_metric,
    "DisableAlarmActions": putting.disable_alarm_actions,
    "EnableAlarmActions": putting.enable_alarm_actions,
    "GetDashboard": dashboards.get_dashboard,
    "ListDashboards": dashboards.list_dashboards,
    "ListTagsForResource": tagging.list_tags_for_resource,
    "PutCompositeAlarm": putting.put_composite_alarm,
    "PutDashboard": dashboards.put_dashboard,
    "PutMetricAlarm": putting.put_metric_alarm,
    "SetAlarmState": states.set_alarm_state,
    "TagResource": tagging.tag_resource,
    "UntagResource": tagging.untag_resource,
}
_INTERNAL: Mapping[str, Callable[..., Any]] = {
    "ForgetHistory": evaluating.forget_history,
    "NoteAction": acting.note_action,
    "PerformAction": acting.perform_action,
    "ResetAccount": reset_account,
    "Watch": evaluating.watch,
}


def register(registry: Registry, room: Alarms) -> None:
    """Add the operations to the registry."""
    operations = {**SERVED, **unoffered.OPERATIONS}
    registry.add("cloudwatch", {name: partial(work, room) for name, work in operations.items()})
    registry.add("alarms", {name: partial(work, room) for name, work in _INTERNAL.items()})
