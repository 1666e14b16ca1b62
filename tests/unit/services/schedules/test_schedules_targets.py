"""What schedules call: templated targets, universal ones, their inputs and their figures."""

from __future__ import annotations

import json

import pytest
from events_world import ACCOUNT, CALLER, REGION, T0, World
from schedules_rig import SDK, arn_of, create, target

from redrive.core.arn import queue_arn
from redrive.core.errors import ServiceError
from redrive.core.time import MINUTE_MS

Q, DEAD = queue_arn(REGION, ACCOUNT, "q"), queue_arn(REGION, ACCOUNT, "dead")
SOON = "at(2027-01-15T08:01:00)"
LETTER = {"DeadLetterConfig": {"Arn": DEAD}}


def test_a_function(world: World) -> None:
    """It is invoked as an event, with the input; the context is filled in."""
    arn = world.function()
    given = {
        "arn": "<aws.scheduler.schedule-arn>",
        "time": "<aws.scheduler.scheduled-time>",
        "id": "<aws.scheduler.execution-id>",
        "attempt": "<aws.scheduler.attempt-number>",
    }
    create(world, "s", SOON, arn, Input=json.dumps(given))
    world.pass_s(61)
    (event,) = world.events()
    assert len(event.pop("id")) == 16
    assert event == {"arn": arn_of("s"), "time": "2027-01-15T08:01:00Z", "attempt": "1"}


def test_the_default_notification(world: World) -> None:
    """What a target without an input is told."""
    create(world, "s", SOON, world.function())
    world.pass_s(61)
    (event,) = world.events()
    assert event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": "2027-01-15T08:01:00Z",
        "region": REGION,
        "resources": [arn_of("s")],
        "detail": "{}",
    }


def test_a_fifo_queue(world: World) -> None:
    """Its group comes from the target; the queue deduplicates by content."""
    fifo = world.queue("q.fifo", ContentBasedDeduplication="true")
    create(world, "s", SOON, fifo, Input="hello", SqsParameters={"MessageGroupId": "g"})
    world.pass_s(61)
    (message,) = world.messages("q.fifo")
    assert message["Body"] == "hello"
    assert message["Attributes"]["MessageGroupId"] == "g"


def test_a_topic(world: World) -> None:
    """The input is published."""
    topic = world.call("sns", "CreateTopic", Name="t")["TopicArn"]
    subscription = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": Q}
    raw = {"RawMessageDelivery": "true"}
    allow(world, "q")
    world.call("sns", "Subscribe", **subscription, Attributes=raw)
    create(world, "s", SOON, topic, Input="hello")
    world.pass_s(62)
    assert world.bodies("q") == ["hello"]


