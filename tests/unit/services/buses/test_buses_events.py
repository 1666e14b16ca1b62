"""Events on their way: from PutEvents by rules to targets, or to dead-letter queues."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from buses_rig import (
    NOBODY,
    OTHER,
    attributes,
    bus_arn,
    entry,
    other,
    put,
    rule,
    target,
)
from events_world import ACCOUNT, CALLER, REGION, T0, World
from stand_ins import failing

from redrive.core.effects import Session
from redrive.core.errors import ServiceError
from redrive.core.policies import compile_policy
from redrive.services.buses.matching import Compiled, renew
from redrive.services.buses.model import BusKey, EventRule

RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"


def test_the_envelope(world: World) -> None:
    """A target gets version, id, what was put, where and when, in this order."""
    rule(world, target(world.queue("q")))
    given = entry(Resources=["arn:x"], Time=T0 - 1_500, Detail='{ "a": [1.50, "é"] }')
    told = put(world, given, entry())
    first, second = world.bodies("q")
    assert first == (
        f'{{"version":"0","id":"{told["Entries"][0]["EventId"]}","detail-type":"order",'
        f'"source":"shop","account":"{ACCOUNT}","time":"2027-01-15T07:59:58Z",'
        f'"region":"{REGION}","resources":["arn:x"],"detail":{{"a":[1.5,"é"]}}}}'
    )
    assert json.loads(second)["time"] == "2027-01-15T08:00:00Z"
    assert told["FailedEntryCount"] == 0


def test_each_target_of_each_rule_gets_an_event_that_matches(world: World) -> None:
    """Two rules, three targets; what does not match goes nowhere, nor what is disabled."""
    queue = world.queue("q")
    rule(world, target(world.function()), target(queue, "2"))
    rule(world, target(queue), Name="s", EventPattern='{"detail": {"id": [1, 2]}}')
    rule(world, target(queue), Name="off", State="DISABLED")
    put(world, entry(), entry("bank"), entry("bank", Detail='{"id": 3}'))
    assert [event["source"] for event in world.events()] == ["shop"]
    assert [json.loads(body)["source"] for body in world.bodies("q")] == ["shop", "shop", "bank"]


def test_rules_change_at_once(world: World) -> None:
    """What is put after a rule was changed, disabled, enabled or deleted is judged by that."""
    queue = world.queue("q")

    def count() -> int:
        put(world)
        return len(world.bodies("q"))

    rule(world, target(queue))
    assert count() == 1
    rule(world, EventPattern='{"source": ["bank"]}')
    assert count() == 0
    rule(world)
    assert count() == 1
    world.call("events", "DisableRule", Name="r")
    assert count() == 0
    world.call("events", "EnableRule", Name="r")
    assert count() == 1
    world.call("events", "RemoveTargets", Rule="r", Ids=["1"])
    assert count() == 0
    world.call("events", "DeleteRule", Name="r")
    assert count() == 0


def test_a_change_that_was_undone_is_not_remembered(world: World) -> None:
    """What was compiled in a transaction that failed is not taken for what comes after it."""
    compiled, bus = Compiled(), BusKey(ACCOUNT, REGION, "default")

    def matching(tx: Any) -> list[str]:
        return compiled.matching(tx, bus, {"source": "bank"})

    def change(tx: Any, source: str) -> list[str]:
        pattern = f'{{"source": ["{source}"]}}'
        made = EventRule(*bus, "r", pattern, None, "ENABLED", *[None] * 3, ACCOUNT, "{}", None, 0)
        tx.run("buses.set_rule", **made._asdict())
        renew(tx, bus, T0)
        return matching(tx)

    def undone(tx: Any) -> None:
        assert change(tx, "bank") == ["r"]
        raise ServiceError("Undone", "on purpose")

    rule(world)
    assert world.store.transact(matching) == []
    with pytest.raises(ServiceError):
        world.store.transact(undone)
    assert world.store.transact(matching) == []
    assert world.store.transact(change, "shop") == []
    assert world.store.transact(change, "bank") == ["r"]


def test_a_fifo_queue_keeps_the_order(world: World) -> None:
    """The message group is the target's, and its messages come in the order of the events."""
    queue = world.queue("q.fifo", ContentBasedDeduplication="true")
    rule(world, target(queue, SqsParameters={"MessageGroupId": "g"}))
    world.registry.away.add(("sqs", "SendMessage"))
    for number in range(5):
        put(world, entry(Detail=f'{{"id": {number}}}'))
    world.pass_s(2)
    world.registry.away.clear()
    world.pass_s(600)
    found = world.messages("q.fifo")
    assert [json.loads(message["Body"])["detail"]["id"] for message in found] == [0, 1, 2, 3, 4]
    assert {message["Attributes"]["MessageGroupId"] for message in found} == {"g"}


