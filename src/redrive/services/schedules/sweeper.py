"""The worker that deletes what is left of a schedule group, a chunk at a time."""

from __future__ import annotations

from redrive.core.chores import Chore
from redrive.core.effects import Caller
from redrive.services.schedules.operations.groups import SWEEP_TOPIC


class GroupSweeper(Chore):
    """Asks for the next chunk until nothing is left."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(
            "scheduler:sweeper",
            caller,
            service="scheduler",
            operation="SweepGroups",
            topics=(SWEEP_TOPIC,),
        )
