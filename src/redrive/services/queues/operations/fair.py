"""Fair queues: what is received next, and the account of what each tenant holds.

A heap with groups has two lanes: its number is the quiet one, the number with a minus the noisy
one. A claim takes from the noisy lane what the quiet one does not have. Messages of noisy tenants
that it meets in the quiet lane are put into the other one, a chunk at a time and each of them once;
those sent while their tenant is noisy go there at once. Only queues that have met a group come here
(Queue.is_grouped); what else reads messages of a heap must look into both lanes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from redrive.core.time import Millis
from redrive.services.queues.fair import CALMING, NOISY, QUIET, WHOLE, Hold, Tenant, judge
from redrive.services.queues.model import Message, Number, Queue
from redrive.services.queues.operations.fair_ledger import Ledger
from redrive.services.queues.room import Queues
from redrive.store.store import Tx

CHUNK = 500
"""Messages put into another lane, or holds ended, by one statement: a few milliseconds in which
nobody else is served."""
_SHIFTS_MAX = 2
"""Chunks that one claim puts into the noisy lane before it delivers what it has found."""
_CALMING_MAX = 10
"""Tenants whose messages one claim puts back."""


class Grouped(NamedTuple):
    """Which group a message has."""

    seq: int
    group_id: str | None


def _json(seqs: Iterable[int]) -> str:
    return orjson.dumps(list(seqs)).decode()


def lanes(queue: Queue) -> tuple[int, ...]:
    """Return the lanes that a queue's messages may be in."""
    return (queue.heap, -queue.heap) if queue.is_grouped else (queue.heap,)


# --- what is received next ----------------------------------------------------------------------


def due(room: Queues, tx: Tx, queue: Queue, limit: int, now_ms: Millis) -> list[Message]:
    """Return messages that may be received: of quiet tenants, then, if there is room, of noisy
    ones.

    Fewer than `limit` are all there are. Behind more than two chunks of a noisy tenant's messages
    that are not in its lane yet, quiet ones are found by a later claim or by the reaper.
    """
    end_lapsed(room, tx, queue.heap, now_ms)
    calm(room, tx, queue.heap, now_ms)
    shifts = 0
    while True:
        found: list[Message] = tx.rows(
            Message, "queues.due", heap=queue.heap, now_ms=now_ms, limit=limit
        )
        noisy = _noisy_among(room, tx, queue, {message.group_id for message in found}, now_ms)
        if not noisy or shifts == _SHIFTS_MAX:
            break
        tx.run("queues.shift", heap=queue.heap, now_ms=now_ms, limit=CHUNK)
        shifts += 1
    quiet = [message for message in found if message.group_id not in noisy]
    if len(quiet) < limit:
        quiet += tx.rows(
            Message, "queues.due", heap=-queue.heap, now_ms=now_ms, limit=limit - len(quiet)
        )
    return quiet


def _noisy_among(
    room: Queues, tx: Tx, queue: Queue, groups: set[str | None], now_ms: Millis
) -> set[str | None]:
    """Judge tenants that were met; return those that are noisy."""
    named = groups - {None}
    if not named:
        return set()
    ledger = Ledger(tx, room.fairness, queue.heap, named, now_ms)
    ledger.close()
    return {group for group in named if group and ledger.noise(group) == NOISY}


def due_in_lanes(tx: Tx, queue: Queue, limit: int, now_ms: Millis) -> list[Message]:
    """Return messages that are due, whoever's they are: for what moves a queue's messages away."""
    found: list[Message] = []
    for lane in lanes(queue):
        found += tx.rows(Message, "queues.due", heap=lane, now_ms=now_ms, limit=limit - len(found))
    return found


def peek_in_lanes(tx: Tx, queue: Queue, limit: int) -> list[Message]:
    """Return messages in the order of their becoming visible, whoever's they are."""
    found: list[Message] = []
    for lane in lanes(queue):
        found += tx.rows(Message, "queues.peek", heap=lane, limit=limit)
    return sorted(found, key=lambda m: (m.visible_ms, m.receives, m.seq))[:limit]