def test_a_function_is_invoked_asynchronously(world: World) -> None:
    """The event has arrived when Lambda has taken it; what fails is tried by Lambda's own rules."""
    world.scripts["worker"] = failing
    dead = world.queue("dead")
    rule(world, target(world.function(), DeadLetterConfig={"Arn": dead}))
    put(world)
    world.pass_s(600)
    assert len(world.events()) == 3
    assert world.bodies("dead") == []


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(world: World) -> None:
    """The event as it was, not the target's input, with the rule, the target and the reason."""
    dead = world.queue("dead")
    rule(world, target(NOBODY, Input='"x"', DeadLetterConfig={"Arn": dead}))
    told = put(world)
    (message,) = world.messages("dead")
    assert json.loads(message["Body"])["id"] == told["Entries"][0]["EventId"]
    assert attributes(message) == {
        "RULE_ARN": RULE,
        "TARGET_ARN": NOBODY,
        "ERROR_CODE": "NO_RESOURCE",
        "ERROR_MESSAGE": "The specified queue does not exist.",
        "RETRY_ATTEMPTS": "0",
    }


def test_what_fails_is_tried_again_until_the_retry_policy_ends_it(world: World) -> None:
    """Two attempts more, then the dead-letter queue is told which limit has ended it."""
    dead, queue = world.queue("dead"), world.queue("q")
    policy = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600}
    rule(world, target(queue, RetryPolicy=policy, DeadLetterConfig={"Arn": dead}))
    tried: list[int] = []

    def failing_queue(work: Any) -> Any:
        def send(tx: Any, params: Any, context: Any) -> Any:
            if not params["QueueUrl"].endswith(":q"):
                return work(tx, params, context)
            tried.append(context.now_ms)
            raise ServiceError("ServiceUnavailable", "not now", status=503)

        return send

    world.registry.watch("sqs", "SendMessage", failing_queue)
    put(world)
    world.pass_s(3600)
    (message,) = world.messages("dead")
    told = attributes(message)
    assert (told["EXHAUSTED_RETRY_CONDITION"], told["RETRY_ATTEMPTS"]) == (
        "MaximumRetryAttempts",
        "2",
    )
    assert len(tried) == 3


def test_a_crash_loses_no_event(world: World) -> None:
    """What was acknowledged has its deliveries, whatever happens next."""
    rule(world, target(world.queue("q")))
    world.registry.away.add(("sqs", "SendMessage"))
    put(world)
    world.crash()
    world.pass_s(60)
    assert len(world.bodies("q")) == 1


def test_each_entry_fails_alone(world: World) -> None:
    """Codes and texts of what is wrong, beside an entry that is accepted. AWS: as captured."""
    rule(world, target(world.queue("q")))
    told = put(
        world,
        entry(Detail="{"),
        entry(Detail="[1]"),
        {"DetailType": "order", "Detail": "{}"},
        {"Source": "shop", "Detail": "{}"},
        {"Source": "shop", "DetailType": "order"},
        entry("aws.ec2"),
        entry(),
    )
    malformed = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}

    def missing(name: str) -> dict[str, str]:
        text = f"Parameter {name} is not valid. Reason: {name} is a required argument."
        return {"ErrorCode": "InvalidArgument", "ErrorMessage": text}

    *failed, good = told["Entries"]
    assert failed == [
        malformed,
        malformed,
        missing("Source"),
        missing("DetailType"),
        missing("Detail"),
        {
            "ErrorCode": "NotAuthorizedForSourceException",
            "ErrorMessage": "Not authorized for the source.",
        },
    ]
    assert told["FailedEntryCount"] == 6
    assert [json.loads(body)["id"] for body in world.bodies("q")] == [good["EventId"]]


def test_the_size_of_all_entries_is_limited(world: World) -> None:
    """A mebibyte of sources, types, details, resources and 14 for a time; a byte more is none."""
    rest = len("shop") + len("order") + len("arn:x") + 14
    fits = json.dumps({"a": "x" * (1_048_576 - rest - 9)})
    assert put(world, entry(Detail=fits, Resources=["arn:x"], Time=T0))["FailedEntryCount"] == 0
    with pytest.raises(ServiceError, match="Total size of the entries in the request is over"):
        put(world, entry(Detail=fits + " ", Resources=["arn:x"], Time=T0))


