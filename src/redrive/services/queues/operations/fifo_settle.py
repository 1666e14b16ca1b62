"""Deleting and hiding messages of a FIFO queue: only while their visibility timeout runs."""

from __future__ import annotations

from collections.abc import Sequence

from redrive.core.time import Millis
from redrive.services.queues import fifo
from redrive.services.queues.fifo import Numbered
from redrive.services.queues.handles import Handle
from redrive.services.queues.model import Queue
from redrive.services.queues.operations import fifo_groups
from redrive.services.queues.operations.fifo_receive import read_message
from redrive.services.queues.rules import change_visibility, unavailable
from redrive.store.store import Tx


def check_held(tx: Tx, queue: Queue, handle: Handle, text: str, now_ms: Millis) -> None:
    """Refuse a handle whose lease is over, or was taken over by a later receive.

    What is not there any more is deleted silently, as on a standard queue. AWS: as captured.
    """
    found = _find(tx, queue, handle, now_ms)
    if found is not None:
        _check_lease(found, handle, text, now_ms)


def only_held(tx: Tx, queue: Queue, handles: Sequence[Handle], now_ms: Millis) -> list[Handle]:
    """Return the handles that a delete would not refuse."""
    held = []
    for handle in handles:
        found = _find(tx, queue, handle, now_ms)
        if found is None or not _is_lapsed(found, handle, now_ms):
            held.append(handle)
    return held


def change(
    tx: Tx, queue: Queue, handle: Handle, text: str, timeout_ms: int, now_ms: Millis
) -> None:
    """Set when a message becomes visible again, and with it all later ones of its group.

    AWS: API_ChangeMessageVisibility; as captured. That a lapsed handle is refused as by a delete is
    a guess.
    """
    found = _find(tx, queue, handle, now_ms)
    if found is None:
        raise unavailable(text)
    _check_lease(found, handle, text, now_ms)
    visible_ms = change_visibility(found.message, timeout_ms, now_ms)
    tx.run("queues.hide", visible_ms=visible_ms, seq=found.message.seq)
    fifo_groups.refresh(tx, queue, found.message.group_id or "", found.sequence, now_ms)


def _find(tx: Tx, queue: Queue, handle: Handle, now_ms: Millis) -> Numbered | None:
    if handle.heap != queue.heap:
        return None
    found = read_message(tx, queue, handle.seq)
    return None if found is None or fifo.is_expired(found.sequence, queue, now_ms) else found


def _check_lease(found: Numbered, handle: Handle, text: str, now_ms: Millis) -> None:
    if _is_lapsed(found, handle, now_ms):
        raise fifo.lapsed(text)


def _is_lapsed(found: Numbered, handle: Handle, now_ms: Millis) -> bool:
    return found.message.receives != handle.receives or found.message.visible_ms <= now_ms
