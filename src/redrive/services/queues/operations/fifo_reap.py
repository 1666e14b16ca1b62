"""Reclaiming what is over on FIFO queues: messages, deduplication ids, receive attempts, groups."""

from __future__ import annotations

from redrive.core.ids import SEQ_BITS
from redrive.core.limits import DEDUPLICATION_MS
from redrive.core.time import Millis
from redrive.services.queues import fifo
from redrive.services.queues.model import Expired, Queue
from redrive.services.queues.operations.fates import drop_expired
from redrive.store.store import Tx


def reap_expired(tx: Tx, queue: Queue, limit: int, now_ms: Millis) -> bool:
    """Drop a chunk of expired messages, which may free their groups; tell whether there is more."""
    # A message expires at the instant of its entering + retention, so the bound lies one later.
    before = (now_ms - queue.retention_ms + 1) << SEQ_BITS
    gone = tx.rows(Expired, "fifo.expired", heap=queue.heap, before_sequence=before, limit=limit)
    if gone:
        lines = [(r.seq, r.receives, r.seq if r.lineage is None else r.lineage) for r in gone]
        drop_expired(tx, queue, lines, now_ms)
    return len(gone) == limit


def forget(tx: Tx, limit: int, now_ms: Millis) -> bool:
    """Let go of a chunk of ids and attempts that are over; tell whether there is more."""
    accepted = tx.run("fifo.forget_accepted", before_seq=fifo.since_seq(now_ms), limit=limit)
    attempts = tx.run("fifo.forget_attempts", before_ms=now_ms - DEDUPLICATION_MS, limit=limit)
    return max(accepted, attempts) == limit


def reap_heap(tx: Tx, heap: int, limit: int) -> bool:
    """Remove a chunk of the groups of a heap that no queue owns; tell whether that was all."""
    return tx.run("fifo.reap_groups", heap=heap, limit=limit) < limit
