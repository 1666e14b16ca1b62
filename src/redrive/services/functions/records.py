"""What destinations and dead-letter targets are told of an asynchronous event, as calls. Pure.

AWS: Developer Guide, "Capturing records of Lambda asynchronous invocations" and "Dead-letter
queues"; the shapes as captured.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import orjson

from redrive.core.arn import Arn, parse_arn
from redrive.core.effects import Call, Caller, Params, Ran
from redrive.core.time import iso
from redrive.services.functions.model import LATEST, AsyncEvent, Function

OPERATIONS = {
    "sqs": "SendMessage",
    "sns": "Publish",
    "lambda": "Invoke",
    "events": "PutEvents",
}
"""How a record is handed to a service that can be a destination."""

RECORD_BYTES_MAX = {"sqs": 1_048_576, "lambda": 1_048_576, "sns": 262_144, "events": 262_144}
"""Above it a record goes without the payloads. AWS: API_OnFailure says so of SNS."""

ERROR_MESSAGE_BYTES_MAX = 1_024
"""AWS: "Dead-letter queues", "ErrorMessage": the first 1 KB."""


class Fate(NamedTuple):
    """How an event has ended."""

    condition: str  # Success, or why it was given up
    ran: Ran | None  # its last invocation, when that is what ended it
    status: int  # as HTTP says it: 200 for what ran, 429 for a throttle
    message: str  # of the error; empty for a success


def fate_of(condition: str, ran: Ran | None, status: int, message: str = "") -> Fate:
    """Return a fate; the message of a function's error is that of its response."""
    if ran is not None and ran.error is not None:
        message = _error_message(ran.payload)
    return Fate(condition, ran, status, message)


def _error_message(payload: bytes) -> str:
    try:
        told = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return ""
    return str(told.get("errorMessage") or "") if isinstance(told, dict) else ""


def invoked_arn(event: AsyncEvent) -> str:
    """Return the function's ARN with the qualifier of the invocation, $LATEST by default."""
    return f"{event.function_arn}:{event.qualifier or LATEST}"


def destination_call(
    destination: str, event: AsyncEvent, function: Function, fate: Fate, now_ms: int
) -> Call:
    """Return the call that hands a record of an event to a destination."""
    arn = _target(destination)
    record = _record(event, function, fate, now_ms, with_payloads=True)
    if len(record) > RECORD_BYTES_MAX[arn.service]:
        record = _record(event, function, fate, now_ms, with_payloads=False)
    return _call(arn, function, _params(arn, record, event, fate))


def _params(arn: Arn, record: bytes, event: AsyncEvent, fate: Fate) -> Params:
    if arn.service == "sqs":
        return {"QueueUrl": str(arn), "MessageBody": record.decode()}
    if arn.service == "sns":
        return {"TopicArn": str(arn), "Message": record.decode()}
    if arn.service == "lambda":
        return {"FunctionName": str(arn), "InvocationType": "Event", "Payload": record}
    result = "Success" if fate.condition == "Success" else "Failure"
    entry = {
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {result}",
        "Resources": [str(arn), invoked_arn(event)],
        "Detail": record.decode(),
        "EventBusName": str(arn),
    }
    return {"Entries": [entry]}


def _record(
    event: AsyncEvent, function: Function, fate: Fate, now_ms: int, *, with_payloads: bool
) -> bytes:
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": iso(now_ms),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": invoked_arn(event),
            "condition": fate.condition,
            "approximateInvokeCount": event.attempt + (fate.ran is not None),
        },
    }
    if with_payloads:
        record["requestPayload"] = orjson.Fragment(event.payload)
    if fate.ran is not None:
        context = {"statusCode": fate.status, "executedVersion": function.version}
        if fate.ran.error is not None:
            context["functionError"] = fate.ran.error
        record["responseContext"] = context
        if with_payloads:
            record["responsePayload"] = _response(fate.ran.payload or b"null")
    return _sendable(orjson.dumps(record))


def _response(payload: bytes) -> orjson.Fragment | str:
    """Return a response as a part of a record: as JSON, or as text what a custom runtime said that
    is none [G].
    """
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode("utf-8", "replace")
    return orjson.Fragment(payload)


def _sendable(text: bytes) -> bytes:
    """Return JSON text that says the same without the two characters that JSON may hold as they
    are and a queue takes in no message.
    """
    return text.replace(b"\xef\xbf\xbe", b"\\ufffe").replace(b"\xef\xbf\xbf", b"\\uffff")


def dead_letter_call(target: str, event: AsyncEvent, function: Function, fate: Fate) -> Call:
    """Return the call that hands an event that failed to a queue or topic, as it came."""
    arn = _target(target)
    attributes = {
        "RequestID": _attribute("String", event.request_id),
        "ErrorCode": _attribute("Number", str(fate.status)),
    }
    message = _printable(fate.message.encode()[:ERROR_MESSAGE_BYTES_MAX].decode(errors="ignore"))
    if message:  # SQS takes no empty value
        attributes["ErrorMessage"] = _attribute("String", message)
    body = _sendable(event.payload).decode()
    given = {"QueueUrl": str(arn), "MessageBody": body}
    if arn.service == "sns":
        given = {"TopicArn": str(arn), "Message": body}
    return _call(arn, function, {**given, "MessageAttributes": attributes})


def _attribute(kind: str, value: str) -> dict[str, str]:
    return {"DataType": kind, "StringValue": value}


def _printable(text: str) -> str:
    """Return a text with what no queue takes, such as colours of a terminal, replaced."""
    return "".join(
        char if (char >= " " and char not in "\ufffe\uffff") or char in "\t\n\r" else "\ufffd"
        for char in text
    )


def _target(text: str) -> Arn:
    arn = parse_arn(text)
    assert arn is not None and arn.service in OPERATIONS, f"{text} was checked when it was set"
    return arn


def _call(arn: Arn, function: Function, params: Params) -> Call:
    """Return a call as the function's role: what it calls may ask who that is."""
    region = arn.region or function.region
    caller = Caller(function.account, region, function.role, function.account)
    return Call(arn.service, OPERATIONS[arn.service], params, caller)


Purpose = Literal["dead-letter", "destination"]
"""What a delivery is to the function, and so which count a lost one adds to."""

LOST = {"dead-letter": "DeadLetterErrors", "destination": "DestinationDeliveryFailures"}
"""AWS: Developer Guide, "Lambda metrics", by purpose."""
