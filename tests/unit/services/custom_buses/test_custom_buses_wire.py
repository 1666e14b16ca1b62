"""Custom event buses as botocore asks them and reads them, in CBOR."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from custom_buses_rig import ROLE, Buses
from events_world import ACCOUNT, T0
from sdk import SESSION, Sdk, carried_by, wired

from redrive.core.time import HOUR_MS
from redrive.services.custom_buses.labels import HONOURED, LABELS

MODEL = SESSION.get_service_model("eventbridgev2")
NUMBER = {"DataType": "Number", "StringValue": "1"}


class Client(Sdk):
    """botocore around a world; it checks nothing itself."""

    def __init__(self, world: Buses) -> None:
        wire = wired("eventbridgev2", carried_by(world))
        super().__init__("eventbridgev2", wire, validates=False)
        self.world = world


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client of a server with a bus and a queue."""
    world = Buses(tmp_path)
    world.queue("q")
    yield Client(world)
    world.close()


def at(instant_ms: int) -> datetime:
    """An instant as SDKs take and give it."""
    return datetime.fromtimestamp(instant_ms / 1_000, UTC)


def code_of(answer: Any) -> tuple[int, str]:
    """The status and the code of an error."""
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_events_and_instants(client: Client) -> None:
    """Blobs, texts, maps and timestamps go there and back."""
    bus = client.world.bus
    made = client(
        "CreateSubscriber",
        Name="s",
        EventBusArn=bus,
        InvokeConfiguration={
            "RoleArn": ROLE,
            "TargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q",
            "SqsParameters": {
                "MessageAttributes": {"k": {"DataType": "Number", "StringValue": "1"}}
            },
        },
        Type="FIFO",
        StartingPosition="POINT_IN_TIME",
        PointInTimeConfiguration={
            "PointType": "TIMESTAMP",
            "StartingPoint": at(T0),
            "EndPoint": at(T0 + HOUR_MS),
        },
        Transformer={"Type": "WITH_METADATA"},
        ClientToken="t",
    )
    assert made["CreationTime"] == at(client.world.now_ms)
    assert made["PointInTimeConfiguration"]["StartingPoint"] == at(T0)
    told = client(
        "PutEvents",
        EventBusArn=bus,
        Entries=[{"Source": "s", "DetailType": "d", "Time": at(T0 - HOUR_MS)}],
    )
    assert told["Entries"][0]["SuccessCode"] == "PUBLISHED"
    system = {"ContentType": "application/x-bytes"}
    entry = {"Data": b"\xff\x00", "Metadata": {"a": "b"}, "SystemMetadata": system}
    told = client("PutRawEvents", EventBusArn=bus, Entries=[entry])
    assert told["FailedEntryCount"] == 0
    first, second = (json.loads(body) for body in client.world.bodies("q"))
    assert first["Data"]["time"] == "2027-01-15T07:00:00Z"
    assert (second["Data"], second["Metadata"]) == ("/wA=", {"a": "b"})
    shown = client("DescribeSubscriber", SubscriberArn=made["SubscriberArn"])
    assert shown["InvokeConfiguration"]["SqsParameters"]["MessageAttributes"]["k"] == NUMBER
    listed = client("ListSubscribers", EventBusArn=bus)
    assert [each["Name"] for each in listed["Subscribers"]] == ["s"]


def members_of(shape: Any, found: set[str]) -> set[str]:
    """All members within a shape, but for those of what a label names."""
    labelled = {label.member for label in LABELS}
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if name not in labelled and f"{shape.name}.{name}" not in labelled:
                found.add(name)
                members_of(member, found)
    elif shape.type_name in ("list", "map"):
        members_of(shape.member if shape.type_name == "list" else shape.value, found)
    return found


@pytest.mark.parametrize("operation", MODEL.operation_names)
def test_every_member_is_known(operation: str) -> None:
    """What the model can be asked for is honoured, or has a label."""
    assert members_of(MODEL.operation_model(operation).input_shape, set()) <= HONOURED


@pytest.mark.parametrize("operation", MODEL.operation_names)
def test_operations_are_served(client: Client, operation: str) -> None:
    """Each answers, or refuses with an error that it has."""
    arns = {
        "EventBusArn": client.world.bus,
        "ResourceArn": client.world.bus,
        "Name": "orders",
        "PolicyDocument": "{}",
    }
    shape = MODEL.operation_model(operation).input_shape
    given = {name: arns[name] for name in shape.members if name in arns}
    answer = client(operation, **given)
    errors = {error.name for error in MODEL.operation_model(operation).error_shapes}
    error = answer.get("Error")
    assert error is None or error["Code"] in errors


def test_errors_are_the_model_s(client: Client) -> None:
    """Status, code, and the words of the model's constraints."""
    bus = client.world.bus
    told = client("DescribeEventBus", EventBusArn=bus[:-25] + "0" * 25)
    assert code_of(told) == (404, "ResourceNotFoundException")
    told = client("CreateEventBus", Name="orders")
    assert code_of(told) == (409, "ResourceAlreadyExistsException")
    told = client("CreateEventBus", Name="x", StorageConfiguration={"RetentionPeriodInDays": 366})
    assert code_of(told) == (400, "InvalidInputException")
    assert told["Error"]["Message"] == (
        "1 validation error detected: Value '366' at 'storageConfiguration.retentionPeriodInDays'"
        " failed to satisfy constraint: Member must have value less than or equal to 365"
    )
    told = client("PutEvents", EventBusArn=bus, Entries=[])
    assert code_of(told) == (400, "InvalidInputException")
