"""Alarms on queues as users of the pattern set them: depth of dead letters, age of the oldest."""

from __future__ import annotations

import json

import pytest
from alarms_rig import AGE, arn, history, mail, minute, put_on_queue, shown, state, topic
from events_world import ACCOUNT, REGION, T0, World
from stand_ins import failing

from redrive.core.time import HOUR_MS
from redrive.services.alarms.model import AlarmRow

FULL = {"QueueUrl": f"/{ACCOUNT}/dlq", "MessageBody": "lost"}


def test_dead_letters_alarm_a_topic_and_go_quiet_when_drained(world: World) -> None:
    """Depth > 0, 1 of 1: ALARM within a minute and a half, one message; OK after the drain."""
    alerts = topic(world)
    world.queue("dlq")
    put_on_queue(
        world,
        "dlq",
        AlarmDescription="letters are dead",
        AlarmActions=[alerts],
        OKActions=[alerts],
        TreatMissingData="notBreaching",
    )
    minute(world)
    assert state(world) == "OK"
    assert [subject for subject, _message in mail(world)] == ['OK: "a" in US East (N. Virginia)']
    world.call("sqs", "SendMessage", **FULL)
    minute(world)
    assert state(world) == "ALARM"
    ((subject, message),) = mail(world)
    assert subject == 'ALARM: "a" in US East (N. Virginia)'
    changed = message.pop("StateChangeTime")
    assert changed.startswith("2027-01-15T08:02:0")
    assert changed.endswith("+0000")
    assert message == {
        "AlarmName": "a",
        "AlarmDescription": "letters are dead",
        "AWSAccountId": ACCOUNT,
        "AlarmConfigurationUpdatedTimestamp": "2027-01-15T08:00:00.000+0000",
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed: 1 out of the last 1 datapoints [1.0 (15/01/27"
        " 08:01:00)] was greater than the threshold (0.0) (minimum 1 datapoint for OK -> ALARM"
        " transition).",
        "Region": "US East (N. Virginia)",
        "AlarmArn": arn("a"),
        "OldStateValue": "OK",
        "OKActions": [alerts],
        "AlarmActions": [alerts],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Namespace": "AWS/SQS",
            "StatisticType": "Statistic",
            "Statistic": "MAXIMUM",
            "Unit": None,
            "Dimensions": [{"value": "dlq", "name": "QueueName"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0.0,
            "TreatMissingData": "notBreaching",
            "EvaluateLowSampleCountPercentile": "",
        },
    }
    for _ in range(3):  # it stays, and says nothing more
        minute(world)
    assert mail(world) == []
    assert world.bodies("dlq") == ["lost"]
    minute(world)
    assert state(world) == "OK"
    assert [subject for subject, _message in mail(world)] == ['OK: "a" in US East (N. Virginia)']


def test_a_poisoned_message_alarms(world: World) -> None:
    """The whole pattern: a function that fails, receives used up, the dead letter, the alarm."""
    alerts = topic(world)
    dead = world.queue("dlq")
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    queue = world.queue("work", RedrivePolicy=policy, VisibilityTimeout=30)
    world.function("worker", Timeout=3)
    world.scripts["worker"] = failing
    world.call("lambda", "CreateEventSourceMapping", FunctionName="worker", EventSourceArn=queue)
    put_on_queue(world, "dlq", AlarmActions=[alerts])
    world.call("sqs", "SendMessage", QueueUrl=f"/{ACCOUNT}/work", MessageBody="poison")
    for _ in range(4):
        minute(world)
    assert state(world) == "ALARM"
    assert [subject for subject, _message in mail(world)] == ['ALARM: "a" in US East (N. Virginia)']


def test_age_of_the_oldest_message(world: World) -> None:
    """Older than five minutes, 2 of 3: ALARM; a consumer that works brings OK."""
    world.queue("work", VisibilityTimeout=30)
    put_on_queue(
        world,
        "work",
        AGE,
        Threshold=300.0,
        EvaluationPeriods=3,
        DatapointsToAlarm=2,
    )
    world.call("sqs", "SendMessage", QueueUrl=f"/{ACCOUNT}/work", MessageBody="slow")
    seen = []
    for _ in range(8):
        minute(world)
        seen.append(state(world))
    assert seen == ["OK"] * 6 + ["ALARM"] * 2  # 360 s and 420 s old at the ends of two minutes
    world.messages("work")
    seen.clear()
    for _ in range(2):
        minute(world)
        seen.append(state(world))
    assert seen == ["ALARM", "OK"]


@pytest.mark.parametrize(
    ("treatment", "states"),
    [
        ("missing", ["INSUFFICIENT_DATA"] * 3),
        ("ignore", ["INSUFFICIENT_DATA"] * 3),
        ("notBreaching", ["OK"] * 3),
        ("breaching", ["ALARM"] * 3),
    ],
)
def test_a_queue_without_figures(world: World, treatment: str, states: list[str]) -> None:
    """A queue that there is not yet has no figures: what that means is said by the alarm."""
    put_on_queue(world, "none", TreatMissingData=treatment)
    seen = []
    for _ in range(3):
        minute(world)
        seen.append(state(world))
    assert seen == states


def test_a_queue_that_falls_asleep(world: World) -> None:
    """After six idle hours a queue has no figures: missing data, and then data again."""
    world.queue("quiet")
    put_on_queue(world, "quiet")
    minute(world)
    assert state(world) == "OK"
    world.pass_until(T0 + 7 * HOUR_MS)
    assert state(world) == "INSUFFICIENT_DATA"
    assert shown(world)["StateReason"] == "Insufficient Data: 1 datapoint was unknown."
    world.call("sqs", "SendMessage", QueueUrl=f"/{ACCOUNT}/quiet", MessageBody="x")
    minute(world)
    assert state(world) == "ALARM"
    assert history(world) == [
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to INSUFFICIENT_DATA",
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
    ]


def test_a_function_is_invoked_with_the_event(world: World) -> None:
    """The documented event, with the state before it."""
    function = world.function("react")
    world.queue("dlq")
    put_on_queue(world, "dlq", AlarmActions=[function])
    minute(world)
    world.call("sqs", "SendMessage", **FULL)
    minute(world)
    (event,) = world.events("react")
    assert {key: event[key] for key in ("source", "alarmArn", "accountId", "region")} == {
        "source": "aws.cloudwatch",
        "alarmArn": arn("a"),
        "accountId": ACCOUNT,
        "region": REGION,
    }
    data = event["alarmData"]
    assert (data["previousState"]["value"], data["state"]["value"]) == ("OK", "ALARM")
    assert event["time"] == data["state"]["timestamp"]
    reason = json.loads(data["state"]["reasonData"])
    assert reason["recentDatapoints"] == [1.0]
    assert reason["evaluatedDatapoints"] == [
        {"timestamp": "2027-01-15T08:01:00.000+0000", "sampleCount": 1.0, "value": 1.0}
    ]
    (metric,) = data["configuration"]["metrics"]
    assert metric["metricStat"] == {
        "metric": {
            "namespace": "AWS/SQS",
            "name": "ApproximateNumberOfMessagesVisible",
            "dimensions": {"QueueName": "dlq"},
        },
        "period": 60,
        "stat": "Maximum",
    }
    assert history(world, kind="Action") == [f"Successfully executed action {function}"]


def test_the_event_on_the_default_bus(world: World) -> None:
    """A rule for CloudWatch Alarm State Change hears of every change."""
    target = world.queue("heard")
    pattern = json.dumps({"source": ["aws.cloudwatch"], "detail": {"state": {"value": ["ALARM"]}}})
    world.call("events", "PutRule", Name="r", EventPattern=pattern)
    world.call("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": target}])
    world.queue("dlq")
    world.call("sqs", "SendMessage", **FULL)
    put_on_queue(world, "dlq")
    minute(world)
    (event,) = (json.loads(body) for body in world.bodies("heard"))
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["resources"] == [arn("a")]
    assert event["detail"]["alarmName"] == "a"
    assert event["detail"]["previousState"]["value"] == "INSUFFICIENT_DATA"


@pytest.mark.parametrize("commits", range(16))
def test_a_crash_after_any_commit(world: World, commits: int) -> None:
    """The alarm goes off once; its action is never lost.

    It is told twice only where the process ends between the topic's commit and the courier's.
    """
    alerts = topic(world)
    world.queue("dlq")
    put_on_queue(world, "dlq", AlarmActions=[alerts])
    minute(world)
    world.call("sqs", "SendMessage", **FULL)
    world.pass_until(T0 + 120_500)
    assert state(world) == "OK"
    left = commits
    while left and state_in_rows(world) == "OK":
        world.now_ms = max(world.now_ms, world.dispatch.next_ms)
        left -= step(world)
    for _ in range(left):
        step(world)
    world.crash()
    for _ in range(3):
        minute(world)
    assert history(world)[1:] == ["Alarm updated from OK to ALARM"]
    assert len(history(world, kind="Action")) == 1
    assert len(mail(world)) in (1, 2)


def step(world: World) -> int:
    """Carry out what is due, with one commit at most; tell whether there was one."""
    before = world.store.commits
    world.dispatch.advance()
    world.dispatch.settle()
    return world.store.commits - before


def state_in_rows(world: World) -> str:
    """The alarm's state, without an operation that would settle what is under way."""
    keys = {"account": ACCOUNT, "region": REGION, "name": "a"}
    row = world.store.transact(lambda tx: tx.one(AlarmRow, "alarms.by_name", **keys))
    return str(row.state)


def test_what_is_owed_survives(world: World) -> None:
    """The disk is away when the action is due: it is told later, once."""
    alerts = topic(world)
    world.queue("dlq")
    put_on_queue(world, "dlq", AlarmActions=[alerts])
    minute(world)
    world.call("sqs", "SendMessage", **FULL)
    world.registry.away.add(("sns", "Publish"))
    minute(world)
    assert state(world) == "ALARM"
    assert mail(world) == []
    world.crash()
    for _ in range(5):
        minute(world)
    assert len(mail(world)) == 1
    done = [line for line in history(world, kind="Action") if line.startswith("Successfully")]
    assert done == [f"Successfully executed action {alerts}"]


def test_a_topic_that_is_gone_is_noted_once(world: World) -> None:
    """The history says what it was refused with."""
    world.queue("dlq")
    gone = f"arn:aws:sns:{REGION}:{ACCOUNT}:gone"
    put_on_queue(world, "dlq", AlarmActions=[gone])
    world.call("sqs", "SendMessage", **FULL)
    minute(world)
    (line,) = history(world, kind="Action")
    assert line.startswith(f"Failed to execute action {gone}. Received error: ")
    assert "Topic does not exist" in line
