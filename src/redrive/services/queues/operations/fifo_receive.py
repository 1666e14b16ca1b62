"""Receiving from a FIFO queue: group by group, each from its beginning; attempts that are repeated.

A receive takes as many messages as it can from the group whose turn it is, then from the next. A
group that has given some is locked by them.
"""

from __future__ import annotations

import orjson

from redrive.core.time import Millis
from redrive.services.queues import fifo
from redrive.services.queues.fifo import Attempt, Head, Numbered
from redrive.services.queues.model import Message, Queue, Text
from redrive.services.queues.operations import fifo_groups
from redrive.services.queues.operations.fates import bury, drop_expired, lease
from redrive.services.queues.room import Queues, find_by_arn
from redrive.store.store import Tx


def receive(
    room: Queues,
    tx: Tx,
    queue: Queue,
    attempt_id: str | None,
    limit: int,
    visibility_ms: int,
    now_ms: Millis,
) -> list[Numbered]:
    """Lease up to `limit` messages until now + visibility_ms, or those of the same attempt again.

    AWS: API_ReceiveMessage, ReceiveRequestAttemptId.
    """
    if attempt_id is None:
        return claim(room, tx, queue, limit, visibility_ms, now_ms)
    again = repeat(tx, queue, attempt_id, visibility_ms, now_ms)
    if again:
        return again
    claimed = claim(room, tx, queue, limit, visibility_ms, now_ms)
    if claimed:
        _keep_attempt(tx, queue, attempt_id, now_ms, claimed)
    return claimed


def claim(
    room: Queues, tx: Tx, queue: Queue, limit: int, visibility_ms: int, now_ms: Millis
) -> list[Numbered]:
    """Lease up to `limit` messages, as many as possible from one group, then from the next."""
    claimed: list[Numbered] = []
    before = tx.sequence(
        now_ms
    )  # a group is met once in a receive, whatever its visibility timeout
    while len(claimed) < limit:
        group = tx.one(Text, "fifo.ready", heap=queue.heap, now_ms=now_ms, before=before)
        if group is None:
            break
        want = limit - len(claimed)
        claimed += _claim_group(room, tx, queue, group.value, want, visibility_ms, now_ms)
    return claimed


def _claim_group(
    room: Queues,
    tx: Tx,
    queue: Queue,
    group_id: str,
    limit: int,
    visibility_ms: int,
    now_ms: Millis,
) -> list[Numbered]:
    claimed: list[Numbered] = []
    dlq = None if queue.dlq_arn is None else find_by_arn(tx, queue.dlq_arn)
    after = 0
    while len(claimed) < limit:
        want = limit - len(claimed)
        members = read_members(tx, queue, group_id, after, want)
        plan = fifo.plan_group(queue, members, now_ms, buries=dlq is not None)
        if plan.bury:
            assert dlq is not None
            bury(room, tx, queue, dlq, tuple(m.message for m in plan.bury), now_ms)
        if plan.drop:
            gone = [(m.message.seq, m.message.receives, m.message.line) for m in plan.drop]
            drop_expired(tx, queue, gone, now_ms)
        given = tuple(m.message for m in plan.deliver)
        leased = lease(tx, queue, given, now_ms + visibility_ms, now_ms)
        claimed += [m._replace(message=new) for m, new in zip(plan.deliver, leased, strict=True)]
        if plan.is_blocked or len(members) < want:
            break
        after = members[-1].sequence
    if claimed:
        head = Head(claimed[0].sequence, claimed[0].message.visible_ms)
        fifo_groups.set_ready(tx, queue, group_id, head, now_ms)
    else:
        fifo_groups.refresh(tx, queue, group_id, 0, now_ms)
    return claimed


def read_members(tx: Tx, queue: Queue, group_id: str, after: int, limit: int) -> list[Numbered]:
    """Return the messages of a group behind number `after`, in their order."""
    rows = tx.rows(
        tuple, "fifo.members", heap=queue.heap, group_id=group_id, after=after, limit=limit
    )
    return [Numbered(row[0], row[1], Message._make(row[2:])) for row in rows]


def read_message(tx: Tx, queue: Queue, seq: int) -> Numbered | None:
    """Return one message of a queue, or None."""
    rows = tx.rows(tuple, "fifo.numbered", heap=queue.heap, seq=seq)
    return Numbered(rows[0][0], rows[0][1], Message._make(rows[0][2:])) if rows else None


def repeat(
    tx: Tx, queue: Queue, attempt_id: str, visibility_ms: int, now_ms: Millis
) -> list[Numbered]:
    """Return the messages of an earlier try under the same handles, hidden anew; or nothing.

    The earlier try is void when one of its messages was deleted, changed or received since, has
    expired, or five minutes are over. A repeated receive counts no further receive.
    """
    attempt: Attempt | None = tx.one(
        Attempt, "fifo.attempt", heap=queue.heap, attempt_id=attempt_id
    )
    if attempt is None or not fifo.is_repeatable(attempt, now_ms):
        return []
    again: list[Numbered] = []
    for seq, receives in orjson.loads(attempt.held):
        found = read_message(tx, queue, seq)
        if (
            found is None
            or (found.message.receives, found.message.visible_ms) != (receives, attempt.visible_ms)
            or fifo.is_expired(found.sequence, queue, now_ms)
        ):
            return []
        message = found.message._replace(visible_ms=now_ms + visibility_ms)
        again.append(found._replace(message=message))
    tx.run_many("queues.hide", [(m.message.visible_ms, m.message.seq) for m in again])
    first: dict[str, int] = {}
    for found in again:
        first.setdefault(found.message.group_id or "", found.sequence)
    for group_id, sequence in first.items():
        fifo_groups.refresh(tx, queue, group_id, sequence, now_ms)
    _keep_attempt(tx, queue, attempt_id, attempt.received_ms, again)
    return again


def _keep_attempt(
    tx: Tx, queue: Queue, attempt_id: str, received_ms: int, held: list[Numbered]
) -> None:
    tx.run(
        "fifo.keep_attempt",
        heap=queue.heap,
        attempt_id=attempt_id,
        received_ms=received_ms,
        visible_ms=held[0].message.visible_ms,
        held=orjson.dumps([(m.message.seq, m.message.receives) for m in held]).decode(),
    )


def system_attributes(received: Numbered) -> dict[str, str]:
    """Return the system attributes that only messages of FIFO queues have."""
    return {
        "SequenceNumber": fifo.sequence_number(received.sequence),
        "MessageDeduplicationId": received.dedup_id,
    }
