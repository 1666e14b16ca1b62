"""Pure rules: what a receive delivers, buries or drops; visibility; the pace of a move task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from redrive.core.errors import ServiceError
from redrive.core.limits import (
    IN_FLIGHT_MAX,
    MOVE_TASK_MS_MAX,
    RECEIVE_COUNT_MAX,
    VISIBILITY_MS_MAX,
)
from redrive.core.time import SECOND_MS, Millis
from redrive.services.queues.model import Message, Move, Queue

MOVE_CHUNK = 100
"""Messages moved in one transaction: a few milliseconds in which nobody else is served."""


class Receive(NamedTuple):
    """What to do with the messages that were due."""

    deliver: tuple[Message, ...]
    bury: tuple[Message, ...]
    drop: tuple[Message, ...]


def is_expired(message: Message, queue: Queue, now_ms: int) -> bool:
    """Tell whether the retention period is over; it counts from the sending, in a DLQ too.

    AWS: SQS Developer Guide, "Using dead-letter queues", on message retention of standard queues.
    """
    return message.sent_ms + queue.retention_ms <= now_ms


def plan_receive(queue: Queue, due: Sequence[Message], now_ms: int, *, buries: bool) -> Receive:
    """Split due messages into those to deliver, to bury and to drop; each keeps the order of `due`.

    A message that was received receives_max times is buried, not delivered: the count is checked
    before the delivery that would exceed it. `buries` is false when the dead-letter queue is gone:
    then messages go on being delivered, so that none is lost.
    AWS: SQS Developer Guide, "Using dead-letter queues"; API_SetQueueAttributes, RedrivePolicy.
    """
    deliver: list[Message] = []
    bury: list[Message] = []
    drop: list[Message] = []
    for message in due:
        if is_expired(message, queue, now_ms):
            drop.append(message)
        elif buries and queue.receives_max is not None and message.receives >= queue.receives_max:
            bury.append(message)
        else:
            deliver.append(message)
    return Receive(tuple(deliver), tuple(bury), tuple(drop))


def check_receive_count(value: int) -> None:
    """Refuse a MaxNumberOfMessages outside 1 to 10. AWS: API_ReceiveMessage; text as captured."""
    if not 1 <= value <= RECEIVE_COUNT_MAX:
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {value} for parameter MaxNumberOfMessages is invalid."
            " Reason: Must be between 1 and 10, if provided.",
        )


def check_seconds(value: int, name: str, most: int) -> Millis:
    """Return a parameter of seconds as milliseconds, or refuse it. AWS: text as captured."""
    if not 0 <= value <= most:
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {value} for parameter {name} is invalid."
            f" Reason: Must be >= 0 and <= {most}, if provided.",
        )
    return Millis(value * SECOND_MS)


def is_full(in_flight: int) -> bool:
    """Tell whether a standard queue lets no more messages be in flight.

    AWS: SQS Developer Guide, "Quotas related to messages".
    """
    return in_flight >= IN_FLIGHT_MAX


def change_visibility(message: Message, timeout_ms: int, now_ms: int) -> Millis:
    """Return the new visible_ms of a received message.

    The whole time since the latest receive may not exceed twelve hours.
    AWS: API_ChangeMessageVisibility, "12 hour maximum"; the text is a guess.
    """
    if now_ms - message.receive_ms + timeout_ms > VISIBILITY_MS_MAX:
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {timeout_ms // SECOND_MS} for parameter VisibilityTimeout is invalid. Reason:"
            " Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
        )
    return Millis(now_ms + timeout_ms)


def unavailable(handle: str) -> ServiceError:
    """Return the refusal of a visibility change of what is not there. AWS: as captured."""
    return ServiceError(
        "InvalidParameterValue",
        f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or"
        " is not available for visibility timeout change.",
    )


class Pace(NamedTuple):
    """How many messages a move task may move now, and when to ask again."""

    messages: int
    next_ms: Millis


def pace_move(task: Move, now_ms: int) -> Pace:
    """Return how many messages a move task may move at this instant.

    With a rate, message k may move k / rate seconds after the start, so that a delay is caught up,
    but never more than one chunk at a time.
    AWS: API_StartMessageMoveTask, MaxNumberOfMessagesPerSecond.
    """
    if task.rate is None:
        return Pace(MOVE_CHUNK, Millis(now_ms))
    earned = (now_ms - task.started_ms) * task.rate // SECOND_MS + 1
    count = max(0, min(MOVE_CHUNK, earned - task.moved))
    after = task.moved + count
    next_ms = task.started_ms + -(-after * SECOND_MS // task.rate)
    return Pace(count, Millis(max(next_ms, now_ms + 1)))


def is_overdue(task: Move, now_ms: int) -> bool:
    """Tell whether a move task has run for longer than AWS lets it."""
    return now_ms - task.started_ms > MOVE_TASK_MS_MAX