def allow(world: World, queue: str) -> None:
    """Let everybody send to a queue."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url = f"/{ACCOUNT}/{queue}"
    world.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy})


BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
ORDER = {"DetailType": "Order", "Source": "shop"}


def test_an_event_bus(world: World) -> None:
    """The input is the detail of an event; the schedule is its resource."""
    allow(world, "q")
    world.call("events", "PutRule", Name="r", EventPattern='{"source": ["shop"]}')
    world.call("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": Q}])
    create(world, "s", SOON, BUS, Input='{"n": 1}', EventBridgeParameters=ORDER)
    world.pass_s(61)
    (body,) = world.bodies("q")
    event = json.loads(body)
    assert event["detail-type"] == "Order"
    assert event["detail"] == {"n": 1}
    assert event["resources"] == [arn_of("s")]


def test_an_event_that_the_bus_does_not_take(world: World) -> None:
    """A success of PutEvents that holds an error is one: the dead-letter queue has the input."""
    parameters = {**ORDER, "Source": "aws.mine"}
    create(world, "s", SOON, BUS, Input="{}", EventBridgeParameters=parameters, **LETTER)
    world.pass_s(61)
    (message,) = world.messages("dead")
    assert message["Body"] == "{}"


def test_messages_are_moved_by_a_universal_target(world: World) -> None:
    """The self-healing redrive without a function: startMessageMoveTask at 23:00, by name."""
    policy = json.dumps({"deadLetterTargetArn": DEAD, "maxReceiveCount": 1})
    world.queue("work", RedrivePolicy=policy, VisibilityTimeout=0)
    url = f"/{ACCOUNT}/work"
    for body in ("a", "b", "c"):
        world.call("sqs", "SendMessage", QueueUrl=url, MessageBody=body)
    for _ in range(2):
        world.call("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
    asked = json.dumps({"SourceArn": DEAD, "MaxNumberOfMessagesPerSecond": 500})
    zone = {"ScheduleExpressionTimezone": "Asia/Jerusalem"}
    arn = f"{SDK}sqs:startMessageMoveTask"
    create(world, "heal", "cron(0 11 ? * SUN-FRI *)", arn, Input=asked, **zone)
    world.pass_s(3600 - 1)
    assert world.call("sqs", "ListMessageMoveTasks", SourceArn=DEAD)["Results"] == []
    world.pass_s(5)
    assert sorted(world.bodies("work")) == ["a", "b", "c"]
    assert world.bodies("dead") == []


def test_a_function_by_universal_target(world: World) -> None:
    """A blob is given as text; another region's and service's name are AWS's SDK's."""
    world.function()
    given = {"FunctionName": "worker", "InvocationType": "Event", "Payload": '{"n": 1}'}
    create(world, "s", SOON, f"{SDK}lambda:invoke", Input=json.dumps(given))
    entry = {"Source": "shop", "DetailType": "d", "Detail": "{}", "Time": "2027-01-15T08:00:00Z"}
    given = {"Entries": [entry]}
    create(world, "bus", SOON, f"{SDK}eventbridge:putEvents", Input=json.dumps(given))
    world.pass_s(61)
    assert world.events() == [{"n": 1}]
    assert world.given_up == []


def test_logs_have_lower_case_members(world: World) -> None:
    """CloudWatch Logs' members are written with a first letter in upper case, as SDKs do."""
    given = {"LogGroupName": "mine", "Tags": {"a": "b"}}
    create(world, "s", SOON, f"{SDK}cloudwatchlogs:createLogGroup", Input=json.dumps(given))
    world.pass_s(61)
    groups = world.call("logs", "DescribeLogGroups")["logGroups"]
    assert "mine" in [group["logGroupName"] for group in groups]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"QueueUrl": "/000000000000/q"}, "MessageBody"),
        ({"QueueUrl": "/000000000000/q", "MessageBody": 5}, "must be a text"),
        ({"QueueUrl": "/000000000000/q", "MessageBody": "x", "Colour": "red"}, "Colour"),
        ({"QueueUrl": "/000000000000/none", "MessageBody": "x"}, "does not exist"),
    ],
)
def test_wrong_parameters_are_an_error_of_the_target(
    world: World, given: dict[str, object], reason: str
) -> None:
    """They are not retried; the dead-letter queue says what is wrong."""
    create(world, "s", SOON, f"{SDK}sqs:sendMessage", Input=json.dumps(given), **LETTER)
    world.pass_s(61)
    (message,) = world.messages("dead")
    assert reason in message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    assert json.loads(message["Body"]) == given


FIFO = queue_arn(REGION, ACCOUNT, "q.fifo")
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"


