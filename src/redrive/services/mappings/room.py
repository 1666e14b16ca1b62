"""The mappings service's wiring: what its operations need besides tables; made by the app."""

from __future__ import annotations

from dataclasses import dataclass

from redrive.core.effects import Chance


@dataclass(frozen=True, slots=True)
class Mappings:
    """What the operations are bound to."""

    chance: Chance
