"""What becomes of messages that a receive, a move or the reaper meets: leased, buried, dropped."""

from __future__ import annotations

from redrive.core.time import Millis
from redrive.services.queues.handles import message_id
from redrive.services.queues.model import Message, Queue
from redrive.services.queues.operations import fifo_groups
from redrive.services.queues.room import Queues, note
from redrive.store.store import Tx


def lease(
    tx: Tx, queue: Queue, messages: tuple[Message, ...], visible_ms: int, now_ms: Millis
) -> list[Message]:
    """Receive messages until visible_ms; return them as they show this receive."""
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


def bury(
    room: Queues, tx: Tx, queue: Queue, dlq: Queue, messages: tuple[Message, ...], now_ms: Millis
) -> None:
    """Move messages to a dead-letter queue, same ids; in a FIFO one they get new places.

    The deduplication id there is the MessageId. The group that they leave is the caller's to tend.
    AWS: SQS Developer Guide, "Using dead-letter queues".
    """
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
        if dlq.is_fifo:
            identity, group = message_id(message.seq, room.salt), message.group_id or ""
            number = tx.sequence(now_ms)
            fifo_groups.enter(tx, dlq, message.seq, group, identity, now_ms, number)
    count = len(messages)
    tx.tally("queues.count", queue.id, messages=-count, touched=-count, buried_out=count)
    tx.tally("queues.count", dlq.id, messages=count, touched=count, buried_in=count)
    tx.wake(dlq.topic)


def drop_expired(tx: Tx, queue: Queue, expired: list[tuple[int, int, int]], now_ms: Millis) -> None:
    """Remove messages (seq, receives, life-line) whose retention is over."""
    touched = 0
    if queue.is_fifo:
        fifo_groups.remove(tx, queue, [seq for seq, _receives, _line in expired], now_ms)
    for seq, receives, line in expired:
        if not queue.is_fifo:
            tx.run("queues.remove", seq=seq)
        touched += receives > 0
        note(tx, line, now_ms, "expired", count=receives, queue=queue.arn)
    count = len(expired)
    tx.tally("queues.count", queue.id, messages=-count, touched=-touched, expired=count)
