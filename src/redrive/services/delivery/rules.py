"""The delivery service's decisions. Pure."""

from __future__ import annotations

from typing import NamedTuple

from redrive.core.errors import ServiceError
from redrive.core.time import HOUR_MS, MINUTE_MS, SECOND_MS
from redrive.services.delivery.model import Delivery

BACKOFF_FIRST_MS = 1 * SECOND_MS
BACKOFF_MAX_MS = 5 * MINUTE_MS
DELIVERY_MS_MAX = 6 * HOUR_MS
"""As long as Lambda keeps an asynchronous event; AWS says no number for what follows it."""

_RETRYABLE = frozenset(
    [
        "InternalFailure",
        "OverLimit",
        "RequestThrottled",
        "ServiceException",
        "ServiceUnavailable",
        "ThrottlingException",
        "TooManyRequestsException",
    ]
)


class Again(NamedTuple):
    """Make the call once more."""

    due_ms: int
    attempts: int


class Over(NamedTuple):
    """The delivery is settled; `reason` says why it was given up, None that it was taken."""

    reason: str | None


def settle(delivery: Delivery, error: Exception | None, now_ms: int) -> Again | Over:
    """Decide what becomes of a delivery after an attempt.

    A refusal that another attempt would meet as well (there is no such queue, the message is too
    long) ends it at once. Throttles and faults of a server back off from one second to five minutes
    until its deadline.
    AWS: Developer Guide, "Dead-letter queues": what cannot be sent is deleted and counted.
    """
    if error is None:
        return Over(None)
    if isinstance(error, ServiceError) and not _is_passing(error):
        return Over(f"{error.code}: {error.message}")
    due_ms = now_ms + min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS << min(delivery.attempts, 16))
    if due_ms > delivery.deadline_ms:
        return Over(f"no success in time: {error}")
    return Again(due_ms, delivery.attempts + 1)


def _is_passing(error: ServiceError) -> bool:
    return error.code in _RETRYABLE or error.status == 429 or (error.status or 0) >= 500
