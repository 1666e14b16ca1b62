"""Pipes: from a queue over filter, enrichment and template to a target, in virtual time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from events_world import ACCOUNT, REGION, World
from stand_ins import answering, failing

from redrive.core.effects import Ran
from redrive.core.errors import ServiceError

ROLE = f"arn:aws:iam::{ACCOUNT}:role/pipe"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    world.source = world.queue("source", VisibilityTimeout=30)  # type: ignore[attr-defined]
    yield world
    world.close()


def make(world: World, target: str, name: str = "pipe", **members: Any) -> Any:
    """Create a pipe from the queue `source`."""
    given = {"Source": f"arn:aws:sqs:{REGION}:{ACCOUNT}:source", "RoleArn": ROLE, **members}
    return world.call("pipes", "CreatePipe", Name=name, Target=target, **given)


def send(world: World, *bodies: str, **members: Any) -> None:
    for body in bodies:
        url = f"/{ACCOUNT}/source"
        world.call("sqs", "SendMessage", QueueUrl=url, MessageBody=body, **members)


def state(world: World, name: str = "pipe") -> str:
    return str(world.call("pipes", "DescribePipe", Name=name)["CurrentState"])


def test_a_pipe_moves_messages_to_a_queue(world: World) -> None:
    """The whole record goes on as text, and the message leaves the source."""
    target = world.queue("target")
    made = make(world, target)
    assert (made["CurrentState"], made["DesiredState"]) == ("CREATING", "RUNNING")
    assert state(world) == "RUNNING"
    send(world, "hello")
    (body,) = world.bodies("target")
    record = json.loads(body)
    assert (record["body"], record["eventSource"]) == ("hello", "aws:sqs")
    world.pass_s(100)
    assert world.bodies("source") == []


def test_filter_enrichment_and_templates(world: World) -> None:
    """A filter drops, a function changes, a template shapes."""
    target = world.queue("target")
    function = world.function("enrich")
    world.scripts["enrich"] = lambda events: Ran(
        json.dumps([{"id": event["id"], "twice": event["n"] * 2} for event in events]).encode()
    )
    make(
        world,
        target,
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": '{"body":{"n":[1,2]}}'}]}},
        Enrichment=function,
        EnrichmentParameters={"InputTemplate": '{"id": <$.messageId>, "n": <$.body.n>}'},
        TargetParameters={
            "InputTemplate": '{"twice": <$.twice>, "by": "<aws.pipes.pipe-name>", "no": <$.x>}'
        },
    )
    send(world, '{"n":1}', '{"n":2}', '{"n":3}')
    assert sorted(world.bodies("target")) == [
        '{"twice": 2, "by": "pipe", "no": ""}',
        '{"twice": 4, "by": "pipe", "no": ""}',
    ]
    world.pass_s(100)
    assert world.bodies("source") == []


def test_an_enrichment_that_returns_nothing_ends_the_batch(world: World) -> None:
    """No event is left, so no target is asked, and the messages are done."""
    target = world.queue("target")
    function = world.function("enrich")
    world.scripts["enrich"] = answering([])
    make(world, target, Enrichment=function)
    send(world, "x")
    world.pass_s(100)
    assert (world.bodies("target"), world.bodies("source")) == ([], [])


def test_a_failing_enrichment_leaves_the_messages(world: World) -> None:
    """They come back when their visibility timeout ends, and go to the dead-letter queue."""
    dead = world.queue("dead")
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    world.call(
        "sqs",
        "SetQueueAttributes",
        QueueUrl=f"/{ACCOUNT}/source",
        Attributes={"RedrivePolicy": policy},
    )
    function = world.function("enrich")
    world.scripts["enrich"] = failing
    make(world, world.queue("target"), Enrichment=function)
    send(world, "x")
    world.pass_s(29)
    assert len(world.events("enrich")) == 1
    world.pass_s(100)
    assert len(world.events("enrich")) == 2
    assert (world.bodies("target"), world.bodies("dead")) == ([], ["x"])


def test_a_function_reports_what_failed(world: World) -> None:
    """What is in batchItemFailures comes back; the rest is done."""
    function = world.function()
    seen: list[list[str]] = []

    def script(events: Any) -> Ran:
        seen.append([event["body"] for event in events])
        bad = [event["messageId"] for event in events if event["body"] == "bad"]
        answer = {"batchItemFailures": [{"itemIdentifier": name} for name in bad]}
        return Ran(json.dumps(answer if len(seen) == 1 else None).encode())

    world.scripts["worker"] = script
    send(world, "good", "bad")
    make(world, function)
    world.pass_s(100)
    assert [sorted(bodies) for bodies in seen] == [["bad", "good"], ["bad"]]


@pytest.mark.parametrize("kind", ["events", "topic", "log"])
def test_other_targets(world: World, kind: str) -> None:
    """A bus, a topic and a log group take events."""
    world.queue("target")
    place = f"{REGION}:{ACCOUNT}"
    queue = f"arn:aws:sqs:{place}:target"
    parameters: dict[str, Any] = {"InputTemplate": '{"n": <$.body.n>}'}
    if kind == "events":
        world.call("events", "PutRule", Name="r", EventPattern='{"source":["my.app"]}')
        world.call("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": queue}])
        target = f"arn:aws:events:{place}:event-bus/default"
        own = {"Source": "my.app", "DetailType": "$.body.kind"}
        parameters["EventBridgeEventBusParameters"] = own
    elif kind == "topic":
        target = world.call("sns", "CreateTopic", Name="t")["TopicArn"]
        raw = {"RawMessageDelivery": "true"}
        world.call(
            "sns", "Subscribe", TopicArn=target, Protocol="sqs", Endpoint=queue, Attributes=raw
        )
    else:
        world.call("logs", "CreateLogGroup", logGroupName="g")
        world.call("logs", "CreateLogStream", logGroupName="g", logStreamName="s")
        target = f"arn:aws:logs:{place}:log-group:g"
        parameters["CloudWatchLogsParameters"] = {"LogStreamName": "s"}
    make(world, target, TargetParameters=parameters)
    send(world, '{"n":1,"kind":"made"}')
    world.pass_s(1)
    if kind == "log":
        told = world.call("logs", "GetLogEvents", logGroupName="g", logStreamName="s")
        assert [event["message"] for event in told["events"]] == ['{"n": 1}']
        return
    (body,) = world.bodies("target")
    event = json.loads(body)
    assert event == {"n": 1} if kind == "topic" else event["detail"] == {"n": 1}
    assert kind == "topic" or event["detail-type"] == "made"


def test_a_fifo_target_gets_its_group_from_the_event(world: World) -> None:
    """MessageGroupId is a path; without one the target is refused."""
    target = world.queue("target.fifo")
    with pytest.raises(ServiceError, match="MessageGroupId is required"):
        make(world, target)
    own = {"MessageGroupId": "$.body.tenant", "MessageDeduplicationId": "$.messageId"}
    make(world, target, TargetParameters={"SqsQueueParameters": own})
    send(world, '{"tenant":"a"}')
    (message,) = world.messages("target.fifo")
    assert message["Attributes"]["MessageGroupId"] == "a"


def test_a_stopped_pipe_takes_nothing(world: World) -> None:
    """Stop, start, update, delete: each brings its state, and another change waits for it."""
    make(world, world.queue("target"), DesiredState="STOPPED")
    assert state(world) == "STOPPED"
    send(world, "x")
    world.pass_s(60)
    assert world.bodies("target") == []
    assert world.call("pipes", "StartPipe", Name="pipe")["CurrentState"] == "STARTING"
    assert state(world) == "RUNNING"
    assert len(world.bodies("target")) == 1
    other = world.queue("other")
    world.call("pipes", "UpdatePipe", Name="pipe", RoleArn=ROLE, Target=other)
    send(world, "y")
    assert len(world.bodies("other")) == 1
    world.call("pipes", "StopPipe", Name="pipe")
    assert state(world) == "STOPPED"
    assert world.call("pipes", "DeletePipe", Name="pipe")["CurrentState"] == "DELETING"
    with pytest.raises(ServiceError, match="does not exist"):
        state(world)
    make(world, other)
    assert state(world) == "RUNNING"


def test_a_queue_that_is_missing_is_a_failed_pipe(world: World) -> None:
    """The answer is CREATING, as AWS's is; the reason is shown, and it can be started later."""
    make(world, world.queue("target"), Source=f"arn:aws:sqs:{REGION}:{ACCOUNT}:later")
    shown = world.call("pipes", "DescribePipe", Name="pipe")
    assert shown["CurrentState"] == "CREATE_FAILED"
    assert "does not exist" in shown["StateReason"]
    world.queue("later")
    world.call("pipes", "StartPipe", Name="pipe")
    assert state(world) == "RUNNING"


