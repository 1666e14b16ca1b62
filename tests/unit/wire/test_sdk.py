"""Parameters as an SDK sends them, from JSON that a person wrote."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core.errors import ServiceError
from redrive.wire.sdk import SdkReader

READER = SdkReader(("sqs", "lambda", "events", "logs", "cloudwatch", "scheduler"))


def test_what_is_there() -> None:
    """Operations of the models of services that were named."""
    assert READER.has("sqs", "StartMessageMoveTask")
    assert not READER.has("sqs", "SettleBatch")
    assert not READER.has("sns", "Publish")
    assert not READER.has("dynamodb", "PutItem")


@pytest.mark.parametrize(
    ("service", "operation", "given", "read"),
    [
        (
            "lambda",
            "Invoke",
            {"FunctionName": "f", "Payload": '{"é": 1}', "Qualifier": None},
            {"FunctionName": "f", "Payload": '{"é": 1}'.encode()},
        ),
        (
            "logs",
            "PutLogEvents",
            {
                "LogGroupName": "g",
                "LogStreamName": "s",
                "LogEvents": [{"Timestamp": 5, "Message": "m"}],
            },
            {
                "logGroupName": "g",
                "logStreamName": "s",
                "logEvents": [{"timestamp": 5, "message": "m"}],
            },
        ),
        (
            "events",
            "PutEvents",
            {"Entries": [{"Source": "s", "Time": "2027-01-15T08:00:00Z"}]},
            {"Entries": [{"Source": "s", "Time": 1_800_000_000_000}]},
        ),
        (
            "sqs",
            "CreateQueue",
            {"QueueName": "q", "Attributes": {"DelaySeconds": "5"}, "tags": {"a": "b"}},
            {"QueueName": "q", "Attributes": {"DelaySeconds": "5"}, "tags": {"a": "b"}},
        ),
        (
            "cloudwatch",
            "PutMetricData",
            {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1}]},
            {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1}]},
        ),
        # a member whose name in requests is another
        ("scheduler", "ListSchedules", {"GroupName": "g"}, {"GroupName": "g"}),
    ],
)
def test_read(service: str, operation: str, given: dict[str, Any], read: dict[str, Any]) -> None:
    """Names, blobs, timestamps and numbers become what the service takes."""
    assert READER.read(service, operation, given) == read


@pytest.mark.parametrize(
    ("service", "operation", "given", "text"),
    [
        ("sqs", "SendMessage", {"QueueUrl": "u"}, "MessageBody"),
        ("sqs", "SendMessage", {"QueueUrl": "u", "MessageBody": 1}, "SendMessage.MessageBody"),
        ("sqs", "SendMessage", {"QueueUrl": "u", "MessageBody": "", "Body": "b"}, "Body"),
        ("sqs", "SendMessage", {"QueueUrl": "u", "DelaySeconds": "5"}, "must be a number"),
        ("sqs", "SendMessage", {"QueueUrl": "u", "DelaySeconds": True}, "must be a number"),
        ("sqs", "SendMessageBatch", {"QueueUrl": "u", "Entries": {}}, "must be a list"),
        ("sqs", "SendMessageBatch", {"QueueUrl": "u", "Entries": ["x"]}, "Entries[0]"),
        ("sqs", "CreateQueue", {"QueueName": "q", "Attributes": []}, "must be an object"),
        ("lambda", "Invoke", {"FunctionName": "f", "Payload": {}}, "must be a text"),
        ("events", "PutEvents", {"Entries": [{"Time": "noon"}]}, "must be a timestamp"),
        ("events", "EnableRule", {"Name": ""}, "greater than or equal to 1"),
        ("events", "PutTargets", {"Rule": "r", "Targets": []}, "targets"),
    ],
)
def test_refused(service: str, operation: str, given: dict[str, Any], text: str) -> None:
    """Strangers, wrong types, and what the model does not allow, by name."""
    with pytest.raises(ServiceError) as refused:
        READER.read(service, operation, given)
    assert text in refused.value.message
