"""Figures of buses, schedules, topics and pipes for Prometheus: sums since the process began.

    AWS/Events MatchedEvents {EventBusName, RuleName}  ->  redrive_events_matched_events_total{…}

Only what is counted in Count is summed up. What is counted both for a thing and for those that it
belongs to (a rule, its bus, the account) is told for the thing alone: the rest are sums of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations

from redrive.services.metrics.families import Family, labels
from redrive.services.metrics.gatherer import Dimensions, Gatherer

TOTALS_MAX = 10_000
"""Figures that are summed up; those of others are not told."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")

Key = tuple[str, str, str, str, Dimensions]
"""Namespace, name, account, region, dimensions."""


class Totals:
    """Counts as the gatherer does, and keeps sums: it is a `Count` of the rooms."""

    def __init__(self, gatherer: Gatherer) -> None:
        self._gatherer = gatherer
        self._sums: dict[Key, float] = {}

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
        """Add a sample, or several alike."""
        if isinstance(dimensions, Mapping):
            dimensions = tuple(sorted(dimensions.items()))
        self._gatherer.count(place, namespace, name, dimensions, value, at_ms, unit, samples)
        if unit != "Count":
            return
        key = (namespace, name, *place, dimensions)
        total = self._sums.get(key)
        if total is not None:
            self._sums[key] = total + value * samples
        elif len(self._sums) < TOTALS_MAX:
            self._sums[key] = value * samples

    def families(self, account: str | None) -> list[Family]:
        """Return the families of an account, or of all."""
        covered = {part for key in self._sums for part in _parts_of(key)}
        samples: dict[tuple[str, str], list[tuple[str, float]]] = {}
        for key, total in self._sums.items():
            namespace, name, owner, region, dimensions = key
            if account not in (None, owner) or key in covered:
                continue
            told = {_snake(dimension): value for dimension, value in dimensions}
            line = (labels({**told, "account": owner, "region": region}), total)
            samples.setdefault((namespace, name), []).append(line)
        return [
            Family(family_name(*named), "counter", f"{named[0]} {named[1]}.", lines)
            for named, lines in sorted(samples.items())
        ]


def family_name(namespace: str, name: str) -> str:
    """Return the name of a metric's family."""
    return f"redrive_{_snake(namespace.rpartition('/')[2])}_{_snake(name)}_total"


def _snake(name: str) -> str:
    return "_".join(_WORD.findall(name)).lower()


def _parts_of(key: Key) -> Iterator[Key]:
    """Yield the figures that a figure is a part of: those with fewer of its dimensions."""
    *rest, dimensions = key
    for count in range(len(dimensions)):
        for some in combinations(dimensions, count):
            yield (*rest, some)  # type: ignore[misc]
