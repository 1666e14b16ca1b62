"""The workers of custom event buses: one delivers, one tends."""

from __future__ import annotations

from redrive.core.chores import Chore
from redrive.core.effects import Caller, Result
from redrive.core.rounds import Rounds

DUE = "custom_buses:due"
TEND = "custom_buses:tend"

BATCHES_MAX = 50
"""Of one subscriber under way at a time, so that a dead target delays no other."""


def _settled(_told: Result) -> None:
    """Hear nothing: what has become of an attempt is counted where it is written."""


class Deliverer(Rounds):
    """Reads on for subscribers and delivers their batches."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(
            "custom_buses:deliverer",
            caller,
            service="eventbridgev2",
            look="DueBatches",
            attempt="DeliverBatch",
            topic=DUE,
            runs_max=BATCHES_MAX,
            settled=_settled,
        )


class Tender(Chore):
    """Asks for one piece of work after another, then waits for what falls due."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(
            "custom_buses:tender",
            caller,
            service="eventbridgev2",
            operation="TendBuses",
            topics=(TEND,),
        )
