"""The delivery service's wiring. Frozen; made by the app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redrive.core.time import Millis
from redrive.services.ports import Settlement
from redrive.store.store import Tx


def _unheard(_tx: Tx, _settlement: Settlement, _now_ms: Millis) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What the operations are bound to.

    tell hears each settlement, in its transaction (Outbox.tell). is_judging: authorisation is on,
    so that what a service asks is judged by the policy of what it calls.
    """

    tell: Callable[[Tx, Settlement, Millis], None] = _unheard
    is_judging: bool = False
