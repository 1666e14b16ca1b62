"""Figures that are counted in memory and written once a minute: functions' and mappings'.

    count ──> cells of a minute ──take, by the recorder──> metric_points

What a killed process had counted in its unfinished minute is lost: unlike a queue's, these figures
have no counters in rows that they could be found again from. A server that is stopped in order
loses what ends after it has begun to drain.

Invariants
1. `count` does no I/O, and its cost does not grow with what is gathered.
2. Memory is bounded: CELLS_MAX metrics of a minute; what is counted of others is dropped, and how
   often is told in `dropped`.
3. A sum is given out by `take` exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from redrive.core.time import Millis
from redrive.services.metrics.model import Set
from redrive.services.metrics.rules import minute_of
from redrive.services.metrics.spreads import VALUES_MAX, compact

CELLS_MAX = 50_000
SAMPLES_MAX = 4 * VALUES_MAX
"""Values of a cell before neighbours are put together."""

Dimensions = tuple[tuple[str, str], ...]
"""(name, value) in order of name."""


class Key(NamedTuple):
    """A metric of a minute."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions
    unit: str
    at_ms: int  # when the minute began


class Cell:
    """The samples of a metric in a minute."""

    __slots__ = ("least", "most", "samples", "total", "values")

    def __init__(self) -> None:
        self.samples = 0.0
        self.total = 0.0
        self.least = 0.0
        self.most = 0.0
        self.values: dict[float, float] = {}

    def add(self, value: float, count: float = 1) -> None:
        """Add a sample, or several alike."""
        if not self.samples:
            self.least = self.most = value
        elif value < self.least:
            self.least = value
        elif value > self.most:
            self.most = value
        self.samples += count
        self.total += value * count
        values = self.values
        values[value] = values.get(value, 0) + count
        if len(values) > SAMPLES_MAX:
            self.values = dict(compact(values))

    def join(self, other: Cell) -> None:
        """Add the samples of another cell."""
        if not other.samples:
            return
        if not self.samples:
            self.least, self.most = other.least, other.most
        self.samples += other.samples
        self.total += other.total
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)
        for value, count in other.values.items():
            self.values[value] = self.values.get(value, 0) + count
        if len(self.values) > SAMPLES_MAX:
            self.values = dict(compact(self.values))

    def as_set(self) -> Set:
        """Return what is stored."""
        return Set(self.samples, self.total, self.least, self.most, compact(self.values))


class Gatherer:
    """What is counted between two steps of the recorder.

    samplers are called before each step of it, with the instant: they add what they have gathered
    themselves, or how something stands. recorded_ms is when the latest minute ended that is wholly
    in rows: 0 when that was before the start or before the machine slept, None when nobody records.
    """

    def __init__(self) -> None:
        self._cells: dict[Key, Cell] = {}
        self.samplers: list[Callable[[Millis], None]] = []
        self.dropped = 0
        self.recorded_ms: int | None = None

    def count(
        self,
        place: tuple[str, str],
        namespace: str,
        name: str,
        dimensions: Mapping[str, str] | Dimensions,
        value: float,
        at_ms: int,
        unit: str = "Count",
        samples: float = 1,
    ) -> None:
        """Add a sample, or several alike. place: account and region."""
        cell = self._cell(place, namespace, name, dimensions, at_ms, unit)
        if cell is not None:
            cell.add(value, samples)

    def join(
        self,
        place: tuple[str, str],
        namespace: str,
        name: str,
        dimensions: Mapping[str, str] | Dimensions,
        cell: Cell,
        at_ms: int,
        unit: str = "Count",
    ) -> None:
        """Add the samples of a cell."""
        own = self._cell(place, namespace, name, dimensions, at_ms, unit)
        if own is not None:
            own.join(cell)

    def _cell(
        self,
        place: tuple[str, str],
        namespace: str,
        name: str,
        dimensions: Mapping[str, str] | Dimensions,
        at_ms: int,
        unit: str,
    ) -> Cell | None:
        if isinstance(dimensions, Mapping):
            dimensions = tuple(sorted(dimensions.items()))
        key = Key(*place, namespace, name, dimensions, unit, minute_of(at_ms))
        cell = self._cells.get(key)
        if cell is None:
            if len(self._cells) >= CELLS_MAX:
                self.dropped += 1
                return None
            cell = self._cells[key] = Cell()
        return cell

    def sample(self, now_ms: Millis) -> None:
        """Let the samplers add what they have."""
        for sampler in self.samplers:
            sampler(now_ms)

    def take(self, now_ms: Millis, limit: int, *, is_last: bool) -> list[dict[str, Any]]:
        """Give out sums of minutes that are over; of any minute when it is the last time."""
        minute_ms = minute_of(now_ms)
        due = (key for key in self._cells if is_last or key.at_ms < minute_ms)
        taken = list(islice(due, limit))
        return [{"Key": key, "Set": self._cells.pop(key).as_set()} for key in taken]

    def forget(self, account: str) -> None:
        """Let go of what an account has gathered."""
        for key in [key for key in self._cells if key.account == account]:
            del self._cells[key]