def next_due(tx: Tx, queue: Queue) -> Number | None:
    """Return when the next message of either lane becomes visible."""
    dues = (tx.one(Number, "queues.next_due", heap=lane) for lane in lanes(queue))
    return min((found for found in dues if found is not None), default=None)


def calm(room: Queues, tx: Tx, heap: int, now_ms: Millis) -> bool:
    """Put messages of tenants that are quiet again back; tell whether there may be more."""
    calming: list[Tenant] = tx.rows(
        Tenant,
        "queues.tenants_calming",
        heap=heap,
        silent_ms=now_ms - room.fairness.silence_ms,
        limit=_CALMING_MAX,
    )
    has_more = len(calming) == _CALMING_MAX
    for tenant in calming:
        moved = tx.run("queues.unshift", lane=-heap, group_id=tenant.group_id, limit=CHUNK)
        noise = QUIET if moved < CHUNK else CALMING
        has_more = has_more or noise == CALMING
        if noise != tenant.noise:
            tx.run_values("queues.keep_tenant", tenant._replace(noise=noise))
    return has_more


def tend(room: Queues, tx: Tx, queue: Queue, now_ms: Millis) -> bool:
    """Do a chunk of what claims would do, for the reaper; tell whether there may be more."""
    has_more = end_lapsed(room, tx, queue.heap, now_ms)
    has_more = calm(room, tx, queue.heap, now_ms) or has_more
    if tx.rows(Tenant, "queues.noisy_tenants", heap=queue.heap):
        shifted = tx.run("queues.shift", heap=queue.heap, now_ms=now_ms, limit=CHUNK)
        has_more = shifted > 0 or has_more
    return has_more


def reap_heap(tx: Tx, heap: int, limit: int) -> bool:
    """Remove a chunk of what is left of a heap that no queue owns; tell whether that was all."""
    removed = [tx.run("queues.reap_heap", heap=lane, limit=limit) for lane in (heap, -heap)]
    removed.append(tx.run("queues.reap_holds", heap=heap, limit=limit))
    removed.append(tx.run("queues.reap_tenants", heap=heap, limit=limit))
    return max(removed) < limit


def forget_tenants(room: Queues, tx: Tx, now_ms: Millis, limit: int) -> bool:
    """Let go of tenants that hold nothing and did nothing lately; tell whether there is more."""
    recent_ms = 2 * max(room.fairness.window_ms, room.fairness.silence_ms)
    gone = tx.run("queues.forget_tenants", before_ms=now_ms - recent_ms, limit=limit)
    return gone == limit


# --- the account --------------------------------------------------------------------------------


def arrive(room: Queues, tx: Tx, queue: Queue, group: str, now_ms: Millis) -> int:
    """Count a message that comes into a queue; return the lane that it belongs into."""
    if not queue.is_grouped:
        _begin(tx, queue, now_ms)
    found = tx.rows(Tenant, "queues.tenant", heap=queue.heap, group_id=group)
    rows: dict[str, Tenant] = {row.group_id: row for row in found}
    whole = rows.get(WHOLE) or Tenant(queue.heap, WHOLE)
    tenant = judge(rows.get(group) or Tenant(queue.heap, group), whole, room.fairness, now_ms)
    tenant = tenant._replace(messages=tenant.messages + 1, last_ms=now_ms)
    tenant = judge(tenant, whole, room.fairness, now_ms)
    tx.run_values("queues.keep_tenant", tenant)
    return -queue.heap if tenant.noise == NOISY else queue.heap


