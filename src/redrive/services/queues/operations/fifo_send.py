"""Sending to a FIFO queue: once in five minutes for each deduplication id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from redrive.core.effects import Context
from redrive.services.queues import fifo
from redrive.services.queues.contents import Content
from redrive.services.queues.handles import message_id
from redrive.services.queues.model import Number, Queue
from redrive.services.queues.operations import fifo_groups
from redrive.services.queues.room import Queues
from redrive.store.store import Tx


class Storing(Protocol):
    """How a message is stored on any queue."""

    def __call__(
        self,
        room: Queues,
        tx: Tx,
        queue: Queue,
        content: Content,
        context: Context,
        seq: int,
        /,
        *,
        alone: bool,
    ) -> dict[str, Any]:
        """Store a message under its number; return what its sender hears."""
        ...


def send(
    room: Queues,
    tx: Tx,
    queue: Queue,
    content: Content,
    params: Mapping[str, Any],
    context: Context,
    store: Storing,
) -> dict[str, Any]:
    """Store an admitted message at the end of its group, unless it is a duplicate.

    A duplicate's sender hears the id and the sequence number of the message that was accepted, and
    nothing is stored. AWS: SQS Developer Guide, "Exactly-once processing".
    """
    now_ms = context.now_ms
    how = fifo.deduplication(queue.attributes)
    dedup_id = fifo.dedup_id(how, params)
    assert content.group_id is not None
    first = find_accepted(tx, queue, content.group_id, dedup_id, now_ms)
    if first is not None:
        tx.tally("queues.count", queue.id, deduplicated=1)
        return _answer(room, content, first)
    seq = tx.sequence(now_ms)
    sent = store(room, tx, queue, content, context, seq, alone=False)
    visible_ms = now_ms + content.delay_ms
    fifo_groups.enter(tx, queue, seq, content.group_id, dedup_id, visible_ms, seq)
    accept(tx, queue, content.group_id, dedup_id, seq)
    size = content.size_bytes
    tx.tally("queues.count", queue.id, messages=1, sent=1, sent_bytes=size)
    room.widen(queue.id, size)
    tx.wake(queue.topic)
    sent["SequenceNumber"] = fifo.sequence_number(seq)
    return sent


def find_accepted(tx: Tx, queue: Queue, group_id: str, dedup_id: str, now_ms: int) -> int | None:
    """Return the number of the message that makes another one a duplicate, or None."""
    since_seq = fifo.since_seq(now_ms)
    for scope in fifo.scopes_of(fifo.deduplication(queue.attributes), group_id):
        row = tx.one(
            Number,
            "fifo.accepted",
            heap=queue.heap,
            scope=scope,
            dedup_id=dedup_id,
            since_seq=since_seq,
        )
        if row is not None:
            return int(row.value)
    return None


def accept(tx: Tx, queue: Queue, group_id: str, dedup_id: str, seq: int) -> None:
    """Remember a deduplication id for five minutes from the instant in `seq`."""
    scope = fifo.scope_of(fifo.deduplication(queue.attributes), group_id)
    tx.run_values("fifo.accept", (queue.heap, scope, dedup_id, seq))


def _answer(room: Queues, content: Content, first: int) -> dict[str, Any]:
    sent = {
        "MD5OfMessageBody": content.body_md5,
        "MessageId": message_id(first, room.salt),
        "SequenceNumber": fifo.sequence_number(first),
    }
    if content.attributes_md5 is not None:
        sent["MD5OfMessageAttributes"] = content.attributes_md5
    if content.system_md5 is not None:
        sent["MD5OfMessageSystemAttributes"] = content.system_md5
    return sent
