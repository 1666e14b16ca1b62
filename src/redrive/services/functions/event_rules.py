"""What becomes of asynchronous events: retries, back-off, age, and who is told. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from redrive.core.time import HOUR_MS, MINUTE_MS, SECOND_MS, seconds
from redrive.services.functions.model import AsyncEvent, InvokeConfig

RETRIES_MAX = 2
RETRY_AFTER_MS = (1 * MINUTE_MS, 2 * MINUTE_MS)
"""AWS: Developer Guide, "Asynchronous invocation": two retries, one and two minutes apart."""
BACKOFF_FIRST_MS = 1 * SECOND_MS
BACKOFF_MAX_MS = 5 * MINUTE_MS
_GOLDEN = 0x9E3779B97F4A7C15
"""2 ** 64 by the golden ratio: multiples of it spread evenly."""
EVENT_AGE_MAX_MS = 6 * HOUR_MS


class Limits(NamedTuple):
    """How long an event may be tried."""

    retries: int = RETRIES_MAX  # after function errors
    age_ms: int = EVENT_AGE_MAX_MS


DEFAULTS = Limits()

Outcome = Literal["success", "function-error", "throttled", "unavailable"]


class Again(NamedTuple):
    """Deliver the event once more."""

    due_ms: int
    attempt: int
    throttles: int


class Over(NamedTuple):
    """The event is settled; `dropped` says why it was given up, None that it was processed."""

    dropped: str | None


def limits_of(config: InvokeConfig | None) -> Limits:
    """Return what a configuration asks for, with AWS's defaults for what it leaves open."""
    if config is None:
        return DEFAULTS
    return Limits(
        RETRIES_MAX if config.retries is None else config.retries,
        EVENT_AGE_MAX_MS if config.age_s is None else seconds(config.age_s),
    )


def settle_event(
    event: AsyncEvent, outcome: Outcome, now_ms: int, limits: Limits = DEFAULTS
) -> Again | Over:
    """Decide what becomes of an asynchronous event after an attempt.

    A function error spends one of three attempts; a throttle or an error of the platform spends
    none and backs off. No event is tried again once it is older than its limit.
    AWS: Developer Guide, "Asynchronous invocation", "How Lambda handles errors and retries".
    """
    if outcome == "success":
        return Over(None)
    if outcome == "function-error":
        attempt = event.attempt + 1
        if attempt > limits.retries:
            return Over("RetriesExhausted")
        again = Again(now_ms + RETRY_AFTER_MS[attempt - 1], attempt, 0)
    else:
        again = Again(now_ms + _pause_ms(event), event.attempt, event.throttles + 1)
    too_old = is_too_old(event, again.due_ms, limits)
    return Over("EventAgeExceeded") if too_old else again


def _pause_ms(event: AsyncEvent) -> int:
    """Return how long an event waits after a throttle: a doubled pause and a share of it that is
    its own.

    Without that share all events that meet at a full function would meet there again, in step, and
    but few of a hundred would have run when they are too old. That AWS spreads them is [G].
    """
    pause_ms = BACKOFF_FIRST_MS << min(event.throttles, 16)
    share = event.id * _GOLDEN % (1 << 64)
    return min(BACKOFF_MAX_MS, pause_ms + (pause_ms * share >> 64))


def is_too_old(event: AsyncEvent, at_ms: int, limits: Limits = DEFAULTS) -> bool:
    """Tell whether an event may no longer be tried at an instant."""
    return at_ms - event.first_ms > limits.age_ms
