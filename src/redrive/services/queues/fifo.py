"""FIFO queues: order in groups, deduplication, and what AWS refuses. Pure.

A FIFO queue's messages have a place in their message group, the sequence number. What can be
received of a group is its beginning:

    m1 visible   m2 visible   m3 in flight   m4 visible   m5 delayed
    └── receivable ────────┘  └── hidden by m3, whatever they are ──┘

That one rule is the lock of a group (m1 in flight hides all), the return of what came before a
message whose visibility was extended, and the return of m1 alone while m2 is still in flight.

Invariants
1. A message is delivered only together with, or after the end of, all before it in its group: they
   were deleted, expired, buried, or stand before it in the same receive.
2. A deduplication id is accepted once in five minutes in its scope, whatever became of the message.
3. AWS's quotas of calls a second (FifoThroughputLimit) are kept and shown and not emulated.

AWS: SQS Developer Guide, "FIFO queue delivery logic", "Exactly-once processing"; as captured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from redrive.core.errors import ServiceError
from redrive.core.ids import SEQ_BITS
from redrive.core.limits import DEDUPLICATION_MS
from redrive.core.time import Millis
from redrive.services.queues.model import Message, Queue

SUFFIX = ".fifo"
DEFAULTS: Mapping[str, str] = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
"""What GetQueueAttributes shows of a FIFO queue when nothing was set. AWS: as captured."""

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "FifoQueue": ("true",),
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
_NUMBER_FIRST = 10**19  # so that every sequence number has twenty digits
_ATTEMPT_ID = re.compile(r"[0-9A-Za-z!-/:-@\[-`{-~]{1,128}")


class Numbered(NamedTuple):
    """A message of a FIFO queue."""

    sequence: int  # instant of entering the queue << SEQ_BITS | n
    dedup_id: str
    message: Message


class Head(NamedTuple):
    """The first message of a group."""

    sequence: int
    visible_ms: int


class Place(NamedTuple):
    """Where a message stands."""

    group_id: str
    sequence: int


class Attempt(NamedTuple):
    """A receive that may be tried again."""

    received_ms: int
    visible_ms: int
    held: str  # JSON: [[seq, number of the receive], …]


class Plan(NamedTuple):
    """What to do with the beginning of a group, each in its order."""

    deliver: tuple[Numbered, ...]
    bury: tuple[Numbered, ...]
    drop: tuple[Numbered, ...]
    is_blocked: bool  # by a message that is hidden


# --- order --------------------------------------------------------------------------------------


def plan_group(queue: Queue, members: Sequence[Numbered], now_ms: int, *, buries: bool) -> Plan:
    """Take what can be received from the beginning of a group, up to the first hidden message.

    A message whose retention is over is dropped wherever it stands, hidden or not; one that was
    received receives_max times is buried, and the next one is delivered, as AWS warns: a
    dead-letter queue breaks the order. `buries` is false when the dead-letter queue is gone.
    """
    deliver: list[Numbered] = []
    bury: list[Numbered] = []
    drop: list[Numbered] = []
    is_blocked = False
    for member in members:
        message = member.message
        if is_expired(member.sequence, queue, now_ms):
            drop.append(member)
        elif message.visible_ms > now_ms:
            is_blocked = True
            break
        elif buries and queue.receives_max is not None and message.receives >= queue.receives_max:
            bury.append(member)
        else:
            deliver.append(member)
    return Plan(tuple(deliver), tuple(bury), tuple(drop), is_blocked)


def is_expired(sequence: int, queue: Queue, now_ms: int) -> bool:
    """Tell whether the retention period is over; a move to a dead-letter queue begins it anew.

    AWS: SQS Developer Guide, "Using dead-letter queues", on FIFO queues.
    """
    return (sequence >> SEQ_BITS) + queue.retention_ms <= now_ms


def ready_ms(head: Head, queue: Queue, now_ms: int) -> Millis:
    """Return when a group that changes now is ready: its first message is visible, or has expired.

    Not before now: what becomes ready goes to the back of the rotation.
    """
    expires_ms = (head.sequence >> SEQ_BITS) + queue.retention_ms
    return Millis(max(now_ms, min(head.visible_ms, expires_ms)))


def sequence_number(sequence: int) -> str:
    """Return a sequence as AWS shows it: twenty digits, growing. AWS: API_SendMessage."""
    return str(_NUMBER_FIRST + sequence)


# --- deduplication ------------------------------------------------------------------------------


class Deduplication(NamedTuple):
    """How a queue tells duplicates."""

    is_content_based: bool
    is_by_group: bool


@lru_cache(maxsize=1_000)
def deduplication(attributes: str) -> Deduplication:
    """Read a queue's attributes (JSON text)."""
    given = DEFAULTS | orjson.loads(attributes)
    return Deduplication(
        given["ContentBasedDeduplication"] == "true", given["DeduplicationScope"] == "messageGroup"
    )


