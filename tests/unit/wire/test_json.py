"""JSON bodies: what is accepted, dropped, converted and refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from redrive.wire.codecs.codec import DEPTH_MAX
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Incoming, Request

ENDPOINT = Endpoint()
SEND = {"QueueUrl": "u", "MessageBody": "b"}


def read(operation: str, body: bytes) -> Incoming:
    return ENDPOINT.read(Request("POST", "/", {"x-amz-target": f"AmazonSQS.{operation}"}, body))


def refusal(operation: str, body: bytes) -> tuple[str, int | None, str]:
    with pytest.raises(Fault) as caught:
        read(operation, body)
    error = caught.value.error
    return error.code, error.status, error.message


def test_unknown_members_and_nulls_are_dropped() -> None:
    """AWS ignores what the model does not know, at every depth, and takes null for absent."""
    attribute = {"DataType": "String", "StringValue": "v", "More": 1, "BinaryValue": None}
    body = {
        **SEND,
        "Extra": {"a": [1]},
        "DelaySeconds": None,
        "MessageAttributes": {"a": attribute},
    }
    read_attribute = {"DataType": "String", "StringValue": "v"}
    assert read("SendMessage", orjson.dumps(body)).params == {
        **SEND,
        "MessageAttributes": {"a": read_attribute},
    }


def test_blobs_become_bytes() -> None:
    """A binary attribute's base64 is bytes to the operation."""
    attributes = {"a": {"DataType": "Binary", "BinaryValue": "AAEC/w=="}}
    params = read("SendMessage", orjson.dumps({**SEND, "MessageAttributes": attributes})).params
    assert params["MessageAttributes"]["a"]["BinaryValue"] == b"\x00\x01\x02\xff"


def test_repeated_keys_keep_the_last() -> None:
    """A key given twice counts as it was given last."""
    params = read("SendMessage", b'{"QueueUrl":"a","MessageBody":"b","QueueUrl":"c"}').params
    assert params["QueueUrl"] == "c"


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("DelaySeconds", "a", "STRING_VALUE can not be converted to an Integer"),
        ("DelaySeconds", "5", "STRING_VALUE can not be converted to an Integer"),
        ("DelaySeconds", True, "TRUE_VALUE can not be converted to an Integer"),
        ("DelaySeconds", 1.5, "NUMBER_VALUE can not be converted to an Integer"),
        ("DelaySeconds", 2**31, "NUMBER_VALUE can not be converted to an Integer"),
        ("DelaySeconds", -(2**31) - 1, "NUMBER_VALUE can not be converted to an Integer"),
        ("DelaySeconds", 2**64, "NUMBER_VALUE can not be converted to an Integer"),
        ("DelaySeconds", {}, "Start of structure or map found where not expected."),
        ("MessageBody", 1, "NUMBER_VALUE can not be converted to a String"),
        ("MessageBody", False, "FALSE_VALUE can not be converted to a String"),
        ("MessageBody", [], "Start of list found where not expected"),
        ("MessageAttributes", [], "Expected map or null"),
        ("MessageAttributes", {"a": 1}, "Expected structure or null"),
        (
            "MessageAttributes",
            {"a": {"DataType": "Binary", "BinaryValue": "?"}},
            "Invalid base64 encoded value for a Blob",
        ),
    ],
)
def test_wrong_types_are_serialization_exceptions(member: str, value: Any, message: str) -> None:
    """A value of the wrong type is refused as AWS's parser refuses it."""
    numbers_beyond_64_bits = b"18446744073709551616"
    raw = numbers_beyond_64_bits if value == 2**64 else orjson.dumps(value)
    others = {name: item for name, item in SEND.items() if name != member}
    body = b'{"' + member.encode() + b'":' + raw + b"," + orjson.dumps(others)[1:]
    assert refusal("SendMessage", body) == ("SerializationException", 400, message)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nul",
        b'{"QueueUrl": NaN}',
        b'{"QueueUrl": Infinity}',
        b'{"QueueUrl": 1e999}',
        b'{"QueueUrl": "\xff"}',
        b'{"QueueUrl": "\\ud800"}',
        b'{"QueueUrl": "a"} trailing',
        b"\xef\xbb\xbf{}",
        b'{"X":' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"X":' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}",
        b"[" * 200_000,
        b'"text"',
        b"[]",
        b"7",
        b"null",
    ],
)
def test_bodies_that_are_not_an_object_of_json(body: bytes) -> None:
    """Broken, too deep, or not an object: a SerializationException, nothing worse."""
    code, status, _ = refusal("SendMessage", body)
    assert (code, status) == ("SerializationException", 400)


