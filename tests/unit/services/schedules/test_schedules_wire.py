"""The operations as botocore asks them and reads them, over REST and JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import botocore.parsers
import botocore.serialize
import botocore.session
import pytest
from events_world import ACCOUNT, REGION, World
from schedules_rig import OFF, arn_of, target

from redrive.core.arn import queue_arn
from redrive.core.errors import ServiceError
from redrive.services.schedules.labels import HONOURED, LABELS
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Request

ENDPOINT = Endpoint(("scheduler",))
MODEL = botocore.session.Session().get_service_model("scheduler")
SCOPE = f"{ACCOUNT}/20270115/{REGION}/scheduler/aws4_request"
Q = queue_arn(REGION, ACCOUNT, "q")


class Client:
    """botocore's serializer and parser around a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._serializer = botocore.serialize.create_serializer("rest-json")
        self._parser = botocore.parsers.create_parser("rest-json")

    def __call__(self, operation: str, **params: Any) -> Any:
        """Ask; return what botocore understands of the answer."""
        model = MODEL.operation_model(operation)
        made = self._serializer.serialize_to_request(params, model)
        headers = {name.lower(): str(value) for name, value in made["headers"].items()}
        headers["host"] = "localhost"
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=0"
        )
        made["url"] = "http://localhost" + made["url_path"]
        asked = botocore.awsrequest.AWSRequest(
            made["method"], made["url"], params=made["query_string"], data=made["body"]
        ).prepare()
        body = asked.body or b""
        path = asked.url.removeprefix("http://localhost")
        answer = self._answer(
            Request(made["method"], path, headers, body.encode() if isinstance(body, str) else body)
        )
        told = {
            "status_code": answer.status,
            "headers": {name.lower(): value for name, value in answer.headers},
            "body": answer.body,
        }
        return self._parser.parse(told, model.output_shape)

    def _answer(self, request: Request) -> Any:
        try:
            incoming = ENDPOINT.read(request)
        except Fault as fault:
            return ENDPOINT.fault(fault, fault.error, "id")
        try:
            result = self._world.call(
                "scheduler", incoming.operation, incoming.caller, **incoming.params
            )
        except ServiceError as error:
            return ENDPOINT.fault(incoming, error, "id")
        return ENDPOINT.reply(incoming, result, "id")


@pytest.fixture
def client(world: World) -> Client:
    """A client of a fresh server."""
    return Client(world)


def test_every_operation(client: Client) -> None:
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


def test_errors(client: Client) -> None:
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
