"""What metrics are made of: counters and gauges of all queues, a chunk at a time (internal).

The gauges are those of GetQueueAttributes, by the same functions. Counters only grow; whoever
records them keeps the last ones, so that a crash between reading and recording costs nothing.

Bounds: a chunk ends after QUEUES_MAX queues, or when ROWS_MAX index entries of messages have been
counted for it, whichever comes first. A single queue costs what is hidden of it (120,000 in flight
take some ten milliseconds, as for GetQueueAttributes) and LOOK_MAX of its due messages.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.ids import SEQ_BITS
from redrive.core.time import SECOND_MS, Millis
from redrive.services.queues.model import Counts, Hidden, Number
from redrive.services.queues.operations.fair_measure import measure_quiet
from redrive.services.queues.operations.queues import add_open, count_hidden
from redrive.services.queues.room import Queues
from redrive.store.store import Tx

QUEUES_MAX = 100
ROWS_MAX = 20_000
LOOK_MAX = 1_000
"""Due messages of a queue among which the oldest is looked for, in the order of their becoming
visible: what was never received is sent in about that order."""

ALL = 2**62
"""Beyond every queue's id."""

POISON_RECEIVES = 3
"""Received so often and not deleted, a message is not what the age of the oldest tells of.
AWS: SQS Developer Guide, "Available CloudWatch metrics", ApproximateAgeOfOldestMessage."""


class Measured(NamedTuple):
    """A queue as it is measured; its counters follow in the same row."""

    id: int
    account: str
    region: str
    name: str
    heap: int
    created_ms: int
    modified_ms: int
    is_grouped: int
    is_fifo: int
    sent_before: int  # this and the next: by a version of Redrive that kept no metrics
    received_before: int


class Retired(NamedTuple):
    """A deleted queue."""

    queue: int
    account: str
    region: str
    name: str
    created_ms: int
    sent: int
    received: int
    delete_calls: int
    empty_receives: int
    sent_bytes: int
    deduplicated: int


class Row(tuple[Any, ...]):
    """A row as it is."""


_WIDTH = len(Measured._fields)


def measure_queues(room: Queues, tx: Tx, params: Params, context: Context) -> Result:
    """Return counters and gauges of some queues of every account (internal; for the recorder).

    params: After, the id of the last queue of the chunk before, or 0. Returns Queues and Retired
    (deleted queues, whose gauges are no more), UpTo and More: the chunk tells of all queues with
    After < id <= UpTo. Empty receives, which are counted in memory, are written on the way. Sizes
    is the span of bytes of what was sent since the last time that somebody asked.
    """
    after: int = params["After"]
    gone = tx.rows(Retired, "queues.retired", after=after, limit=QUEUES_MAX)
    up_to = gone[-1].queue if len(gone) == QUEUES_MAX else ALL
    found = tx.rows(Row, "queues.queues_after", after=after, limit=QUEUES_MAX)
    if len(found) == QUEUES_MAX:
        up_to = min(up_to, found[-1][0])
    queues: list[dict[str, Any]] = []
    looked = 0
    for row in found:
        queue = Measured._make(row[:_WIDTH])
        if queue.id > up_to:
            break
        counts = _fold_empty(room, tx, queue.id, Counts._make(row[_WIDTH:]))
        gauges = _gauges(room, tx, queue, counts, context.now_ms)
        queues.append(_shown(queue, counts) | gauges | {"Sizes": room.spans.pop(queue.id, None)})
        looked += gauges["InFlight"] + gauges["Delayed"]
        if looked >= ROWS_MAX and row is not found[-1]:
            up_to = queue.id
    retired = [_retired(room, row) for row in gone if row.queue <= up_to]
    return {"Queues": queues, "Retired": retired, "UpTo": up_to, "More": up_to < ALL}


def _fold_empty(room: Queues, tx: Tx, queue: int, counts: Counts) -> Counts:
    counts = add_open(tx, queue, counts)
    missing = room.unwritten_empty(queue, counts.empty_receives)
    if not missing:
        return counts
    tx.tally("queues.count", queue, empty_receives=missing)
    return counts._replace(empty_receives=counts.empty_receives + missing)


def _shown(queue: Measured, counts: Counts) -> dict[str, Any]:
    return {
        "Id": queue.id,
        "Account": queue.account,
        "Region": queue.region,
        "Name": queue.name,
        "CreatedMs": queue.created_ms,
        "ModifiedMs": queue.modified_ms,
        "Sent": counts.sent - queue.sent_before,
        "Received": counts.received - queue.received_before,
        "DeleteCalls": counts.delete_calls,
        "EmptyReceives": counts.empty_receives,
        "SentBytes": counts.sent_bytes,
        "Deduplicated": counts.deduplicated,
    }