def test_a_crash_loses_no_message(world: World) -> None:
    """A pipe goes on after a crash, and what was under way comes back."""
    function = world.function()
    world.scripts["worker"] = lambda _events: None
    make(world, function)
    send(world, "x")
    assert len(world.held) == 1
    world.crash()
    world.scripts["worker"] = answering(None)
    world.pass_s(100)
    assert [len(events) for events in world.events()] == [1, 1]
    assert world.bodies("source") == []


def test_pipes_are_no_mappings_of_lambda(world: World) -> None:
    """ListEventSourceMappings and GetEventSourceMapping do not know of them."""
    make(world, world.queue("target"))
    assert world.call("lambda", "ListEventSourceMappings")["EventSourceMappings"] == []
    assert [pipe["Name"] for pipe in world.call("pipes", "ListPipes")["Pipes"]] == ["pipe"]


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"Source": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"}, "Sources of kinesis"),
        ({"Target": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/c"}, "not a target"),
        ({"Enrichment": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:s"}, "enrichment is"),
        ({"TargetParameters": {"KinesisStreamParameters": {}}}, "does not apply to this target"),
        ({"TargetParameters": {"InputTemplate": "{<$.x>"}}, "InputTemplate is not valid"),
        ({"SourceParameters": {"SqsQueueParameters": {"BatchSize": 11}}}, "must be at least 1"),
        (
            {"SourceParameters": {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}},
            "Event pattern is not valid",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(world: World, members: dict[str, Any], text: str) -> None:
    """With a ValidationException, and nothing is made."""
    target = members.pop("Target", world.queue("target"))
    with pytest.raises(ServiceError, match=text) as caught:
        make(world, target, **members)
    assert caught.value.code == "ValidationException"
    assert world.call("pipes", "ListPipes")["Pipes"] == []


def test_tags(world: World) -> None:
    """Tags are kept by ARN."""
    arn = make(world, world.queue("target"), Tags={"a": "1"})["Arn"]
    world.call("pipes", "TagResource", resourceArn=arn, tags={"b": "2"})
    world.call("pipes", "UntagResource", resourceArn=arn, tagKeys=["a"])
    assert world.call("pipes", "ListTagsForResource", resourceArn=arn) == {"tags": {"b": "2"}}


DEEP = "[" * 1000 + "]" * 1000


@pytest.mark.parametrize("template", [None, '{"a": <$.body>}'])
def test_an_event_that_is_nested_too_deeply_stays(world: World, template: str | None) -> None:
    """It fails like a template that makes no JSON: the message goes back to its queue."""
    function = world.function("enrich")
    world.scripts["enrich"] = lambda _events: Ran(f'[{{"body": {DEEP}}}]'.encode())
    parameters = {} if template is None else {"TargetParameters": {"InputTemplate": template}}
    make(world, world.queue("target"), Enrichment=function, **parameters)
    send(world, "one")
    assert world.bodies("target") == []
    world.pass_s(40)
    assert len(world.runs) == 2


@pytest.mark.parametrize("named", [[], {"a": 1}, 5])
def test_a_report_that_names_no_message_fails_the_batch(world: World, named: Any) -> None:
    """An itemIdentifier that is no text is none of the batch."""
    function = world.function("target")
    world.scripts["target"] = answering({"batchItemFailures": [{"itemIdentifier": named}]})
    make(world, function)
    send(world, "one")
    world.pass_s(40)
    assert len(world.runs) == 2


@pytest.mark.parametrize("instant", ["²", "9" * 5000])
def test_a_log_event_whose_instant_is_none_has_the_present_one(world: World, instant: str) -> None:
    """What a message calls its time may be anything."""
    world.call("logs", "CreateLogGroup", logGroupName="g")
    world.call("logs", "CreateLogStream", logGroupName="g", logStreamName="s")
    own = {"LogStreamName": "s", "Timestamp": "$.body.at"}
    target = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g"
    make(world, target, TargetParameters={"CloudWatchLogsParameters": own})
    send(world, json.dumps({"at": instant}))
    told = world.call("logs", "FilterLogEvents", logGroupName="g")
    assert [event["timestamp"] for event in told["events"]] == [world.now_ms]


@pytest.mark.parametrize(
    ("target", "own"),
    [
        ("event-bus/default", {"EventBridgeEventBusParameters": {"Resources": ["$..x"]}}),
        ("api-destination/d/i", {"HttpParameters": {"PathParameterValues": ["$..x"]}}),
        ("api-destination/d/i", {"HttpParameters": {"HeaderParameters": {"a": "$..x"}}}),
    ],
)
def test_a_path_within_a_parameter_is_judged(world: World, target: str, own: Any) -> None:
    """A path that cannot be read is refused when it is set, wherever it stands."""
    with pytest.raises(ServiceError, match="is not valid: it cannot be read"):
        make(world, f"arn:aws:events:{REGION}:{ACCOUNT}:{target}", TargetParameters=own)
