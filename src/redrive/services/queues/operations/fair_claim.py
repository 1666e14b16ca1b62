"""ReceiveMessage on a standard queue that has met a message group: quiet tenants go first."""

from __future__ import annotations

from redrive.core.time import Millis
from redrive.services.queues.model import Message, Queue
from redrive.services.queues.operations import fair
from redrive.services.queues.operations.fates import bury, drop_expired, lease
from redrive.services.queues.room import Queues, find_by_arn
from redrive.services.queues.rules import plan_receive
from redrive.store.store import Tx


def claim_fairly(
    room: Queues, tx: Tx, queue: Queue, limit: int, visibility_ms: int, now_ms: Millis
) -> list[Message]:
    """Lease up to `limit` due messages until now + visibility_ms; bury and drop those that are due
    it.

    Messages of noisy tenants come after all others; within both kinds, order is that of becoming
    visible. The messages returned show the receive that this is.
    AWS: SQS Developer Guide, "Amazon SQS fair queues".
    """
    leased: list[Message] = []
    dlq = None if queue.dlq_arn is None else find_by_arn(tx, queue.dlq_arn)
    while len(leased) < limit:
        want = limit - len(leased)
        due = fair.due(room, tx, queue, want, now_ms)
        plan = plan_receive(queue, due, now_ms, buries=dlq is not None)
        if plan.bury:
            assert dlq is not None
            fair.bury(room, tx, queue, dlq, plan.bury, now_ms)
            bury(room, tx, queue, dlq, plan.bury, now_ms)
        if plan.drop:
            fair.leave(room, tx, queue, [m.seq for m in plan.drop], now_ms, is_deleted=False)
            drop_expired(tx, queue, [(m.seq, m.receives, m.line) for m in plan.drop], now_ms)
        if plan.deliver:
            delivered = lease(tx, queue, plan.deliver, now_ms + visibility_ms, now_ms)
            fair.leased(room, tx, queue, delivered, now_ms)
            leased += delivered
        if len(due) < want or (leased and not visibility_ms):  # else the same ones again
            break
    return leased
