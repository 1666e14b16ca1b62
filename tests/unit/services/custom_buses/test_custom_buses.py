"""Custom event buses and what belongs to them: made, shown, changed, refused, gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from custom_buses_rig import OTHER, ROLE, Buses
from events_world import ACCOUNT, CALLER, T0

from redrive.core.effects import Session
from redrive.core.errors import ServiceError
from redrive.core.policies import compile_policy
from redrive.core.time import DAY_MS
from redrive.services.identity.gate import check_caller

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Buses]:
    """A world with a bus."""
    made = Buses(tmp_path)
    yield made
    made.close()


def refused(world: Buses, operation: str, who: Any = CALLER, **params: Any) -> tuple[str, str]:
    """Return the code and the text of an operation's error."""
    with pytest.raises(ServiceError) as caught:
        world.ask(operation, who, **params)
    return caught.value.code, caught.value.message


def allow(world: Buses, *actions: str, **statement: Any) -> str:
    """Let the other account do some actions to the bus; return the revision."""
    document = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": OTHER.account},
            "Action": [f"events:{action}" for action in actions],
            "Resource": "*",
            **statement,
        },
    }
    answer = world.ask(
        "PutResourcePolicy", ResourceArn=world.bus, PolicyDocument=json.dumps(document)
    )
    return str(answer["RevisionId"])


# --- buses --------------------------------------------------------------------------------------


def test_a_bus_lives(world: Buses) -> None:
    """CREATING, ACTIVE, UPDATING, DELETING, gone."""
    made = world.ask("CreateEventBus", Name="b", Description="d", Tags={"k": "v"})
    assert made["State"] == "CREATING"
    arn = made["EventBusArn"]
    shown = world.ask("DescribeEventBus", EventBusArn=arn)
    assert (shown["State"], shown["Description"]) == ("ACTIVE", "d")
    assert shown["StorageConfiguration"] == {
        "RetentionPeriodInDays": 1,
        "RetentionWindowStartTime": T0,
    }
    storage = {"RetentionPeriodInDays": 3}
    changed = world.ask("UpdateEventBus", EventBusArn=arn, StorageConfiguration=storage)
    assert changed["State"] == "UPDATING"
    world.pass_s(5 * DAY_MS / 1000)
    shown = world.ask("DescribeEventBus", EventBusArn=arn)
    assert (shown["State"], shown["Description"]) == ("ACTIVE", "d")
    assert shown["StorageConfiguration"]["RetentionWindowStartTime"] == T0 + 2 * DAY_MS
    assert world.ask("DeleteEventBus", EventBusArn=arn) == {}
    assert refused(world, "DescribeEventBus", EventBusArn=arn)[0] == "ResourceNotFoundException"


def test_a_bus_that_moves_after_a_crash(world: Buses) -> None:
    """What was begun is finished by the next process."""
    world.put(1)
    world.registry.away.add(("eventbridgev2", "TendBuses"))
    arn = world.ask("CreateEventBus", Name="b")["EventBusArn"]
    told = refused(
        world, "PutEvents", EventBusArn=arn, Entries=[{"Source": "s", "DetailType": "d"}]
    )
    assert told == ("InvalidStateException", f"Event bus {arn} is CREATING.")
    world.ask("DeleteEventBus", EventBusArn=world.bus)
    assert refused(world, "CreateEventBus", Name="orders")[0] == "ResourceAlreadyExistsException"
    world.crash()
    assert world.ask("DescribeEventBus", EventBusArn=arn)["State"] == "ACTIVE"
    assert refused(world, "DescribeEventBus", EventBusArn=world.bus)[0].startswith("ResourceNot")
    assert world.count("custom_events") == 0


def test_client_tokens(world: Buses) -> None:
    """The same request again is the same bus; another one is refused."""
    first = world.ask("CreateEventBus", Name="b", ClientToken="t")
    again = world.ask("CreateEventBus", Name="b", ClientToken="t")
    assert again["EventBusArn"] == first["EventBusArn"]
    code = "IdempotentParameterMismatchException"
    assert refused(world, "CreateEventBus", Name="c", ClientToken="t")[0] == code
    code = "ResourceAlreadyExistsException"
    assert refused(world, "CreateEventBus", Name="b", ClientToken="u")[0] == code


