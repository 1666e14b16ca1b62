"""The worker that makes the calls which services owe: it goes its rounds (core/rounds.py) between
the operations DueDeliveries and Deliver.
"""

from __future__ import annotations

from collections.abc import Callable

from redrive.core.effects import Caller, Result
from redrive.core.rounds import Rounds
from redrive.services.delivery.model import GivenUp
from redrive.services.delivery.outbox import TOPIC

TARGET_CALLS_MAX = 50
"""Calls to one target under way at a time, so that a dead target delays no other."""


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
