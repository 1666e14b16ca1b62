"""The worker that keeps environments warm for provisioned concurrency.

look ── some are not ready ──> LOOK_SOON_MS ──> look
     ── all are ready ───────> LOOK_MS ───────> look, since environments die and aliases move
     ── none are wanted ─────> until the topic is woken
"""

from __future__ import annotations

from redrive.core.chores import Chore
from redrive.core.effects import Result
from redrive.core.time import SECOND_MS, Millis
from redrive.services.functions.courier import CALLER
from redrive.services.functions.operations.provisioned import PROVISIONED_TOPIC

LOOK_SOON_MS = 1 * SECOND_MS
LOOK_MS = 10 * SECOND_MS


class Provisioner(Chore):
    """Looks at its start, when it is woken, and as long as anything is to be kept warm."""

    def __init__(self) -> None:
        super().__init__(
            "lambda:provisioner",
            CALLER,
            service="lambda",
            operation="KeepWarm",
            topics=(PROVISIONED_TOPIC,),
        )

    def next_ms(self, told: Result | None, now_ms: Millis) -> int | None:
        """Plan the next look."""
        if told is None or told["Missing"]:
            return now_ms + LOOK_SOON_MS
        return now_ms + LOOK_MS if told["Kept"] else None
