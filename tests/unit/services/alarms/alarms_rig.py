"""Short words for what tests of alarms do in a World."""

from __future__ import annotations

import json
from typing import Any

import pytest
from events_world import ACCOUNT, REGION, World

from redrive.core.errors import ServiceError

DEPTH = "ApproximateNumberOfMessagesVisible"
AGE = "ApproximateAgeOfOldestMessage"


def arn(name: str) -> str:
    """An alarm's ARN."""
    return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"


def put(world: World, name: str = "a", /, **params: Any) -> None:
    """Put an alarm on a client's own metric m, unless told otherwise."""
    asked = {
        "AlarmName": name,
        "MetricName": "m",
        "Namespace": "own",
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 0.0,
        "ComparisonOperator": "GreaterThanThreshold",
        **params,
    }
    given = {key: value for key, value in asked.items() if value is not None}
    world.call("cloudwatch", "PutMetricAlarm", **given)


def put_on_queue(world: World, queue: str, metric: str = DEPTH, /, **params: Any) -> None:
    """Put an alarm on a queue's metric, as users of the pattern do."""
    dimensions = [{"Name": "QueueName", "Value": queue}]
    put(world, **{"MetricName": metric, "Namespace": "AWS/SQS", "Dimensions": dimensions, **params})


def sample(world: World, value: float, metric: str = "m", **datum: Any) -> None:
    """Put a sample of the metric."""
    data = [{"MetricName": metric, "Value": float(value), **datum}]
    world.call("cloudwatch", "PutMetricData", Namespace="own", MetricData=data)


def shown(world: World, name: str = "a") -> dict[str, Any]:
    """An alarm as DescribeAlarms shows it."""
    kinds = ["MetricAlarm", "CompositeAlarm"]
    told = world.call("cloudwatch", "DescribeAlarms", AlarmNames=[name], AlarmTypes=kinds)
    (alarm,) = (*told["MetricAlarms"], *told["CompositeAlarms"])
    found: dict[str, Any] = alarm
    return found


def state(world: World, name: str = "a") -> str:
    """Its state."""
    value: str = shown(world, name)["StateValue"]
    return value


def set_state(world: World, value: str, name: str = "a") -> None:
    """Set it for a test."""
    params = {"AlarmName": name, "StateValue": value, "StateReason": "test"}
    world.call("cloudwatch", "SetAlarmState", **params)


def minute(world: World) -> None:
    """Let the minute end, and half of the next one pass: all alarms have been evaluated."""
    world.pass_until(world.now_ms - world.now_ms % 60_000 + 90_000)


def refused(world: World, operation: str, /, **params: Any) -> tuple[str, str]:
    """The code and the text with which CloudWatch refuses."""
    with pytest.raises(ServiceError) as told:
        world.call("cloudwatch", operation, **params)
    return told.value.code, told.value.message


def history(world: World, name: str = "a", kind: str = "StateUpdate") -> list[str]:
    """The summaries of an alarm's history, the earliest first."""
    told = world.call(
        "cloudwatch",
        "DescribeAlarmHistory",
        AlarmName=name,
        HistoryItemType=kind,
        ScanBy="TimestampAscending",
        AlarmTypes=["MetricAlarm", "CompositeAlarm"],
    )
    return [line["HistorySummary"] for line in told["AlarmHistoryItems"]]


def topic(world: World, queue: str = "mail") -> str:
    """A topic that is told to a queue; its ARN."""
    endpoint = world.queue(queue)
    made: str = world.call("sns", "CreateTopic", Name="alerts")["TopicArn"]
    world.call("sns", "Subscribe", TopicArn=made, Protocol="sqs", Endpoint=endpoint)
    return made


def mail(world: World, queue: str = "mail") -> list[tuple[str, dict[str, Any]]]:
    """The subjects and messages that have come to the queue."""
    bodies = [json.loads(body) for body in world.bodies(queue)]
    return [(body["Subject"], json.loads(body["Message"])) for body in bodies]