@pytest.mark.parametrize(
    "given",
    [
        target("nonsense"),
        target(f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s", Input="x"),
        target(
            f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/c", EcsParameters={"TaskDefinitionArn": "x"}
        ),
        target(f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/p"),
        target(f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m", Input="{}"),
        target(f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g"),
        target(f"arn:aws:events:{REGION}:{ACCOUNT}:api-destination/d/1"),
        target("arn:aws:s3:::bucket"),
        target(Q, KinesisParameters={"PartitionKey": "p"}),
        target(Q, EventBridgeParameters=ORDER),
        target(FIFO),
        target(FUNCTION, SqsParameters={"MessageGroupId": "g"}),
        target(FUNCTION, Input="not JSON"),
        target(BUS),
        target(BUS, EventBridgeParameters=ORDER, Input="not JSON"),
        target(f"{SDK}sqs:sendMessage"),
        target(f"{SDK}sqs:sendMessage", Input="not JSON"),
        target(f"{SDK}sqs:sendMessage", Input="[]"),
        target(f"{SDK}sqs:sendMessage", Input="{}", SqsParameters={"MessageGroupId": "g"}),
        target(f"{SDK}sqs:receiveMessage", Input="{}"),
        target(f"{SDK}sqs:getQueueUrl", Input="{}"),
        target(f"{SDK}sqs:listQueues", Input="{}"),
        target(f"{SDK}sqs:paint", Input="{}"),
        target(f"{SDK}sfn:startExecution", Input="{}"),
        target(f"{SDK}sqs:SendMessage", Input="{}"),
        # internal operations are nobody's
        target(f"{SDK}scheduler:resetAccount", Input="{}"),
        target(f"{SDK}scheduler:fireSchedule", Input='{"Id": 1}'),
        target(f"{SDK}delivery:resetAccount", Input="{}"),
        target(f"{SDK}iam:resetAccount", Input="{}"),
    ],
)
def test_refused_targets(world: World, given: dict[str, object]) -> None:
    """What could never be called is refused when the schedule is made."""
    with pytest.raises(ServiceError) as refused:
        world.call(
            "scheduler",
            "CreateSchedule",
            Name="s",
            ScheduleExpression=SOON,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=given,
        )
    assert refused.value.code == "ValidationException"
    assert world.call("scheduler", "ListSchedules")["Schedules"] == []


def test_an_input_of_256_kb(world: World) -> None:
    """That is the most. AWS: API_Target, "Input"."""
    create(world, "s", SOON, Q, Input="x" * 262_144)
    with pytest.raises(ServiceError, match="262144 bytes"):
        create(world, "t", SOON, Q, Input="x" * 262_145)


def test_another_accounts_queue_asks_its_policy(world: World) -> None:
    """The role of the schedule is who asks: without a policy it is refused, and not tried again."""
    there = CALLER._replace(account="111111111111", principal="arn:aws:iam::111111111111:root")
    world.call("sqs", "CreateQueue", there, QueueName="theirs")
    create(world, "s", SOON, queue_arn(REGION, "111111111111", "theirs"), Input="x", **LETTER)
    world.pass_s(61)
    (message,) = world.messages("dead")
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"


def test_figures(world: World) -> None:
    """AWS/Scheduler, by group: attempts, errors, what was dropped, what went to the queue."""
    create(world, "ok", SOON, Q)
    create(world, "bad", SOON, queue_arn(REGION, ACCOUNT, "none"), **LETTER)
    create(world, "worse", SOON, queue_arn(REGION, ACCOUNT, "none"))
    world.pass_s(240)
    assert {name: figure(world, name) for name in FIGURES} == FIGURES


FIGURES = {
    "InvocationAttemptCount": 3,
    "TargetErrorCount": 2,
    "InvocationDroppedCount": 2,
    "InvocationsSentToDeadLetterCount": 1,
    "InvocationsFailedToBeSentToDeadLetterCount": 0,
}


def figure(world: World, name: str) -> float:
    """The sum of a metric of the group default."""
    told = world.call(
        "cloudwatch",
        "GetMetricStatistics",
        Namespace="AWS/Scheduler",
        MetricName=name,
        Dimensions=[{"Name": "ScheduleGroup", "Value": "default"}],
        StartTime=T0,
        EndTime=T0 + 10 * MINUTE_MS,
        Period=600,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in told["Datapoints"])
