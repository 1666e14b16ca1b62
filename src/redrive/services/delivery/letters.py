"""What a dead-letter queue is told of a call that was given up: a SendMessage. Pure.

AWS: EventBridge User Guide, "Using dead-letter queues to process undelivered events"; SNS Developer
Guide, "Amazon SNS dead-letter queues".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from redrive.core.arn import parse_arn
from redrive.services.delivery.failures import Failure
from redrive.services.ports import DeadLetter

ATTRIBUTES_MAX = 10
"""AWS: SQS Developer Guide, "Amazon SQS message metadata". What the message brought along goes
before what tells of its failure."""
ERROR_MESSAGE_BYTES_MAX = 1_024
"""Ours, as Lambda's dead letters have it."""


def letter_text(letter: DeadLetter) -> str:
    """Return a DeadLetter as a row keeps it."""
    return orjson.dumps([letter.queue, letter.message, letter.style]).decode()


def letter_of(text: str) -> DeadLetter:
    """Return the DeadLetter of a row."""
    return DeadLetter(*orjson.loads(text))


def burial(
    letter: DeadLetter, failure: Failure, condition: str, retries: int, request_id: str
) -> dict[str, Any]:
    """Return the parameters of the SendMessage that hands a call to its dead-letter queue.

    retries: attempts after the first. request_id: of the latest attempt.
    """
    told = (
        _of_topics(failure, request_id)
        if letter.style == "topics"
        else _of_events(failure, condition, retries)
    )
    attributes = dict(letter.message.get("MessageAttributes") or {})
    for name, attribute in told.items():
        if attribute["StringValue"] and (name in attributes or len(attributes) < ATTRIBUTES_MAX):
            attributes[name] = attribute
    return {
        **letter.message,
        "QueueUrl": letter.queue,
        "MessageBody": printable(str(letter.message["MessageBody"])),
        "MessageAttributes": attributes,
    }


def _of_events(failure: Failure, condition: str, retries: int) -> Mapping[str, dict[str, str]]:
    return {
        "ERROR_CODE": _attribute("String", failure.code),
        "ERROR_MESSAGE": _attribute("String", _short(failure.message)),
        "EXHAUSTED_RETRY_CONDITION": _attribute("String", condition),
        "RETRY_ATTEMPTS": _attribute("Number", str(retries)),
    }


def _of_topics(failure: Failure, request_id: str) -> Mapping[str, dict[str, str]]:
    return {
        "RequestID": _attribute("String", request_id),
        "ErrorCode": _attribute("Number", str(failure.status)),
        "ErrorMessage": _attribute("String", _short(failure.message)),
    }


def _attribute(kind: str, value: str) -> dict[str, str]:
    return {"DataType": kind, "StringValue": value}


def _short(text: str) -> str:
    return printable(text.encode()[:ERROR_MESSAGE_BYTES_MAX].decode(errors="ignore"))


def printable(text: str) -> str:
    """Return a text with what no queue takes replaced. AWS: API_SendMessage, MessageBody."""
    return "".join(
        char if (char >= " " and char not in "\ufffe\uffff") or char in "\t\n\r" else "\ufffd"
        for char in text
    )


def queue_region(queue: str, region: str) -> str:
    """Return where a queue is; `region` for an ARN that does not say."""
    arn = parse_arn(queue)
    return (arn.region if arn is not None else "") or region
