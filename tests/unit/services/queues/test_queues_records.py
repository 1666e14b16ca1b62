"""ReceiveRecords: the same claim as ReceiveMessage, shown as a function's event has it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from queues_rig import REGION, Rig, arn
from stand_ins import caller

from redrive.core.limits import RECORDS_MAX


def records(rig: Rig, url: str, limit: int = 10, **others: Any) -> list[dict[str, Any]]:
    """Return what a mapping's poller receives."""
    params = {"MaxNumberOfMessages": limit, "WaitTimeSeconds": 0, "VisibilityTimeout": None}
    got = rig.call("ReceiveRecords", caller(), QueueUrl=url, **params | others)
    for record in got.get("Records", ()):
        shown = json.loads(record.text)
        assert (record.id, record.handle) == (shown["messageId"], shown["receiptHandle"])
    return [json.loads(record.text) for record in got.get("Records", ())]


def test_a_record_as_lambda_shows_it(rig: Rig, url: str) -> None:
    """Every member is there, in Lambda's order, and says what the message was sent with."""
    body = 'caf\u00e9 \U0001f600 "quoted"\n'
    attributes = {
        "n": {"DataType": "Number", "StringValue": "7"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}}
    sent = rig.call(
        "SendMessage",
        QueueUrl=url,
        MessageBody=body,
        MessageAttributes=attributes,
        MessageSystemAttributes=trace,
    )
    (record,) = records(rig, url)
    assert list(record) == [
        "messageId",
        "receiptHandle",
        "body",
        "attributes",
        "messageAttributes",
        "md5OfMessageAttributes",
        "md5OfBody",
        "eventSource",
        "eventSourceARN",
        "awsRegion",
    ]
    assert (record["messageId"], record["body"]) == (sent["MessageId"], body)
    assert record["md5OfBody"] == sent["MD5OfMessageBody"]
    assert record["md5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert record["messageAttributes"] == {
        "n": {
            "stringValue": "7",
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": "Number",
        },
        "b": {
            "binaryValue": "AP8=",
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": "Binary",
        },
    }
    assert list(record["attributes"].items()) == [
        ("ApproximateReceiveCount", "1"),
        ("SentTimestamp", str(rig.now_ms)),
        ("SenderId", "000000000000"),
        ("ApproximateFirstReceiveTimestamp", str(rig.now_ms)),
        ("AWSTraceHeader", "Root=1"),
    ]
    assert (record["eventSource"], record["eventSourceARN"]) == ("aws:sqs", arn("q"))
    assert record["awsRegion"] == REGION


def test_a_plain_message_has_no_digest_of_attributes(rig: Rig, url: str) -> None:
    """Without attributes there is an empty object and no MD5 of it."""
    rig.call("SendMessage", QueueUrl=url, MessageBody="x", MessageGroupId="tenant")
    (record,) = records(rig, url)
    assert record["messageAttributes"] == {}
    assert "md5OfMessageAttributes" not in record
    assert record["attributes"]["MessageGroupId"] == "tenant"


def test_a_fifo_record_has_its_place(rig: Rig) -> None:
    """Sequence number, group and deduplication id are among the attributes."""
    url = rig.call("CreateQueue", QueueName="q.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    sent = rig.call(
        "SendMessage",
        QueueUrl=url,
        MessageBody="x",
        MessageGroupId="g",
        MessageDeduplicationId="d",
    )
    (record,) = records(rig, url)
    assert list(record["attributes"]) == [
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SequenceNumber",
        "MessageGroupId",
        "SenderId",
        "MessageDeduplicationId",
        "ApproximateFirstReceiveTimestamp",
    ]
    assert record["attributes"]["SequenceNumber"] == sent["SequenceNumber"]
    assert record["attributes"]["MessageDeduplicationId"] == "d"


@pytest.mark.parametrize("count", [1, 11, 150])
def test_as_many_as_are_asked_for(rig: Rig, url: str, count: int) -> None:
    """The wire's ten are no limit here; the messages are leased like any others."""
    for start in range(0, 160, 10):
        entries = [{"Id": str(n), "MessageBody": str(start + n)} for n in range(10)]
        rig.call("SendMessageBatch", QueueUrl=url, Entries=entries)
    assert [record["body"] for record in records(rig, url, count)] == list(map(str, range(count)))
    left = records(rig, url, RECORDS_MAX)
    assert len(left) == 160 - count
    assert records(rig, url) == []
    rig.wait(31)
    again = records(rig, url, RECORDS_MAX)
    assert {record["attributes"]["ApproximateReceiveCount"] for record in again} == {"2"}
    assert len(again) == 160


def test_what_was_received_too_often_is_buried(rig: Rig, url: str) -> None:
    """The dead-letter queue takes what would be received once more than it may be."""
    dead = rig.call("CreateQueue", QueueName="dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 1})
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": policy})
    rig.call("SendMessage", QueueUrl=url, MessageBody="x")
    assert len(records(rig, url, VisibilityTimeout=5)) == 1
    rig.wait(5)
    assert records(rig, url) == []
    (buried,) = records(rig, dead)
    assert buried["attributes"]["DeadLetterQueueSourceArn"] == arn("q")
