"""What an alarm tells when its state changes: to topics, to functions, to the event bus. Pure.

AWS: CloudWatch User Guide, "Alarm events and EventBridge", "Invoke a Lambda function from an
alarm"; messages of topics as users report them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from redrive.core.time import iso, iso_lambda
from redrive.services.alarms.definitions import queries_of, statistic_of
from redrive.services.alarms.model import Alarm, State
from redrive.services.alarms.regions import region_name

SUBJECT_MAX = 100
"""AWS: API_Publish, Subject: less than 100 characters."""


class Change(NamedTuple):
    """How an alarm was, and how it is now."""

    old: State
    old_reason: str
    old_data: str
    old_ms: int
    new: State
    reason: str
    data: str  # JSON, or nothing
    at_ms: int
    suppressed_by: str = ""  # composite: what keeps the actions back now


def subject(alarm: Alarm, change: Change) -> str:
    """Return the subject of a topic's message; a long name is cut."""
    tail = f'" in {region_name(alarm.row.region)}'
    head = f'{change.new}: "'
    name = alarm.name
    room = SUBJECT_MAX - 1 - len(head) - len(tail)
    if len(name) > room:
        name = name[: room - 3] + "..."
    name = "".join(char if 32 <= ord(char) < 127 else "?" for char in name)
    return head + name + tail


def message(alarm: Alarm, change: Change) -> str:
    """Return the message of a topic, as JSON."""
    config, row = alarm.config, alarm.row
    told: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": config.get("AlarmDescription"),
        "AWSAccountId": row.account,
        "AlarmConfigurationUpdatedTimestamp": iso_lambda(row.configured_ms),
        "NewStateValue": change.new,
        "NewStateReason": change.reason,
        "StateChangeTime": iso_lambda(change.at_ms),
        "Region": region_name(row.region),
        "AlarmArn": alarm.arn,
        "OldStateValue": change.old,
        "OKActions": config["OKActions"],
        "AlarmActions": config["AlarmActions"],
        "InsufficientDataActions": config["InsufficientDataActions"],
    }
    if alarm.is_composite:
        told["AlarmRule"] = config["AlarmRule"]
        told["TriggeringChildren"] = [
            {
                "Arn": one["arn"],
                "State": {
                    "Value": one["state"]["value"],
                    "Timestamp": one["state"]["timestamp"],
                },
            }
            for one in _data(change.data).get("triggeringAlarms", ())
        ]
    else:
        told["Trigger"] = _trigger(config)
    return orjson.dumps(told).decode()


def _trigger(config: Mapping[str, Any]) -> dict[str, Any]:
    periods = config["EvaluationPeriods"]
    rest = {
        "EvaluationPeriods": periods,
        "DatapointsToAlarm": config.get("DatapointsToAlarm", periods),
        "ComparisonOperator": config["ComparisonOperator"],
        "Threshold": float(config["Threshold"]),
        "TreatMissingData": config.get("TreatMissingData", "missing"),
        "EvaluateLowSampleCountPercentile": config.get("EvaluateLowSampleCountPercentile", ""),
    }
    if "Metrics" in config:
        return {**rest, "Metrics": [_query(one) for one in config["Metrics"]]}
    told = {"MetricName": config["MetricName"], "Namespace": config["Namespace"]}
    if "Statistic" in config:
        told |= {"StatisticType": "Statistic", "Statistic": _shouted(config["Statistic"])}
    else:
        told |= {
            "StatisticType": "ExtendedStatistic",
            "ExtendedStatistic": config["ExtendedStatistic"],
        }
    return {
        **told,
        "Unit": config.get("Unit"),
        "Dimensions": _dimensions(config.get("Dimensions") or ()),
        "Period": config["Period"],
        **rest,
    }


def _shouted(statistic: str) -> str:
    return {"SampleCount": "SAMPLE_COUNT"}.get(statistic, statistic.upper())


def _dimensions(given: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{"value": one["Value"], "name": one["Name"]} for one in given]


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"Id": query["Id"]}
    for name in ("Expression", "Label", "Period"):
        if name in query:
            told[name] = query[name]
    if "MetricStat" in query:
        stat = query["MetricStat"]
        metric = {
            "Dimensions": _dimensions(stat["Metric"].get("Dimensions") or ()),
            "MetricName": stat["Metric"].get("MetricName"),
            "Namespace": stat["Metric"].get("Namespace"),
        }
        told["MetricStat"] = {"Metric": metric, "Period": stat["Period"], "Stat": stat["Stat"]}
        if "Unit" in stat:
            told["MetricStat"]["Unit"] = stat["Unit"]
    return {**told, "ReturnData": query.get("ReturnData", True)}


def event(alarm: Alarm, change: Change) -> dict[str, Any]:
    """Return the event that a function is invoked with."""
    row = alarm.row
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.arn,
        "accountId": row.account,
        "time": iso_lambda(change.at_ms),
        "region": row.region,
        "alarmData": detail(alarm, change),
    }


