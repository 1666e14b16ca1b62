"""The delivery service's wiring. Frozen; made by the app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redrive.core.time import Millis
from redrive.services.delivery.model import GivenUp
from redrive.store.store import Tx


def _uncounted(_tx: Tx, _given_up: GivenUp, _now_ms: Millis) -> None:
    """Count nothing."""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What the operations are bound to. `gave_up` counts, in the transaction that gives up."""

    gave_up: Callable[[Tx, GivenUp, Millis], None] = _uncounted
