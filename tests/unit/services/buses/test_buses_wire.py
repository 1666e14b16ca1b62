"""Buses, rules, targets, permissions and tags as botocore asks for them and reads the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from buses_rig import MODEL, NOBODY, OTHER, Wire, bus_arn, other, rule, target
from events_world import ACCOUNT, REGION, T0, World

from redrive.core.errors import ServiceError
from redrive.core.time import MINUTE_MS
from redrive.services.buses.labels import LABELS
from redrive.services.buses.operations.unoffered import UNOFFERED

DEAD = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"}
RULES = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/"


@pytest.fixture
def ask(world: World) -> Wire:
    """A client."""
    return Wire(world)


def plain(answer: Any) -> Any:
    """An answer without what every answer has."""
    assert "Error" not in answer, answer
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def refused(answer: Any) -> str:
    """The text of a refusal."""
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(answer["Error"]["Message"])


def test_the_life_of_a_bus(ask: Wire) -> None:
    """Made, shown, changed, listed, deleted; deleted again is no error."""
    settings = {
        "Description": "d",
        "KmsKeyIdentifier": "alias/k",
        "DeadLetterConfig": DEAD,
        "LogConfig": {"Level": "INFO", "IncludeDetail": "FULL"},
    }
    made = plain(ask("CreateEventBus", Name="b", **settings, Tags=[{"Key": "k", "Value": "v"}]))
    assert made == {"EventBusArn": bus_arn("b"), **settings}
    told = plain(ask("DescribeEventBus", Name=bus_arn("b")))
    times = {told.pop(name).timestamp() for name in ("CreationTime", "LastModifiedTime")}
    assert times == {T0 / 1000}
    assert told == {"Name": "b", "Arn": bus_arn("b"), **settings}
    changed = plain(ask("UpdateEventBus", Name="b", Description="e", DeadLetterConfig={}))
    assert changed["Description"] == "e"
    assert "DeadLetterConfig" not in changed
    assert changed["KmsKeyIdentifier"] == "alias/k"
    tags = plain(ask("ListTagsForResource", ResourceARN=bus_arn("b")))
    assert tags == {"Tags": [{"Key": "k", "Value": "v"}]}
    names = [bus["Name"] for bus in plain(ask("ListEventBuses"))["EventBuses"]]
    assert names == ["b", "default"]
    for _ in range(2):
        assert plain(ask("DeleteEventBus", Name="b")) == {}
    assert [bus["Name"] for bus in plain(ask("ListEventBuses"))["EventBuses"]] == ["default"]


def test_the_default_bus_is_always_there(ask: Wire, world: World) -> None:
    """It needs no row; what is set of it stays, and it is listed once."""
    assert plain(ask("DescribeEventBus")) == {"Name": "default", "Arn": bus_arn("default")}
    assert refused(ask("CreateEventBus", Name="default")) == "Event bus default already exists."
    ask("UpdateEventBus", Description="d")
    (bus,) = plain(ask("ListEventBuses"))["EventBuses"]
    assert (bus["Name"], bus["Description"]) == ("default", "d")
    there = world.call("events", "DescribeEventBus", other(region="eu-west-1"))
    assert there["Arn"] == bus_arn("default", OTHER, "eu-west-1")


def test_buses_in_pages(ask: Wire) -> None:
    """By name, the default bus among them, whatever the size of a page."""
    for name in ("a", "d", "e"):
        ask("CreateEventBus", Name=name)
    for limit in (1, 2, 3):
        names, token = [], {}
        while True:
            page = plain(ask("ListEventBuses", Limit=limit, **token))
            names += [bus["Name"] for bus in page["EventBuses"]]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        assert names == ["a", "d", "default", "e"]
    page = plain(ask("ListEventBuses", NamePrefix="d"))
    assert [bus["Name"] for bus in page["EventBuses"]] == ["d", "default"]
    assert ask("ListEventBuses", NextToken="!")["Error"]["Code"] == "InvalidToken"


def test_a_bus_with_rules_stays(ask: Wire) -> None:
    """Its rules go first."""
    ask("CreateEventBus", Name="b")
    ask("PutRule", Name="r", EventBusName="b", EventPattern='{"source": ["s"]}')
    assert refused(ask("DeleteEventBus", Name="b")) == (
        "Event bus can't be deleted since it has rules."
    )
    assert refused(ask("CreateEventBus", Name="a/b")).startswith("Parameter Name is not valid.")


def test_the_life_of_a_rule(ask: Wire) -> None:
    """PutRule replaces all but the tags; a rule of another bus has the bus in its ARN."""
    ask("CreateEventBus", Name="b")
    given = {"EventPattern": '{ "source":["s"] }', "Description": "d", "EventBusName": "b"}
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    tags = [{"Key": "k", "Value": "v"}]
    made = plain(ask("PutRule", Name="r", **given, RoleArn=role, State="DISABLED", Tags=tags))
    assert made == {"RuleArn": f"{RULES}b/r"}
    shown = {"Name": "r", "Arn": f"{RULES}b/r", "State": "DISABLED", **given, "RoleArn": role}
    told = plain(ask("DescribeRule", Name="r", EventBusName="b"))
    assert told == {**shown, "CreatedBy": ACCOUNT}
    assert plain(ask("ListRules", EventBusName="b")) == {"Rules": [shown]}
    ask("PutRule", Name="r", EventBusName="b", EventPattern='{"source": ["t"]}')
    told = plain(ask("DescribeRule", Name="r", EventBusName=bus_arn("b")))
    assert told["State"] == "ENABLED"
    assert "Description" not in told
    assert plain(ask("ListTagsForResource", ResourceARN=f"{RULES}b/r")) == {"Tags": tags}
    ask("UntagResource", ResourceARN=f"{RULES}b/r", TagKeys=["k", "none"])
    ask("TagResource", ResourceARN=f"{RULES}b/r", Tags=[{"Key": "l", "Value": ""}])
    told = plain(ask("ListTagsForResource", ResourceARN=f"{RULES}b/r"))
    assert told == {"Tags": [{"Key": "l", "Value": ""}]}
    assert refused(ask("PutRule", Name="x")) == (
        "Parameter(s) EventPattern or ScheduleExpression must be specified."
    )
    for _ in range(2):
        assert plain(ask("DeleteRule", Name="r", EventBusName="b")) == {}
    assert refused(ask("DeleteRule", Name="r", EventBusName="c")) == "Event bus c does not exist."


def test_rules_in_pages(ask: Wire) -> None:
    """By name and prefix."""
    for name in ("b", "a", "ab", "c"):
        ask("PutRule", Name=name, EventPattern='{"source": ["s"]}')
    first = plain(ask("ListRules", Limit=3))
    second = plain(ask("ListRules", Limit=3, NextToken=first["NextToken"]))
    assert [rule["Name"] for rule in first["Rules"] + second["Rules"]] == ["a", "ab", "b", "c"]
    told = plain(ask("ListRules", NamePrefix="a"))
    assert [rule["Name"] for rule in told["Rules"]] == ["a", "ab"]


def test_the_schedule_of_a_rule(ask: Wire, world: World) -> None:
    """It fires, rests while the rule is disabled, and counts from when it is enabled."""
    queue = world.queue("q")
    ask("PutRule", Name="r", ScheduleExpression="rate(1 minute)")
    ask("PutTargets", Rule="r", Targets=[target(queue)])
    world.pass_s(90)
    (body,) = world.bodies("q")
    assert json.loads(body)["detail-type"] == "Scheduled Event"
    ask("PutRule", Name="r", ScheduleExpression="rate(1 minute)", Description="d")
    world.pass_until(T0 + 2 * MINUTE_MS)
    assert len(world.bodies("q")) == 1
    ask("DisableRule", Name="r")
    world.pass_s(300)
    assert world.bodies("q") == []
    ask("EnableRule", Name="r")
    world.pass_s(60)
    assert len(world.bodies("q")) == 1


def test_targets_of_a_rule(ask: Wire, world: World) -> None:
    """In the order in which they were put, replaced where they stand, in pages."""
    rule(world)
    members = {
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60},
        "DeadLetterConfig": DEAD,
    }
    given = [target(NOBODY, name, **members) for name in ("z", "y", "x")]
    told = plain(ask("PutTargets", Rule="r", Targets=given))
    assert told == {"FailedEntryCount": 0, "FailedEntries": []}
    given[0] = target(NOBODY, "z", Input="1")
    ask("PutTargets", Rule="r", Targets=[given[0]])
    first = plain(ask("ListTargetsByRule", Rule="r", Limit=2))
    second = plain(ask("ListTargetsByRule", Rule="r", Limit=2, NextToken=first["NextToken"]))
    assert first["Targets"] + second["Targets"] == given
    rule(world, target(NOBODY), Name="s")
    named = plain(ask("ListRuleNamesByTarget", TargetArn=NOBODY))
    assert named == {"RuleNames": ["r", "s"]}
    told = plain(ask("RemoveTargets", Rule="r", Ids=["z", "nope"]))
    assert told["FailedEntryCount"] == 1
    assert told["FailedEntries"][0]["TargetId"] == "nope"
    assert len(plain(ask("ListTargetsByRule", Rule="r"))["Targets"]) == 2


REFUSED = [
    (target("x"), "Parameter x is not valid. Reason: Provided Arn is not in correct format."),
    (
        target(f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"),
        "is no target that this server delivers to.",
    ),
    (target(f"{NOBODY}.fifo"), "Parameter(s) MessageGroupId must be specified for target: 1."),
    (target(NOBODY, HttpParameters={"HeaderParameters": {"a": "b"}}), "HttpParameters not valid"),
    (target(NOBODY, DeadLetterConfig={"Arn": f"{NOBODY}.fifo"}), "can't be a dead-letter queue."),
    (target(NOBODY, DeadLetterConfig={"Arn": bus_arn("b")}), "is not in correct format."),
    (target(NOBODY, RoleArn="r"), "Parameter RoleArn is not valid."),
    (target(NOBODY, EcsParameters={"TaskDefinitionArn": "x"}), "ECS tasks are no targets here."),
    (target(bus_arn("default")), "can't be a target of its own rules."),
    (target(bus_arn("b"), InputPath="$.detail"), "not available for target 1: it is an event bus."),
    (target(bus_arn("b", region="eu-west-1")), "RoleArn is required for target arn:aws:events:eu-"),
]


@pytest.mark.parametrize(("given", "text"), REFUSED, ids=[text[:40] for _, text in REFUSED])
def test_targets_that_are_refused(ask: Wire, world: World, given: Any, text: str) -> None:
    """Clearly, and with none of the others added."""
    rule(world)
    assert text in refused(ask("PutTargets", Rule="r", Targets=[target(NOBODY, "2"), given]))
    assert plain(ask("ListTargetsByRule", Rule="r"))["Targets"] == []


def test_permissions(ask: Wire) -> None:
    """Statements by id, a policy as a whole, one or all of them removed."""
    ask("CreateEventBus", Name="b")
    on = {"EventBusName": "b"}
    given = {"Action": "events:PutEvents", **on}
    ask("PutPermission", **given, Principal="*", StatementId="all")
    ask("PutPermission", **given, Principal=OTHER, StatementId="one")
    organization = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1"}
    ask("PutPermission", **given, Principal="*", StatementId="all", Condition=organization)
    told = json.loads(plain(ask("DescribeEventBus", Name="b"))["Policy"])
    common = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus_arn("b")}
    first = {
        "Sid": "all",
        "Principal": "*",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
        **common,
    }
    second = {"Sid": "one", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, **common}
    assert told == {"Version": "2012-10-17", "Statement": [first, second]}
    ask("RemovePermission", **on, StatementId="all")
    told = json.loads(plain(ask("DescribeEventBus", Name="b"))["Policy"])
    assert told["Statement"] == [second]
    ask("PutPermission", **on, Policy=json.dumps({**told, "Statement": [first]}))
    told = json.loads(plain(ask("DescribeEventBus", Name="b"))["Policy"])
    assert told["Statement"] == [first]
    ask("RemovePermission", **on, RemoveAllPermissions=True)
    assert "Policy" not in plain(ask("DescribeEventBus", Name="b"))
    assert "Parameter Policy is not valid" in refused(ask("PutPermission", **on, Policy="{"))
    assert refused(ask("PutPermission", **on, StatementId="x")) == (
        "Parameter(s) Action, Principal must be specified."
    )


def test_rules_on_a_bus_of_another_account(world: World) -> None:
    """The policy of the bus says whether; the rule is the bus's, and tells who made it."""
    there = bus_arn("default", OTHER)
    given = {"Name": "r", "EventPattern": '{"source": ["s"]}', "EventBusName": there}
    with pytest.raises(ServiceError, match="no resource-based policy allows the events:PutRule"):
        world.call("events", "PutRule", **given)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "events:*",
        "Resource": f"arn:aws:events:{REGION}:{OTHER}:rule/r",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    world.call("events", "PutPermission", other(), Policy=policy)
    world.call("events", "PutRule", **given)
    told = world.call("events", "DescribeRule", other(), Name="r")
    assert told["CreatedBy"] == ACCOUNT
    assert told["Arn"] == f"arn:aws:events:{REGION}:{OTHER}:rule/r"


