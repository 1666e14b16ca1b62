"""Message move tasks between FIFO queues: in the order of each group, and once in five minutes."""

from __future__ import annotations

from redrive.core.time import Millis
from redrive.services.queues import fifo
from redrive.services.queues.handles import message_id
from redrive.services.queues.model import Message, Queue, Text
from redrive.services.queues.operations import fifo_groups, fifo_send
from redrive.services.queues.operations.fates import drop_expired, note_return
from redrive.services.queues.operations.fifo_receive import read_members
from redrive.services.queues.room import Queues, note
from redrive.store.store import Tx


def due(tx: Tx, source: Queue, limit: int, now_ms: Millis) -> list[Message]:
    """Return up to `limit` messages that may be moved: of each free group the beginning.

    What has expired is dropped on the way.
    """
    found: list[Message] = []
    while not found:
        groups = tx.rows(Text, "fifo.ready_groups", heap=source.heap, now_ms=now_ms, limit=limit)
        if not groups:
            break
        for group in groups:
            if len(found) == limit:
                break
            found += _due_of(tx, source, group.value, limit - len(found), now_ms)
    return found


def _due_of(tx: Tx, source: Queue, group_id: str, limit: int, now_ms: Millis) -> list[Message]:
    members = read_members(tx, source, group_id, 0, limit)
    plan = fifo.plan_group(source, members, now_ms, buries=False)
    if plan.drop:
        gone = [(m.message.seq, m.message.receives, m.message.line) for m in plan.drop]
        drop_expired(tx, source, gone, now_ms)
    if not plan.deliver:
        fifo_groups.refresh(tx, source, group_id, 0, now_ms)
    return [member.message for member in plan.deliver]


def suppress(
    room: Queues, tx: Tx, source: Queue, destination: Queue, message: Message, now_ms: Millis
) -> bool:
    """Take a message away that its destination has accepted already; tell whether it was one.

    A moved message's deduplication id is its MessageId before the move; under it the destination
    knows a message less than five minutes old. AWS: SQS Developer Guide, "Dead-letter queue
    redrive"; that a suppressed message leaves the source is a guess.
    """
    old = message_id(message.seq, room.salt)
    first = fifo_send.find_accepted(tx, destination, message.group_id or "", old, now_ms)
    if first is None:
        return False
    if message.receives:
        note_return(tx, message)
    fifo_groups.remove(tx, source, [message.seq], now_ms)
    note(
        tx,
        message.line,
        now_ms,
        "redriven",
        old=old,
        duplicate_of=message_id(first, room.salt),
        source=source.arn,
        destination=destination.arn,
    )
    tx.tally("queues.count", source.id, messages=-1, touched=-(message.receives > 0), moved_out=1)
    tx.tally("queues.count", destination.id, deduplicated=1)
    return True


def enter(tx: Tx, destination: Queue, message: Message, seq: int, old: str, now_ms: Millis) -> None:
    """Give a message that was stored anew its place; its old MessageId suppresses repetitions."""
    group = message.group_id or ""
    fifo_groups.enter(tx, destination, seq, group, old, now_ms, seq)
    fifo_send.accept(tx, destination, group, old, seq)
