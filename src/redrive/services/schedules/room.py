"""What the operations share beside the rows. Frozen; made by the composition root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from redrive.core.effects import Chance, Params
from redrive.services.ports import Count, Outbox, uncounted


class Api(Protocol):
    """What AWS's models say of operations: who calls one without a client must know its shape."""

    def has(self, service: str, operation: str) -> bool:
        """Tell whether the service's model has the operation."""
        ...

    def read(self, service: str, operation: str, given: Mapping[str, Any]) -> Params:
        """Return what an SDK would have sent for these parameters, checked.

        Raises ServiceError as the service would.
        """
        ...


@dataclass(frozen=True, slots=True)
class Schedules:
    """What the operations are bound to. `count` counts for CloudWatch."""

    chance: Chance
    outbox: Outbox
    api: Api
    count: Count = uncounted
