"""What the operations share beside the rows. Frozen; made by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from redrive.core.effects import Chance
from redrive.services.ports import Count, Outbox, uncounted


@dataclass(frozen=True, slots=True)
class Alarms:
    """What the operations are bound to. `count` counts for CloudWatch."""

    chance: Chance
    outbox: Outbox
    count: Count = uncounted