def test_an_unknown_bus_takes_events_and_drops_them(world: World) -> None:
    """AWS: as captured; and no rule of the default bus sees them."""
    rule(world, target(world.queue("q")))
    assert put(world, entry(EventBusName="nope"))["Entries"][0]["EventId"]
    assert world.bodies("q") == []


def test_a_bus_by_name_and_by_arn(world: World) -> None:
    """Both ways lead to the same rules, and to no others."""
    world.call("events", "CreateEventBus", Name="b")
    rule(world, target(world.queue("q")), EventBusName=bus_arn("b"))
    rule(world, target(world.queue("d")), EventBusName="default")
    put(world, entry(EventBusName="b"), entry(EventBusName=bus_arn("b")))
    assert len(world.bodies("q")) == 2
    assert world.bodies("d") == []


def test_a_bus_of_another_account(world: World) -> None:
    """Its policy decides; the event says who put it."""
    world.call("events", "CreateEventBus", Name="b")
    rule(world, target(world.queue("q")), EventBusName="b")
    asked = entry(EventBusName=bus_arn("b"))
    with pytest.raises(ServiceError, match="no resource-based policy allows the events:PutEvents"):
        put(world, asked, who=other())
    world.call(
        "events",
        "PutPermission",
        EventBusName="b",
        Action="events:PutEvents",
        Principal=OTHER,
        StatementId="s",
    )
    put(world, asked, who=other())
    with pytest.raises(ServiceError, match="is not authorized to perform: events:PutEvents"):
        put(world, asked, who=other("444455556666"))
    (body,) = world.bodies("q")
    assert json.loads(body)["account"] == OTHER


def test_a_bus_as_a_target(world: World) -> None:
    """The event arrives as it was, with its id; to a third bus it does not go."""
    for name in ("b", "c"):
        world.call("events", "CreateEventBus", Name=name)
    rule(world, target(bus_arn("b")))
    rule(world, target(bus_arn("c")), target(world.queue("q"), "2"), EventBusName="b")
    rule(world, target(world.queue("third")), EventBusName="c")
    told = put(world)
    assert [json.loads(body)["id"] for body in world.bodies("q")] == [told["Entries"][0]["EventId"]]
    assert world.bodies("third") == []
    put(world, entry(EventBusName="b"))
    assert len(world.bodies("third")) == 1


def test_a_bus_of_another_account_and_region_as_a_target(world: World) -> None:
    """It needs a policy that lets the sender's account in; the event keeps account and region."""
    far = other(region="eu-west-1")
    dead = world.queue("dead")
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    there = bus_arn("default", OTHER, "eu-west-1")
    rule(world, target(there, RoleArn=role, DeadLetterConfig={"Arn": dead}))
    world.call("sqs", "CreateQueue", far, QueueName="q")
    rule(world, target(f"arn:aws:sqs:eu-west-1:{OTHER}:q"), who=far)
    put(world)
    (message,) = world.messages("dead")
    assert attributes(message)["ERROR_CODE"] == "NO_PERMISSIONS"
    given = {"Action": "events:PutEvents", "Principal": ACCOUNT, "StatementId": "s"}
    world.call("events", "PutPermission", far, **given)
    put(world)
    url = f"http://127.0.0.1:4566/{OTHER}/q"
    told = world.call("sqs", "ReceiveMessage", far, QueueUrl=url, WaitTimeSeconds=0)
    event = json.loads(orjson.loads(orjson.dumps(told))["Messages"][0]["Body"])
    assert (event["account"], event["region"]) == (ACCOUNT, REGION)


def test_events_of_services(world: World) -> None:
    """PutServiceEvents puts aws.* events on the default bus of the caller's account and region."""
    rule(world, target(world.queue("q")), EventPattern='{"source": ["aws.cloudwatch"]}')
    given = {"Source": "aws.cloudwatch", "DetailType": "t", "Detail": {"a": 1}, "Resources": ["x"]}
    world.call("events", "PutServiceEvents", Events=[given])
    (body,) = world.bodies("q")
    assert json.loads(body)["detail"] == {"a": 1}


