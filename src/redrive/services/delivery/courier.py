"""The worker that makes the calls which services owe: it goes its rounds (core/rounds.py) between
the operations DueDeliveries and Deliver.

Invariants
1. No target has more than TARGET_CALLS_MAX calls under way, and all together no more than
   CALLS_MAX: what is owed beyond that is rows.
2. The more calls are under way, the fewer one target may have, so that many dead targets leave
   room for one that works.
"""

from __future__ import annotations

from collections.abc import Callable

from redrive.core.effects import Caller, Result
from redrive.core.rounds import Rounds
from redrive.services.delivery.model import GivenUp
from redrive.services.delivery.outbox import TOPIC
from redrive.services.delivery.rules import TARGET_CALLS_MAX

CALLS_MAX = 4_000
"""Calls under way to all targets: of each the parameters are held in memory."""

LOOK_MAX = 200
"""Deliveries begun in one look, so that a burst costs short transactions."""


class DeliveryCourier(Rounds):
    """Makes calls that are owed; `note` hears of each one that is given up."""

    def __init__(self, caller: Caller, note: Callable[[GivenUp], None]) -> None:
        def settled(told: Result) -> None:
            if told["GivenUp"] is not None:
                note(told["GivenUp"])

        super().__init__(
            "delivery:courier",
            caller,
            service="delivery",
            look="DueDeliveries",
            attempt="Deliver",
            topic=TOPIC,
            runs_max=TARGET_CALLS_MAX,
            settled=settled,
        )
        self._after = ""

    def look(self) -> Result:
        """Return what a look is asked with."""
        under_way: dict[str, set[int]] = {}
        for due in self._under_way.values():
            under_way.setdefault(due.target, set()).add(due.id)
        return {
            "Limit": LOOK_MAX,
            "Free": CALLS_MAX - len(self._under_way),
            "UnderWay": under_way,
            "After": self._after,
        }

    def looked(self, told: Result) -> None:
        """Go on from where a look has ended."""
        self._after = told["After"]