def _begin(tx: Tx, queue: Queue, now_ms: Millis) -> None:
    """Begin the account of a queue that meets its first group.

    What is in flight there is held by messages without group; beyond one chunk it is not counted,
    so that until it ends a tenant's share may look larger than it is.
    """
    tx.run("queues.group_queue", id=queue.id)
    whole = orjson.dumps([WHOLE]).decode()
    if tx.rows(Tenant, "queues.tenants", heap=queue.heap, groups=whole):
        return
    held = tx.rows(Hold, "queues.leased", heap=queue.heap, now_ms=now_ms, limit=CHUNK)
    if held:
        tx.run_many("queues.hold", held)
        begun = Tenant(queue.heap, WHOLE, in_flight=len(held), since_ms=now_ms, last_ms=now_ms)
        tx.run_values("queues.keep_tenant", begun)


def leased(room: Queues, tx: Tx, queue: Queue, messages: Sequence[Message], now_ms: Millis) -> None:
    """Count messages that have been received until their visible_ms."""
    ledger = Ledger(tx, room.fairness, queue.heap, (m.group_id for m in messages), now_ms)
    _end(tx, ledger, (message.seq for message in messages))
    holds: list[Hold] = []
    for message in messages:
        ledger.touch(message.group_id)
        if message.visible_ms > now_ms:
            ledger.take(message.group_id)
            holds.append(
                Hold(message.seq, queue.heap, message.group_id, now_ms, message.visible_ms)
            )
    tx.run_many("queues.hold", holds)
    ledger.close()


def leave(
    room: Queues, tx: Tx, queue: Queue, seqs: Sequence[int], now_ms: Millis, *, is_deleted: bool
) -> None:
    """Count messages that are about to leave a queue; their rows are still there."""
    gone = tx.rows(Grouped, "queues.groups_of", seqs=_json(seqs))
    ledger = Ledger(tx, room.fairness, queue.heap, (row.group_id for row in gone), now_ms)
    _end(tx, ledger, seqs)
    for row in gone:
        ledger.depart(row.group_id)
        if is_deleted:
            ledger.touch(row.group_id)
    ledger.close()


def bury(
    room: Queues, tx: Tx, queue: Queue, dlq: Queue, messages: Sequence[Message], now_ms: Millis
) -> None:
    """Count messages that go from one queue to its dead-letter queue."""
    leave(room, tx, queue, [message.seq for message in messages], now_ms, is_deleted=False)
    for message in messages:
        if message.group_id is not None:
            arrive(room, tx, dlq, message.group_id, now_ms)


def change(
    room: Queues, tx: Tx, queue: Queue, message: Message, visible_ms: Millis, now_ms: Millis
) -> None:
    """Follow a change of a received message's visibility: a longer hold, an end, or a new hold."""
    group = message.group_id
    ledger = Ledger(tx, room.fairness, queue.heap, (group,), now_ms)
    ledger.touch(group)
    held = tx.one(Hold, "queues.holds", seqs=_json((message.seq,)))
    if held is not None and min(held.until_ms, visible_ms) > now_ms:
        tx.run_values("queues.hold", held._replace(until_ms=visible_ms))
    else:
        _end(tx, ledger, (message.seq,))
        if visible_ms > now_ms:
            ledger.take(group)
            tx.run_values("queues.hold", (message.seq, queue.heap, group, now_ms, visible_ms))
    ledger.close()


def end_lapsed(room: Queues, tx: Tx, heap: int, now_ms: Millis) -> bool:
    """Notice a chunk of leases that have lapsed; tell whether there may be more."""
    lapsed = tx.rows(Hold, "queues.holds_lapsed", heap=heap, now_ms=now_ms, limit=CHUNK)
    if lapsed:
        ledger = Ledger(tx, room.fairness, heap, (h.group_id for h in lapsed), now_ms)
        _let_go(tx, ledger, lapsed)
        ledger.close()
    return len(lapsed) == CHUNK


def _end(tx: Tx, ledger: Ledger, seqs: Iterable[int]) -> None:
    _let_go(tx, ledger, tx.rows(Hold, "queues.holds", seqs=_json(seqs)))


def _let_go(tx: Tx, ledger: Ledger, holds: Sequence[Hold]) -> None:
    if holds:
        for hold in holds:
            ledger.end(hold)
        tx.run_many("queues.let_go", [(hold.seq,) for hold in holds])
