"""The decisions of custom event buses. Pure."""

from __future__ import annotations

from typing import NamedTuple

from redrive.core.ids import SEQ_BITS
from redrive.core.time import DAY_MS, MINUTE_MS, SECOND_MS

RETENTION_DAYS = 1
"""Unless a bus says otherwise; the model says 1 to 365 and no default."""

DEDUP_MS = 5 * MINUTE_MS
"""How long a deduplication id counts."""

EVENT_BYTES_MAX = 1_000_000
"""So that an event and what its delivery adds to it fit into a message of a queue (1 MiB)."""

ATTEMPTS_MAX = 5
AGE_S_MAX = 300
"""AWS: the shape RetryPolicy: the defaults."""

BACKOFF_FIRST_MS = 1 * SECOND_MS
BACKOFF_MAX_MS = 10 * MINUTE_MS

AHEAD_MAX = 1_000
"""Batches of a subscriber that are kept beside its cursor. A dead target holds so many, no more."""

BATCH_BYTES_MAX = 900_000
"""Of a batch's events together; one that is larger goes alone. An asynchronous invocation takes 1
MiB."""

EXHAUSTED_ATTEMPTS = "MaximumRetryAttempts"
EXHAUSTED_AGE = "MaximumEventAgeInSeconds"
"""AWS: EventBridge User Guide, "Retry policies and dead-letter queues"."""


def first_seq(at_ms: int) -> int:
    """Return the lowest number that an event taken at an instant may have."""
    return at_ms << SEQ_BITS


def taken_ms(seq: int) -> int:
    """Return when an event was taken."""
    return seq >> SEQ_BITS


def horizon_seq(retention_days: int, now_ms: int) -> int:
    """Return the number up to which events have expired."""
    return first_seq(max(0, now_ms - retention_days * DAY_MS)) - 1


class Again(NamedTuple):
    """Try once more."""

    due_ms: int


class Exhausted(NamedTuple):
    """Give up; condition: in the words of a dead-letter queue's attribute."""

    condition: str


def after_failure(
    *,
    attempts: int,
    attempts_max: int,
    age_s_max: int,
    first_ms: int,
    now_ms: int,
    chance: int,
) -> Again | Exhausted:
    """Decide what becomes of a batch whose attempt has failed.

    attempts: those that had failed before; first_ms: when the first of them began; chance: 0 to
    255, spreads attempts over the second half of each step. The age counts from the first attempt
    and not from the event's publication, which a replay may lie a year behind.
    """
    if attempts >= attempts_max:
        return Exhausted(EXHAUSTED_ATTEMPTS)
    step_ms = min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS << min(attempts, 16))
    due_ms = now_ms + step_ms // 2 + step_ms * chance // 510
    if due_ms > first_ms + age_s_max * SECOND_MS:
        return Exhausted(EXHAUSTED_AGE)
    return Again(due_ms)
