"""Fair queues: which tenants of a standard queue are noisy. Pure.

A tenant is what carries one MessageGroupId; a message without one is a tenant of its own and never
noisy. Messages of a noisy tenant are received when no other message is due: later, never blocked,
and in parallel. A tenant's row follows what happens to its messages:

    quiet ──it holds too much──> noisy ──nothing of it waits, or silence──> calming ──> quiet
                                   ^───────────it holds too much───────────────┘

Calming: quiet, while some of its messages are still in the lane of the noisy ones.

Invariants
1. A tenant's in_flight is the number of its holds; a hold is a lease, from the receive until its
   end is noticed: by a delete, a change, or the first claim after it lapsed.
2. A message in the noisy lane is of a tenant that is noisy or calming.

AWS: SQS Developer Guide, "Amazon SQS fair queues". The figures of AWS's rule are known to us at
second hand only, and so are settings.
"""

from __future__ import annotations

from typing import NamedTuple

from redrive.core.time import MINUTE_MS, SECOND_MS

WHOLE = ""
"""The group of the row that stands for a queue as a whole; no MessageGroupId is empty."""

QUIET, NOISY, CALMING = 0, 1, 2


class Fairness(NamedTuple):
    """When a tenant is noisy. Each figure's source stands beside it."""

    share: float = 0.1
    """Of what is in flight, or of recent processing time: holding more is too much (AWS)."""
    in_flight_min: int = 30
    """In flight, fewer are never too much (AWS)."""
    busy_ms_min: int = 30 * SECOND_MS
    """Processing time, less is never too much (ours: thirty in flight for a second. Without it, one
    delete would make a tenant noisy in a queue that has fewer tenants than 1 / share)."""
    window_ms: int = 5 * MINUTE_MS
    """How far back processing time is recent (ours: as long as the silence that ends noise)."""
    silence_ms: int = 5 * MINUTE_MS
    """Without a send, receive, change or delete, after which a tenant is quiet again (AWS)."""


FAIRNESS = Fairness()


class Tenant(NamedTuple):
    """What one tenant holds of a queue, or (group_id WHOLE) what all messages of the queue do."""

    heap: int
    group_id: str
    messages: int = 0  # in the queue, in flight too; not kept for WHOLE
    in_flight: int = 0
    since_ms: int = 0  # when the window began that is filled now
    busy_ms: int = 0  # processing time that ended in it: from receive to delete, or to the lapse
    before_ms: int = 0  # the same, of the window before it
    last_ms: int = 0  # the latest send, receive, change or delete
    noise: int = QUIET

    @property
    def waiting(self) -> int:
        """How many of its messages are not in flight: visible or delayed."""
        return self.messages - self.in_flight


class Hold(NamedTuple):
    """A lease on a queue with groups."""

    seq: int
    heap: int
    group_id: str | None
    since_ms: int
    until_ms: int


def roll(tenant: Tenant, now_ms: int, window_ms: int) -> Tenant:
    """Begin the window that `now_ms` lies in, when the one that is filled has ended."""
    age_ms = now_ms - tenant.since_ms
    if age_ms < window_ms:
        return tenant
    if age_ms < 2 * window_ms:
        return tenant._replace(
            since_ms=tenant.since_ms + window_ms, before_ms=tenant.busy_ms, busy_ms=0
        )
    return tenant._replace(since_ms=now_ms, before_ms=0, busy_ms=0)


def spend(tenant: Tenant, hold: Hold, now_ms: int, window_ms: int) -> Tenant:
    """End one of a tenant's holds; its time counts in the window in which it ended.

    A lapse that is noticed late ended long ago, and may have ended before any recent window.
    """
    tenant = roll(tenant._replace(in_flight=tenant.in_flight - 1), now_ms, window_ms)
    ended_ms = min(hold.until_ms, now_ms)
    length_ms = ended_ms - hold.since_ms
    if ended_ms >= tenant.since_ms:
        return tenant._replace(busy_ms=tenant.busy_ms + length_ms)
    if ended_ms >= tenant.since_ms - window_ms:
        return tenant._replace(before_ms=tenant.before_ms + length_ms)
    return tenant


def recent_ms(tenant: Tenant, now_ms: int, window_ms: int) -> int:
    """Return the processing time of the last `window_ms`.

    What ended in the window before is taken to have ended evenly over it.
    """
    rolled = roll(tenant, now_ms, window_ms)
    left_ms = window_ms - (now_ms - rolled.since_ms)
    return rolled.busy_ms + rolled.before_ms * left_ms // window_ms


def holds_too_much(tenant: Tenant, whole: Tenant, fairness: Fairness, now_ms: int) -> bool:
    """Tell whether a tenant is over one of the thresholds.

    Processing time alone does not make it noisy while nothing of it waits: it keeps nobody back.
    """
    if (
        tenant.in_flight >= fairness.in_flight_min
        and tenant.in_flight > fairness.share * whole.in_flight
    ):
        return True
    if tenant.waiting <= 0:
        return False
    busy_ms = recent_ms(tenant, now_ms, fairness.window_ms)
    return busy_ms >= max(1, fairness.busy_ms_min) and busy_ms > fairness.share * recent_ms(
        whole, now_ms, fairness.window_ms
    )


def is_silent(tenant: Tenant, fairness: Fairness, now_ms: int) -> bool:
    """Tell whether nobody has sent, received, changed or deleted a message of it for long."""
    return now_ms - tenant.last_ms >= fairness.silence_ms


def judge(tenant: Tenant, whole: Tenant, fairness: Fairness, now_ms: int) -> Tenant:
    """Return a tenant as quiet, noisy or calming as it is at this instant.

    Once noisy it stays so while something of it waits: a backlog does not shrink by being put off.
    """
    is_noisy = not is_silent(tenant, fairness, now_ms) and (
        (tenant.noise == NOISY and tenant.waiting > 0)
        or holds_too_much(tenant, whole, fairness, now_ms)
    )
    calmed = QUIET if tenant.noise == QUIET else CALMING
    noise = NOISY if is_noisy else calmed
    return tenant if noise == tenant.noise else tenant._replace(noise=noise)