def test_a_bus_in_use_stays(world: Buses) -> None:
    """Subscribers and event sources go first."""
    arn = world.subscribe(QUEUE)
    assert refused(world, "DeleteEventBus", EventBusArn=world.bus)[0] == "ResourceInUseException"
    world.ask("DeleteSubscriber", SubscriberArn=arn)
    world.ask("DeleteEventBus", EventBusArn=world.bus)


def test_lists_have_pages(world: Buses) -> None:
    """By name and prefix, and of one bus."""
    for name in ("b1", "b2", "c1"):
        world.ask("CreateEventBus", Name=name)
    page = world.ask("ListEventBuses", MaxResults=2, NamePrefix="b")
    assert [bus["Name"] for bus in page["EventBuses"]] == ["b1", "b2"]
    assert "NextToken" not in page
    page = world.ask("ListEventBuses", MaxResults=3)
    rest = world.ask("ListEventBuses", MaxResults=3, NextToken=page["NextToken"])
    assert [bus["Name"] for bus in rest["EventBuses"]] == ["orders"]
    assert refused(world, "ListEventBuses", NextToken="???")[0] == "InvalidInputException"
    for name in ("s1", "s2", "s3"):
        world.subscribe(QUEUE, name)
    page = world.ask("ListSubscribers", EventBusArn=world.bus, MaxResults=2)
    rest = world.ask("ListSubscribers", MaxResults=2, NextToken=page["NextToken"])
    assert [s["Name"] for s in page["Subscribers"] + rest["Subscribers"]] == ["s1", "s2", "s3"]
    assert world.ask("ListEventBuses", OTHER)["EventBuses"] == []
    assert world.ask("ListEventBuses", EventBusAccountId=OTHER.account)["EventBuses"] == []


def test_tags(world: Buses) -> None:
    """Of buses and of subscribers."""
    for arn in (world.bus, world.subscribe(QUEUE)):
        world.ask("TagResource", ResourceArn=arn, Tags={"a": "1", "b": "2"})
        world.ask("UntagResource", ResourceArn=arn, TagKeys=["a", "c"])
        assert world.ask("ListTagsForResource", ResourceArn=arn) == {"Tags": {"b": "2"}}
        told = refused(world, "TagResource", ResourceArn=arn, Tags={"aws:x": "1"})
        assert told[0] == "InvalidInputException"
        many = {f"k{n}": "" for n in range(50)}
        told = refused(world, "TagResource", ResourceArn=arn, Tags=many)
        assert told[0] == "LimitExceededException"


def test_a_reset_forgets_an_account(world: Buses) -> None:
    """And nothing of another's."""
    world.subscribe(QUEUE)
    world.put(1)
    other = world.ask("CreateEventBus", OTHER, Name="orders")["EventBusArn"]
    world.ask("ResetAccount")
    for table in ("events", "subscribers", "batches", "dedup"):
        assert world.count(f"custom_{table}") == 0
    assert world.ask("DescribeEventBus", OTHER, EventBusArn=other)["Name"] == "orders"


# --- publishing ---------------------------------------------------------------------------------


def test_entries_fail_alone(world: Buses) -> None:
    """The answer has a place for each."""
    entry = {"Source": "s", "DetailType": "d"}
    entries = [
        {**entry, "Source": "aws.s3"},
        {**entry, "Detail": "[]"},
        {**entry, "Detail": json.dumps({"x": "y" * 1_000_000})},
        {**entry, "Time": 2**62},
        entry,
    ]
    answer = world.ask("PutEvents", EventBusArn=world.bus, Entries=entries)
    codes = [each.get("ErrorCode") for each in answer["Entries"]]
    assert codes == [
        "InvalidArgument",
        "MalformedDetail",
        "InvalidArgument",
        "InvalidArgument",
        None,
    ]
    assert answer["FailedEntryCount"] == 4
    assert world.count("custom_events") == 1
    system = {"ContentType": "application/json"}
    entries = [
        {"Data": b"{", "SystemMetadata": system},
        {"Data": b"", "SystemMetadata": {"ContentType": "application/vnd.apache.avro"}},
        {"Data": b"[1]", "SystemMetadata": system},
    ]
    answer = world.ask("PutRawEvents", EventBusArn=world.bus, Entries=entries)
    codes = [each.get("ErrorCode") for each in answer["Entries"]]
    assert codes == ["MalformedData", "SchemaRegistryUnavailableException", None]


