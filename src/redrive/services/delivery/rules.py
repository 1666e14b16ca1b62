"""The delivery service's decisions: is there another attempt, and when. Pure.

Chance is a hash of the row and the attempt, so that virtual time is exact and repeatable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from redrive.core.time import MINUTE_MS, SECOND_MS
from redrive.services.delivery.failures import Failure
from redrive.services.delivery.model import Delivery
from redrive.services.ports import LAMBDA_RETRY, Retry, Steps

BACKOFF_FIRST_MS = 1 * SECOND_MS
LAMBDA_BACKOFF_MAX_MS = 5 * MINUTE_MS
"""AWS: Developer Guide, "Asynchronous invocation"; for what follows an event AWS says no number."""
EVENTS_BACKOFF_MAX_MS = 8 * MINUTE_MS
"""So that 185 attempts take most of 24 hours; AWS only says that there is a back-off."""
JITTER = 0.2
"""Of a delay of "events", to both sides."""


TARGET_CALLS_MAX = 50
"""Calls to one target under way at a time, so that a dead target delays no other."""


class Again(NamedTuple):
    """Make the call once more."""

    due_ms: int
    attempts: int


class Over(NamedTuple):
    """The delivery is settled: taken, or given up for a failure.

    condition: which limit ended it, in AWS's words; empty where the failure was final.
    """

    failure: Failure | None = None
    condition: str = ""


def settle(delivery: Delivery, failure: Failure | None, now_ms: int) -> Again | Over:
    """Decide what becomes of a delivery after an attempt.

    A refusal that another attempt would meet as well ends it at once; all else follows the ladder
    until one of its limits.
    AWS: EventBridge User Guide, "Retry policies and dead-letter queues".
    """
    if failure is None:
        return Over()
    if failure.is_final:
        return Over(failure)
    retry = retry_of(delivery.retry)
    limit = retry.attempts_max
    if retry.steps is not None:
        limit = min(retry.steps.retries, limit if limit is not None else retry.steps.retries)
    if limit is not None and delivery.attempts >= limit:
        return Over(failure, "MaximumRetryAttempts")
    pause_ms = delay_ms(retry, delivery.attempts + 1, delivery.id)
    due_ms = now_ms + max(pause_ms, failure.wait_ms)
    if delivery.deadline_ms is not None and due_ms > delivery.deadline_ms:
        return Over(failure, "MaximumEventAgeInSeconds")
    return Again(due_ms, delivery.attempts + 1)


def delay_ms(retry: Retry, number: int, row: int) -> int:
    """Return how long after a failure the retry of a number follows, from 1; row: its id."""
    assert number >= 1
    return _LADDERS[retry.ladder](retry, number, row)


def share_of(free: int) -> int:
    """Return how many calls one target may have under way when so many more may be begun in all.

    The fewer are left, the fewer one may have: two hundred dead targets leave some for another.
    """
    return max(1, min(TARGET_CALLS_MAX, free // 40))


def pause_ms(pauses: int) -> int:
    """Return how long to wait with a call that this server could not even make, for the n-th time
    from 0.
    """
    return _lambda(LAMBDA_RETRY, pauses + 1, 0)


def _lambda(_retry: Retry, number: int, _row: int) -> int:
    return min(LAMBDA_BACKOFF_MAX_MS, BACKOFF_FIRST_MS << min(number - 1, 16))


def _events(_retry: Retry, number: int, row: int) -> int:
    whole_ms = min(EVENTS_BACKOFF_MAX_MS, BACKOFF_FIRST_MS << min(number - 1, 16))
    chance = crc32(f"{row}:{number}".encode()) / 2**32
    return round(whole_ms * (1 - JITTER + 2 * JITTER * chance))


def _topics(retry: Retry, number: int, _row: int) -> int:
    """AWS: SNS Developer Guide, "Amazon SNS message delivery retries": the four phases."""
    steps = retry.steps
    assert steps is not None, "the ladder of topics has steps"
    place = number - steps.no_delay
    if place <= 0:
        return 0
    if place <= steps.min_delay:
        return steps.min_ms
    place -= steps.min_delay
    growing = steps.retries - steps.no_delay - steps.min_delay - steps.max_delay
    if place > growing:
        return steps.max_ms
    if growing == 1:
        return steps.min_ms
    return _grown(steps, (place - 1) / (growing - 1), place - 1, growing - 1)


def _grown(steps: Steps, share: float, place: int, last: int) -> int:
    """Return a delay of the back-off phase, from min_ms at its first retry to max_ms at its last.

    AWS draws the four curves and gives no formula; these are ours.
    """
    low, high = steps.min_ms, steps.max_ms
    if steps.backoff == "geometric":
        return round(low * (high / low) ** share) if low else round(high * share)
    if steps.backoff == "arithmetic":  # the steps themselves grow by the same amount
        share = place * (place + 1) / (last * (last + 1))
    elif steps.backoff == "exponential":  # each step is twice as long as the one before
        share = (2.0 ** min(place - last, 0) - 2.0**-last) / (1 - 2.0**-last)
    return round(low + (high - low) * share)


_LADDERS: Mapping[str, Callable[[Retry, int, int], int]] = {
    "lambda": _lambda,
    "events": _events,
    "topics": _topics,
}


def retry_text(retry: Retry) -> str:
    """Return a Retry as a row keeps it."""
    steps = None if retry.steps is None else list(retry.steps)
    return orjson.dumps([*retry[:3], steps, retry.mark]).decode()


def retry_of(text: str) -> Retry:
    """Return the Retry of a row."""
    ladder, attempts_max, age_ms_max, steps, mark = orjson.loads(text)
    return Retry(ladder, attempts_max, age_ms_max, _steps(steps), mark)


def _steps(given: Any) -> Steps | None:
    return None if given is None else Steps(*given)
