"""The rows of FIFO groups: a message enters one, leaves one, and whose turn it is.

Invariants
1. A group has a row as long as it has messages, so that a receive finds free groups by index and
   never looks at the backlog of a locked one.
2. Its ready_ms is the instant at which its first message is visible or expires, or later: the
   instant at which it last became ready, which puts it at the back of the rotation.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from redrive.core.time import Millis
from redrive.services.queues.fifo import Head, Place, ready_ms
from redrive.services.queues.model import Queue
from redrive.store.store import Tx


def enter(
    tx: Tx, queue: Queue, seq: int, group_id: str, dedup_id: str, visible_ms: int, sequence: int
) -> None:
    """Give a stored message the last place in its group; it is visible at visible_ms."""
    tx.run_values("fifo.number", (sequence, dedup_id, seq))
    tx.run_values("fifo.open_group", (queue.heap, group_id, visible_ms, sequence))


def remove(tx: Tx, queue: Queue, seqs: Sequence[int], now_ms: Millis) -> None:
    """Remove messages; groups whose first message is another one now may become ready."""
    text = orjson.dumps(seqs).decode()
    first: dict[str, int] = {}
    for place in tx.rows(Place, "fifo.places", seqs=text):
        first[place.group_id] = min(place.sequence, first.get(place.group_id, place.sequence))
    tx.run_many("queues.remove", [(seq,) for seq in seqs])
    for group_id, sequence in first.items():
        refresh(tx, queue, group_id, sequence, now_ms)


def refresh(tx: Tx, queue: Queue, group_id: str, changed: int, now_ms: Millis) -> None:
    """Say anew when a group is ready, after a change of its message number `changed` or of later
    ones.

    A change behind the first message changes nothing. Whoever waits looks again: the group may be
    ready now, or sooner than they know.
    """
    head: Head | None = tx.one(Head, "fifo.head", heap=queue.heap, group_id=group_id)
    if head is None:
        tx.run("fifo.close_group", heap=queue.heap, group_id=group_id)
    elif changed <= head.sequence:
        set_ready(tx, queue, group_id, head, now_ms)
        tx.wake(queue.topic)


def set_ready(tx: Tx, queue: Queue, group_id: str, head: Head, now_ms: Millis) -> None:
    """Put a group at the back of the rotation, ready when its first message is."""
    tx.run(
        "fifo.set_ready",
        heap=queue.heap,
        group_id=group_id,
        ready_ms=ready_ms(head, queue, now_ms),
        turn=tx.sequence(now_ms),
    )
