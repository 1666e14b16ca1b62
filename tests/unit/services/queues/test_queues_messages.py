"""Sending and receiving: contents, sizes, MD5s, filters, delays, retention, visibility, handles."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import pytest
from queues_rig import ACCOUNT, DAY_MS, T0, Rig, shown

from redrive.services.queues.operations import receive as receive_operation


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
    ({"x": {"StringValue": "1"}}, "InvalidParameterValue", "invalid message attribute type"),
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


# --- receiving ---------------------------------------------------------------------------------


def test_receive_parameters_that_are_refused(rig: Rig, url: str) -> None:
    """AWS's texts, as captured."""
    for count in (0, 11, -1):
        assert rig.refused("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=count) == (
            "InvalidParameterValue",
            f"Value {count} for parameter MaxNumberOfMessages is invalid."
            " Reason: Must be between 1 and 10, if provided.",
        )
    for name, most in (("WaitTimeSeconds", 20), ("VisibilityTimeout", 43_200)):
        for value in (-1, most + 1):
            assert rig.refused("ReceiveMessage", QueueUrl=url, **{name: value}) == (
                "InvalidParameterValue",
                f"Value {value} for parameter {name} is invalid."
                f" Reason: Must be >= 0 and <= {most}, if provided.",
            )


def test_an_empty_receive_has_no_messages_member(rig: Rig, url: str) -> None:
    """AWS: as captured."""
    assert rig.call("ReceiveMessage", QueueUrl=url) == {}


def test_one_message_by_default_and_ten_at_most(rig: Rig, url: str) -> None:
    """MaxNumberOfMessages is 1 when it is not given; order is that of sending."""
    for n in range(12):
        rig.send(url, str(n))
    assert [m["Body"] for m in shown(rig.call("ReceiveMessage", QueueUrl=url))] == ["0"]
    assert rig.bodies(url, 10) == [str(n) for n in range(1, 11)]
    assert rig.bodies(url, 10) == ["11"]


def test_counts_follow_a_message(rig: Rig, url: str) -> None:
    """Delayed, visible, in flight, visible again, gone."""
    rig.send(url, DelaySeconds=5)
    assert rig.counts(url) == (0, 0, 1)
    rig.wait(5)
    assert rig.counts(url) == (1, 0, 0)
    (got,) = rig.receive(url)
    assert rig.counts(url) == (0, 1, 0)
    rig.wait(30)
    assert rig.counts(url) == (1, 0, 0)
    rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    assert rig.counts(url) == (0, 0, 0)


def test_delays_end_to_the_millisecond(rig: Rig) -> None:
    """The queue's delay holds unless the message has its own, 0 included."""
    url = rig.create("slow", DelaySeconds="10")
    rig.send(url, "queue's")
    rig.send(url, "own", DelaySeconds=3)
    rig.send(url, "none", DelaySeconds=0)
    assert rig.bodies(url) == ["none"]
    rig.wait(2.999)
    assert rig.bodies(url) == []
    rig.wait(0.001)
    assert rig.bodies(url) == ["own"]
    rig.wait(6.999)
    assert rig.bodies(url) == []
    rig.wait(0.001)
    assert rig.bodies(url) == ["queue's"]


def test_visibility_ends_to_the_millisecond(rig: Rig, url: str) -> None:
    """The queue's timeout, or the request's; a timeout of 0 hides nothing."""
    rig.send(url)
    assert rig.bodies(url)
    rig.wait(29.999)
    assert not rig.bodies(url)
    rig.wait(0.001)
    assert rig.bodies(url, VisibilityTimeout=2)
    rig.wait(1.999)
    assert not rig.bodies(url)
    rig.wait(0.001)
    assert rig.bodies(url, VisibilityTimeout=0)
    (got,) = rig.receive(url, AttributeNames=["ApproximateReceiveCount"])
    assert got["Attributes"] == {"ApproximateReceiveCount": "4"}


