"""Sending: contents, sizes, MD5s, attributes and their filters, batches."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import pytest
from queues_rig import ACCOUNT, T0, Rig


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def attributes_md5(attributes: dict[str, Any]) -> str:
    """The digest as the Developer Guide describes it, written from that page alone."""
    whole = b""
    for name in sorted(attributes):
        kind = attributes[name]["DataType"]
        if kind.startswith("Binary"):
            transport, value = b"\x02", attributes[name]["BinaryValue"]
        else:
            transport, value = b"\x01", attributes[name]["StringValue"].encode()
        for part in (name.encode(), kind.encode()):
            whole += struct.pack(">I", len(part)) + part
        whole += transport + struct.pack(">I", len(value)) + value
    return hashlib.md5(whole).hexdigest()


def text(value: str, kind: str = "String") -> dict[str, str]:
    return {"DataType": kind, "StringValue": value}


MIXED: dict[str, Any] = {
    "b.name": text("été"),
    "a": text("0012.50", "Number.price"),
    "raw": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff\x10"},
    "Z": text("x" * 50, "String.custom"),
}


# --- sending -----------------------------------------------------------------------------------


def test_a_message_arrives_as_it_was_sent(rig: Rig, url: str) -> None:
    """Body, attributes and MD5s come back; an id is a UUID; nothing else is shown unasked."""
    body = 'a "quoted" \\ body\t\r\n é 漢 \U0001f600'
    sent = rig.send(url, body, MessageAttributes=MIXED)
    assert sent["MD5OfMessageBody"] == md5(body)
    assert sent["MD5OfMessageAttributes"] == attributes_md5(MIXED)
    (got,) = rig.receive(url, MessageAttributeNames=["All"])
    assert got["Body"] == body
    assert got["MD5OfBody"] == md5(body)
    assert got["MessageId"] == sent["MessageId"]
    assert got["MD5OfMessageAttributes"] == attributes_md5(MIXED)
    assert got["MessageAttributes"] == {**MIXED, "raw": {**MIXED["raw"], "BinaryValue": "AP8Q"}}
    rig.wait(30)
    (bare,) = rig.receive(url)
    assert set(bare) == {"MessageId", "ReceiptHandle", "MD5OfBody", "Body"}


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["All"], set(MIXED)),
        ([".*"], set(MIXED)),
        (["a"], {"a"}),
        (["b.*"], {"b.name"}),
        (["a", "b.*", "nobody"], {"a", "b.name"}),
        (["z"], set()),
        (["a.*"], set()),
        ([""], set()),
    ],
)
def test_attribute_filters(rig: Rig, url: str, names: list[str], chosen: set[str]) -> None:
    """Names, All, .* and prefix.*; the MD5 covers what is returned, and is absent for nothing."""
    rig.send(url, MessageAttributes=MIXED)
    (got,) = rig.receive(url, MessageAttributeNames=names)
    assert set(got.get("MessageAttributes", {})) == chosen
    expected = attributes_md5({name: MIXED[name] for name in chosen}) if chosen else None
    assert got.get("MD5OfMessageAttributes") == expected
    assert ("MessageAttributes" in got) == bool(chosen)


def test_system_attributes_are_shown_when_asked_for(rig: Rig, url: str) -> None:
    """All of them, or those that are named, by the old parameter and by the new one."""
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793"
    system = {"AWSTraceHeader": text(trace)}
    sent = rig.send(url, MessageSystemAttributes=system, MessageGroupId="tenant-1")
    assert sent["MD5OfMessageSystemAttributes"] == attributes_md5(system)
    assert "MD5OfMessageAttributes" not in sent
    rig.wait(2.5)
    (got,) = rig.receive(url, MessageSystemAttributeNames=["All"])
    assert got["Attributes"] == {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": str(T0),
        "MessageGroupId": "tenant-1",
        "SenderId": ACCOUNT,
        "ApproximateFirstReceiveTimestamp": str(T0 + 2_500),
        "AWSTraceHeader": trace,
    }
    rig.wait(30)
    wanted = ["ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "SequenceNumber"]
    (got,) = rig.receive(url, AttributeNames=wanted)
    assert got["Attributes"] == {
        "ApproximateReceiveCount": "2",
        "ApproximateFirstReceiveTimestamp": str(T0 + 2_500),
    }


TOO_MANY = {str(n): text("x") for n in range(11)}
BAD_ATTRIBUTES: list[tuple[dict[str, Any], str, str]] = [
    (
        {"ErrorDetails": text("")},
        "InvalidParameterValue",
        "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.",
    ),
    ({"AWS.x": text("1")}, "InvalidParameterValue", "reserved prefix"),
    ({"amazon.x": text("1")}, "InvalidParameterValue", "reserved prefix"),
    ({".x": text("1")}, "InvalidParameterValue", "starting with character '.'"),
    ({"x.": text("1")}, "InvalidParameterValue", "ending with character '.'"),
    ({"x..y": text("1")}, "InvalidParameterValue", "successive '.'"),
    ({"": text("1")}, "InvalidParameterValue", "Length of message attribute name"),
    ({"x" * 257: text("1")}, "InvalidParameterValue", "Length of message attribute name"),
    ({"x": text("1", "")}, "InvalidParameterValue", "invalid message attribute type"),
    ({"x": text("1", "string")}, "InvalidParameterValue", "invalid message attribute type"),
    ({"x": text("1", "Strings")}, "InvalidParameterValue", "invalid message attribute type"),
    ({"x": text("1", "String." + "y" * 300)}, "InvalidParameterValue", "message attribute type"),
    ({"x": text("1", "Binary")}, "InvalidParameterValue", "must use field 'Binary'"),
    (
        {"x": {"DataType": "String", "BinaryValue": b"1"}},
        "InvalidParameterValue",
        "must use field 'String'",
    ),
    ({"x": {"DataType": "Binary"}}, "InvalidParameterValue", "non-empty value of type 'Binary'"),
    ({"x": text("one", "Number")}, "InvalidParameterValue", "Could not cast"),
    ({"x": text("1" * 39, "Number")}, "InvalidParameterValue", "out of range"),
    ({"x": text("1e127", "Number")}, "InvalidParameterValue", "out of range"),
    ({"x": text("1e-129", "Number")}, "InvalidParameterValue", "out of range"),
    ({"x": text("1e" + "9" * 50, "Number")}, "InvalidParameterValue", "out of range"),
    ({"x": text("\x00")}, "InvalidMessageContents", "Invalid characters"),
    (
        {"x": {**text("1"), "StringListValues": ["1"]}},
        "UnsupportedOperation",
        "list values in SendMessage operation are not supported",
    ),
    (TOO_MANY, "InvalidParameterValue", "10"),
]


@pytest.mark.parametrize(("attributes", "code", "part"), BAD_ATTRIBUTES)
def test_message_attributes_that_are_refused(
    rig: Rig, url: str, attributes: dict[str, Any], code: str, part: str
) -> None:
    """Each rule of the Developer Guide; in a batch only that entry fails."""
    refused = rig.refused(
        "SendMessage", QueueUrl=url, MessageBody="x", MessageAttributes=attributes
    )
    assert refused[0] == code
    assert part in refused[1]
    entries = [
        {"Id": "bad", "MessageBody": "x", "MessageAttributes": attributes},
        {"Id": "good", "MessageBody": "y"},
    ]
    result = rig.call("SendMessageBatch", QueueUrl=url, Entries=entries)
    assert [(f["Id"], f["Code"], f["SenderFault"]) for f in result["Failed"]] == [
        ("bad", code, True)
    ]
    assert rig.bodies(url) == ["y"]


@pytest.mark.parametrize(
    "number", ["0", "-1", "+.5", "1.", "1e126", "1e-128", "1" * 38, "0" * 50 + "1", "1E+5"]
)
def test_numbers_come_back_as_they_were_sent(rig: Rig, url: str, number: str) -> None:
    """A Number keeps its text, since SDKs compare the MD5 of what they sent."""
    attributes = {"n": text(number, "Number")}
    sent = rig.send(url, MessageAttributes=attributes)
    assert sent["MD5OfMessageAttributes"] == attributes_md5(attributes)
    (got,) = rig.receive(url, MessageAttributeNames=["n"])
    assert got["MessageAttributes"] == attributes


def test_ten_attributes_and_odd_names_are_taken(rig: Rig, url: str) -> None:
    """Ten is the limit; names beyond ASCII are taken. AWS: as captured."""
    attributes = {f"attr.{n}øßä": text("x") for n in range(10)}
    assert rig.send(url, MessageAttributes=attributes)


BAD_SENDS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"MessageBody": ""},
        "MissingParameter",
        "The request must contain the parameter MessageBody.",
    ),
    (
        {"MessageBody": "a\x00b"},
        "InvalidMessageContents",
        "Invalid characters were found. Valid unicode characters are"
        " #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
    ),
    ({"MessageBody": "漢\ufffe"}, "InvalidMessageContents", "Invalid characters were found."),
    ({"MessageBody": "\x1f"}, "InvalidMessageContents", "Invalid characters were found."),
    (
        {"MessageBody": "x" * 1_048_577},
        "InvalidParameterValue",
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
    ),
    (
        {"DelaySeconds": 901},
        "InvalidParameterValue",
        "Value 901 for parameter DelaySeconds is invalid."
        " Reason: DelaySeconds must be >= 0 and <= 900.",
    ),
    (
        {"DelaySeconds": -1},
        "InvalidParameterValue",
        "Value -1 for parameter DelaySeconds is invalid."
        " Reason: DelaySeconds must be >= 0 and <= 900.",
    ),
    *(
        (
            {"MessageGroupId": group},
            "InvalidParameterValue",
            f"Value {group} for parameter MessageGroupId is invalid. Reason: MessageGroupId can"
            " only include alphanumeric and punctuation characters. 1 to 128 in length.",
        )
        for group in ("", "a" * 129, "group 123", "ä")
    ),
    *(
        (
            {"MessageDeduplicationId": name},
            "InvalidParameterValue",
            f"Value {name} for parameter MessageDeduplicationId is invalid. Reason:"
            " MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to"
            " 128 in length.",
        )
        for name in ("", "a" * 129, "group 123")
    ),
    (
        {"MessageDeduplicationId": "fine"},
        "InvalidParameterValue",
        "Value fine for parameter MessageDeduplicationId is invalid.",
    ),
    (
        {"MessageSystemAttributes": {"Other": text("x")}},
        "InvalidParameterValue",
        "Message system attribute name 'Other' is invalid.",
    ),
    (
        {"MessageSystemAttributes": {"AWSTraceHeader": text("1", "Number")}},
        "InvalidParameterValue",
        "Message (system) attribute 'AWSTraceHeader' must contain",
    ),
    (
        {"MessageSystemAttributes": {"AWSTraceHeader": {**text("1"), "BinaryValue": b"1"}}},
        "InvalidParameterValue",
        "Message (system) attribute 'AWSTraceHeader' must contain",
    ),
]


@pytest.mark.parametrize(("params", "code", "message"), BAD_SENDS)
def test_sends_that_are_refused(
    rig: Rig, url: str, params: dict[str, Any], code: str, message: str
) -> None:
    """AWS's code and text for each, and nothing is stored; a batch refuses that entry alone."""
    refused = rig.refused("SendMessage", **{"QueueUrl": url, "MessageBody": "x", **params})
    assert refused[0] == code
    assert refused[1].startswith(message)
    if len(params.get("MessageBody", "")) < 1_000_000:
        entry = {"Id": "a", "MessageBody": "x", **params}
        result = rig.call("SendMessageBatch", QueueUrl=url, Entries=[entry])
        assert result["Failed"][0]["Code"] == code
        assert "Successful" not in result
    assert rig.counts(url) == (0, 0, 0)


