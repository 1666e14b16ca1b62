"""The operations as botocore asks them and reads them, over REST and JSON."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from events_world import ACCOUNT, REGION, World
from schedules_rig import OFF, arn_of, target
from sdk import SESSION, Sdk, carried_by, wired

from redrive.core.arn import queue_arn
from redrive.services.schedules.labels import HONOURED, LABELS

MODEL = SESSION.get_service_model("scheduler")
Q = queue_arn(REGION, ACCOUNT, "q")


@pytest.fixture
def client(world: World) -> Sdk:
    """A client of a fresh server."""
    return Sdk("scheduler", wired("scheduler", carried_by(world)))


def test_every_operation(client: Sdk) -> None:
    """All twelve, in the life of a group and a schedule; dates, maps and lists come back."""
    group = client("CreateScheduleGroup", Name="g", ClientToken="t")["ScheduleGroupArn"]
    client("TagResource", ResourceArn=group, Tags=[{"Key": "k", "Value": "v"}])
    assert client("ListTagsForResource", ResourceArn=group)["Tags"] == [{"Key": "k", "Value": "v"}]
    client("UntagResource", ResourceArn=group, TagKeys=["k"])
    assert client("ListTagsForResource", ResourceArn=group)["Tags"] == []
    assert client("GetScheduleGroup", Name="g")["State"] == "ACTIVE"
    listed = client("ListScheduleGroups", NamePrefix="g")["ScheduleGroups"]
    assert [each["Arn"] for each in listed] == [group]
    start = datetime(2027, 1, 16, tzinfo=UTC)
    params = {
        "Name": "s",
        "GroupName": "g",
        "ScheduleExpression": "cron(0 23 ? * SUN-THU *)",
        "ScheduleExpressionTimezone": "Asia/Jerusalem",
        "StartDate": start,
        "FlexibleTimeWindow": OFF,
        "Target": target(Q),
    }
    assert client("CreateSchedule", **params)["ScheduleArn"] == arn_of("s", "g")
    client("UpdateSchedule", **params, Description="d")
    shown = client("GetSchedule", Name="s", GroupName="g")
    assert shown["StartDate"] == start
    assert shown["Description"] == "d"
    assert shown["CreationDate"] == datetime(2027, 1, 15, 8, tzinfo=UTC)
    assert client("ListSchedules", GroupName="g")["Schedules"][0]["Name"] == "s"
    client("DeleteSchedule", Name="s", GroupName="g")
    assert client("ListSchedules")["Schedules"] == []
    client("DeleteScheduleGroup", Name="g")
    assert client("ListScheduleGroups", NamePrefix="g")["ScheduleGroups"] == []


def test_errors(client: Sdk) -> None:
    """By the model's codes and statuses, with the text in Message."""
    told = client("GetSchedule", Name="none")
    assert told["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": "Schedule none does not exist.",
    }
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 404
    client("CreateScheduleGroup", Name="g")
    told = client("CreateScheduleGroup", Name="g")
    assert told["Error"]["Code"] == "ConflictException"
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 409
    told = client(
        "CreateSchedule",
        Name="s",
        ScheduleExpression="cron(INVALID)",
        FlexibleTimeWindow=OFF,
        Target=target(Q),
    )
    assert told["Error"]["Message"] == "Invalid Schedule Expression cron(INVALID)."
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 400
    told = client("GetSchedule", Name="not a name")
    assert told["Error"]["Code"] == "ValidationException"
    assert "must satisfy regular expression pattern" in told["Error"]["Message"]


def test_every_operation_and_member_is_looked_at(world: World) -> None:
    """All of the model's operations are here; each input member is honoured, kept or refused."""
    members = set(MODEL.shape_for("Target").members)
    for name in MODEL.operation_names:
        assert world.registry.has("scheduler", name)
        members |= set(MODEL.operation_model(name).input_shape.members)
    labelled = {label.member for label in LABELS}
    assert labelled.isdisjoint(HONOURED)
    assert members == labelled | HONOURED
