"""CloudWatch Logs as botocore asks it and reads it."""

from __future__ import annotations

from typing import Any

import pytest
from logs_rig import GROUP, T0, Chunk, LogsRig
from sdk import SESSION, Sdk, wired

from redrive.services.telemetry.cloudwatch import LOGS, REFUSED
from redrive.wire.messages import Incoming

MODEL = SESSION.get_service_model("logs")


@pytest.fixture
def client(logs: LogsRig) -> Sdk:
    """A client of a server on which a function has written."""
    logs.write("START RequestId: r1 Version: $LATEST\nhello\n")

    def carry(asked: Incoming) -> Any:
        return logs.call(asked.operation, asked.caller, **asked.params)

    return Sdk("logs", wired("logs", carry))


def test_a_clients_day(client: Sdk) -> None:
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


def test_a_functions_log(client: Sdk) -> None:
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
    client: Sdk, operation: str, params: dict[str, Any], code: str, said: str
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
