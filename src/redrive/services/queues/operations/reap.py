"""The internal operation that reclaims what is over: messages, dropped heaps, life-lines."""

from __future__ import annotations

from redrive.core.effects import Context, Params, Result
from redrive.core.ids import SEQ_BITS
from redrive.core.limits import (
    HISTORY_AGE_MS_MAX,
    HISTORY_ROWS_MAX,
    MOVE_TASK_MS_MAX,
    RECREATE_MS,
)
from redrive.services.queues.model import Expired, Number, Queue
from redrive.services.queues.operations import fair, fifo_reap
from redrive.services.queues.operations.fates import drop_expired
from redrive.services.queues.operations.queues import remove
from redrive.services.queues.room import Queues
from redrive.store.store import Tx

REAP_CHUNK = 500
"""Rows removed in one transaction: a few milliseconds in which nobody else is served."""


def reap(room: Queues, tx: Tx, params: Params, context: Context) -> Result:
    """Remove one chunk of each kind; More tells whether there is another (internal; for the
    reaper).
    """
    now_ms = context.now_ms
    more = _reap_heaps(tx)
    for queue in tx.rows(Queue, "queues.all_queues"):
        if queue.is_fifo:
            more = fifo_reap.reap_expired(tx, queue, REAP_CHUNK, now_ms) or more
            continue
        if queue.is_grouped:
            more = fair.tend(room, tx, queue, now_ms) or more
        for lane in fair.lanes(queue):
            more = _reap_expired(room, tx, queue, lane, context) or more
    more = fifo_reap.forget(tx, REAP_CHUNK, now_ms) or more
    more = _reap_history(tx, now_ms) or more
    more = fair.forget_tenants(room, tx, now_ms, REAP_CHUNK) or more
    tx.run("queues.forget_names", before_ms=now_ms - RECREATE_MS)
    tx.run("queues.forget_moves", before_ms=now_ms - 2 * MOVE_TASK_MS_MAX)
    return {"More": more}


def _reap_heaps(tx: Tx) -> bool:
    heap = tx.one(Number, "queues.dropped_heaps")
    if heap is None:
        return False
    has_no_groups = fifo_reap.reap_heap(tx, heap.value, REAP_CHUNK)
    if fair.reap_heap(tx, heap.value, REAP_CHUNK) and has_no_groups:
        tx.run("queues.forget_heap", heap=heap.value)
    return True


def _reap_expired(room: Queues, tx: Tx, queue: Queue, lane: int, context: Context) -> bool:
    before_ms = context.now_ms - queue.retention_ms
    # A message expires at the instant sent + retention itself, so the bound lies one later.
    before_seq = (before_ms + 1) << SEQ_BITS
    fresh = tx.rows(
        Expired,
        "queues.expired",
        heap=lane,
        before_ms=before_ms + queue.delay_ms,
        before_seq=before_seq,
        limit=REAP_CHUNK,
    )
    touched = tx.rows(
        Expired, "queues.expired_returned", heap=lane, before_seq=before_seq, limit=REAP_CHUNK
    )
    gone = {row.seq: row for row in (*fresh, *touched)}
    if gone:
        if queue.is_grouped:
            fair.leave(room, tx, queue, list(gone), context.now_ms, is_deleted=False)
        drop_expired(
            tx,
            queue,
            [(r.seq, r.receives, r.seq if r.lineage is None else r.lineage) for r in gone.values()],
            context.now_ms,
        )
    return max(len(fresh), len(touched)) == REAP_CHUNK


def _reap_history(tx: Tx, now_ms: int) -> bool:
    last = tx.one(Number, "queues.last_history")
    removed = tx.run(
        "queues.forget_history",
        before_ms=now_ms - HISTORY_AGE_MS_MAX,
        up_to=(last.value if last else 0) - HISTORY_ROWS_MAX,
        limit=REAP_CHUNK,
    )
    if removed == 0:
        tx.run("queues.forget_failures", before_ms=now_ms - HISTORY_AGE_MS_MAX)
        tx.run("queues.forget_lineages", before_seq=(now_ms - 2 * HISTORY_AGE_MS_MAX) << SEQ_BITS)
    return removed == REAP_CHUNK


def reset_account(room: Queues, tx: Tx, params: Params, context: Context) -> Result:
    """Remove every queue of the caller's account, in all regions (for /_redrive/reset)."""
    for queue in tx.rows(Queue, "queues.all_queues"):
        if queue.account == context.caller.account:
            remove(tx, queue, context.now_ms)
    tx.run("queues.forget_names_of", account=context.caller.account)
    tx.run("queues.forget_retired_of", account=context.caller.account)
    tx.run("queues.delete_moves_of", account=context.caller.account)
    kept = [r for r in room.recent if r.queue_arn.split(":")[4] != context.caller.account]
    room.recent.clear()
    room.recent.extend(kept)
    return {}
