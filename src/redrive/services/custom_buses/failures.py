"""What an on-failure queue is told. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from redrive.core.arn import parse_arn
from redrive.core.effects import Call, Caller

MESSAGE_BYTES_MAX = 1_024
"""Of ERROR_MESSAGE; a stack trace has no end."""

_GROUP = re.compile(r"[A-Za-z0-9!-/:-@\[-`{-~]{1,128}")
"""AWS: SQS API_SendMessage, "MessageGroupId"."""


class Failure(NamedTuple):
    """Why a delivery was given up. condition: None when no attempt could be made."""

    code: str
    message: str
    retries: int
    condition: str | None


def queue_call(
    queue: str,
    body: str,
    failure: Failure,
    *,
    source: Mapping[str, str],
    event_id: str,
    group: str | None,
    caller: Caller,
) -> Call:
    """Return the call that leaves an event in an on-failure queue.

    source: attributes that say whose it is. AWS: EventBridge User Guide, "Dead-letter queues", has
    the names of the others. A FIFO queue gets the event's group and its id to deduplicate by.
    """
    told = {
        **source,
        "ERROR_CODE": failure.code[:256],
        "ERROR_MESSAGE": _printable(failure.message),
        "RETRY_ATTEMPTS": str(failure.retries),
    }
    if failure.condition is not None:
        told["EXHAUSTED_RETRY_CONDITION"] = failure.condition
    params: dict[str, Any] = {
        "QueueUrl": queue,
        "MessageBody": body,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value}
            for name, value in told.items()
            if value
        },
    }
    if queue.endswith(".fifo"):
        own = group or event_id
        is_plain = _GROUP.fullmatch(own) is not None
        params["MessageGroupId"] = own if is_plain else hashlib.sha256(own.encode()).hexdigest()
        name = f"{source.get('SUBSCRIBER_ARN', '')} {event_id}"
        params["MessageDeduplicationId"] = hashlib.sha256(name.encode()).hexdigest()
    arn = parse_arn(queue)
    region = arn.region if arn is not None else caller.region
    return Call("sqs", "SendMessage", params, caller._replace(region=region))


def _printable(text: str) -> str:
    """Return a text as an attribute can hold it. AWS: SQS API_SendMessage, "MessageBody"."""
    short = text.encode(errors="replace")[:MESSAGE_BYTES_MAX].decode(errors="ignore")
    return "".join(c if c in "\t\n\r" or _is_plain(c) else "\ufffd" for c in short)


def _is_plain(character: str) -> bool:
    return character >= " " and character not in "\ufffe\uffff"
