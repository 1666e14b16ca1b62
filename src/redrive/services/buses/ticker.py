"""The worker that fires rules with a schedule: it goes its rounds (core/rounds.py) between the
operations DueRules and FireRule.
"""

from __future__ import annotations

from redrive.core.effects import Caller, Result
from redrive.core.rounds import Rounds
from redrive.services.buses.model import DUE_TOPIC

RUNS_MAX = 100
"""Rules that fire in one turn of the loop; others that are due do so in the next one."""


class RuleTicker(Rounds):
    """Fires what is due. What it fires is delivered by the courier."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(
            "events:ticker",
            caller,
            service="events",
            look="DueRules",
            attempt="FireRule",
            topic=DUE_TOPIC,
            runs_max=RUNS_MAX,
            settled=_heard,
        )


def _heard(told: Result) -> None:
    """Nobody is told: the row and the deliveries say it all."""