def detail(alarm: Alarm, change: Change) -> dict[str, Any]:
    """Return the detail of the event "CloudWatch Alarm State Change"."""
    state = _state(change.new, change.reason, change.data, change.at_ms)
    if change.suppressed_by:
        state["actionsSuppressedBy"] = change.suppressed_by
        state["actionsSuppressedReason"] = suppressed_reason(change.suppressed_by)
    return {
        "alarmName": alarm.name,
        "state": state,
        "previousState": _state(change.old, change.old_reason, change.old_data, change.old_ms),
        "configuration": _configuration(alarm),
    }


def bus_event(alarm: Alarm, change: Change) -> dict[str, Any]:
    """Return the event for the default bus, as events.PutServiceEvents takes it."""
    return {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Detail": orjson.dumps(detail(alarm, change)).decode(),
        "Resources": [alarm.arn],
        "Time": change.at_ms,
    }


def suppressed_reason(by: str) -> str:
    """Return what DescribeAlarms and events say of suppressed actions."""
    return f"Actions suppressed by {by}" if by else ""


def _state(value: str, reason: str, data: str, at_ms: int) -> dict[str, Any]:
    told: dict[str, Any] = {"value": value, "reason": reason}
    if data:
        told["reasonData"] = data
    told["timestamp"] = iso_lambda(at_ms)
    return told


def _configuration(alarm: Alarm) -> dict[str, Any]:
    config = alarm.config
    told: dict[str, Any] = {}
    if "AlarmDescription" in config:
        told["description"] = config["AlarmDescription"]
    if alarm.is_composite:
        told["alarmRule"] = config["AlarmRule"]
        for name in (
            "ActionsSuppressor",
            "ActionsSuppressorWaitPeriod",
            "ActionsSuppressorExtensionPeriod",
        ):
            if name in config:
                told[name[0].lower() + name[1:]] = config[name]
        return told
    told["metrics"] = [_metric(alarm, query) for query in queries_of(config)]
    return told


def _metric(alarm: Alarm, query: Mapping[str, Any]) -> dict[str, Any]:
    is_own = "Metrics" in alarm.config
    told: dict[str, Any] = {"id": query["Id"] if is_own else metric_id(alarm)}
    if "MetricStat" in query:
        stat = query["MetricStat"]
        metric = stat["Metric"]
        told["metricStat"] = {
            "metric": {
                "namespace": metric.get("Namespace"),
                "name": metric.get("MetricName"),
                "dimensions": {one["Name"]: one["Value"] for one in metric.get("Dimensions") or ()},
            },
            "period": stat["Period"],
            "stat": stat["Stat"],
        }
        if "Unit" in stat:
            told["metricStat"]["unit"] = stat["Unit"]
    else:
        told["expression"] = query["Expression"]
    if "Label" in query:
        told["label"] = query["Label"]
    return {**told, "returnData": query.get("ReturnData", True)}


def metric_id(alarm: Alarm) -> str:
    """Return the id of an alarm's only metric: a UUID that is the alarm's own."""
    digits = sha256(f"{alarm.arn} {alarm.id}".encode()).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def _data(text: str) -> dict[str, Any]:
    """Return what StateReasonData says; SetAlarmState lets anything stand in it."""
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return data if isinstance(data, dict) else {}


# --- lines of history ------------------------------------------------------------------------


def history_of_change(change: Change) -> str:
    """Return the HistoryData of a StateUpdate."""

    def told(value: str, reason: str, data: str) -> dict[str, Any]:
        shown: dict[str, Any] = {"stateValue": value, "stateReason": reason}
        if data:
            shown["stateReasonData"] = _data(data) or data
        return shown

    return _cut(
        {
            "version": "1.0",
            "oldState": told(change.old, change.old_reason, change.old_data),
            "newState": told(change.new, change.reason, change.data),
        }
    )


def history_of_configuration(alarm: Alarm, kind: str) -> str:
    """Return the HistoryData of a ConfigurationUpdate: Create, Update or Delete."""
    verb = {"Create": "createdAlarm", "Update": "updatedAlarm", "Delete": "deletedAlarm"}[kind]
    config = alarm.config
    shown: dict[str, Any] = {
        "alarmName": alarm.name,
        "description": config.get("AlarmDescription"),
        "actionsEnabled": bool(alarm.row.actions_enabled),
        "okActions": config["OKActions"],
        "alarmActions": config["AlarmActions"],
        "insufficientDataActions": config["InsufficientDataActions"],
    }
    if alarm.is_composite:
        shown["alarmRule"] = config["AlarmRule"]
    else:
        shown |= {
            "metrics": [_metric(alarm, query) for query in queries_of(config)],
            "evaluationPeriods": config["EvaluationPeriods"],
            "threshold": float(config["Threshold"]),
            "comparisonOperator": config["ComparisonOperator"],
        }
        if "Metrics" not in config:
            shown |= {"period": config["Period"], "statistic": statistic_of(config)}
    told = {"version": "1.0", "type": kind, verb: shown}
    if kind != "Delete":
        told["configuredAt"] = iso(alarm.row.configured_ms)
    return _cut(told)


DATA_MAX = 4_095


def _cut(told: Mapping[str, Any]) -> str:
    """Return JSON of at most 4,095 characters: what does not fit is left out. A guess."""
    text = orjson.dumps(told).decode()
    if len(text) <= DATA_MAX:
        return text
    return orjson.dumps({"version": "1.0", "truncated": True}).decode()
