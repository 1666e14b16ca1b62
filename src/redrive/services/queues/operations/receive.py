"""ReceiveMessage: claim by index, bury lazily, drop what is too old."""

from __future__ import annotations

from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result, Wait
from redrive.core.errors import ServiceError
from redrive.core.limits import IN_FLIGHT_MAX, VISIBILITY_MS_MAX, WAIT_MS_MAX
from redrive.core.time import SECOND_MS, Millis
from redrive.services.queues.attributes import COMPUTED, SETTABLE
from redrive.services.queues.contents import attributes_digest, select_attributes
from redrive.services.queues.handles import message_id, receipt_handle
from redrive.services.queues.model import Hidden, Message, Number, Queue
from redrive.services.queues.room import Queues, find, find_by_arn, note
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
    now_ms = context.now_ms
    leased: list[Message] = []
    is_full = _in_flight_is_full(tx, queue, now_ms)
    if is_full:
        if not wait_ms:
            raise ServiceError(
                "OverLimit",
                f"Too many messages in flight: the limit of a queue is {IN_FLIGHT_MAX}.",
                status=403,
            )
    else:
        leased = claim(room, tx, queue, limit, visibility_ms, now_ms)
    if leased:
        return {"Messages": [_shown(queue, message, params) for message in leased]}
    deadline_ms = context.arrived_ms + wait_ms
    if now_ms >= deadline_ms:
        return {}
    due = tx.one(Number, "queues.next_due", heap=queue.heap)
    soonest_ms = now_ms + (_FULL_PAUSE_MS if is_full else 1)
    at_ms = deadline_ms if due is None else min(deadline_ms, max(due.value, soonest_ms))
    return Wait(Millis(at_ms), (queue.topic,), alike=True)


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
            _bury(room, tx, queue, dlq, plan.bury, now_ms)
        if plan.drop:
            drop_expired(tx, queue, [(m.seq, m.receives, m.line) for m in plan.drop], now_ms)
        leased += _lease(tx, queue, plan.deliver, now_ms + visibility_ms, now_ms)
        if len(due) < want or (leased and not visibility_ms):  # else the same ones again
            break
    return leased


def _may_bury(queue: Queue, due: list[Message]) -> bool:
    return queue.receives_max is not None and any(m.receives >= queue.receives_max for m in due)


def _lease(
    tx: Tx, queue: Queue, messages: tuple[Message, ...], visible_ms: int, now_ms: Millis
) -> list[Message]:
    if not messages:
        return []
    touched = 0
    leased: list[Message] = []
    for message in messages:
        if message.receives == 0:
            touched += 1
            first_ms: int = now_ms
        else:
            first_ms = message.first_receive_ms
            note_return(tx, message)
            note(tx, message.line, now_ms, "received", count=message.receives + 1, queue=queue.arn)
        leased.append(
            message._replace(
                visible_ms=visible_ms,
                receives=message.receives + 1,
                first_receive_ms=first_ms,
                receive_ms=now_ms,
            )
        )
    tx.run_many(
        "queues.lease",
        [(m.visible_ms, m.receives, m.first_receive_ms, m.receive_ms, m.seq) for m in leased],
    )
    tx.tally("queues.count", queue.id, received=len(leased), touched=touched)
    return leased


def note_return(tx: Tx, message: Message) -> None:
    """Write down what a lapsed lease leaves behind: the first receive, and the return itself."""
    if message.visible_ms < message.receive_ms:
        return  # buried here, and not received since
    if message.receives == 1:
        note(tx, message.line, message.first_receive_ms, "received", count=1)
    note(tx, message.line, message.visible_ms, "returned", count=message.receives)


def _bury(
    room: Queues, tx: Tx, queue: Queue, dlq: Queue, messages: tuple[Message, ...], now_ms: Millis
) -> None:
    for message in messages:
        note_return(tx, message)
        note(
            tx,
            message.line,
            now_ms,
            "buried",
            count=message.receives,
            receives_max=queue.receives_max,
            source=queue.arn,
            dlq=dlq.arn,
        )
        room.buried(
            tx,
            {
                "AtMs": now_ms,
                "MessageId": message_id(message.seq, room.salt),
                "ReceiveCount": message.receives,
                "Source": queue.arn,
                "DeadLetterQueue": dlq.arn,
            },
        )
        tx.run("queues.bury", heap=dlq.heap, now_ms=now_ms, origin=queue.arn, seq=message.seq)
    count = len(messages)
    tx.tally("queues.count", queue.id, messages=-count, touched=-count, buried_out=count)
    tx.tally("queues.count", dlq.id, messages=count, touched=count, buried_in=count)
    tx.wake(dlq.topic)


def drop_expired(tx: Tx, queue: Queue, expired: list[tuple[int, int, int]], now_ms: Millis) -> None:
    """Remove messages (seq, receives, life-line) whose retention is over."""
    touched = 0
    for seq, receives, line in expired:
        tx.run("queues.remove", seq=seq)
        touched += receives > 0
        note(tx, line, now_ms, "expired", count=receives, queue=queue.arn)
    count = len(expired)
    tx.tally("queues.count", queue.id, messages=-count, touched=-touched, expired=count)


def _shown(queue: Queue, message: Message, params: Params) -> Any:
    """Return one message as ready JSON text, so that its body is not parsed on its way out."""
    handle = receipt_handle(queue.heap, message.seq, message.receives)
    text = b'{"ReceiptHandle":"%b",%b' % (handle.encode("ascii"), message.content)
    wanted = params.get("MessageSystemAttributeNames") or params.get("AttributeNames")
    if wanted:
        system = _system_attributes(message, wanted)
        if system:
            text += b',"Attributes":' + orjson.dumps(system)
    names = params.get("MessageAttributeNames")
    if names and message.attributes is not None:
        text += _user_attributes(message, names)
    return orjson.Fragment(text + b"}")


def _system_attributes(message: Message, wanted: list[str]) -> dict[str, str]:
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