def test_size_counts_body_and_attributes_against_the_queues_limit(rig: Rig) -> None:
    """Names, types and values count; the trace header does not; one byte too many is refused."""
    url = rig.create("small", MaximumMessageSize="1024")
    attributes = {"name": text("é" * 10), "b": {"DataType": "Binary", "BinaryValue": b"123"}}
    used = len("name") + len("String") + 20 + len("b") + len("Binary") + 3
    system = {"AWSTraceHeader": text("Root=1")}
    fitting = "x" * (1024 - used)
    rig.send(url, fitting, MessageAttributes=attributes, MessageSystemAttributes=system)
    assert rig.refused(
        "SendMessage", QueueUrl=url, MessageBody=fitting + "x", MessageAttributes=attributes
    ) == (
        "InvalidParameterValue",
        "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.",
    )
    entry = {"Id": "a", "MessageBody": "x" * 1025}
    result = rig.call("SendMessageBatch", QueueUrl=url, Entries=[entry])
    assert result == {
        "Failed": [
            {
                "Id": "a",
                "Code": "InvalidParameterValue",
                "Message": "One or more parameters cannot be validated. Reason: Message must be"
                " shorter than 1024 bytes.",
                "SenderFault": True,
            }
        ]
    }


def test_a_mebibyte_is_taken(rig: Rig, url: str) -> None:
    """The largest body comes back whole, multi-byte characters counted as bytes."""
    body = "é" * 524_288
    rig.send(url, body)
    assert rig.bodies(url) == [body]