@pytest.mark.parametrize("state", ["visible", "in flight", "delayed", "returned"])
@pytest.mark.parametrize("reaps", [False, True])
def test_retention_ends_to_the_millisecond(rig: Rig, state: str, reaps: bool) -> None:
    """A message is gone `retention` after its sending whatever its state, reaper or not."""
    url = rig.create("brief", MessageRetentionPeriod="60")
    rig.send(url, DelaySeconds=60 if state == "delayed" else 0)
    if reaps:
        rig.work()
    handle = None
    if state in ("in flight", "returned"):
        (got,) = rig.receive(url, VisibilityTimeout=60 if state == "in flight" else 1)
        handle = got["ReceiptHandle"]
    rig.wait(59.999)
    assert rig.bodies(url, VisibilityTimeout=0) == (
        ["hello"] if state in ("visible", "returned") else []
    )
    rig.wait(0.001)
    if handle is not None:
        code, _ = rig.refused(
            "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0
        )
        assert code == "InvalidParameterValue"
        assert rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=handle) == {}
    assert rig.bodies(url) == []
    rig.wait(20 if reaps else 0)
    if state != "delayed" or not reaps:
        assert sum(rig.counts(url)) == 0 or not reaps


def test_a_new_retention_applies_to_old_messages(rig: Rig, url: str) -> None:
    """A shorter period takes what is older; a longer one, set in time, keeps it."""
    rig.send(url)
    rig.wait(100)
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"MessageRetentionPeriod": "101"})
    assert rig.bodies(url, VisibilityTimeout=0) == ["hello"]
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"MessageRetentionPeriod": "100"})
    assert rig.bodies(url) == []


def test_the_default_retention_is_four_days(rig: Rig, url: str) -> None:
    """345,600 seconds."""
    rig.send(url)
    rig.pass_to(T0 + 4 * DAY_MS - 1)
    assert rig.bodies(url, VisibilityTimeout=0)
    rig.pass_to(T0 + 4 * DAY_MS)
    assert not rig.bodies(url)


# --- handles: AWS_SEMANTICS 1.4, row by row ------------------------------------------------------


def change(rig: Rig, url: str, handle: str, timeout: int) -> Any:
    return rig.call(
        "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=timeout
    )


def delete(rig: Rig, url: str, handle: str) -> Any:
    return rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=handle)


@pytest.mark.parametrize("operation", ["DeleteMessage", "ChangeMessageVisibility"])
@pytest.mark.parametrize("handle", ["garbage", "", "é", "AAAA", "=", "QUJD" * 10])
def test_garbage_for_a_handle(rig: Rig, url: str, operation: str, handle: str) -> None:
    """What nobody gave is ReceiptHandleIsInvalid."""
    assert rig.refused(operation, QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=1) == (
        "ReceiptHandleIsInvalid",
        f'The input receipt handle "{handle}" is not a valid receipt handle.',
    )


def test_every_receive_gives_a_new_handle(rig: Rig, url: str) -> None:
    """Handles differ from receive to receive."""
    rig.send(url)
    seen = {rig.receive(url, VisibilityTimeout=0)[0]["ReceiptHandle"] for _ in range(5)}
    assert len(seen) == 5


def test_a_lapsed_handle_still_deletes(rig: Rig, url: str) -> None:
    """Standard queues: nobody re-received it, so it is really deleted. AWS: as captured."""
    rig.send(url)
    (got,) = rig.receive(url)
    rig.wait(31)
    assert delete(rig, url, got["ReceiptHandle"]) == {}
    assert rig.bodies(url) == []
    assert delete(rig, url, got["ReceiptHandle"]) == {}


def test_an_older_handle_deletes_nothing(rig: Rig, url: str) -> None:
    """After another receive the older handle succeeds and the message stays; the newer deletes."""
    rig.send(url)
    (old,) = rig.receive(url, VisibilityTimeout=1)
    rig.wait(1)
    (new,) = rig.receive(url)
    assert delete(rig, url, old["ReceiptHandle"]) == {}
    assert rig.counts(url) == (0, 1, 0)
    assert delete(rig, url, new["ReceiptHandle"]) == {}
    assert rig.counts(url) == (0, 0, 0)


def test_a_handle_works_on_its_own_queue_only(rig: Rig, url: str) -> None:
    """Another queue's URL does not delete it, and does not change it."""
    other = rig.create("other")
    rig.send(url)
    (got,) = rig.receive(url)
    assert delete(rig, other, got["ReceiptHandle"]) == {}
    code, _ = rig.refused(
        "ChangeMessageVisibility",
        QueueUrl=other,
        ReceiptHandle=got["ReceiptHandle"],
        VisibilityTimeout=0,
    )
    assert code == "InvalidParameterValue"
    assert rig.counts(url) == (0, 1, 0)