def test_deduplication_survives_a_crash(world: Buses) -> None:
    """For five minutes an id stands for the event that it was first given to."""
    system = {"SystemMetadata": {"DeduplicationId": "x"}}
    first = world.put(1, **system)["Entries"][0]
    world.crash()
    taken_ms = int(first["SequenceNumber"]) >> 20
    world.pass_until(taken_ms + 299_999)
    again = world.put(2, **system)["Entries"][0]
    assert again == {**first, "SuccessCode": "DEDUPLICATED"}
    world.pass_until(taken_ms + 300_000)
    assert world.put(3, **system)["Entries"][0]["SuccessCode"] == "PUBLISHED"
    assert world.count("custom_events") == 2
    world.pass_s(7200)
    assert world.count("custom_dedup") == 0


def test_deduplication_by_content(world: Buses) -> None:
    """Within one request too; what the service adds is no content."""
    entry = {"Source": "s", "DetailType": "d", "Detail": '{"a": 1}'}
    answer = world.ask(
        "PutEvents",
        EventBusArn=world.bus,
        Entries=[entry, entry, {**entry, "DetailType": "e"}],
        DeduplicationConfiguration={"DeduplicationType": "CONTENT_BASED"},
    )
    codes = [each["SuccessCode"] for each in answer["Entries"]]
    assert codes == ["PUBLISHED", "DEDUPLICATED", "PUBLISHED"]


def test_a_bus_that_is_not_there(world: Buses) -> None:
    """Nothing is accepted for it."""
    arn = world.bus[:-1] + ("a" if world.bus[-1] != "a" else "b")
    entries = [{"Source": "s", "DetailType": "d"}]
    told = refused(world, "PutEvents", EventBusArn=arn, Entries=entries)
    assert told == ("ResourceNotFoundException", f"Event bus {arn} does not exist.")


# --- subscribers --------------------------------------------------------------------------------


def test_a_subscriber_is_shown_with_its_defaults(world: Buses) -> None:
    """What was resolved is on every read; updates leave the rest as it was."""
    arn = world.subscribe(QUEUE, BatchConfiguration={"MaxBatchSize": 400}, Description="d")
    shown = world.ask("DescribeSubscriber", SubscriberArn=arn)
    assert shown["Type"] == "UNORDERED"
    assert shown["BatchConfiguration"] == {"MaxBatchSize": 10, "MaxBatchWindowInSeconds": 0}
    assert shown["RetryPolicy"] == {
        "MaxRetryAttempts": 5,
        "MaxEventAgeInSeconds": 300,
        "RetryStrategy": "ALL",
    }
    filters = {"Filters": [{"Scope": "DATA", "Pattern": '{"source": ["x"]}'}]}
    world.ask(
        "UpdateSubscriber",
        SubscriberArn=arn,
        FilterConfiguration=filters,
        RetryPolicy={"MaxRetryAttempts": 0},
    )
    shown = world.ask("DescribeSubscriber", SubscriberArn=arn)
    assert (shown["Description"], shown["FilterConfiguration"]["Filters"]) == (
        "d",
        filters["Filters"],
    )
    assert shown["RetryPolicy"]["MaxRetryAttempts"] == 0
    assert shown["RetryPolicy"]["MaxEventAgeInSeconds"] == 300
    world.ask("UpdateSubscriber", SubscriberArn=arn, FilterConfiguration={})
    assert "FilterConfiguration" not in world.ask("DescribeSubscriber", SubscriberArn=arn)


def invoking(target: str, **parameters: Any) -> dict[str, Any]:
    """Return an InvokeConfiguration in the shape of CreateSubscriber's parameters."""
    return {"InvokeConfiguration": {"RoleArn": ROLE, "TargetArn": target, **parameters}}