# --- batches -----------------------------------------------------------------------------------


def entries(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"Id": str(n), "MessageBody": f"m{n}", "ReceiptHandle": "h", **more} for n in range(count)
    ]


BATCHES = ("SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch")
BAD_ID = (
    "A batch entry id can only contain alphanumeric characters, hyphens and underscores."
    " It can be at most 80 letters long."
)


@pytest.mark.parametrize("operation", BATCHES)
def test_batches_that_are_refused_as_a_whole(rig: Rig, url: str, operation: str) -> None:
    """Empty, more than ten, malformed ids, ids given twice: AWS's texts."""
    two = entries(2)
    two[1]["Id"] = "0"

    def refused(given: list[dict[str, Any]]) -> tuple[str, str]:
        return rig.refused(operation, QueueUrl=url, Entries=given)

    assert refused([]) == (
        "EmptyBatchRequest",
        f"There should be at least one {operation}RequestEntry in the request.",
    )
    assert refused(entries(20)) == (
        "TooManyEntriesInBatchRequest",
        "Maximum number of entries per request are 10. You have sent 20.",
    )
    assert refused(two) == ("BatchEntryIdsNotDistinct", "Id 0 repeated.")
    for bad in ("", "a b", "a.b", "x" * 81, "é", "a\n"):
        one = entries(1)
        one[0]["Id"] = bad
        assert refused(one) == ("InvalidBatchEntryId", BAD_ID)
    assert rig.counts(url) == (0, 0, 0)


