"""What the operations share beside the rows. Frozen; made by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, field

from redrive.core.effects import Chance
from redrive.services.buses.http_model import HttpMemory
from redrive.services.buses.matching import Compiled
from redrive.services.ports import Count, Outbox, uncounted


@dataclass(frozen=True, slots=True)
class Buses:
    """What the operations are bound to. `count` counts for CloudWatch."""

    chance: Chance
    outbox: Outbox
    count: Count = uncounted
    compiled: Compiled = field(default_factory=Compiled)
    http: HttpMemory = field(default_factory=HttpMemory)