BAD = {
    "a role of another account": {
        "InvokeConfiguration": {"RoleArn": ROLE.replace(ACCOUNT, OTHER.account), "TargetArn": QUEUE}
    },
    "no target": invoking("arn:aws:kinesis:us-east-1:000000000000:stream/s"),
    "parameters of another target": invoking(QUEUE, SnsParameters={}),
    "a durable execution": invoking(
        "arn:aws:lambda:us-east-1:000000000000:function:f",
        LambdaParameters={"DurableExecutionName": "x"},
    ),
    "an operation that nobody has": invoking(
        "arn:aws:events:::aws-sdk:sqs:reap", UniversalTargetParameters={"Input": "{}"}
    ),
    "an input that is no JSON": invoking(
        "arn:aws:events:::aws-sdk:sqs:sendMessage", UniversalTargetParameters={"Input": "x"}
    ),
    "no filter": {**invoking(QUEUE), "FilterConfiguration": {}},
    "a bad pattern": {
        **invoking(QUEUE),
        "FilterConfiguration": {"Filters": [{"Scope": "DATA", "Pattern": '{"a": 1}'}]},
    },
    "bad JSONata": {
        **invoking(QUEUE),
        "Transformer": {"Type": "JSONATA", "JsonataConfiguration": {"Expression": "{% ( %}"}},
    },
    "JSONata in a parameter": invoking(QUEUE, SqsParameters={"DelaySeconds": "{% ) %}"}),
    "a transformer without JSONata": {**invoking(QUEUE), "Transformer": {"Type": "JSONATA"}},
    "a point without its position": {
        **invoking(QUEUE),
        "PointInTimeConfiguration": {"PointType": "HORIZON"},
    },
    "a position without its point": {**invoking(QUEUE), "StartingPosition": "POINT_IN_TIME"},
    "no starting point": {
        **invoking(QUEUE),
        "StartingPosition": "POINT_IN_TIME",
        "PointInTimeConfiguration": {"PointType": "TIMESTAMP"},
    },
    "an end before the start": {
        **invoking(QUEUE),
        "StartingPosition": "POINT_IN_TIME",
        "PointInTimeConfiguration": {"PointType": "TIMESTAMP", "StartingPoint": 2, "EndPoint": 1},
    },
}


@pytest.mark.parametrize("what", BAD)
def test_bad_settings_are_refused(world: Buses, what: str) -> None:
    """With InvalidInputException, and nothing is kept."""
    told = refused(world, "CreateSubscriber", Name="s", EventBusArn=world.bus, **BAD[what])
    assert told[0] == "InvalidInputException", told
    assert world.count("custom_subscribers") == 0


def test_a_revoked_subscriber_is_over(world: Buses) -> None:
    """It gets nothing more, and only its end is left to it."""
    world.queue("q")
    arn = world.subscribe(QUEUE)
    world.ask("RevokeResource", Arn=arn)
    world.put(1)
    assert world.taken("q") == []
    assert world.ask("DescribeSubscriber", SubscriberArn=arn)["Revoked"] is True
    for operation in ("UpdateSubscriber", "RevokeResource"):
        name = "Arn" if operation == "RevokeResource" else "SubscriberArn"
        assert refused(world, operation, **{name: arn})[0] == "InvalidStateException"
    world.ask("DeleteSubscriber", SubscriberArn=arn)


# --- other accounts -----------------------------------------------------------------------------


def test_a_policy_lets_another_account_in(world: Buses) -> None:
    """To do what it names; conditions see the event."""
    entries = [{"Source": "s", "DetailType": "d"}]
    told = refused(world, "PutEvents", OTHER, EventBusArn=world.bus, Entries=entries)
    assert told == (
        "AccessDeniedException",
        f"User: {OTHER.principal} is not authorized to perform: events:PutEvents on resource:"
        f" {world.bus} because no resource-based policy allows the events:PutEvents action",
    )
    condition = {"StringEquals": {"events:source": "s"}}
    allow(world, "PutEvents", Condition=condition)
    assert world.ask("PutEvents", OTHER, EventBusArn=world.bus, Entries=entries)
    entries.append({"Source": "t", "DetailType": "d"})
    told = refused(world, "PutEvents", OTHER, EventBusArn=world.bus, Entries=entries)
    assert told[0] == "AccessDeniedException"
    assert world.count("custom_events") == 1


