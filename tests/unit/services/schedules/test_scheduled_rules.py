"""Rules with a schedule: the event that they send, and when."""

from __future__ import annotations

import json
from typing import Any

import pytest
from events_world import ACCOUNT, REGION, T0, World

from redrive.core.arn import queue_arn
from redrive.core.errors import ServiceError
from redrive.core.time import MINUTE_MS, Millis

Q = queue_arn(REGION, ACCOUNT, "q")
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"


def put(world: World, expression: str, name: str = "r", **members: Any) -> None:
    """Create a rule that sends to q."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url = f"/{ACCOUNT}/q"
    world.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy})
    world.call("events", "PutRule", Name=name, ScheduleExpression=expression, **members)
    world.call("events", "PutTargets", Rule=name, Targets=[{"Id": "1", "Arn": Q}])


def minutes(world: World) -> list[str]:
    """The times of the events that q was sent."""
    return [json.loads(body)["time"][11:16] for body in world.bodies("q")]


def test_the_event(world: World) -> None:
    """AWS: EventBridge User Guide, "Scheduled events"."""
    put(world, "rate(5 minutes)")
    world.pass_s(301)
    (body,) = world.bodies("q")
    event = json.loads(body)
    assert event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": "2027-01-15T08:05:00Z",
        "region": REGION,
        "resources": [RULE],
        "detail": {},
    }


def test_rate_and_cron(world: World) -> None:
    """A rate counts from the instant at which the rule was made, a cron by UTC."""
    world.now_ms = Millis(T0 + 30_000)
    put(world, "rate(2 minutes)")
    put(world, "cron(3/4 * * * ? *)", "c")
    world.pass_until(T0 + 8 * MINUTE_MS)
    assert sorted(minutes(world)) == ["08:02", "08:03", "08:04", "08:06", "08:07"]


def test_a_disabled_rule_rests(world: World) -> None:
    """Its rate counts from when it is enabled again."""
    put(world, "rate(5 minutes)")
    world.call("events", "DisableRule", Name="r")
    world.pass_s(420)
    world.call("events", "EnableRule", Name="r")
    world.pass_s(301)
    assert minutes(world) == ["08:12"]


def test_one_that_was_missed_fires_once(world: World) -> None:
    """With the time at which it was due; then it goes on in its own steps."""
    put(world, "rate(10 minutes)")
    world.now_ms = Millis(T0 + 35 * MINUTE_MS)
    world.crash()
    assert minutes(world) == ["08:10"]
    world.pass_s(16 * 60)
    assert minutes(world) == ["08:40", "08:50"]


def test_a_crash_between_firing_and_delivery(world: World) -> None:
    """The delivery is a row: it is made after the restart."""
    put(world, "rate(10 minutes)")
    world.registry.away.add(("sqs", "SendMessage"))
    world.pass_s(601)
    world.crash()
    world.pass_s(120)
    assert minutes(world) == ["08:10"]


def test_a_deleted_rule_is_silent(world: World) -> None:
    """Nothing comes of it any more."""
    put(world, "rate(1 minute)")
    world.call("events", "RemoveTargets", Rule="r", Ids=["1"])
    world.call("events", "DeleteRule", Name="r")
    world.pass_s(300)
    assert minutes(world) == []


@pytest.mark.parametrize(
    "text", ["rate(1 minutes)", "at(2027-06-01T00:00:00)", "cron(0 1 * * * *)"]
)
def test_refused(world: World, text: str) -> None:
    """In the words of rules."""
    with pytest.raises(ServiceError, match=r"Parameter ScheduleExpression is not valid\."):
        put(world, text)
