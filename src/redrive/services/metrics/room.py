"""What the operations of the metrics service share beside the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from redrive.services.metrics.families import Family
from redrive.services.metrics.gatherer import Gatherer
from redrive.services.metrics.totals import Totals


class Gauges(NamedTuple):
    """How a queue stood when it was last measured."""

    visible: int
    in_flight: int
    delayed: int
    age_s: int


class Metrics:
    """The room. Nothing in it is needed after a restart.

    gauges holds, by queue id, what the latest measurement of all queues has found; `fresh` is that
    of the one under way. squeeze is how often the ages of points are halved for want of room;
    is_full tells whether that was not enough yet. gatherer is what is counted in memory; families
    make the figures of Prometheus' page beyond those of queues, of one account or (None) of all.
    count is what other rooms count with, for both.
    """

    def __init__(self) -> None:
        self.gauges: dict[int, Gauges] = {}
        self.fresh: dict[int, Gauges] = {}
        self.squeeze = 0
        self.is_full = False
        self.gatherer = Gatherer()
        totals = Totals(self.gatherer)
        self.count = totals.count
        self.families: list[Callable[[str | None], list[Family]]] = [totals.families]