def test_a_destination_of_a_function(world: World) -> None:
    """A function's result is an event of the source lambda on the bus that is its destination."""
    arn = world.function()
    destination = {"OnSuccess": {"Destination": bus_arn("default")}}
    world.call(
        "lambda",
        "PutFunctionEventInvokeConfig",
        FunctionName="worker",
        DestinationConfig=destination,
    )
    rule(world, target(world.queue("q")), EventPattern='{"source": ["lambda"]}')
    world.call("lambda", "Invoke", FunctionName="worker", InvocationType="Event", Payload=b"{}")
    world.pass_s(5)
    (body,) = world.bodies("q")
    event = json.loads(body)
    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    assert event["resources"] == [bus_arn("default"), f"{arn}:$LATEST"]
    assert event["detail"]["requestContext"]["condition"] == "Success"


def test_what_cloudwatch_is_told(world: World) -> None:
    """Matches, invocations and dead letters by rule; AWS/Events."""
    dead = world.queue("dead")
    rule(world, target(world.queue("q")), target(NOBODY, "2", DeadLetterConfig={"Arn": dead}))
    put(world)
    world.pass_s(120)

    def total(name: str, **dimensions: str) -> float:
        told = world.call(
            "cloudwatch",
            "GetMetricStatistics",
            Namespace="AWS/Events",
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=T0 - 60_000,
            EndTime=T0 + 600_000,
            Period=3600,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in told["Datapoints"])

    counted = {
        name: total(name, RuleName="r")
        for name in (
            "MatchedEvents",
            "TriggeredRules",
            "Invocations",
            "FailedInvocations",
            "InvocationAttempts",
            "InvocationsSentToDlq",
            "InvocationsFailedToBeSentToDlq",
        )
    }
    assert counted == {
        "MatchedEvents": 1,
        "TriggeredRules": 1,
        "Invocations": 2,
        "FailedInvocations": 1,
        "InvocationAttempts": 2,
        "InvocationsSentToDlq": 1,
        "InvocationsFailedToBeSentToDlq": 0,
    }
    assert total("Invocations") == 2
    assert total("PutEventsEntriesCount") == 1


def test_one_account_sees_nothing_of_another(world: World) -> None:
    """A reset forgets one account's buses and rules, and nobody else's."""
    rule(world, target(world.queue("q")))
    rule(world, who=other())
    put(world, who=other())
    assert world.bodies("q") == []
    world.call("events", "ResetAccount")
    put(world)
    assert world.bodies("q") == []
    assert world.call("events", "ListRules")["Rules"] == []
    assert len(world.call("events", "ListRules", other())["Rules"]) == 1


def test_who_may_put_events_with_authorisation_on(world: World) -> None:
    """The caller's own policy decides for each bus that is named, before any event is accepted."""
    world.call("events", "CreateEventBus", Name="b")
    rule(world, target(world.queue("q")))
    allowed = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus_arn("default")}
    policy = compile_policy({"Statement": allowed}, names_principals=False)
    alice = CALLER._replace(
        principal=f"arn:aws:iam::{ACCOUNT}:user/alice", session=Session(policy, {})
    )
    put(world, entry(), who=alice)
    assert len(world.bodies("q")) == 1
    with pytest.raises(ServiceError, match="no identity-based policy allows the events:PutEvents"):
        put(world, entry(), entry(EventBusName="b"), who=alice)
    assert world.bodies("q") == []


def test_a_detail_that_is_nested_too_deeply_is_refused_alone(world: World) -> None:
    """One entry that no target could be given does not take the others with it."""
    rule(world, target(world.queue("q")))
    deep = '{"a":' * 300 + "1" + "}" * 300
    wide = json.dumps({"a": [{}] * 300})
    whole = '{"a":' * 200 + "1" + "}" * 200
    told = put(world, *(entry(Detail=text) for text in (deep, wide, whole)))
    codes = [each.get("ErrorCode") for each in told["Entries"]]
    assert codes == ["MalformedDetail", None, None]
    assert len(world.bodies("q")) == 2


def test_times_that_no_calendar_has(world: World) -> None:
    """A year of one digit is written with four, and one of five is refused."""
    rule(world, target(world.queue("q")))
    first_ms, end_ms = -62_135_596_800_000, 253_402_300_800_000
    told = put(world, *(entry(Time=at) for at in (first_ms, end_ms - 1, end_ms, first_ms - 1)))
    codes = [each.get("ErrorCode") for each in told["Entries"]]
    assert codes == [None, None, "InvalidArgument", "InvalidArgument"]
    times = sorted(json.loads(body)["time"] for body in world.bodies("q"))
    assert times == ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
