"""ReceiveMessage: claim by index, bury lazily, drop what is too old."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result, Wait
from redrive.core.errors import ServiceError
from redrive.core.limits import IN_FLIGHT_MAX, VISIBILITY_MS_MAX, WAIT_MS_MAX
from redrive.core.time import SECOND_MS, Millis
from redrive.services.queues.attributes import COMPUTED, SETTABLE
from redrive.services.queues.contents import attributes_digest, select_attributes
from redrive.services.queues.fifo import check_attempt_id
from redrive.services.queues.handles import receipt_handle
from redrive.services.queues.model import Hidden, Message, Number, Queue
from redrive.services.queues.operations import fair, fifo_receive
from redrive.services.queues.operations.fair_claim import claim_fairly
from redrive.services.queues.operations.fates import bury, drop_expired, lease
from redrive.services.queues.room import Queues, find, find_by_arn
from redrive.services.queues.rules import (
    check_receive_count,
    check_seconds,
    is_full,
    plan_receive,
)
from redrive.services.queues.shapes import ReceiveMessageParams
from redrive.store.store import Tx

_FULL_PAUSE_MS = 250
"""Before a long poll looks again at a queue whose in-flight quota is used up: looking counts
rows."""


RECEIVABLE = frozenset(
    (
        "All",
        "SenderId",
        "SentTimestamp",
        "ApproximateReceiveCount",
        "ApproximateFirstReceiveTimestamp",
        "SequenceNumber",
        "MessageDeduplicationId",
        "MessageGroupId",
        "AWSTraceHeader",
        "DeadLetterQueueSourceArn",
    )
).union(SETTABLE, COMPUTED)
"""What a receive may ask for; the model lets the older AttributeNames name queue attributes too,
which no message has. AWS: API_ReceiveMessage, MessageSystemAttributeNames."""


def receive_message(
    room: Queues, tx: Tx, params: ReceiveMessageParams, context: Context
) -> Result | Wait:
    """Lease up to ten messages, or wait for the first. AWS: API_ReceiveMessage.

    An empty result has no Messages member. Order is that of becoming visible.
    """
    queue = find(tx, params["QueueUrl"], context, "ReceiveMessage")
    wanted = params.get("MessageSystemAttributeNames") or params.get("AttributeNames") or ()
    for name in wanted:
        if name not in RECEIVABLE:
            raise ServiceError("InvalidAttributeName", f"Unknown Attribute {name}.")
    limit = params.get("MaxNumberOfMessages", 1)
    check_receive_count(limit)
    wait = params.get("WaitTimeSeconds")
    wait_ms = (
        Millis(queue.wait_ms)
        if wait is None
        else check_seconds(wait, "WaitTimeSeconds", WAIT_MS_MAX // SECOND_MS)
    )
    visibility = params.get("VisibilityTimeout")
    visibility_ms = (
        Millis(queue.visibility_ms)
        if visibility is None
        else check_seconds(visibility, "VisibilityTimeout", VISIBILITY_MS_MAX // SECOND_MS)
    )
    attempt_id = params.get("ReceiveRequestAttemptId") if queue.is_fifo else None
    show = partial(_shown, queue, params)
    shown = take(room, tx, queue, limit, visibility_ms, wait_ms, context, attempt_id, show)
    if isinstance(shown, Wait):
        return shown
    return {"Messages": shown} if shown else {}


def take(
    room: Queues,
    tx: Tx,
    queue: Queue,
    limit: int,
    visibility_ms: int,
    wait_ms: int,
    context: Context,
    attempt_id: str | None,
    show: Callable[[Message, Mapping[str, str] | None], Any],
) -> list[Any] | Wait:
    """Lease up to `limit` messages, as `show` shows them; none when wait_ms is over.

    `show` gets each one opened where it was sealed, and on a FIFO queue the system attributes that
    only its messages have. Raises OverLimit where the quota of messages in flight is used up and
    nobody waits; on a FIFO queue that is no error. AWS: API_ReceiveMessage; FIFO as captured.
    """
    now_ms = context.now_ms
    is_full = _in_flight_is_full(tx, queue, now_ms)
    if queue.is_fifo:
        if attempt_id is not None:
            check_attempt_id(attempt_id)
        limit = 0 if is_full else limit
        received = fifo_receive.receive(room, tx, queue, attempt_id, limit, visibility_ms, now_ms)
        if received:
            numbers = fifo_receive.system_attributes
            return [show(room.opened(one.message), numbers(one)) for one in received]
    elif not is_full:
        leased = claim(room, tx, queue, limit, visibility_ms, now_ms)
        if leased:
            if room.cipher is not None:
                leased = [room.cipher.opened(message) for message in leased]
            return [show(message, None) for message in leased]
    elif not wait_ms:
        raise ServiceError(
            "OverLimit",
            f"Too many messages in flight: the limit of a queue is {IN_FLIGHT_MAX}.",
            status=403,
        )
    deadline_ms = context.arrived_ms + wait_ms
    if now_ms >= deadline_ms:
        room.note_empty(queue.id)
        return []
    due = _next_due(tx, queue)
    soonest_ms = now_ms + (_FULL_PAUSE_MS if is_full else 1)
    at_ms = deadline_ms if due is None else min(deadline_ms, max(due.value, soonest_ms))
    return Wait(Millis(at_ms), (queue.topic,), alike=attempt_id is None)


def _next_due(tx: Tx, queue: Queue) -> Number | None:
    """Return when the next message of a queue can be received, as far as it is known."""
    if queue.is_fifo:
        return tx.one(Number, "fifo.next_ready", heap=queue.heap)
    if queue.is_grouped:
        return fair.next_due(tx, queue)
    return tx.one(Number, "queues.next_due", heap=queue.heap)


def _in_flight_is_full(tx: Tx, queue: Queue, now_ms: int) -> bool:
    """Tell whether the queue is at its quota; the exact count is only taken when it could be."""
    touched = tx.one(Number, "queues.touched", queue=queue.id)
    if touched is None or not is_full(touched.value):
        return False
    hidden = tx.one(Hidden, "queues.count_hidden", heap=queue.heap, now_ms=now_ms)
    return hidden is not None and is_full(hidden.in_flight)


def claim(
    room: Queues, tx: Tx, queue: Queue, limit: int, visibility_ms: int, now_ms: Millis
) -> list[Message]:
    """Lease up to `limit` due messages until now + visibility_ms; bury and drop those that are due
    it.

    The messages returned show the receive that this is.
    """
    if queue.is_grouped:
        return claim_fairly(room, tx, queue, limit, visibility_ms, now_ms)
    leased: list[Message] = []
    dlq: Queue | None = None
    while len(leased) < limit:
        want = limit - len(leased)
        due = tx.rows(Message, "queues.due", heap=queue.heap, now_ms=now_ms, limit=want)
        if not due:
            break
        if dlq is None and queue.dlq_arn is not None and _may_bury(queue, due):
            dlq = find_by_arn(tx, queue.dlq_arn)
        plan = plan_receive(queue, due, now_ms, buries=dlq is not None)
        if plan.bury:
            assert dlq is not None
            bury(room, tx, queue, dlq, plan.bury, now_ms)
        if plan.drop:
            drop_expired(tx, queue, [(m.seq, m.receives, m.line) for m in plan.drop], now_ms)
        leased += lease(tx, queue, plan.deliver, now_ms + visibility_ms, now_ms)
        if len(due) < want or (leased and not visibility_ms):  # else the same ones again
            break
    return leased


def _may_bury(queue: Queue, due: list[Message]) -> bool:
    return queue.receives_max is not None and any(m.receives >= queue.receives_max for m in due)


def _shown(
    queue: Queue, params: Params, message: Message, numbered: Mapping[str, str] | None
) -> Any:
    """Return one message as ready JSON text, so that its body is not parsed on its way out."""
    handle = receipt_handle(queue.heap, message.seq, message.receives)
    text = b'{"ReceiptHandle":"%b",%b' % (handle.encode("ascii"), message.content)
    wanted = params.get("MessageSystemAttributeNames") or params.get("AttributeNames")
    if wanted:
        system = _system_attributes(message, wanted, numbered)
        if system:
            text += b',"Attributes":' + orjson.dumps(system)
    names = params.get("MessageAttributeNames")
    if names and message.attributes is not None:
        text += _user_attributes(message, names)
    return orjson.Fragment(text + b"}")


def _system_attributes(
    message: Message, wanted: list[str], numbered: Mapping[str, str] | None
) -> dict[str, str]:
    """Return the system attributes that are asked for; the order is that of Lambda's records."""
    every: dict[str, str | None] = {
        "ApproximateReceiveCount": str(message.receives),
        "SentTimestamp": str(message.sent_ms),
        "MessageGroupId": message.group_id,
        "SenderId": message.sender,
        "ApproximateFirstReceiveTimestamp": str(message.first_receive_ms),
        "AWSTraceHeader": message.trace,
        "DeadLetterQueueSourceArn": message.origin,
    }
    if numbered is not None:
        every.update(numbered)
    return {
        name: value
        for name, value in every.items()
        if value is not None and ("All" in wanted or name in wanted)
    }


def _user_attributes(message: Message, names: list[str]) -> bytes:
    assert message.attributes is not None
    if "All" in names or ".*" in names:
        return b',"MD5OfMessageAttributes":"%b","MessageAttributes":%b' % (
            (message.attributes_md5 or "").encode("ascii"),
            message.attributes,
        )
    chosen = select_attributes(names, orjson.loads(message.attributes))
    if not chosen:
        return b""
    return b',"MD5OfMessageAttributes":"%b","MessageAttributes":%b' % (
        attributes_digest(chosen).encode("ascii"),
        orjson.dumps(chosen),
    )