def test_visibility_is_changed_for_this_receive_only(rig: Rig, url: str) -> None:
    """0 releases at once; a longer one holds from now; the next receive has the queue's again."""
    rig.send(url)
    (got,) = rig.receive(url)
    change(rig, url, got["ReceiptHandle"], 0)
    (got,) = rig.receive(url)
    change(rig, url, got["ReceiptHandle"], 100)
    rig.wait(99.999)
    assert rig.bodies(url) == []
    rig.wait(0.001)
    assert rig.bodies(url) == ["hello"]
    rig.wait(30)
    assert rig.bodies(url) == ["hello"]


def test_a_lapsed_lease_may_be_taken_up_again(rig: Rig, url: str) -> None:
    """After the timeout, not re-received: 200, and the message is hidden. AWS: as captured."""
    rig.send(url)
    (got,) = rig.receive(url)
    rig.wait(60)
    change(rig, url, got["ReceiptHandle"], 10)
    assert rig.bodies(url) == []
    rig.wait(10)
    assert rig.bodies(url) == ["hello"]


def test_an_older_handle_changes_nothing(rig: Rig, url: str) -> None:
    """The lease belongs to the latest receive."""
    rig.send(url)
    (old,) = rig.receive(url, VisibilityTimeout=1)
    rig.wait(1)
    rig.receive(url)
    change(rig, url, old["ReceiptHandle"], 0)
    assert rig.bodies(url) == []


def test_a_deleted_message_cannot_be_changed(rig: Rig, url: str) -> None:
    """AWS's captured text."""
    rig.send(url)
    (got,) = rig.receive(url)
    handle = got["ReceiptHandle"]
    delete(rig, url, handle)
    assert rig.refused(
        "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=1
    ) == (
        "InvalidParameterValue",
        f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or"
        " is not available for visibility timeout change.",
    )


def test_twelve_hours_count_from_the_receive(rig: Rig, url: str) -> None:
    """Extending does not start them anew; to the millisecond."""
    rig.send(url)
    (got,) = rig.receive(url)
    change(rig, url, got["ReceiptHandle"], 43_200)
    rig.wait(3_600)
    change(rig, url, got["ReceiptHandle"], 39_600)
    rig.wait(0.001)
    code, message = rig.refused(
        "ChangeMessageVisibility",
        QueueUrl=url,
        ReceiptHandle=got["ReceiptHandle"],
        VisibilityTimeout=39_600,
    )
    assert (code, "beyond the limit [43200 seconds]" in message) == ("InvalidParameterValue", True)
    for timeout in (-1, 43_201):
        code, _ = rig.refused(
            "ChangeMessageVisibility",
            QueueUrl=url,
            ReceiptHandle=got["ReceiptHandle"],
            VisibilityTimeout=timeout,
        )
        assert code == "InvalidParameterValue"


# --- the quota of messages in flight ------------------------------------------------------------


def test_the_quota_of_messages_in_flight(
    rig: Rig, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the quota a short poll is OverLimit, a long one finds nothing until one comes free."""
    monkeypatch.setattr("redrive.services.queues.rules.IN_FLIGHT_MAX", 3)
    for n in range(5):
        rig.send(url, str(n))
    got = rig.receive(url, 3)
    code, _ = rig.refused("ReceiveMessage", QueueUrl=url)
    assert code == "OverLimit"
    waiting = rig.start("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=2)
    rig.wait(1)
    assert waiting == []
    attempts = count_attempts(rig, monkeypatch)
    rig.wait(0.5)
    assert len(attempts) <= 3, "a full queue is looked at every millisecond"
    delete(rig, url, got[0]["ReceiptHandle"])
    rig.wait(0.5)
    assert [m["Body"] for m in shown(waiting[0].result)] == ["3"]
    waiting = rig.start("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=2)
    rig.wait(2)
    assert waiting[0].result == {}
    rig.wait(30)
    assert len(rig.receive(url)) == 4, "lapsed messages are not in flight"


def count_attempts(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    attempts: list[None] = []
    real = receive_operation._in_flight_is_full

    def counted(*args: Any) -> bool:
        attempts.append(None)
        return real(*args)

    monkeypatch.setattr(receive_operation, "_in_flight_is_full", counted)
    return attempts
