"""What operations of EventBridge, Scheduler, Pipes, SNS and CloudWatch are about, as ARNs. Pure.

AWS: Service Authorization Reference, "Actions, resources, and condition keys for Amazon
EventBridge" and of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from redrive.core.effects import Caller, Params

_BUS = "event-bus/"

_OF_RULES = frozenset(
    {
        "DeleteRule",
        "DescribeRule",
        "DisableRule",
        "EnableRule",
        "ListTargetsByRule",
        "PutRule",
        "PutTargets",
        "RemoveTargets",
    }
)
_OF_BUSES = frozenset({"CreateEventBus", "DeleteEventBus", "DescribeEventBus", "UpdateEventBus"})
_OF_OTHERS = {
    "Archive": ("archive", "ArchiveName"),
    "Replay": ("replay", "ReplayName"),
    "ApiDestination": ("api-destination", "Name"),
    "Connection": ("connection", "Name"),
    "Endpoint": ("endpoint", "Name"),
}


def _of_events(operation: str, params: Params, caller: Caller) -> str:
    beginning = f"arn:aws:events:{caller.region}:{caller.account}:"
    if "ResourceARN" in params:
        return str(params["ResourceARN"])
    if operation in _OF_RULES:
        bus = params.get("EventBusName") or "default"
        name = params.get("Rule") or params.get("Name")
        if _BUS in bus:
            before, _, bus = bus.partition(_BUS)
            beginning = before
        return f"{beginning}rule/{name}" if bus == "default" else f"{beginning}rule/{bus}/{name}"
    if operation in _OF_BUSES:
        name = params.get("Name") or "default"
        return str(name) if name.startswith("arn:") else f"{beginning}{_BUS}{name}"
    for ending, (kind, member) in _OF_OTHERS.items():
        if operation.endswith(ending) and member in params:
            return f"{beginning}{kind}/{params[member]}"
    return "*"


def _of_scheduler(operation: str, params: Params, caller: Caller) -> str:
    beginning = f"arn:aws:scheduler:{caller.region}:{caller.account}:"
    if "ResourceArn" in params:
        return str(params["ResourceArn"])
    if "Name" not in params:
        return "*"
    if operation.endswith("ScheduleGroup"):
        return f"{beginning}schedule-group/{params['Name']}"
    return f"{beginning}schedule/{params.get('GroupName') or 'default'}/{params['Name']}"


def _of_pipes(operation: str, params: Params, caller: Caller) -> str:
    del operation
    if "resourceArn" in params:
        return str(params["resourceArn"])
    name = params.get("Name")
    return "*" if name is None else f"arn:aws:pipes:{caller.region}:{caller.account}:pipe/{name}"


def _of_sns(operation: str, params: Params, caller: Caller) -> str:
    for member in ("TopicArn", "ResourceArn", "TargetArn"):
        if isinstance(params.get(member), str):
            return str(params[member])
    if operation == "CreateTopic":
        return f"arn:aws:sns:{caller.region}:{caller.account}:{params['Name']}"
    return "*"


_OF_ALARMS = frozenset(
    {
        "DeleteAlarms",
        "DescribeAlarmContributors",
        "DescribeAlarmHistory",
        "DescribeAlarms",
        "DisableAlarmActions",
        "EnableAlarmActions",
        "PutMetricAlarm",
        "SetAlarmState",
    }
)
"""PutCompositeAlarm needs a permission for all alarms. AWS: API_PutCompositeAlarm."""


def _of_cloudwatch(operation: str, params: Params, caller: Caller) -> str | list[str]:
    """Dashboards belong to no region. Without a name it is about all alarms."""
    if "ResourceARN" in params:
        return str(params["ResourceARN"])
    if operation in _OF_ALARMS:
        beginning = f"arn:aws:cloudwatch:{caller.region}:{caller.account}:alarm:"
        names = params.get("AlarmNames") or [params.get("AlarmName") or "*"]
        return [f"{beginning}{name}" for name in names]
    names = params.get("DashboardNames") or [params.get("DashboardName")]
    found = [name for name in names if isinstance(name, str)]
    return [f"arn:aws:cloudwatch::{caller.account}:dashboard/{name}" for name in found] or "*"


OF_SERVICES: Mapping[str, Callable[[str, Params, Caller], str | list[str]]] = {
    "cloudwatch": _of_cloudwatch,
    "events": _of_events,
    "scheduler": _of_scheduler,
    "pipes": _of_pipes,
    "sns": _of_sns,
}
"""(operation, params, caller) -> the ARN of what it is about, several ARNs, or *."""