def test_nesting_is_counted_exactly() -> None:
    """DEPTH_MAX levels pass, however many brackets the body has; one more does not."""
    many = b'{"X":[' + b",".join([b"[]"] * 500) + b'],"QueueUrl":"u","MessageBody":"{[[["}'
    assert read("SendMessage", many).params == {"QueueUrl": "u", "MessageBody": "{[[["}
    inner = DEPTH_MAX - 1
    deep = b'{"X":' + b"[" * inner + b"]" * inner + b',"QueueUrl":"u","MessageBody":"b"}'
    assert read("SendMessage", deep).params == SEND


def test_whole_floats_are_integers() -> None:
    """5.0 is 5, as clients of languages with one number type send it."""
    params = read("SendMessage", orjson.dumps({**SEND, "DelaySeconds": 5.0})).params
    assert params["DelaySeconds"] == 5 and type(params["DelaySeconds"]) is int


def test_lambda_names_unreadable_bodies_itself() -> None:
    """Lambda tells a body that is no JSON as InvalidRequestContentException."""
    with pytest.raises(Fault) as caught:
        ENDPOINT.read(Request("POST", "/2015-03-31/functions", {}, b"{"))
    assert caught.value.error.code == "InvalidRequestContentException"
    assert caught.value.error.message.startswith("Could not parse request body into json: ")


def test_results_keep_fragments_and_bytes() -> None:
    """A message's ready JSON goes out untouched; bytes go out as base64."""
    incoming = read("ReceiveMessage", b'{"QueueUrl":"u"}')
    fragment = orjson.Fragment(b'{"MessageId":"1","Body":"\xc3\xa9"}')
    attribute = {"DataType": "Binary", "BinaryValue": b"\x00\xff"}
    result = {"Messages": [fragment, {"MessageAttributes": {"a": attribute}}]}
    response = ENDPOINT.reply(incoming, result, "rid")
    assert (
        response.body
        == (
            '{"Messages":[{"MessageId":"1","Body":"é"},'
            '{"MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"AP8="}}}]}'
        ).encode()
    )
    assert response.headers == (
        ("x-amzn-RequestId", "rid"),
        ("Content-Type", "application/x-amz-json-1.0"),
    )


@pytest.mark.parametrize(
    ("operation", "body", "wanted"),
    [
        ("DeleteMessage", b'{"QueueUrl":"u","ReceiptHandle":"h"}', b""),
        ("ReceiveMessage", b'{"QueueUrl":"u"}', b"{}"),
    ],
)
def test_empty_answers(operation: str, body: bytes, wanted: bytes) -> None:
    """An operation without output answers nothing at all, one with output an empty object."""
    assert ENDPOINT.reply(read(operation, body), {}, "rid").body == wanted


def test_timestamps_of_lambda_are_seconds() -> None:
    """An event source mapping's LastModified leaves as epoch seconds."""
    target = f"/2015-03-31/event-source-mappings/{'0' * 36}"
    incoming = ENDPOINT.read(Request("GET", target, {}, b""))
    response = ENDPOINT.reply(incoming, {"LastModified": 1_700_000_000_123, "UUID": None}, "rid")
    assert response.body == b'{"LastModified":1700000000.123}'


def test_invoke_answers_with_headers_and_the_bare_payload() -> None:
    """The payload is the body, the rest are headers, StatusCode is the status."""
    target = "/2015-03-31/functions/f/invocations"
    incoming = ENDPOINT.read(Request("POST", target, {}, b""))
    result = {
        "StatusCode": 200,
        "FunctionError": "Unhandled",
        "LogResult": "bG9n",
        "ExecutedVersion": "$LATEST",
        "Payload": b'{"errorMessage":"x"}',
    }
    response = ENDPOINT.reply(incoming, result, "rid")
    assert (response.status, response.body) == (200, b'{"errorMessage":"x"}')
    assert dict(response.headers) == {
        "x-amzn-RequestId": "rid",
        "X-Amz-Function-Error": "Unhandled",
        "X-Amz-Log-Result": "bG9n",
        "X-Amz-Executed-Version": "$LATEST",
        "Content-Type": "application/json",
    }
    accepted = ENDPOINT.reply(incoming, {"StatusCode": 202, "Payload": b""}, "rid")
    assert (accepted.status, accepted.body) == (202, b"")
