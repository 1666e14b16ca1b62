"""What the operations share beside the rows. Frozen; made by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redrive.core.effects import Chance
from redrive.services.ports import Count, Outbox, uncounted


def _has_none(_service: str, _operation: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class CustomBuses:
    """What the operations are bound to. `count` counts for CloudWatch; `has_api` tells whether
    AWS's model of a service has an operation, so that a universal target cannot name ours.
    """

    chance: Chance
    outbox: Outbox
    count: Count = uncounted
    has_api: Callable[[str, str], bool] = _has_none

    def offers(self, service: str, operation: str) -> bool:
        """Tell whether clients can ask this server for an operation."""
        return self.outbox.offers(service, operation) and self.has_api(service, operation)