def scope_of(how: Deduplication, group_id: str) -> str:
    """Return under which scope an id is remembered: the group's, or '' for the whole queue."""
    return group_id if how.is_by_group else ""


def scopes_of(how: Deduplication, group_id: str) -> tuple[str, ...]:
    """Return in which scopes an id suppresses, the one of the whole queue first.

    What the whole queue has accepted suppresses in every group too, so that a switch to
    messageGroup lets nothing through twice; the switch back does. AWS: as captured.
    """
    return ("", group_id) if how.is_by_group else ("",)


def dedup_id(how: Deduplication, params: Mapping[str, Any]) -> str:
    """Return the deduplication id of a message: the one that is given, or its body's SHA-256.

    AWS: API_SendMessage, MessageDeduplicationId; the refusal as captured.
    """
    given: str | None = params.get("MessageDeduplicationId")
    if given is not None:
        return given
    if not how.is_content_based:
        raise ServiceError(
            "InvalidParameterValue",
            "The queue should either have ContentBasedDeduplication enabled or"
            " MessageDeduplicationId provided explicitly",
        )
    return sha256(params["MessageBody"].encode()).hexdigest()


def since_seq(now_ms: int) -> int:
    """Return the first sequence number of the messages that still suppress duplicates."""
    return (now_ms - DEDUPLICATION_MS + 1) << SEQ_BITS


def is_repeatable(attempt: Attempt, now_ms: int) -> bool:
    """Tell whether a receive may still be tried again. AWS: API_ReceiveMessage."""
    return now_ms < attempt.received_ms + DEDUPLICATION_MS


# --- refusals -----------------------------------------------------------------------------------


_GROUP_TEXT = "The request must contain the parameter MessageGroupId."


def group_id(params: Mapping[str, Any]) -> str:
    """Return a message's group, which a FIFO queue asks for. AWS: as captured."""
    group: str | None = params.get("MessageGroupId")
    if group is None:
        raise ServiceError("MissingParameter", _GROUP_TEXT)
    return group


def check_batch(queue: Queue, entries: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a batch as a whole when one of its messages has no group or no deduplication id.

    The code for a missing group is another one than SendMessage's. AWS: as captured.
    """
    if any(entry.get("MessageGroupId") is None for entry in entries):
        raise ServiceError("InvalidParameterValue", _GROUP_TEXT)
    how = deduplication(queue.attributes)
    for entry in entries:
        dedup_id(how, entry)


def delay_ms(queue: Queue, seconds: int) -> Millis:
    """Return the queue's own delay; a message's own may only be 0. AWS: as captured."""
    if seconds != 0:
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {seconds} for parameter DelaySeconds is invalid. Reason: The request include"
            " parameter that is not valid for this queue type.",
        )
    return Millis(queue.delay_ms)


def check_attempt_id(value: str) -> None:
    """Refuse a ReceiveRequestAttemptId of the wrong form. AWS: API_ReceiveMessage; text guessed."""
    if _ATTEMPT_ID.fullmatch(value) is None:
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {value} for parameter ReceiveRequestAttemptId is invalid. Reason:"
            " ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1"
            " to 128 in length.",
        )


def lapsed(handle: str) -> ServiceError:
    """Return the refusal of a handle whose visibility timeout is over. AWS: as captured."""
    return ServiceError(
        "InvalidParameterValue",
        f"Value {handle} for parameter ReceiptHandle is invalid."
        " Reason: The receipt handle has expired.",
    )


def check_choice(name: str, value: str) -> None:
    """Refuse a value that a FIFO attribute does not take. AWS: API_SetQueueAttributes."""
    if value in _CHOICES[name]:
        return
    is_kind = name == "FifoQueue"
    tail = " Reason: Modifying queue type is not supported." if is_kind else ""
    raise ServiceError("InvalidAttributeValue", f"Invalid value for the parameter {name}.{tail}")


def check_throughput(attributes: Mapping[str, str]) -> None:
    """Refuse a limit for each group while ids are told apart by queue.

    AWS: API_SetQueueAttributes, "The perMessageGroupId value is allowed only when the value for
    DeduplicationScope is messageGroup"; the code is a guess.
    """
    given = {**DEFAULTS, **attributes}
    if (
        given["FifoThroughputLimit"] == "perMessageGroupId"
        and given["DeduplicationScope"] != "messageGroup"
    ):
        raise ServiceError(
            "InvalidAttributeValue",
            "Invalid value for the parameter FifoThroughputLimit. Reason: The perMessageGroupId"
            " value is allowed only when the value for DeduplicationScope is messageGroup.",
        )