def test_a_pattern_is_tried(ask: Wire) -> None:
    """TestEventPattern needs an event that is whole."""
    event = dict.fromkeys(("id", "account", "source", "time", "region", "detail-type"), "x")
    asked = {"EventPattern": '{"source": ["x"]}'}
    whole = json.dumps({**event, "resources": []})
    assert plain(ask("TestEventPattern", **asked, Event=whole)) == {"Result": True}
    other_ = json.dumps({**event, "resources": [], "source": "y"})
    assert plain(ask("TestEventPattern", **asked, Event=other_)) == {"Result": False}
    assert refused(ask("TestEventPattern", **asked, Event=json.dumps(event))) == (
        "Parameter Event is not valid."
    )


def test_every_operation_of_the_model_is_there(world: World) -> None:
    """Served, or refused in words of its own."""
    missing = [name for name in MODEL.operation_names if not world.registry.has("events", name)]
    assert missing == []


@pytest.mark.parametrize("name", UNOFFERED)
def test_what_is_not_offered_says_so(world: World, name: str) -> None:
    """With an error that the model has."""
    with pytest.raises(ServiceError, match=f"{name} is not supported by this server") as caught:
        world.call("events", name)
    errors = {shape.name for shape in MODEL.operation_model(name).error_shapes}
    assert caught.value.code in {*errors, "ValidationException"}


def test_what_is_refused_of_buses_and_events(ask: Wire) -> None:
    """Members that are not acted on are refused by name."""
    refusals = {label.member: label.sentence for label in LABELS if label.treatment == "refused"}
    source = "aws.partner/x/y"
    assert refusals["EventSourceName"] in refused(
        ask("CreateEventBus", Name="b", EventSourceName=source)
    )
    asked = {"Source": "s", "DetailType": "t", "Detail": "{}"}
    assert refusals["EndpointId"] in refused(
        ask("PutEvents", Entries=[asked], EndpointId="abc.veo")
    )
