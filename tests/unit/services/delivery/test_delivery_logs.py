"""Events that arrive in log groups."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from events_world import ACCOUNT, REGION, T0, World

from redrive.core.errors import ServiceError
from redrive.core.time import DAY_MS
from redrive.services.telemetry.cloudwatch.delivering import log_event

GROUP = "/aws/events/orders"
ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world with a log group and a dead-letter queue."""
    world = World(tmp_path)
    world.queue("dead")
    world.call("logs", "CreateLogGroup", logGroupName=GROUP)
    yield world
    world.close()


def aim(world: World, arn: str = ARN, **members: Any) -> None:
    """Have a rule send orders to a log group."""
    world.call("events", "PutRule", Name="r", EventPattern='{"source": ["shop"]}')
    dead = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"}
    target = {"Id": "t", "Arn": arn, "DeadLetterConfig": dead, **members}
    answer = world.call("events", "PutTargets", Rule="r", Targets=[target])
    assert answer["FailedEntryCount"] == 0, answer


def order(world: World) -> None:
    """Put an event."""
    entry = {"Source": "shop", "DetailType": "order", "Detail": '{"n": 1}'}
    world.call("events", "PutEvents", Entries=[entry])


def logged(world: World) -> list[tuple[int, str]]:
    """Return the instants and texts of a group's events."""
    found = world.call("logs", "FilterLogEvents", logGroupName=GROUP)["events"]
    return [(event["timestamp"], event["message"]) for event in found]


@pytest.mark.parametrize("arn", [ARN, f"{ARN}:*"])
def test_an_event_is_logged(world: World, arn: str) -> None:
    """A log event holds the whole event; each day has a stream."""
    aim(world, arn)
    order(world)
    world.pass_s(DAY_MS // 1_000)
    order(world)
    (first, text), (second, _) = logged(world)
    assert second - first >= DAY_MS
    event = json.loads(text)
    assert (event["source"], event["detail"]) == ("shop", {"n": 1})
    streams = world.call("logs", "DescribeLogStreams", logGroupName=GROUP)["logStreams"]
    assert [each["logStreamName"] for each in streams] == ["events/2027/01/15", "events/2027/01/16"]


def test_a_group_that_is_missing(world: World) -> None:
    """What cannot be logged is buried at once."""
    aim(world)
    world.call("logs", "DeleteLogGroup", logGroupName=GROUP)
    order(world)
    (message,) = world.messages("dead")
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


def test_a_group_of_somebody_else(world: World) -> None:
    """Another account's or region's group is not there."""
    for arn in (ARN.replace(ACCOUNT, "2" * 12), ARN.replace(REGION, "eu-west-1")):
        with pytest.raises(ServiceError, match="does not exist"):
            world.call("logs", "DeliverEvents", LogGroupArn=arn, Message="x")


def test_a_template_for_a_log_group(world: World) -> None:
    """Its timestamp and message become those of the log event."""
    template = {
        "InputPathsMap": {"t": "$.time", "n": "$.detail.n"},
        "InputTemplate": '{"timestamp": "<t>", "message": "order <n>"}',
    }
    aim(world, InputTransformer=template)
    order(world)
    assert logged(world) == [(T0, "order 1")]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("text", (7, "text")),
        ('{"message": "m"}', (7, '{"message": "m"}')),
        ('{"timestamp": 5, "message": "m", "x": 1}', (7, None)),
        ('{"timestamp": 5, "message": "m"}', (5, "m")),
        ('{"timestamp": "5", "message": {"a": 1}}', (5, '{"a":1}')),
        ('{"timestamp": "1970-01-01T00:00:01Z", "message": "m"}', (1_000, "m")),
        ('{"timestamp": "1970-01-01T01:00:01+01:00", "message": "m"}', (1_000, "m")),
        ('{"timestamp": "1970-01-01T00:00:01", "message": "m"}', (1_000, "m")),
        ('{"timestamp": "yesterday", "message": "m"}', (7, "m")),
        ('{"timestamp": -5, "message": "m"}', (7, "m")),
        ('{"timestamp": true, "message": "m"}', (7, "m")),
        ('{"timestamp": 1e400, "message": "m"}', (7, None)),
    ],
)
def test_log_events(payload: str, expected: tuple[int, str | None]) -> None:
    """A payload is its own text unless a template says otherwise."""
    at_ms, text = log_event(payload, 7)
    assert (at_ms, text) == (expected[0], payload if expected[1] is None else expected[1])


def test_a_message_that_is_too_long(world: World) -> None:
    """It is refused, as PutLogEvents refuses it."""
    with pytest.raises(ServiceError, match="Upload too large"):
        world.call("logs", "DeliverEvents", LogGroupArn=ARN, Message="x" * 1_048_576)
