"""The worker of message move tasks."""

from __future__ import annotations

from redrive.core.chores import Chore
from redrive.core.effects import Caller
from redrive.services.queues.operations.moves import MOVES_TOPIC


class Mover(Chore):
    """Asks for the next chunk, at the pace of the tasks."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(
            "mover", caller, service="sqs", operation="AdvanceMoves", topics=(MOVES_TOPIC,)
        )