def test_another_account_subscribes(world: Buses) -> None:
    """Its own target gets the events; the bus's owner sees it and may revoke it."""
    allow(world, "CreateSubscriber")
    world.call("sqs", "CreateQueue", OTHER, QueueName="q")
    invoke = {
        "RoleArn": ROLE.replace(ACCOUNT, OTHER.account),
        "TargetArn": QUEUE.replace(ACCOUNT, OTHER.account),
    }
    params = {"Name": "theirs", "EventBusArn": world.bus, "InvokeConfiguration": invoke}
    arn = world.ask("CreateSubscriber", OTHER, **params)["SubscriberArn"]
    world.put(1)
    told = world.call("sqs", "ReceiveMessage", OTHER, QueueUrl="q", WaitTimeSeconds=0)
    assert len(told["Messages"]) == 1
    (listed,) = world.ask("ListSubscribers", EventBusArn=world.bus)["Subscribers"]
    assert listed["SubscriberAccountId"] == OTHER.account
    assert world.ask("ListSubscribers")["Subscribers"] == []
    assert refused(world, "DescribeSubscriber", SubscriberArn=arn)[0] == "AccessDeniedException"
    assert refused(world, "RevokeResource", OTHER, Arn=arn)[0] == "AccessDeniedException"
    world.ask("RevokeResource", Arn=arn)


def test_the_caller_s_own_policy_counts(world: Buses) -> None:
    """With authorisation on."""
    statement = {"Effect": "Allow", "Action": "events:DescribeEventBus", "Resource": world.bus}
    policy = compile_policy({"Statement": statement}, names_principals=False)
    user = CALLER._replace(principal=f"arn:aws:iam::{ACCOUNT}:user/u", session=Session(policy, {}))
    assert world.ask("DescribeEventBus", user, EventBusArn=world.bus)
    for operation in ("DeleteEventBus", "UpdateEventBus"):
        told = refused(world, operation, user, EventBusArn=world.bus)
        assert told[0] == "AccessDeniedException"
    assert refused(world, "CreateEventBus", user, Name="x")[0] == "AccessDeniedException"


def test_the_front_s_gate_leaves_it_to_the_bus() -> None:
    """Whose policy may let in whom the gate would refuse."""
    policy = compile_policy({"Statement": []}, names_principals=False)
    user = CALLER._replace(session=Session(policy, {}))
    check_caller("eventbridgev2", "PutEvents", {}, user, T0)
    with pytest.raises(ServiceError):
        check_caller("events", "ListRules", {}, user, T0)


def test_policies_have_revisions(world: Buses) -> None:
    """A write may expect one; AWS_RAM is nobody's; the public is kept out."""
    arn = {"ResourceArn": world.bus}
    assert refused(world, "GetResourcePolicy", **arn)[0] == "ResourceNotFoundException"
    revision = allow(world, "PutEvents")
    shown = world.ask("GetResourcePolicy", **arn)
    assert (shown["RevisionId"], shown["PolicyName"]) == (revision, "default")
    document = shown["PolicyDocument"]
    put = {**arn, "PolicyDocument": document}
    told = refused(world, "PutResourcePolicy", **put, ExpectedRevisionId="NO_POLICY")
    assert told[0] == "ConflictException"
    newer = world.ask("PutResourcePolicy", **put, ExpectedRevisionId=revision)["RevisionId"]
    assert newer != revision
    told = refused(world, "PutResourcePolicy", **put, PolicyName="AWS_RAM")
    assert told[0] == "AccessDeniedException"
    told = refused(world, "GetResourcePolicy", **arn, PolicyName="mine")
    assert told[0] == "InvalidInputException"
    listed = world.ask("ListResourcePolicies", **arn)["PolicySummaries"]
    assert listed == [{"PolicyName": "default", "RevisionId": newer}]
    long = document[:-1] + " " * 20_480 + "}"
    told = refused(world, "PutResourcePolicy", **arn, PolicyDocument=long)
    assert told[0] == "PolicyLengthExceededException"
    told = refused(world, "DeleteResourcePolicy", **arn, ExpectedRevisionId=revision)
    assert told[0] == "ConflictException"
    assert world.ask("DeleteResourcePolicy", **arn) == {"RevisionId": newer}
    assert world.ask("DeleteResourcePolicy", **arn) == {}


