"""What metrics say of a queue with groups: how many tenants are noisy, and what is left of the
queue without them.
"""

from __future__ import annotations

from typing import NamedTuple

from redrive.core.effects import Context, Params, Result
from redrive.core.ids import SEQ_BITS
from redrive.core.time import SECOND_MS, Millis
from redrive.services.queues.fair import Tenant
from redrive.services.queues.model import Counts, Hidden, Number
from redrive.services.queues.operations import fair
from redrive.services.queues.operations.queues import measure
from redrive.services.queues.room import Queues, find_by_arn
from redrive.store.store import Tx

_LOOK_MAX = 1_000
"""Messages among which the oldest is looked for, in the order of their becoming visible."""
_POISON_RECEIVES = 3
"""Received so often and not deleted, a message is not what the age of the oldest tells of.
AWS: SQS Developer Guide, "Available CloudWatch metrics", ApproximateAgeOfOldestMessage."""


class Quiet(NamedTuple):
    """A queue without its noisy groups; messages without group are in quiet ones."""

    noisy_groups: int
    visible: int
    in_flight: int
    delayed: int
    oldest_ms: int | None  # when the oldest message was sent; None: there is none


def measure_quiet(
    room: Queues, tx: Tx, heap: int, counts: Counts, hidden: Hidden, now_ms: Millis
) -> Quiet:
    """Return what metrics say of a standard queue that has met a group (Queue.is_grouped).

    It is given the queue's counters and what is hidden of it; the cost is that of its noisy
    tenants, and of its delayed messages when it has both. Lapsed leases are ended on the way.
    AWS: SQS Developer Guide, "Available CloudWatch metrics", the …InQuietGroups.
    """
    fair.end_lapsed(room, tx, heap, now_ms)
    fair.calm(room, tx, heap, now_ms)
    noisy: list[Tenant] = tx.rows(Tenant, "queues.noisy_tenants", heap=heap)
    visible = counts.messages - hidden.delayed - hidden.in_flight
    in_flight, delayed = hidden.in_flight, hidden.delayed
    if noisy:
        loud = 0
        if delayed:
            found = tx.one(Number, "queues.count_delayed_noisy", heap=heap, now_ms=now_ms)
            loud = found.value if found else 0
        delayed -= loud
        in_flight -= sum(tenant.in_flight for tenant in noisy)
        visible -= sum(tenant.waiting for tenant in noisy) - loud
    oldest = tx.one(
        Number, "queues.oldest_quiet", heap=heap, receives=_POISON_RECEIVES, limit=_LOOK_MAX
    )
    return Quiet(
        len(noisy),
        max(0, visible),
        max(0, in_flight),
        max(0, delayed),
        None if oldest is None else oldest.value >> SEQ_BITS,
    )


def describe_fairness(room: Queues, tx: Tx, params: Params, context: Context) -> Result:
    """Return a queue's fair-queue metrics by AWS's names (internal; params: QueueArn).

    The age is in seconds, the others are counts. A queue that is gone or has never met a group has
    none of them.
    """
    queue = find_by_arn(tx, params["QueueArn"])
    if queue is None or not queue.is_grouped:
        return {}
    now_ms = context.now_ms
    quiet = measure_quiet(room, tx, queue.heap, *measure(tx, queue, now_ms), now_ms)
    age_ms = 0 if quiet.oldest_ms is None else max(0, now_ms - quiet.oldest_ms)
    return {
        "ApproximateNumberOfNoisyGroups": quiet.noisy_groups,
        "ApproximateNumberOfMessagesVisibleInQuietGroups": quiet.visible,
        "ApproximateNumberOfMessagesNotVisibleInQuietGroups": quiet.in_flight,
        "ApproximateNumberOfMessagesDelayedInQuietGroups": quiet.delayed,
        "ApproximateAgeOfOldestMessageInQuietGroups": age_ms // SECOND_MS,
    }