def _retired(room: Queues, row: Retired) -> dict[str, Any]:
    room.empty_receives.pop(row.queue, None)
    room.empty_bases.pop(row.queue, None)
    return {
        "Id": row.queue,
        "Account": row.account,
        "Region": row.region,
        "Name": row.name,
        "CreatedMs": row.created_ms,
        "ModifiedMs": row.created_ms,
        "Sent": row.sent,
        "Received": row.received,
        "DeleteCalls": row.delete_calls,
        "EmptyReceives": row.empty_receives,
        "SentBytes": row.sent_bytes,
        "Deduplicated": row.deduplicated,
        "Sizes": room.spans.pop(row.queue, None),
    }


def _gauges(
    room: Queues, tx: Tx, queue: Measured, counts: Counts, now_ms: Millis
) -> dict[str, Any]:
    """Return the gauges of a queue; the messages of one that has none are not looked for."""
    hidden = count_hidden(tx, queue.heap, now_ms) if counts.messages else Hidden(0, 0)
    since_ms = _oldest_ms(tx, queue, counts, hidden, now_ms) if counts.messages else None
    gauges = {
        "Visible": max(0, counts.messages - hidden.delayed - hidden.in_flight),
        "InFlight": hidden.in_flight,
        "Delayed": hidden.delayed,
        "AgeS": _age_s(since_ms, now_ms),
    }
    if queue.is_fifo:
        held = None
        if hidden.in_flight:
            held = tx.one(
                Number, "queues.groups_held", heap=queue.heap, now_ms=now_ms, limit=ROWS_MAX
            )
        gauges["GroupsHeld"] = held.value if held else 0
    elif queue.is_grouped:
        quiet = measure_quiet(room, tx, queue.heap, counts, hidden, now_ms)
        gauges["NoisyGroups"] = quiet.noisy_groups
        gauges["QuietVisible"] = quiet.visible
        gauges["QuietInFlight"] = quiet.in_flight
        gauges["QuietDelayed"] = quiet.delayed
        gauges["QuietAgeS"] = _age_s(quiet.oldest_ms, now_ms)
    return gauges


def _age_s(since_ms: int | None, now_ms: Millis) -> int:
    return 0 if since_ms is None else max(0, now_ms - since_ms) // SECOND_MS


def _oldest_ms(
    tx: Tx, queue: Measured, counts: Counts, hidden: Hidden, now_ms: Millis
) -> int | None:
    """Return since when the oldest message is in the queue; None when none counts.

    What came from another queue by burial counts from then, however often it was received; in a
    FIFO queue nothing is left out, since a message there is never put behind others. AWS: the same
    page; that burial ends the counting of receives is a guess.
    """
    if queue.is_fifo:
        entered = tx.one(Number, "queues.oldest_entered", heap=queue.heap)
        return None if entered is None else int(entered.value) >> SEQ_BITS
    lanes = (queue.heap, -queue.heap) if queue.is_grouped else (queue.heap,)
    found: list[int] = []
    for heap in lanes:
        if counts.buried_in:
            since = tx.one(
                Number, "queues.waiting_since", heap=heap, receives=POISON_RECEIVES, limit=LOOK_MAX
            )
            found += [] if since is None or since.value is None else [since.value]
            continue
        looks = [
            tx.one(
                Number,
                "queues.oldest_due",
                heap=heap,
                now_ms=now_ms,
                receives=POISON_RECEIVES,
                limit=LOOK_MAX,
            )
        ]
        if hidden.delayed or hidden.in_flight:
            looks.append(
                tx.one(
                    Number,
                    "queues.oldest_hidden",
                    heap=heap,
                    now_ms=now_ms,
                    receives=POISON_RECEIVES,
                )
            )
        found += [look.value >> SEQ_BITS for look in looks if look and look.value is not None]
    return min(found, default=None)


class Counted(NamedTuple):
    """A queue and its counters, as they are watched."""

    id: int
    name: str
    account: str
    region: str
    messages: int
    sent: int
    received: int
    delete_calls: int
    empty_receives: int
    sent_bytes: int
    deduplicated: int
    buried_out: int
    expired: int


def count_queues(room: Queues, tx: Tx, params: Params, context: Context) -> Result:
    """Return the counters of all queues of every account by one statement (internal).

    No message is looked at, so that it costs the same however many there are. Queues is a list of
    tuples, ten times quicker made than objects; Fields names their places.
    """
    found: list[Counted] = tx.rows(Counted, "queues.count_all")
    for n, row in enumerate(found):
        added = tx.tallied("queues.count", row[0])
        if added:
            sums = {name: getattr(row, name) + added.get(name, 0) for name in _GROWING}
            row = found[n] = row._replace(**sums)
        if row[0] in room.empty_receives:
            missing = room.unwritten_empty(row.id, row.empty_receives)
            found[n] = row._replace(empty_receives=row.empty_receives + missing)
    return {"Fields": Counted._fields, "Queues": found}


_GROWING = Counted._fields[4:]


def forget_retired(room: Queues, tx: Tx, params: Params, context: Context) -> Result:
    """Let go of deleted queues (Ids) whose last counters are recorded (internal)."""
    tx.run("queues.forget_retired", queues=orjson.dumps(params["Ids"]).decode())
    return {}
