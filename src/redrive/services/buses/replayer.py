"""The worker of replays and of what archives have kept long enough."""

from __future__ import annotations

from redrive.core.chores import Chore
from redrive.core.effects import Caller
from redrive.services.buses.operations.archives import ARCHIVES_TOPIC


class Replayer(Chore):
    """Asks for the next chunk."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(
            "replayer", caller, service="events", operation="TendArchives", topics=(ARCHIVES_TOPIC,)
        )