def test_a_batch_may_not_be_too_long_in_all(rig: Rig) -> None:
    """A mebibyte for all entries, whatever the queue's own limit."""
    url = rig.create("small", MaximumMessageSize="1024")
    whole = [{"Id": "a", "MessageBody": "x" * 1_048_574}, {"Id": "b", "MessageBody": "é"}]
    result = rig.call("SendMessageBatch", QueueUrl=url, Entries=whole)
    assert [success["Id"] for success in result["Successful"]] == ["b"]
    whole[1]["MessageBody"] = "éx"
    assert rig.refused("SendMessageBatch", QueueUrl=url, Entries=whole) == (
        "BatchRequestTooLong",
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
    )


def test_a_batch_in_order(rig: Rig, url: str) -> None:
    """Each entry has its own result, delay and attributes; messages keep the batch's order."""
    given = entries(10)
    given[3]["DelaySeconds"] = 5
    given[4]["MessageAttributes"] = MIXED
    result = rig.call("SendMessageBatch", QueueUrl=url, Entries=given)
    assert "Failed" not in result
    assert [r["Id"] for r in result["Successful"]] == [str(n) for n in range(10)]
    assert [r["MD5OfMessageBody"] for r in result["Successful"]] == [
        md5(f"m{n}") for n in range(10)
    ]
    assert result["Successful"][4]["MD5OfMessageAttributes"] == attributes_md5(MIXED)
    assert len({r["MessageId"] for r in result["Successful"]}) == 10
    assert rig.bodies(url) == [f"m{n}" for n in range(10) if n != 3]
    rig.wait(5)
    assert rig.bodies(url) == ["m3"]


def test_deleting_and_changing_in_batches(rig: Rig, url: str) -> None:
    """Good and bad handles side by side: the good ones work, the bad ones are told."""
    rig.call("SendMessageBatch", QueueUrl=url, Entries=entries(3))
    got = rig.receive(url)
    given = [
        {"Id": "a", "ReceiptHandle": got[0]["ReceiptHandle"]},
        {"Id": "b", "ReceiptHandle": "garbage"},
    ]
    result = rig.call("DeleteMessageBatch", QueueUrl=url, Entries=given)
    assert result == {
        "Successful": [{"Id": "a"}],
        "Failed": [
            {
                "Id": "b",
                "Code": "ReceiptHandleIsInvalid",
                "Message": 'The input receipt handle "garbage" is not a valid receipt handle.',
                "SenderFault": True,
            }
        ],
    }
    given = [
        {"Id": "a", "ReceiptHandle": got[1]["ReceiptHandle"], "VisibilityTimeout": 0},
        {"Id": "b", "ReceiptHandle": got[2]["ReceiptHandle"], "VisibilityTimeout": 43_201},
        {"Id": "c", "ReceiptHandle": got[0]["ReceiptHandle"], "VisibilityTimeout": 1},
    ]
    result = rig.call("ChangeMessageVisibilityBatch", QueueUrl=url, Entries=given)
    assert result["Successful"] == [{"Id": "a"}]
    assert [f["Code"] for f in result["Failed"]] == ["InvalidParameterValue"] * 2
    assert rig.bodies(url) == ["m1"]
