"""What the metrics of a mapping count, and to whom the counts are told.

A pump counts always, as plain integers; only those of mappings with MetricsConfig EventCount are
told. AWS: Lambda Developer Guide, "Event source mapping metrics":

    PolledEventCount       messages that were received
    FilteredOutEventCount  of these, those that no filter lets through
    InvokedEventCount      messages that were given to the function, once more for each try
    FailedInvokeEventCount of these, those whose try failed: refused, throttled, an error, or named
                           in batchItemFailures
    DeletedEventCount      messages that were deleted after they had been processed
    DroppedEventCount, OnFailureDestinationDeliveredEventCount
                           of streams only: a queue keeps what fails, so nothing is ever counted
"""

from __future__ import annotations

from typing import Protocol

from redrive.core.time import Millis
from redrive.services.mappings.model import Mapping

NAMES = (
    "PolledEventCount",
    "FilteredOutEventCount",
    "InvokedEventCount",
    "FailedInvokeEventCount",
    "DeletedEventCount",
    "DroppedEventCount",
    "OnFailureDestinationDeliveredEventCount",
)
"""The metrics of a mapping with EventCount, in AWS's order."""


class Tally(Protocol):
    """Whoever records what mappings have counted."""

    def count(
        self, account: str, region: str, uuid: str, name: str, amount: int, at_ms: Millis
    ) -> None:
        """Add to a mapping's metric: `amount` (1 or more) since the last call, until at_ms."""
        ...


class Counts:
    """What one mapping has counted since it was last told."""

    __slots__ = ("deleted", "failed", "filtered", "invoked", "polled")

    def __init__(self) -> None:
        self.polled = self.filtered = self.invoked = self.failed = self.deleted = 0

    def tell(self, tally: Tally | None, mapping: Mapping, now_ms: Millis) -> None:
        """Tell what has been counted, if anybody wants to know, and begin anew."""
        if not (self.polled or self.invoked or self.failed or self.deleted or self.filtered):
            return
        if tally is not None and mapping.counts_events:
            counted = (self.polled, self.filtered, self.invoked, self.failed, self.deleted)
            for name, amount in zip(NAMES, counted, strict=False):
                if amount:
                    tally.count(mapping.account, mapping.region, mapping.uuid, name, amount, now_ms)
        self.polled = self.filtered = self.invoked = self.failed = self.deleted = 0
