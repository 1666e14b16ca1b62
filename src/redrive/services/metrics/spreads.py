"""What the samples of a set are, in little room: at most 150 values and how often each. Pure.

Where there would be more, neighbours are put together: each value v becomes a power of a base, the
smallest base of a list for which they are few enough, so that a percentile is told with an error
of at most half the base's step. AWS: API_PutMetricData takes at most 150 values of a metric.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import orjson

from redrive.services.metrics.model import Set

VALUES_MAX = 150

_BASES = (1.01, 1.02, 1.05, 1.1, 1.2, 1.5, 2.0, 4.0, 16.0, 2.0**20)
"""150 steps of the last but two span 45 powers of ten; beyond the last there is no double."""

Spread = tuple[tuple[float, float], ...]


def compact(samples: Mapping[float, float]) -> Spread:
    """Return samples, value -> how many, as a spread."""
    if len(samples) <= VALUES_MAX:
        return tuple(sorted(samples.items()))
    for base in _BASES:
        coarse: dict[float, float] = {}
        for value, count in samples.items():
            near = _near(value, base)
            coarse[near] = coarse.get(near, 0) + count
        if len(coarse) <= VALUES_MAX:
            break
    return tuple(sorted(coarse.items()))


def _near(value: float, base: float) -> float:
    if not value:
        return 0.0
    return math.copysign(base ** round(math.log(abs(value), base)), value)


def samples_of(one: Set) -> Iterable[tuple[float, float]] | None:
    """Return the samples of a set as (value, how many); None when they are not known."""
    if one.spread is not None:
        return one.spread
    if one.samples > 1 and one.least != one.most:
        return None
    return ((one.least, one.samples),)


def join_spreads(one: Set, other: Set) -> Spread | None:
    """Return the spread of both sets' samples; None when those of one are not known."""
    samples: dict[float, float] = {}
    for pairs in (samples_of(one), samples_of(other)):
        if pairs is None:
            return None
        for value, count in pairs:
            samples[value] = samples.get(value, 0) + count
    return compact(samples)


def write_spread(spread: Spread | None) -> str | None:
    """Return a spread as the text of a row."""
    return None if spread is None else orjson.dumps(spread).decode()


def read_spread(text: str | None) -> Spread | None:
    """Return the spread of a row's text."""
    return None if text is None else tuple((value, count) for value, count in orjson.loads(text))
