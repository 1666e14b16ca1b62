"""The worker that fires schedules: it goes its rounds (core/rounds.py) between the operations
DueSchedules and FireSchedule.
"""

from __future__ import annotations

from redrive.core.effects import Caller, Result
from redrive.core.rounds import Rounds
from redrive.services.schedules.operations.schedules import TOPIC

RUNS_MAX = 100
"""Schedules that fire in one turn of the loop; others that are due do so in the next one."""


class Ticker(Rounds):
    """Fires what is due. What it fires is delivered by the courier."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(
            "scheduler:ticker",
            caller,
            service="scheduler",
            look="DueSchedules",
            attempt="FireSchedule",
            topic=TOPIC,
            runs_max=RUNS_MAX,
            settled=_heard,
        )


def _heard(told: Result) -> None:
    """Nobody is told: the row and the delivery say it all."""
