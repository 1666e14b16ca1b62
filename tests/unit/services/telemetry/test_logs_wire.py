"""CloudWatch Logs as botocore asks it and reads it."""

from __future__ import annotations

from typing import Any

import botocore.parsers
import botocore.serialize
import botocore.session
import pytest
from logs_rig import GROUP, T0, Chunk, LogsRig

from redrive.core.errors import ServiceError, Unavailable
from redrive.services.telemetry.cloudwatch import LOGS, REFUSED
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Request, Response

ENDPOINT = Endpoint(("logs",))
MODEL = botocore.session.Session().get_service_model("logs")
SCOPE = "000000000000/20270115/us-east-1/logs/aws4_request"


class Client:
    """botocore's serializer and parser around the rig."""

    def __init__(self, logs: LogsRig) -> None:
        self._logs = logs
        self._serializer = botocore.serialize.create_serializer("json")
        self._parser = botocore.parsers.create_parser("json")

    def __call__(self, operation: str, **params: Any) -> Any:
        """Ask; return what botocore understands of the answer."""
        model = MODEL.operation_model(operation)
        made = self._serializer.serialize_to_request(params, model)
        headers = {name.lower(): str(value) for name, value in made["headers"].items()}
        headers["host"] = "localhost"
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=0"
        )
        answer = self._answer(Request(made["method"], made["url_path"], headers, made["body"]))
        told = {
            "status_code": answer.status,
            "headers": {name.lower(): value for name, value in answer.headers},
            "body": answer.body,
        }
        return self._parser.parse(told, model.output_shape)

    def _answer(self, request: Request) -> Response:
        try:
            incoming = ENDPOINT.read(request)
        except Fault as fault:
            return ENDPOINT.fault(fault, fault.error, "id")
        try:
            result = self._logs.call(incoming.operation, incoming.caller, **incoming.params)
        except (ServiceError, Unavailable) as error:
            return ENDPOINT.fault(incoming, error, "id")
        return ENDPOINT.reply(incoming, result, "id")


@pytest.fixture
def client(logs: LogsRig) -> Client:
    """A client of a server on which a function has written."""
    logs.write("START RequestId: r1 Version: $LATEST\nhello\n")
    return Client(logs)


def test_a_clients_day(client: Client) -> None:
    """Groups, streams, events and tags over the wire."""
    assert (
        client("CreateLogGroup", logGroupName="own", tags={"a": "b"})["ResponseMetadata"][
            "HTTPStatusCode"
        ]
        == 200
    )
    client("CreateLogStream", logGroupName="own", logStreamName="s")
    put = client(
        "PutLogEvents",
        logGroupName="own",
        logStreamName="s",
        logEvents=[{"timestamp": 1, "message": "old"}, {"timestamp": T0, "message": "é\n"}],
    )
    assert put["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    page = client("GetLogEvents", logGroupName="own", logStreamName="s", startFromHead=True)
    assert page["events"] == [{"timestamp": T0, "message": "é\n", "ingestionTime": T0}]
    again = client(
        "GetLogEvents", logGroupName="own", logStreamName="s", nextToken=page["nextForwardToken"]
    )
    assert again["nextForwardToken"] == page["nextForwardToken"]
    client("PutRetentionPolicy", logGroupName="own", retentionInDays=14)
    groups = client("DescribeLogGroups")["logGroups"]
    assert [group["logGroupName"] for group in groups] == [GROUP, "own"]
    assert groups[1]["retentionInDays"] == 14
    assert client("ListTagsForResource", resourceArn=groups[1]["logGroupArn"])["tags"] == {"a": "b"}


def test_a_functions_log(client: Client) -> None:
    """Streams by their latest event, and events that match."""
    streams = client(
        "DescribeLogStreams", logGroupName=GROUP, orderBy="LastEventTime", descending=True
    )["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == [Chunk().stream]
    found = client("FilterLogEvents", logGroupName=GROUP, filterPattern="hello", limit=10)
    (event,) = found["events"]
    assert (event["message"], event["logStreamName"]) == ("hello\n", Chunk().stream)
    assert found["searchedLogStreams"] == []


@pytest.mark.parametrize(
    ("operation", "params", "code", "said"),
    [
        ("DeleteLogGroup", {"logGroupName": "no"}, "ResourceNotFoundException", "does not exist."),
        ("CreateLogGroup", {"logGroupName": GROUP}, "ResourceAlreadyExistsException", "exists"),
        (
            "CreateLogGroup",
            {"logGroupName": "a b"},
            "InvalidParameterException",
            "1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy"
            " constraint: Member must satisfy regular expression pattern",
        ),
        (
            "FilterLogEvents",
            {"logGroupName": GROUP, "limit": 10_001},
            "InvalidParameterException",
            "less than or equal to 10000",
        ),
        (
            "PutRetentionPolicy",
            {"logGroupName": GROUP, "retentionInDays": 2},
            "InvalidParameterException",
            "at 'retentionInDays'",
        ),
        ("StopQuery", {"queryId": "q"}, "UnknownOperationException", ""),
        (
            "PutSubscriptionFilter",
            {
                "logGroupName": GROUP,
                "filterName": "f",
                "filterPattern": "",
                "destinationArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            },
            "InvalidParameterException",
            "not built",
        ),
    ],
)
def test_refusals(
    client: Client, operation: str, params: dict[str, Any], code: str, said: str
) -> None:
    """With the codes that SDKs look at, and 400."""
    result = client(operation, **params)
    assert result["Error"]["Code"] == code
    assert said in result["Error"]["Message"]
    status = 404 if code == "UnknownOperationException" else 400
    assert result["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize("operation", [*LOGS, *REFUSED])
def test_each_operation_is_the_models(operation: str) -> None:
    """What is registered is known to the model, and refusals have a code of theirs."""
    shapes = {shape.name for shape in MODEL.operation_model(operation).error_shapes}
    if operation in REFUSED:
        assert REFUSED[operation][0] in shapes