@pytest.mark.parametrize(
    ("condition", "is_public"),
    [
        (None, True),
        ({"StringEquals": {"aws:PrincipalAccount": OTHER.account}}, False),
        ({"StringLike": {"aws:PrincipalAccount": "*"}}, True),
        ({"StringEquals": {"events:source": "x"}}, True),
        ({"StringNotEquals": {"aws:PrincipalAccount": "1"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/*"}}, False),
    ],
)
def test_public_policies_are_refused(world: Buses, condition: Any, is_public: bool) -> None:
    """A wildcard needs a condition on who asks."""
    more = {"Principal": "*", **({"Condition": condition} if condition else {})}
    if not is_public:
        assert allow(world, "PutEvents", **more)
        return
    with pytest.raises(ServiceError) as caught:
        allow(world, "PutEvents", **more)
    assert caught.value.code == "PublicPolicyException"


# --- event sources ------------------------------------------------------------------------------


def source(pattern: str | None = None, service: str = "aws.cloudwatch") -> dict[str, Any]:
    """Return a Configuration."""
    given = {"AwsService": service, **({"Pattern": pattern} if pattern else {})}
    return {"Configuration": {"AwsServiceEventsConfiguration": given}}


def test_an_event_source_forwards(world: Buses) -> None:
    """What a service of this server puts on the default bus, when the pattern lets it."""
    world.subscribe(world.queue("q"))
    pattern = '{"detail": {"n": [1, 2]}}'
    key = {"Name": "cw", "EventBusArn": world.bus}
    arn = world.ask("CreateEventSource", **key, **source(pattern))["EventSourceArn"]
    assert ":event-sourcev2/aws.service/cw/" in arn
    event = {"Source": "aws.cloudwatch", "DetailType": "d", "Resources": ["r"]}
    for number in (1, 3):
        told = {"Events": [{**event, "Detail": {"n": number}}]}
        world.call("events", "PutServiceEvents", **told)
    (body,) = [json.loads(text) for text in world.bodies("q")]
    assert (body["source"], body["detail"], body["resources"]) == (
        "aws.cloudwatch",
        {"n": 1},
        ["r"],
    )
    world.ask("RevokeResource", Arn=arn)
    world.call("events", "PutServiceEvents", Events=[{**event, "Detail": {"n": 2}}])
    assert world.bodies("q") == []


def test_event_sources_are_kept(world: Buses) -> None:
    """Shown, changed, listed, refused, deleted."""
    key = {"Name": "s", "EventBusArn": world.bus}
    partner = "arn:aws:events:us-east-1::event-source/aws.partner/x/y"
    told = refused(
        world,
        "CreateEventSource",
        **key,
        Configuration={"PartnerEventsConfiguration": {"PartnerEventSourceArn": partner}},
    )
    assert told[0] == "InvalidInputException"
    told = refused(world, "CreateEventSource", **key, **source('{"source": ["x"]}'))
    assert told == ("InvalidInputException", "Pattern must not have the field source.")
    arn = world.ask("CreateEventSource", **key, **source(service="aws.s3"))["EventSourceArn"]
    world.ask("UpdateEventSource", EventSourceArn=arn, Description="d")
    shown = world.ask("DescribeEventSource", EventSourceArn=arn)
    assert (shown["State"], shown["Description"]) == ("ACTIVE", "d")
    assert shown["Configuration"] == source(service="aws.s3")["Configuration"]
    (listed,) = world.ask("ListEventSources", EventBusArn=world.bus)["EventSources"]
    assert (listed["Name"], listed["Type"]) == ("s", "AWS_SERVICE_EVENTS")
    assert refused(world, "DeleteEventBus", EventBusArn=world.bus)[0] == "ResourceInUseException"
    world.ask("DeleteEventSource", EventSourceArn=arn)
    assert refused(world, "DescribeEventSource", EventSourceArn=arn)[0].startswith("ResourceNot")
