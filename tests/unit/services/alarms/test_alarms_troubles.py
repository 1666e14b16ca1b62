"""What one alarm may not do to the others, and to the topics that it tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alarms_rig import minute, put, sample, set_state, state, topic
from events_world import ACCOUNT, World

from redrive.core.errors import ServiceError

M1 = {
    "Id": "m1",
    "MetricStat": {
        "Metric": {"Namespace": "own", "MetricName": "m"},
        "Period": 60,
        "Stat": "Sum",
    },
    "ReturnData": False,
}
OPEN = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":'
    '"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}}'
)


class Judging(World):
    """Authorisation is on."""

    is_judging = True


@pytest.fixture
def judging(tmp_path: Path) -> Iterator[World]:
    """A world with authorisation."""
    world = Judging(tmp_path / "judging")
    yield world
    world.close()


def put_expression(world: World, name: str, expression: str) -> None:
    """Put an alarm on an expression over m1."""
    alone: dict[str, Any] = dict.fromkeys(("MetricName", "Namespace", "Statistic", "Period"))
    put(world, name, **alone, Metrics=[M1, {"Id": "e", "Expression": expression}])


@pytest.mark.parametrize(
    "expression",
    ["RUNNING_SUM(m1 * 1.5e308)", "SUM([m1 * 1.5e308, m1 * 1.5e308])", "FILL(m1, 1e999)"],
)
def test_what_is_no_number_is_no_datapoint(world: World, expression: str) -> None:
    """An expression that leaves what a double can hold keeps no other alarm from its evaluation."""
    minute(world)
    put_expression(world, "huge", expression)
    put(world, "good")
    for _ in range(3):
        sample(world, 1)
        minute(world)
    assert state(world, "good") == "ALARM"


def test_an_expression_that_would_take_minutes_is_refused(world: World) -> None:
    """Nothing else is done while it is evaluated, so that its work has a limit."""
    data = [
        {"MetricName": "m", "Value": 1.0, "Timestamp": world.now_ms - n * 60_000}
        for n in range(1, 1_001)
    ]
    world.call("cloudwatch", "PutMetricData", Namespace="own", MetricData=data)
    queries = [{**M1, "ReturnData": True}]
    queries += [{"Id": f"e{n}", "Expression": "+".join(["m1"] * 199)} for n in range(100)]
    span = {"StartTime": world.now_ms - 86_400_000, "EndTime": world.now_ms}
    with pytest.raises(ServiceError, match="more than 5000000 values"):
        world.call("cloudwatch", "GetMetricData", MetricDataQueries=queries, **span)
    told = world.call("cloudwatch", "GetMetricData", MetricDataQueries=queries[:10], **span)
    assert len(told["MetricDataResults"][9]["Values"]) == len(data)


def test_a_topic_takes_the_alarms_of_its_account(judging: World) -> None:
    """The policy that it begins with lets them in, as AWS's aws:SourceOwner does; nobody else."""
    where = topic(judging)
    params = {"QueueUrl": f"/{ACCOUNT}/mail", "Attributes": {"Policy": OPEN}}
    judging.call("sqs", "SetQueueAttributes", **params)
    put(judging, AlarmActions=[where])
    set_state(judging, "ALARM")
    assert len(judging.bodies("mail")) == 1
    deny = OPEN.replace("sqs:SendMessage", "sns:Publish").replace("sns.amazonaws", "sqs.amazonaws")
    params = {"TopicArn": where, "AttributeName": "Policy", "AttributeValue": deny}
    judging.call("sns", "SetTopicAttributes", **params)
    set_state(judging, "OK")
    set_state(judging, "ALARM")
    assert judging.bodies("mail") == []


def test_many_composite_alarms_are_looked_at_a_few_at_a_time(world: World) -> None:
    """Each may have a hundred children: requests go in between."""
    put(world, "child")
    for n in range(12):
        rule = "ALARM(child)"
        world.call("cloudwatch", "PutCompositeAlarm", AlarmName=f"c{n}", AlarmRule=rule)
    world.pass_s(10)
    world.registry.asked.clear()
    set_state(world, "ALARM", "child")
    world.pass_s(1)
    looks = [operation for _at, _service, operation, _params in world.registry.asked]
    assert looks.count("Watch") >= 3
    assert {state(world, f"c{n}") for n in range(12)} == {"ALARM"}
